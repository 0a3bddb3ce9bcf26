"""Refusing what is not valid, with the causes a real server names (422)."""

from __future__ import annotations

import re
from collections.abc import Callable

from bakeryops.demo import validation_pods
from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import dig, meta_of
from bakeryops.demo.resources import Resource
from bakeryops.demo.selectors import matches_selector
from bakeryops.demo.status import Cause, invalid
from bakeryops.demo.validation_parts import (
    SUBDOMAIN_RULE,
    at_least_zero,
    bad,
    is_label,
    is_subdomain,
    label_rule,
    required,
    shown,
    unsupported,
)

__all__ = ["check_object"]

_PATH_NAMES = frozenset(
    [
        "roles.rbac.authorization.k8s.io",
        "clusterroles.rbac.authorization.k8s.io",
        "rolebindings.rbac.authorization.k8s.io",
        "clusterrolebindings.rbac.authorization.k8s.io",
    ]
)
_LABEL_NAMES = frozenset(("namespaces", "services"))
_QUALIFIED = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?")
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "
    "is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")


def check_object(resource: Resource, obj: Object, old: Object | None, subresource: str = "") -> None:
    """Raise `StatusError` 422 when an object is not valid, or changes what may not change."""
    causes = _metadata(resource, obj) if old is None else _labels(obj)
    rule = _RULES.get(resource.key)
    if rule is not None and subresource != "status":
        causes.extend(rule(obj, old))
    if causes:
        raise invalid(resource.kind, resource.group, meta_of(obj).get("name", ""), causes)


def _metadata(resource: Resource, obj: Object) -> list[Cause]:
    meta = meta_of(obj)
    name = meta.get("name") or ""
    causes: list[Cause] = []
    if not name:
        causes.append(required("metadata.name", "name or generateName is required"))
    elif resource.key in _LABEL_NAMES:
        if not is_label(name):
            causes.append(bad("metadata.name", name, label_rule()))
    elif resource.key in _PATH_NAMES:
        if "/" in name or "%" in name or name in (".", ".."):
            causes.append(bad("metadata.name", name, "may not contain '/'"))
    elif not is_subdomain(name):
        causes.append(bad("metadata.name", name, SUBDOMAIN_RULE))
    return causes + _labels(obj)


def _labels(obj: Object) -> list[Cause]:
    meta = meta_of(obj)
    causes = []
    for key, value in (meta.get("labels") or {}).items():
        if not _QUALIFIED.fullmatch(key):
            causes.append(bad("metadata.labels", key, _KEY_RULE))
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            causes.append(bad("metadata.labels", value, _VALUE_RULE))
    causes.extend(
        bad("metadata.annotations", key, _KEY_RULE)
        for key in meta.get("annotations") or {}
        if not _QUALIFIED.fullmatch(key.lower())
    )
    return causes


def _selector(obj: Object, old: Object | None, *, immutable: bool) -> list[Cause]:
    spec = obj.get("spec") or {}
    selector = spec.get("selector")
    causes = []
    labels = dig(spec, "template", "metadata", "labels") or {}
    if not selector:
        causes.append(required("spec.selector"))
        causes.append(bad("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"))
    elif not matches_selector(selector, labels):
        causes.append(bad("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"))
    return causes + (_immutable(obj, old, "selector") if immutable else [])


def _immutable(obj: Object, old: Object | None, *fields: str) -> list[Cause]:
    if old is None:
        return []
    return [
        bad(f"spec.{field}", dig(obj, "spec", field), "field is immutable")
        for field in fields
        if dig(obj, "spec", field) != dig(old, "spec", field)
    ]


