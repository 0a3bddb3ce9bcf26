"""What the cluster serves, in which versions, and under which address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from bakeryops.cluster.decode import UNREADABLE
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.kinds import KINDS, Kind
from bakeryops.cluster.transport import Transport
from bakeryops.text import clean

__all__ = ["Discovery", "Resource"]

_AGGREGATED = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    )
)
_AGAIN = 5.0
"""Seconds: a kind that is not served makes us look again no more often than this."""
_AT_ONCE = 6
"""Requests under way to a server that tells its groups one by one."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind as this cluster serves it, in one version."""

    group: str
    version: str
    name: str
    """The plural."""
    kind: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()
    short_names: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()

    @property
    def api_version(self) -> str:
        """`apiVersion` as objects carry it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """Return the address of the collection, of one object, or of an object's subresource."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.name, name, subresource) if part]
        return "/" + "/".join(quote(part, safe="") for part in parts)


class Discovery:
    """Asks once, keeps the answer, and asks again (cheaply, by ETag) when something is missing."""

    def __init__(self, transport: Transport, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the transport and a monotonic clock."""
        self._transport = transport
        self._clock = clock
        self._served: dict[tuple[str, str], list[Resource]] = {}
        self._answers: dict[str, tuple[str, list[Resource]]] = {}
        self._lock = asyncio.Lock()
        self._asked: float | None = None
        self._failed: tuple[float, KubeError] | None = None
        """When it was last asked again in vain, and what came of it."""
        self._guessing = False

    async def path(self, kind_name: str, namespace: str | None = None) -> str:
        """Return the address of a kind's collection; of all namespaces where `namespace` is None.

        `kind_name` is one of the catalogue, or `plural.group`, a plural, a kind or a short name that the cluster
        knows. Raises `KubeError`; its kind is `absent` where the cluster does not serve it.
        """
        return (await self.resource(kind_name)).path(namespace)

    async def object_path(
        self, kind_name: str, name: str, namespace: str | None = None, subresource: str = ""
    ) -> str:
        """Return the address of one object, or of its subresource; raises as `path`."""
        return (await self.resource(kind_name)).path(namespace, name, subresource)

    async def resource(self, kind_name: str) -> Resource:
        """Return how the cluster serves a kind, in the version we read best; raises as `path`."""
        await self._ready()
        found = self._find(kind_name)
        if found is None and await self._look_again():
            found = self._find(kind_name)
        if found is None:
            raise self._absent(kind_name)
        return found

    async def of_object(self, api_version: str, kind: str) -> Resource:
        """Return how the cluster serves objects of exactly this `apiVersion` and `kind`; raises as `path`."""
        await self._ready()
        found = self._exactly(api_version, kind)
        if found is None and await self._look_again():
            found = self._exactly(api_version, kind)
        if found is None:
            raise self._absent(f"{kind} of {api_version}")
        return found

    async def serves(self, kind_name: str) -> bool:
        """Return whether the cluster serves a kind now, as far as the last answer says; raises `KubeError`."""
        await self._ready()
        return self._find(kind_name) is not None

    async def resources(self) -> list[Resource]:
        """Return everything the cluster serves, every kind once, in the version that the server prefers."""
        await self._ready()
        return [versions[0] for versions in self._served.values()]

    async def refresh(self) -> None:
        """Ask the cluster again; raises `KubeError`, and then what was known stays."""
        async with self._lock:
            await self._ask()

    async def _ready(self) -> None:
        if self._asked is None:
            async with self._lock:
                if self._asked is None:
                    await self._ask()

    async def _look_again(self) -> bool:
        async with self._lock:
            if self._asked is not None and self._clock() - self._asked < _AGAIN:
                return True
            if self._failed is not None and self._clock() - self._failed[0] < _AGAIN:
                # A dozen kinds that are not served need not ask a dozen times while there is no answer.
                raise self._failed[1].with_traceback(None)
            try:
                await self._ask()
            except KubeError as error:
                self._failed = (self._clock(), error)
                raise
            self._failed = None
        return True

    async def _ask(self) -> None:
        try:
            core, groups = await asyncio.gather(self._root("/api"), self._root("/apis"))
        except KubeError as error:
            if error.kind != "forbidden" or self._served:
                raise
            # Who may not see what there is may still see the kinds themselves.
            self._guessing, self._asked = True, self._clock()
            return
        served: dict[tuple[str, str], list[Resource]] = {}
        for resource in (*core, *groups):
            served.setdefault((resource.group, resource.name), []).append(resource)
        self._served, self._guessing, self._asked = served, False, self._clock()

    async def _root(self, path: str) -> list[Resource]:
        known = self._answers.get(path)
        headers = {"If-None-Match": known[0]} if known is not None and known[0] else None
        async with self._transport.open("GET", path, accept=_AGGREGATED, headers=headers) as response:
            if response.status == 304 and known is not None:
                return known[1]
            etag = response.headers.get("Etag", "")
            answer = _decoded(await response.read(), path)
        if answer.get("kind") == "APIGroupDiscoveryList":
            found = list(_aggregated(answer))
        else:
            etag = ""
            found = await self._one_by_one(path, answer)
        self._answers[path] = (etag, found)
        return found

    async def _one_by_one(self, path: str, answer: Mapping[str, Any]) -> list[Resource]:
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def ask(group: str, version: str, api_version: str) -> list[Resource]:
            async with at_once:
                try:
                    body = await self._transport.get_bytes(f"{path}/{api_version}")
                except KubeError as error:
                    # A group whose server is down (metrics, often) does not hide the others.
                    if error.status is None:
                        raise
                    return []
            return list(_plain(_decoded(body, path), group, version))

        answers = await asyncio.gather(*(ask(*each) for each in _group_versions(answer)))
        return [resource for found in answers for resource in found]

    def _find(self, name: str) -> Resource | None:
        kind = KINDS.get(name)
        if kind is not None:
            return self._of_kind(kind)
        plural, _, group = name.partition(".")
        exact = self._served.get((group, plural))
        if exact:
            return exact[0]
        wanted = name.lower()
        for versions in self._served.values():
            first = versions[0]
            if wanted in (first.name, first.kind.lower()) or wanted in first.short_names:
                return first
        return None

    def _of_kind(self, kind: Kind) -> Resource | None:
        if self._guessing:
            return Resource(kind.group, kind.versions[0], kind.resource, kind.kind, kind.namespaced)
        versions = {each.version: each for each in self._served.get((kind.group, kind.resource), ())}
        return next((versions[version] for version in kind.versions if version in versions), None)

    def _exactly(self, api_version: str, kind: str) -> Resource | None:
        for versions in self._served.values():
            for each in versions:
                if each.kind == kind and each.api_version == api_version:
                    return each
        if self._guessing:
            for known in KINDS.values():
                group, _, version = api_version.rpartition("/")
                if known.kind == kind and known.group == group:
                    return Resource(group, version, known.resource, kind, known.namespaced)
        return None

    def _absent(self, name: str) -> KubeError:
        kind = KINDS.get(name)
        others = self._served.get((kind.group, kind.resource)) if kind is not None else None
        if kind is not None and others:
            return KubeError(
                f"{kind.qualified} is served in a version that is not read here",
                kind="absent",
                status=404,
                why=f"served: {', '.join(each.version for each in others)}; read: {', '.join(kind.versions)}",
                hint="a newer bakeryops may read it",
            )
        return KubeError(
            f"this cluster serves no {clean(kind.qualified if kind is not None else name)}",
            kind="absent",
            status=404,
            why="its CustomResourceDefinition or add-on is not installed" if kind is None or kind.group else "",
            hint="microk8s enable metrics-server" if kind is not None and kind.group == "metrics.k8s.io" else "",
        )


def _decoded(body: bytes, path: str) -> Mapping[str, Any]:
    try:
        answer = msgspec.json.decode(body)
    except UNREADABLE:
        answer = None
    if not isinstance(answer, dict):
        raise KubeError(
            f"{path} was answered with something that is not JSON",
            kind="protocol",
            hint="look at the server address",
        )
    return answer


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, str))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _aggregated(answer: Mapping[str, Any]) -> Iterator[Resource]:
    for item in _mappings(answer.get("items")):
        metadata = item.get("metadata")
        group = _text(metadata.get("name")) if isinstance(metadata, dict) else ""
        for version in _mappings(item.get("versions")):
            for body in _mappings(version.get("resources")):
                response = body.get("responseKind")
                yield Resource(
                    group,
                    _text(version.get("version")),
                    _text(body.get("resource")),
                    _text(response.get("kind")) if isinstance(response, dict) else "",
                    body.get("scope") == "Namespaced",
                    frozenset(_texts(body.get("verbs"))),
                    tuple(_texts(body.get("shortNames"))),
                    frozenset(_text(each.get("subresource")) for each in _mappings(body.get("subresources"))),
                )


def _group_versions(answer: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if answer.get("kind") == "APIVersions":
        yield from (("", version, version) for version in _texts(answer.get("versions")))
        return
    for group in _mappings(answer.get("groups")):
        preferred = group.get("preferredVersion")
        first = _text(preferred.get("version")) if isinstance(preferred, dict) else ""
        versions = [_text(each.get("version")) for each in _mappings(group.get("versions"))]
        name = _text(group.get("name"))
        for version in sorted(versions, key=lambda each: each != first):
            yield name, version, f"{name}/{version}"


def _plain(answer: Mapping[str, Any], group: str, version: str) -> Iterator[Resource]:
    bodies = list(_mappings(answer.get("resources")))
    subresources: dict[str, set[str]] = {}
    for body in bodies:
        name, _, subresource = _text(body.get("name")).partition("/")
        if subresource:
            subresources.setdefault(name, set()).add(subresource)
    for body in bodies:
        name = _text(body.get("name"))
        if "/" not in name:
            yield Resource(
                group,
                version,
                name,
                _text(body.get("kind")),
                body.get("namespaced") is True,
                frozenset(_texts(body.get("verbs"))),
                tuple(_texts(body.get("shortNames"))),
                frozenset(subresources.get(name, ())),
            )
