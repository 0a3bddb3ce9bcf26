"""Changes: server-side apply, create, patch, delete, scale, evict."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec

from bakeryops.cluster.decode import UNREADABLE
from bakeryops.cluster.discovery import Discovery
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.transport import Transport
from bakeryops.errors import UsageError
from bakeryops.text import clean

__all__ = ["Conflict", "PatchType", "Propagation", "Writer", "Written", "conflicts"]

FIELD_MANAGER = "bakeryops"
PatchType = Literal["json", "merge", "strategic"]
Propagation = Literal["Background", "Foreground", "Orphan"]
_CONTENT_TYPES: dict[str, str] = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
_MANAGER = re.compile(r'conflicts? with ("(?:[^"\\]|\\.)*")')


class Conflict(NamedTuple):
    """One field that somebody else owns."""

    manager: str
    field: str


@dataclass(frozen=True, slots=True)
class Written:
    """What the server made of a change."""

    object: dict[str, Any]
    """The object as it is now (of a dry run: as it would be); for a delete it may be a Status."""
    warnings: list[str]
    """What the server warns of, cleaned."""


class Writer:
    """Sends changes to one cluster; every method raises `KubeError`, and changes nothing with `dry_run`."""

    def __init__(self, transport: Transport, discovery: Discovery, *, field_manager: str = FIELD_MANAGER) -> None:
        """Take the transport, the discovery, and the name under which fields are owned."""
        self._transport = transport
        self._discovery = discovery
        self._manager = field_manager

    async def apply(
        self, obj: Mapping[str, Any], *, namespace: str | None = None, force: bool = False, dry_run: bool = False
    ) -> Written:
        """Apply an object server-side; `conflicts(error)` tells whose fields stand in the way.

        With `force` the fields become ours. Unknown fields are refused.
        """
        path = await self._object_path(obj, namespace)
        query = [*self._query(dry_run, strict=True), ("force", "true" if force else "false")]
        return await self._send("PATCH", path, obj, query, _CONTENT_TYPES["apply"])

    async def create(
        self, obj: Mapping[str, Any], *, namespace: str | None = None, dry_run: bool = False
    ) -> Written:
        """Create an object (`metadata.generateName` may stand for its name); unknown fields are refused."""
        path = await self._object_path(obj, namespace, collection=True)
        return await self._send("POST", path, obj, self._query(dry_run, strict=True))

    async def patch(
        self,
        kind: str,
        name: str,
        namespace: str | None,
        change: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        patch_type: PatchType = "merge",
        subresource: str = "",
        dry_run: bool = False,
    ) -> Written:
        """Patch an object; custom resources know no `strategic` (415).

        To lose against a change in between, put `metadata.resourceVersion` into a merge patch.
        """
        if isinstance(change, Mapping) == (patch_type == "json"):
            raise UsageError(f"a {patch_type} patch cannot be a {type(change).__name__}")
        path = await self._discovery.object_path(kind, name, namespace, subresource)
        return await self._send("PATCH", path, change, self._query(dry_run), _CONTENT_TYPES[patch_type])

    async def delete(
        self,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: Propagation = "Background",
        grace_seconds: int | None = None,
        dry_run: bool = False,
    ) -> Written:
        """Delete an object; with `uid` or `resource_version` only if it is still that one (else `conflict`)."""
        expected = {"uid": uid, "resourceVersion": resource_version}
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {key: value for key, value in expected.items() if value},
        }
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        query = [("dryRun", "All")] if dry_run else []
        path = await self._discovery.object_path(kind, name, namespace)
        return await self._send("DELETE", path, options, query)

    async def scale(
        self, kind: str, name: str, namespace: str, replicas: int, *, dry_run: bool = False
    ) -> Written:
        """Set the replicas through the scale subresource, which every scalable kind has; gives a Scale."""
        change = {"spec": {"replicas": replicas}}
        return await self.patch(kind, name, namespace, change, subresource="scale", dry_run=dry_run)

    async def evict(
        self,
        name: str,
        namespace: str,
        *,
        uid: str = "",
        grace_seconds: int | None = None,
        dry_run: bool = False,
    ) -> Written:
        """Evict a pod, as a drain does; a disruption budget in the way is kind `throttled`, and `why` names it.

        With `uid` only if it is still that one (else `conflict`).
        """
        eviction: dict[str, Any] = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
        }
        options: dict[str, Any] = {"preconditions": {"uid": uid}} if uid else {}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if options:
            eviction["deleteOptions"] = options
        path = await self._discovery.object_path("pods", name, namespace, "eviction")
        try:
            return await self._send("POST", path, eviction, [("dryRun", "All")] if dry_run else [])
        except KubeError as error:
            if error.kind == "throttled":
                error.hint = "wait until more of its pods are ready, or scale it up first"
            raise

    async def _object_path(
        self, obj: Mapping[str, Any], namespace: str | None, *, collection: bool = False
    ) -> str:
        metadata = obj.get("metadata")
        metadata = metadata if isinstance(metadata, Mapping) else {}
        name = str(metadata.get("name") or "")
        if not name and not (collection and metadata.get("generateName")):
            raise UsageError("an object without metadata.name cannot be sent")
        resource = await self._discovery.of_object(str(obj.get("apiVersion") or ""), str(obj.get("kind") or ""))
        where = str(metadata.get("namespace") or namespace or self._transport.target.namespace)
        return resource.path(where if resource.namespaced else None, "" if collection else name)

    def _query(self, dry_run: bool, *, strict: bool = False) -> list[tuple[str, str]]:
        query = [("fieldManager", self._manager)]
        query += [("fieldValidation", "Strict")] if strict else []
        query += [("dryRun", "All")] if dry_run else []
        return query

    async def _send(
        self,
        method: str,
        path: str,
        body: Any,
        query: list[tuple[str, str]],
        content_type: str = "application/json",
    ) -> Written:
        data = json.dumps(body, separators=(",", ":")).encode()
        async with self._transport.open(
            method, path, query=query, body=data, content_type=content_type
        ) as response:
            answer = await response.read()
            warnings = [clean(warning) for warning in response.warnings]
        try:
            made = msgspec.json.decode(answer)
        except UNREADABLE:
            made = None
        if not isinstance(made, dict):
            raise KubeError(f"{method} {clean(path)} was done, but the answer is not JSON", kind="protocol")
        return Written(made, warnings)


def conflicts(error: KubeError) -> list[Conflict]:
    """Return whose fields a server-side apply ran into; empty for every other error."""
    causes = error.details.get("causes")
    found = []
    for cause in causes if isinstance(causes, list) else ():
        if isinstance(cause, dict) and cause.get("reason") == "FieldManagerConflict":
            quoted = _MANAGER.search(str(cause.get("message") or ""))
            try:
                manager = json.loads(quoted.group(1)) if quoted else ""
            except ValueError:
                manager = quoted.group(1).strip('"') if quoted else ""
            found.append(Conflict(clean(manager), clean(str(cause.get("field") or ""))))
    return found