def _workload(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    causes = at_least_zero(spec, "spec", "replicas", "minReadySeconds", "revisionHistoryLimit")
    causes.extend(_selector(obj, None, immutable=False))
    causes.extend(validation_pods.check_template(spec.get("template"), "spec.template", restart=("Always",)))
    return causes + _immutable(obj, old, "selector")


def _deployment(obj: Object, old: Object | None) -> list[Cause]:
    causes = _workload(obj, old)
    strategy = dig(obj, "spec", "strategy") or {}
    if strategy.get("type") not in ("RollingUpdate", "Recreate"):
        causes.append(unsupported("spec.strategy.type", strategy.get("type"), ("Recreate", "RollingUpdate")))
    rolling = strategy.get("rollingUpdate") or {}
    if strategy.get("type") == "Recreate" and rolling:
        why = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        causes.append(Cause("FieldValueForbidden", why, "spec.strategy.rollingUpdate"))
    elif str(rolling.get("maxUnavailable")) in ("0", "0%") and str(rolling.get("maxSurge")) in ("0", "0%"):
        why = "may not be 0 when `maxSurge` is 0"
        causes.append(bad("spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], why))
    return causes


_STATEFUL_MUTABLE = frozenset(
    [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ]
)


def _stateful_set(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    causes = at_least_zero(spec, "spec", "replicas", "minReadySeconds")
    causes.extend(_selector(obj, None, immutable=False))
    claims = [each["metadata"]["name"] for each in spec.get("volumeClaimTemplates") or ()]
    causes.extend(
        validation_pods.check_template(spec.get("template"), "spec.template", restart=("Always",), volumes=claims)
    )
    before = (old or {}).get("spec") or {}
    if old is not None and any(
        spec.get(key) != before.get(key) for key in spec.keys() | before.keys() if key not in _STATEFUL_MUTABLE
    ):
        why = (
            "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
            "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
            "'minReadySeconds' "
            "are forbidden"
        )
        causes.append(Cause("FieldValueForbidden", why, "spec"))
    return causes


def _job(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    causes = at_least_zero(spec, "spec", "parallelism", "completions", "backoffLimit", "activeDeadlineSeconds")
    allowed = ("OnFailure", "Never")
    causes.extend(validation_pods.check_template(spec.get("template"), "spec.template", restart=allowed))
    return causes + _immutable(obj, old, "selector", "template", "completionMode")


def _cron_job(obj: Object, _old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    causes = []
    schedule = spec.get("schedule")
    if not schedule:
        causes.append(required("spec.schedule"))
    elif not schedule.startswith("@") and len(schedule.split()) != 5:
        why = f"expected exactly 5 fields, found {len(schedule.split())}: {shown(schedule.split())}"
        causes.append(bad("spec.schedule", schedule, why))
    template = dig(spec, "jobTemplate", "spec", "template")
    where = "spec.jobTemplate.spec.template"
    return causes + validation_pods.check_template(template, where, restart=("OnFailure", "Never"))


def _service(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    causes = []
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        causes.append(required("spec.ports"))
    for index, port in enumerate(ports):
        where = f"spec.ports[{index}]"
        if len(ports) > 1 and not port.get("name"):
            causes.append(required(f"{where}.name"))
        number = port.get("port")
        if not isinstance(number, int) or not 0 < number < 65536:
            causes.append(bad(f"{where}.port", number or 0, "must be between 1 and 65535, inclusive"))
    kinds = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    if spec.get("type") not in kinds:
        causes.append(unsupported("spec.type", spec.get("type"), kinds))
    before = dig(old or {}, "spec", "clusterIP")
    if before and spec.get("type") != "ExternalName" and spec.get("clusterIP") != before:
        causes.append(bad("spec.clusterIP", spec.get("clusterIP"), "field is immutable"))
    return causes


def _data(obj: Object, old: Object | None) -> list[Cause]:
    causes = []
    for field in ("data", "binaryData"):
        for key in obj.get(field) or {}:
            if not _DATA_KEY.fullmatch(key):
                why = (
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
                    "'key.name',  "
                    "or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
                )
                causes.append(bad(f"{field}[{key}]", key, why))
    if (
        old is not None
        and old.get("immutable")
        and (obj.get("data") != old.get("data") or not obj.get("immutable"))
    ):
        causes.append(
            Cause("FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set", "data")
        )
    return causes


def _claim(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    causes = []
    if not spec.get("accessModes"):
        causes.append(required("spec.accessModes", "at least 1 access mode is required"))
    if dig(spec, "resources", "requests", "storage") is None:
        causes.append(required("spec.resources[storage]"))
    before = (old or {}).get("spec") or {}
    mutable = ("resources", "volumeName", "volumeAttributesClassName")
    if old is not None and any(
        spec.get(key) != before.get(key) for key in spec.keys() | before.keys() if key not in mutable
    ):
        why = "Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName"
        causes.append(Cause("FieldValueForbidden", f"{why} for bound claims", "spec"))
    return causes


def _role_binding(obj: Object, old: Object | None) -> list[Cause]:
    if old is not None and obj.get("roleRef") != old.get("roleRef"):
        return [bad("roleRef", obj.get("roleRef"), "cannot change roleRef")]
    if not dig(obj, "roleRef", "name"):
        return [required("roleRef.name")]
    return []


def _definition(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    plural, group = dig(spec, "names", "plural"), spec.get("group")
    causes = [required(f"spec.{key}") for key in ("group", "scope", "versions") if not spec.get(key)]
    causes.extend(required(f"spec.names.{key}") for key in ("plural", "kind") if not dig(spec, "names", key))
    if not causes and meta_of(obj)["name"] != f"{plural}.{group}":
        causes.append(bad("metadata.name", meta_of(obj)["name"], 'must be spec.names.plural+"."+spec.group'))
    stored = [each for each in spec.get("versions") or () if each.get("storage")]
    if spec.get("versions") and len(stored) != 1:
        why = "must have exactly one version marked as storage version"
        causes.append(bad("spec.versions", [each.get("name") for each in spec["versions"]], why))
    for index, version in enumerate(spec.get("versions") or ()):
        if not dig(version, "schema", "openAPIV3Schema"):
            where = f"spec.versions[{index}].schema.openAPIV3Schema"
            causes.append(required(where, "schemas are required"))
    return causes + _immutable(obj, old, "group", "scope")


_RULES: dict[str, Callable[[Object, Object | None], list[Cause]]] = {
    "pods": validation_pods.check_pod,
    "deployments.apps": _deployment,
    "replicasets.apps": _workload,
    "daemonsets.apps": _workload,
    "statefulsets.apps": _stateful_set,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "services": _service,
    "configmaps": _data,
    "secrets": _data,
    "persistentvolumeclaims": _claim,
    "rolebindings.rbac.authorization.k8s.io": _role_binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _role_binding,
    "customresourcedefinitions.apiextensions.k8s.io": _definition,
}
