"""Pod Security admission, as far as a namespace's labels ask for `restricted` or `baseline`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import dig
from bakeryops.demo.resources import Resource
from bakeryops.demo.status import forbidden

if TYPE_CHECKING:
    from bakeryops.demo.store import ObjectStore

__all__ = ["enforce", "warnings"]

_LABEL = "pod-security.kubernetes.io/"
_TEMPLATES = {
    "pods": ("spec",),
    "deployments.apps": ("spec", "template", "spec"),
    "replicasets.apps": ("spec", "template", "spec"),
    "statefulsets.apps": ("spec", "template", "spec"),
    "daemonsets.apps": ("spec", "template", "spec"),
    "jobs.batch": ("spec", "template", "spec"),
    "cronjobs.batch": ("spec", "jobTemplate", "spec", "template", "spec"),
}


def enforce(store: ObjectStore, resource: Resource, obj: Object) -> None:
    """Refuse a pod that its namespace's level forbids; raises `StatusError` 403."""
    if resource.key != "pods":
        return
    found = _violations(store, resource, obj, "enforce")
    if found:
        raise forbidden("pods", "", obj["metadata"]["name"], f"violates PodSecurity {found}")


def warnings(store: ObjectStore, resource: Resource, obj: Object) -> list[str]:
    """Return the warnings that a namespace's level asks for."""
    found = _violations(store, resource, obj, "warn")
    return [f"would violate PodSecurity {found}"] if found else []


def _violations(store: ObjectStore, resource: Resource, obj: Object, mode: str) -> str:
    path = _TEMPLATES.get(resource.key)
    namespace = store.get("namespaces", None, obj["metadata"].get("namespace") or "")
    if path is None or namespace is None:
        return ""
    labels = namespace["metadata"].get("labels") or {}
    level = labels.get(_LABEL + mode)
    if level not in ("restricted", "baseline"):
        return ""
    spec = dig(obj, *path) or {}
    problems = [*_baseline(spec), *(_restricted(spec) if level == "restricted" else [])]
    if not problems:
        return ""
    version = labels.get(f"{_LABEL}{mode}-version", "latest")
    return f'"{level}:{version}": {", ".join(problems)}'


def _containers(spec: Object) -> list[Object]:
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _names(containers: list[Object]) -> str:
    quoted = ", ".join(f'"{each.get("name")}"' for each in containers)
    return f"container{'s' if len(containers) > 1 else ''} {quoted}"


def _setting(spec: Object, container: Object, *path: str) -> Any:
    """Return a security setting of a container, else of its pod."""
    own = dig(container, "securityContext", *path)
    return dig(spec, "securityContext", *path) if own is None else own


def _baseline(spec: Object) -> list[str]:
    problems = []
    shared = [f"{key}=true" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    if shared:
        problems.append(f"host namespaces ({', '.join(shared)})")
    volumes = [f'"{each["name"]}"' for each in spec.get("volumes") or () if each.get("hostPath")]
    if volumes:
        problems.append(f"hostPath volumes (volume{'s' if len(volumes) > 1 else ''} {', '.join(volumes)})")
    privileged = [each for each in _containers(spec) if dig(each, "securityContext", "privileged")]
    if privileged:
        problems.append(f"privileged ({_names(privileged)} must not set securityContext.privileged=true)")
    return problems


def _restricted(spec: Object) -> list[str]:
    every = _containers(spec)
    problems = []
    found = [each for each in every if dig(each, "securityContext", "allowPrivilegeEscalation") is not False]
    if found:
        must = "must set securityContext.allowPrivilegeEscalation=false"
        problems.append(f"allowPrivilegeEscalation != false ({_names(found)} {must})")
    found = [each for each in every if "ALL" not in (dig(each, "securityContext", "capabilities", "drop") or ())]
    if found:
        must = 'must set securityContext.capabilities.drop=["ALL"]'
        problems.append(f"unrestricted capabilities ({_names(found)} {must})")
    found = [each for each in every if _setting(spec, each, "runAsNonRoot") is not True]
    if found:
        must = "must set securityContext.runAsNonRoot=true"
        problems.append(f"runAsNonRoot != true (pod or {_names(found)} {must})")
    allowed = ("RuntimeDefault", "Localhost")
    found = [each for each in every if _setting(spec, each, "seccompProfile", "type") not in allowed]
    if found:
        must = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
        problems.append(f"seccompProfile (pod or {_names(found)} {must})")
    return problems
