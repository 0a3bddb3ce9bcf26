"""Validation of pods and pod templates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.status import Cause
from bakeryops.demo.validation_parts import bad, is_label, is_subdomain, label_rule, required, unsupported
from bakeryops.units import parse_quantity

__all__ = ["check_pod", "check_template"]

_QUANTITY_RULE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_MUTABLE = ("tolerations", "activeDeadlineSeconds", "terminationGracePeriodSeconds", "schedulingGates", "nodeName")


def check_template(
    template: Any, prefix: str, *, restart: tuple[str, ...], volumes: Iterable[str] = ()
) -> list[Cause]:
    """Return what is wrong with a pod template; `restart` are the restart policies its owner allows.

    `volumes` are those that the owner provides (the claims of a StatefulSet).
    """
    spec = (template or {}).get("spec") or {}
    causes = check_spec(spec, f"{prefix}.spec", volumes)
    policy = spec.get("restartPolicy")
    if policy not in restart:
        causes.append(unsupported(f"{prefix}.spec.restartPolicy", policy, restart))
    return causes


def check_pod(obj: Object, old: Object | None) -> list[Cause]:
    """Return what is wrong with a pod, or with the change of one."""
    spec = obj.get("spec") or {}
    causes = check_spec(spec, "spec")
    if old is not None and _fixed(spec) != _fixed(old.get("spec") or {}):
        why = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
            "existing "
            "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
            "negative)"
        )
        causes.append(Cause("FieldValueForbidden", why, "spec"))
    return causes


def _fixed(spec: Object) -> Object:
    """Return the part of a pod's spec that never changes."""
    fixed = {key: value for key, value in spec.items() if key not in _MUTABLE}
    for key in ("containers", "initContainers"):
        if fixed.get(key):
            fixed[key] = [
                {name: value for name, value in each.items() if name not in ("image", "resources")}
                for each in fixed[key]
            ]
    fixed.pop("ephemeralContainers", None)
    return fixed


def check_spec(spec: Object, prefix: str, provided: Iterable[str] = ()) -> list[Cause]:
    """Return what is wrong with a PodSpec."""
    causes: list[Cause] = []
    volumes = {*provided, *(volume.get("name") for volume in spec.get("volumes") or ())}
    if not spec.get("containers"):
        causes.append(required(f"{prefix}.containers"))
    names: set[Any] = set()
    for key in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(key) or ()):
            causes.extend(_container(container, f"{prefix}.{key}[{index}]", volumes, names))
    for index, volume in enumerate(spec.get("volumes") or ()):
        if not is_label(volume.get("name")):
            where = f"{prefix}.volumes[{index}].name"
            name = volume.get("name")
            causes.append(bad(where, name, label_rule()) if name else required(where))
    policies = ("Always", "OnFailure", "Never")
    if spec.get("restartPolicy") not in (None, *policies):
        causes.append(unsupported(f"{prefix}.restartPolicy", spec["restartPolicy"], policies))
    grace = spec.get("terminationGracePeriodSeconds")
    if isinstance(grace, int) and grace < 0:
        causes.append(bad(f"{prefix}.terminationGracePeriodSeconds", grace, "must be greater than or equal to 0"))
    account = spec.get("serviceAccountName")
    if account and not is_subdomain(account):
        causes.append(bad(f"{prefix}.serviceAccountName", account, "must be a DNS subdomain"))
    return causes


def _container(container: Object, where: str, volumes: set[Any], names: set[Any]) -> list[Cause]:
    causes: list[Cause] = []
    name = container.get("name")
    if not name:
        causes.append(required(f"{where}.name"))
    elif not is_label(name):
        causes.append(bad(f"{where}.name", name, label_rule()))
    elif name in names:
        causes.append(Cause("FieldValueDuplicate", f'Duplicate value: "{name}"', f"{where}.name"))
    names.add(name)
    if not container.get("image"):
        causes.append(required(f"{where}.image"))
    policies = ("Always", "IfNotPresent", "Never")
    if container.get("imagePullPolicy") not in (None, *policies):
        causes.append(unsupported(f"{where}.imagePullPolicy", container["imagePullPolicy"], policies))
    for index, port in enumerate(container.get("ports") or ()):
        number = port.get("containerPort")
        if not isinstance(number, int) or not 0 < number < 65536:
            field = f"{where}.ports[{index}].containerPort"
            causes.append(bad(field, number or 0, "must be between 1 and 65535, inclusive"))
    for index, variable in enumerate(container.get("env") or ()):
        if not variable.get("name"):
            causes.append(required(f"{where}.env[{index}].name"))
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            field = f"{where}.volumeMounts[{index}].name"
            causes.append(Cause("FieldValueNotFound", f'Not found: "{mount.get("name", "")}"', field))
        if not mount.get("mountPath"):
            causes.append(required(f"{where}.volumeMounts[{index}].mountPath"))
    return causes + _resources(container.get("resources") or {}, f"{where}.resources")


def _resources(resources: Object, where: str) -> list[Cause]:
    causes = []
    limits = resources.get("limits") or {}
    for key in ("limits", "requests"):
        for name, amount in (resources.get(key) or {}).items():
            number = parse_quantity(str(amount))
            if number is None:
                causes.append(bad(f"{where}.{key}[{name}]", amount, _QUANTITY_RULE))
            elif number < 0:
                causes.append(bad(f"{where}.{key}[{name}]", amount, "must be greater than or equal to 0"))
    for name, amount in (resources.get("requests") or {}).items():
        limit = parse_quantity(str(limits[name])) if name in limits else None
        number = parse_quantity(str(amount))
        if limit is not None and number is not None and number > limit:
            why = f"must be less than or equal to {name} limit of {limits[name]}"
            causes.append(bad(f"{where}.requests", amount, why))
    return causes
