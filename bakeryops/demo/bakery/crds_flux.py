"""The specs of Flux' kinds as far as its controllers rely on them: types, defaults and required fields."""

from __future__ import annotations

from typing import Any

from bakeryops.demo.contracts import Object

__all__ = ["flux_spec"]

_OPEN: Object = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_TEXT: Object = {"type": "string"}
_FLAG: Object = {"type": "boolean"}
_MAPS: Object = {"type": "array", "items": _OPEN}
_SPAN: Object = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"}
_NAMED: Object = {**_OPEN, "properties": {"name": _TEXT, "namespace": _TEXT}, "required": ["name"]}
_SOURCE: Object = {
    **_OPEN,
    "properties": {"kind": _TEXT, "name": _TEXT, "namespace": _TEXT},
    "required": ["kind", "name"],
}
_CHART: Object = {
    **_OPEN,
    "properties": {"chart": _TEXT, "version": _TEXT, "interval": _SPAN, "sourceRef": _SOURCE},
    "required": ["chart", "sourceRef"],
}

_COMMON: dict[str, Object] = {"interval": _SPAN, "suspend": _FLAG, "timeout": _SPAN}
_GIT_REF = dict.fromkeys(("branch", "tag", "semver", "name", "commit"), _TEXT)

_SPECS: dict[str, tuple[dict[str, Object], list[str]]] = {
    "GitRepository": (
        {
            "url": {**_TEXT, "pattern": "^(http|https|ssh)://.*$"},
            "ref": {**_OPEN, "properties": _GIT_REF},
            "secretRef": _NAMED,
            "ignore": _TEXT,
            "timeout": {**_SPAN, "default": "60s"},
        },
        ["interval", "url"],
    ),
    "OCIRepository": (
        {"url": {**_TEXT, "pattern": "^oci://.*$"}, "ref": _OPEN, "timeout": {**_SPAN, "default": "60s"}},
        ["interval", "url"],
    ),
    "HelmRepository": (
        {"url": {**_TEXT, "pattern": "^(http|https|oci)://.*$"}, "type": {**_TEXT, "enum": ["default", "oci"]}},
        ["url"],
    ),
    "HelmChart": ({"chart": _TEXT, "version": _TEXT, "sourceRef": _SOURCE}, ["chart", "interval", "sourceRef"]),
    "Kustomization": (
        {
            "commonMetadata": _OPEN,
            "components": {"type": "array", "items": _TEXT},
            "dependsOn": {"type": "array", "items": _NAMED},
            "force": {**_FLAG, "default": False},
            "healthChecks": {"type": "array", "items": _SOURCE},
            "images": {"type": "array", "items": _NAMED},
            "patches": _MAPS,
            "path": _TEXT,
            "postBuild": {**_OPEN, "properties": {"substitute": _OPEN, "substituteFrom": _MAPS}},
            "prune": _FLAG,
            "retryInterval": _SPAN,
            "sourceRef": _SOURCE,
            "targetNamespace": _TEXT,
            "wait": _FLAG,
        },
        ["interval", "prune", "sourceRef"],
    ),
    "HelmRelease": (
        {"chart": {**_OPEN, "properties": {"spec": _CHART}, "required": ["spec"]}, "values": _OPEN},
        ["interval"],
    ),
    "Receiver": (
        {
            "events": {"type": "array", "items": _TEXT},
            "resources": {"type": "array", "items": _SOURCE},
            "secretRef": _NAMED,
            "type": _TEXT,
        },
        ["resources", "secretRef", "type"],
    ),
    "ImageRepository": (
        {"image": _TEXT, "exclusionList": {"type": "array", "items": _TEXT}},
        ["image", "interval"],
    ),
    "ImagePolicy": (
        {"imageRepositoryRef": _NAMED, "filterTags": _OPEN, "policy": _OPEN},
        ["imageRepositoryRef", "policy"],
    ),
    "ImageUpdateAutomation": ({"sourceRef": _SOURCE}, ["interval", "sourceRef"]),
}


def flux_spec(kind: str) -> Object | None:
    """Return the schema of the spec of a kind of Flux, None for a kind whose spec is left open."""
    known = _SPECS.get(kind)
    if known is None:
        return None
    fields, needed = known
    schema: dict[str, Any] = {**_OPEN, "properties": {**_COMMON, **fields}}
    if needed:
        schema["required"] = needed
    return schema
