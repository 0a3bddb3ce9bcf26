"""Locks in the cluster: a Lease (coordination.k8s.io/v1) a scope, so that no two operators change the same thing.

A lock is held for `LIFE` seconds after its last renewal. One that was not renewed for so long is taken over, one
that is held can be broken by a person, and whoever held it hears of that at the next renewal. The times in a Lease
are those of its holder's clock, which may be wrong: what counts in the end is whether it is seen to be renewed.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from bakeryops.cluster.errors import KubeError
from bakeryops.errors import BakeryopsError, RefusedError, UsageError
from bakeryops.text import clean
from bakeryops.units import format_age, parse_time

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.writes import Writer

__all__ = ["LIFE", "RENEW", "Lock", "Locks", "break_lock", "lock_name", "locks"]

LIFE = 30
"""Seconds that a lock outlives its last renewal."""
RENEW = 8.0
"""Seconds between two renewals."""
_PREFIX = "bakeryops.dev/"
_LABEL = "app.kubernetes.io/managed-by"
_UNFIT = re.compile(r"[^a-z0-9.]+")
_ATTEMPTS = 5
PROOF = 1.25 * RENEW
"""Seconds for which a lock that looks abandoned is watched before it is taken over."""
_LOOK = 1.0


class Lock(msgspec.Struct, frozen=True):
    """A lock as it stands in the cluster; times are seconds since the epoch."""

    scope: str
    name: str
    holder: str
    """Who, at which machine; "" for a lock that is gone."""
    job: str
    title: str
    since: float | None
    renewed: float | None
    uid: str
    version: str

    def expired(self, now: float) -> bool:
        """Return whether its holder has not been heard of for so long that it may be taken over."""
        return not self.job or self.renewed is None or now > self.renewed + LIFE

    def told(self, now: float) -> str:
        """Say whose it is and since when."""
        if not self.holder:
            return f"the lock on {self.scope} was broken, or taken over and given back again"
        age = f" for {format_age(now - self.since)}" if self.since is not None else ""
        silent = ""
        if self.renewed is not None and now - self.renewed > 2 * RENEW:
            silent = f", not heard of for {format_age(now - self.renewed)}"
        return f"{self.scope} is locked by {self.holder}{age}: {self.title or self.job}{silent}"


def lock_name(scope: str) -> str:
    """Return the name of the Lease of a scope."""
    word = _UNFIT.sub("-", scope.lower()).strip("-.")[:80].strip("-.")
    return f"bakeryops-{word}-{hashlib.sha256(scope.encode()).hexdigest()[:6]}"


class Locks:
    """The locks of one job, taken together and in order, so that two jobs never wait for each other in a ring."""

    def __init__(
        self,
        session: Session,
        writer: Writer,
        namespace: str,
        scopes: Sequence[str],
        *,
        job: str,
        holder: str,
        title: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take where Leases live, what is to be locked, and who says so."""
        self._session = session
        self._writer = writer
        self._namespace = namespace
        self._scopes = sorted(set(scopes))
        self._job = job
        self._holder = holder
        self._title = title
        self._clock = clock
        self._held: dict[str, Lock] = {}
        self._watched: dict[str, tuple[str, float]] = {}
        """Of locks of others: the version seen, and when it was seen first by our own monotonic clock."""

    @property
    def held(self) -> bool:
        """Whether all of them are ours as far as we know."""
        return bool(self._scopes) and len(self._held) == len(self._scopes)

    async def acquire(self) -> Lock | None:
        """Take all locks; return None, or the first that somebody else holds (then none is kept).

        Raises `KubeError`.
        """
        for scope in self._scopes:
            other = await self._take(scope)
            if other is not None:
                await self.release()
                return other
        return None

    async def renew(self) -> Lock | None:
        """Renew all locks; return None, or one that was taken from us. Raises `KubeError`."""
        for scope, lock in list(self._held.items()):
            try:
                self._held[scope] = await self._write(lock, {"spec": {"renewTime": self._stamp()}})
            except KubeError as error:
                if error.kind not in ("conflict", "not_found"):
                    raise
                found = await self._find(scope)
                if found is None:
                    # Broken, or taken over and given back: either way somebody else may have been at work.
                    return msgspec.structs.replace(self._held.pop(scope), holder="", job="", title="")
                if found.job == self._job:
                    other = await self._take(scope)
                    if other is None:
                        continue
                    found = other
                del self._held[scope]
                return found
        return None

    async def release(self) -> None:
        """Give all locks back; what cannot be given back runs out by itself."""
        for lock in list(self._held.values()):
            try:
                await self._writer.delete("leases", lock.name, self._namespace, resource_version=lock.version)
            except KubeError:
                continue
        self._held.clear()

    async def _take(self, scope: str) -> Lock | None:
        """Take one lock; return the one that stands in the way."""
        for attempt in range(_ATTEMPTS):
            found = await self._find(scope)
            try:
                if found is None:
                    self._held[scope] = await self._create(scope)
                    return None
                if found.job != self._job and not await self._abandoned(found):
                    return found
                taken = self._body(scope)
                taken["metadata"].pop("name")
                self._held[scope] = await self._write(found, taken)
            except KubeError as error:
                # Somebody else was quicker: look again at what stands there now.
                if error.kind not in ("exists", "conflict", "not_found"):
                    raise
                await asyncio.sleep(0.05 * (attempt + 1))
            else:
                return None
        return await self._find(scope)

    async def _abandoned(self, lock: Lock) -> bool:
        """Return whether a lock of somebody else's is not renewed any more, whatever the clocks say."""
        late = lock.expired(self._clock())
        while True:
            version, since = self._watched.get(lock.name, ("", 0.0))
            if version != lock.version:
                since = time.monotonic()
                late = late and not version
                self._watched[lock.name] = (lock.version, since)
            passed = time.monotonic() - since
            if passed >= LIFE or (late and passed >= PROOF):
                return True
            if not late:
                return False
            await asyncio.sleep(min(_LOOK, PROOF))
            found = await self._find(lock.scope)
            if found is None or found.job != lock.job:
                # It has changed hands: the attempt to write over it runs into that, and looks anew.
                return True
            lock = found

    async def _find(self, scope: str) -> Lock | None:
        try:
            return _read(await self._session.get("leases", lock_name(scope), self._namespace))
        except KubeError as error:
            if error.kind == "not_found":
                return None
            raise

    async def _create(self, scope: str) -> Lock:
        written = await self._writer.create(
            {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **self._body(scope)},
            namespace=self._namespace,
        )
        return _read(written.object)

    async def _write(self, lock: Lock, change: dict[str, Any]) -> Lock:
        metadata = {**change.get("metadata", {}), "resourceVersion": lock.version}
        written = await self._writer.patch("leases", lock.name, self._namespace, {**change, "metadata": metadata})
        return _read(written.object)

    def _body(self, scope: str) -> dict[str, Any]:
        stamp = self._stamp()
        return {
            "metadata": {
                "name": lock_name(scope),
                "labels": {_LABEL: "bakeryops"},
                "annotations": {
                    f"{_PREFIX}scope": scope,
                    f"{_PREFIX}job": self._job,
                    f"{_PREFIX}holder": self._holder,
                    f"{_PREFIX}title": self._title,
                },
            },
            "spec": {
                "holderIdentity": f"{self._holder}/{self._job}",
                "leaseDurationSeconds": LIFE,
                "acquireTime": stamp,
                "renewTime": stamp,
            },
        }

    def _stamp(self) -> str:
        now = self._clock()
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1e6):06d}Z"


