"""OpenAPI documents, as far as kubectl reads them: schemas for explain, parameters for dry-run and validation."""

from __future__ import annotations

import hashlib
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.resources import Registry, Resource
from bakeryops.demo.schema import Shape, builtin_types
from bakeryops.demo.table import encode

__all__ = ["document_v2", "document_v3", "index_v3"]

_PREFIX = "io.k8s.api"
_WRITE_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


def _paths(registry: Registry) -> dict[str, tuple[str, str]]:
    """Return the documents of the v3 index: path to group and version."""
    found = {"api/v1": ("", "v1")}
    for group, versions in registry.groups().items():
        for version in versions:
            found[f"apis/{group}/{version}"] = (group, version)
    return found


def index_v3(registry: Registry) -> Object:
    """Return the answer of `/openapi/v3`; the hash changes when the kinds do."""
    entries = {}
    for path, (group, version) in sorted(_paths(registry).items()):
        kinds = [(each.key, each.definition) for each in _served(registry, group, version)]
        digest = hashlib.sha512(encode([path, kinds])).hexdigest().upper()
        entries[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return {"paths": entries}


def _served(registry: Registry, group: str, version: str) -> list[Resource]:
    return [each for each in registry if each.group == group and version in each.versions]


def document_v3(registry: Registry, path: str) -> Object | None:
    """Return the OpenAPI 3 document of one group version, None when it is not served."""
    known = _paths(registry).get(path)
    if known is None:
        return None
    group, version = known
    schemas = _Schemas("#/components/schemas/")
    paths: Object = {}
    for resource in _served(registry, group, version):
        schemas.add_kind(resource, version)
        paths.update(_operations(resource, version, v3=True))
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.33.5"},
        "paths": paths,
        "components": {"schemas": schemas.found},
    }


def document_v2(registry: Registry) -> Object:
    """Return the OpenAPI 2 document of everything, for clients from before version 3."""
    schemas = _Schemas("#/definitions/")
    paths: Object = {}
    for resource in registry:
        for version in resource.versions:
            schemas.add_kind(resource, version)
            paths.update(_operations(resource, version, v3=False))
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.33.5"},
        "paths": paths,
        "definitions": schemas.found,
    }


def _root(resource: Resource, version: str) -> str:
    base = f"/apis/{resource.group}/{version}" if resource.group else f"/api/{version}"
    return (
        f"{base}/namespaces/{{namespace}}/{resource.plural}"
        if resource.namespaced
        else f"{base}/{resource.plural}"
    )


def _operations(resource: Resource, version: str, *, v3: bool) -> Object:
    kind = {"group": resource.group, "version": version, "kind": resource.kind}
    parameters = [_parameter(name, v3=v3) for name in _WRITE_PARAMETERS]
    root = _root(resource, version)
    name = f"{resource.kind}{version}"

    def operation(action: str, verb: str, *, write: bool) -> Object:
        body: Object = {
            "operationId": f"{verb}{name}",
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": kind,
            "responses": {"200": {"description": "OK"}},
        }
        if write:
            body["parameters"] = parameters
        return body

    item = {
        "get": operation("get", "read", write=False),
        "put": operation("put", "replace", write=True),
        "patch": {**operation("patch", "patch", write=True)},
        "delete": operation("delete", "delete", write=True),
    }
    patches = _PATCHES[:3] if resource.custom else _PATCHES
    if v3:
        item["patch"]["requestBody"] = {"content": {media: {"schema": {"type": "object"}} for media in patches}}
    else:
        item["patch"]["consumes"] = list(patches)
    return {
        root: {
            "get": operation("list", "list", write=False),
            "post": operation("post", "create", write=True),
        },
        f"{root}/{{name}}": item,
    }


def _parameter(name: str, *, v3: bool) -> Object:
    parameter: Object = {"name": name, "in": "query"}
    if v3:
        return {**parameter, "schema": {"type": "string", "uniqueItems": True}}
    return {**parameter, "type": "string", "uniqueItems": True}


class _Schemas:
    """Collects the schemas that kinds refer to."""

    def __init__(self, reference: str) -> None:
        self._reference = reference
        self.found: Object = {}

    def add_kind(self, resource: Resource, version: str) -> None:
        """Add a kind and what it is made of."""
        group = resource.group or "core"
        name = (
            f"{_PREFIX}.{group}.{version}.{resource.kind}" if not resource.custom else _reversed(resource, version)
        )
        shape = resource.form
        schema = _from_rules(shape, self) if resource.custom else self._object(shape)
        gvk = {"group": resource.group, "version": version, "kind": resource.kind}
        self.found[name] = {**schema, "x-kubernetes-group-version-kind": [gvk]}

    def _object(self, shape: Shape) -> Object:
        properties = {key: self.of(inner) for key, inner in shape.fields.items()}
        body: Object = {"type": "object", "properties": properties}
        if shape.required:
            body["required"] = sorted(shape.required)
        if shape.atomic:
            body["x-kubernetes-map-type"] = "atomic"
        return body

    def of(self, shape: Shape) -> Object:
        """Return the schema of a value, by reference for a named type."""
        if shape.kind == "object" and shape.name:
            name = f"{_PREFIX}.types.{shape.name}"
            if name not in self.found:
                self.found[name] = {}
                self.found[name].update(self._object(shape))
            return {"$ref": self._reference + name}
        if shape.kind == "list":
            body: Object = {"type": "array", "items": self.of(shape.element)}
            return {**body, **_list_rules(shape)}
        if shape.kind == "map":
            return {"type": "object", "additionalProperties": self.of(shape.item or Shape("any"))}
        if shape.kind == "time":
            return {"type": "string", "format": "date-time"}
        if shape.kind == "quantity":
            return {"type": "string"}
        if shape.kind == "bytes":
            return {"type": "string", "format": "byte"}
        if shape.kind == "number or text":
            return {"type": "string", "format": "int-or-string"}
        if shape.kind == "any":
            return {"x-kubernetes-preserve-unknown-fields": True}
        return {"type": shape.kind}

    def meta(self) -> Object:
        """Return the schema of metadata."""
        return self.of(builtin_types().get("ObjectMeta"))


def _list_rules(shape: Shape) -> Object:
    if shape.keys:
        return {
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": list(shape.keys),
            "x-kubernetes-patch-merge-key": shape.keys[0],
            "x-kubernetes-patch-strategy": "merge,retainKeys" if shape.element.retain else "merge",
        }
    if shape.keys == ():
        return {"x-kubernetes-list-type": "set", "x-kubernetes-patch-strategy": "merge"}
    return {"x-kubernetes-list-type": "atomic"}


def _reversed(resource: Resource, version: str) -> str:
    return ".".join([*reversed(resource.group.split(".")), version, resource.kind])


def _from_rules(shape: Shape, schemas: _Schemas) -> Object:
    rules: Any = dict(shape.rules or {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    properties = dict(rules.get("properties") or {})
    properties.update(apiVersion={"type": "string"}, kind={"type": "string"}, metadata=schemas.meta())
    return {**rules, "properties": properties}
