"""The scale subresource: a Scale object seen through a workload or a custom resource."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bakeryops.demo.api import Call, answer
from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import dig
from bakeryops.demo.patch_json import json_patch, merge_patch
from bakeryops.demo.request import parse_body
from bakeryops.demo.selectors import selector_text
from bakeryops.demo.status import bad_request, conflict, method_not_allowed, not_found, unsupported_media_type
from bakeryops.demo.writing import dry_run, parse_patch

__all__ = ["scale"]

_PATCHES = (
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/json-patch+json",
    "application/apply-patch+yaml",
)


async def scale(call: Call) -> web.StreamResponse:
    """GET, PUT or PATCH of `scale`."""
    obj = call.store.get(call.resource.key, call.namespace, call.target.name)
    if obj is None:
        raise not_found(call.resource.plural, call.resource.group, call.target.name)
    method = call.request.method
    if method in ("GET", "HEAD"):
        return answer(_scale_of(call, obj), as_yaml=call.format.yaml)
    wanted = await _wanted(call, _scale_of(call, obj), method)
    replicas = dig(wanted, "spec", "replicas") or 0
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request('Scale in version "v1" cannot be handled as a Scale: spec.replicas must be an integer')
    version = dig(wanted, "metadata", "resourceVersion")

    def change(live: Object) -> Object:
        if version and version != live["metadata"]["resourceVersion"]:
            raise conflict(call.resource.plural, call.resource.group, call.target.name)
        _set(live, _paths(call)[0], replicas)
        return live

    fresh = call.store.mutate(
        call.resource.key, call.namespace, call.target.name, change, manager=call.manager, subresource="scale",
        dry_run=dry_run(call),
    )  # fmt: skip
    return answer(_scale_of(call, fresh or obj), as_yaml=call.format.yaml)


async def _wanted(call: Call, current: Object, method: str) -> Object:
    raw = await call.request.read()
    media = call.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if method == "PUT":
        return parse_body(raw, media, "Scale")
    if method != "PATCH":
        raise method_not_allowed()
    if media not in _PATCHES:
        raise unsupported_media_type("415: Unsupported Media Type")
    if media == _PATCHES[3]:
        return {**parse_body(raw, media, "Scale"), "metadata": {}}
    current["metadata"].pop("resourceVersion")
    patch = parse_patch(raw)
    patched = json_patch(current, patch) if media == _PATCHES[2] else merge_patch(current, patch)
    if not isinstance(patched, dict):
        raise bad_request("the patched object is no object")
    return patched


def _paths(call: Call) -> tuple[list[str], list[str], list[str]]:
    """Return where a kind keeps the wanted replicas, the actual ones and the selector."""
    for version in dig(call.resource.definition, "spec", "versions") or ():
        found = dig(version, "subresources", "scale")
        if version.get("name") == call.resource.version and found:
            return (
                found["specReplicasPath"].strip(".").split("."),
                found["statusReplicasPath"].strip(".").split("."),
                (found.get("labelSelectorPath") or "").strip(".").split("."),
            )
    return ["spec", "replicas"], ["status", "replicas"], []


def _scale_of(call: Call, obj: Object) -> Object:
    meta = obj["metadata"]
    wanted, actual, selector_path = _paths(call)
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    spec: Object = {}
    if dig(obj, *wanted):
        spec["replicas"] = dig(obj, *wanted)
    status: Object = {"replicas": dig(obj, *actual) or 0}
    if call.resource.custom:
        selector = dig(obj, *selector_path) if selector_path else None
    else:
        selector = selector_text(dig(obj, "spec", "selector"))
    if selector:
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: meta[key] for key in names if key in meta},
        "spec": spec,
        "status": status,
    }


def _set(obj: Object, path: list[str], value: Any) -> None:
    for step in path[:-1]:
        obj = obj.setdefault(step, {})
    obj[path[-1]] = value