async def locks(session: Session, namespace: str) -> list[Lock]:
    """Return the locks that stand in the cluster; raises `KubeError`."""
    path = await session.discovery.path("leases", namespace)
    body = await session.transport.get_bytes(path, query=[("labelSelector", f"{_LABEL}=bakeryops")])
    items = msgspec.json.decode(body).get("items") or []
    return sorted((_read(each) for each in items if isinstance(each, dict)), key=lambda lock: lock.scope)


async def break_lock(session: Session, writer: Writer, namespace: str, scope: str) -> Lock:
    """Take a lock away from whoever holds it, and return it as it was.

    Raises `UsageError` where there is none, `RefusedError` where it changed hands meanwhile, else `KubeError`.
    """
    found = next((each for each in await locks(session, namespace) if each.scope == scope), None)
    if found is None:
        raise UsageError(f"nothing called {clean(scope)[:80]} is locked", hint="See: bakeryops jobs locks")
    try:
        await writer.delete("leases", found.name, namespace, uid=found.uid, resource_version=found.version)
    except KubeError as error:
        if error.kind == "conflict":
            raise RefusedError(
                f"{scope}: its holder has just renewed it", hint="Look at it again: bakeryops jobs locks"
            ) from None
        if error.kind != "not_found":
            raise
    return found


def _read(obj: dict[str, Any]) -> Lock:
    metadata, spec = _mapping(obj, "metadata"), _mapping(obj, "spec")
    notes = _mapping(metadata, "annotations")

    def text(source: dict[str, Any], key: str) -> str:
        value = source.get(key)
        return clean(value)[:300] if isinstance(value, str) else ""

    holder = text(notes, f"{_PREFIX}holder") or text(spec, "holderIdentity") or "somebody"
    if not metadata.get("name"):
        raise BakeryopsError("the cluster answers with a Lease that has no name")
    return Lock(
        scope=text(notes, f"{_PREFIX}scope") or text(metadata, "name"),
        name=text(metadata, "name"),
        holder=holder,
        job=text(notes, f"{_PREFIX}job"),
        title=text(notes, f"{_PREFIX}title"),
        since=parse_time(text(spec, "acquireTime") or None),
        renewed=parse_time(text(spec, "renewTime") or None),
        uid=text(metadata, "uid"),
        version=text(metadata, "resourceVersion"),
    )


def _mapping(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
