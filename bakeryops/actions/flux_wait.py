"""Flux asked to look again, and waited for: by a token of one's own, and at exactly the revision wanted."""

from __future__ import annotations

import inspect
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bakeryops.actions.observing import World, observing, patiently
from bakeryops.jobs.step import CHANGED, FAILED, StepFailedError
from bakeryops.read.flux import OBJECTS, SOURCES, SYNCS
from bakeryops.read.flux_judge import REQUESTED, said
from bakeryops.read.flux_revisions import parse_revision
from bakeryops.text import clean
from bakeryops.units import parse_duration, parse_time

if TYPE_CHECKING:
    from bakeryops.jobs.step import At

__all__ = ["Contains", "asked", "is_revision", "request", "wait_applied", "wait_reconciled", "wait_source"]

Contains = Callable[[str], "bool | Awaitable[bool]"]
"""Tells of a commit that was fetched or applied whether it holds what is wanted as an ancestor."""

KIND_NAMES = {**SOURCES, **SYNCS, **OBJECTS}
"""Plural -> kind."""

_CHECKS = re.compile(r"health checks for revision (\S+) with a timeout of (\S+)", re.IGNORECASE)
_FINAL = frozenset(
    {"BuildFailed", "ReconciliationFailed", "ArtifactFailed", "PruneFailed", "InvalidCELExpression"}
)
"""Reasons after which a Kustomization will not apply this revision without another change."""
_MISSING = 5.0
"""Seconds for which a missing artifact is waited for."""
_AT_WORK = frozenset({"Progressing", "ProgressingWithRetry", "HealthCheckCanceled", "DependencyNotReady"})
_RELEASE_WAITS = frozenset({"Progressing", "ProgressingWithRetry", "DependencyNotReady", "SourceNotReady"})


def make_token(now: float) -> str:
    """Return a time that no other request carries: RFC 3339 in nanoseconds, the last six digits random."""
    moment = datetime.fromtimestamp(now, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}{secrets.randbelow(1_000_000):06d}Z"


async def request(at: At, kind: str, namespace: str, name: str, *, fresh: bool = False) -> str:
    """Ask Flux to look at an object (`kind` is its plural) and return the token.

    The token is noted before it is sent: a job that is resumed asks with the same one, which asks nothing new
    where it was handled. With `fresh`, and where the step has failed before, it asks anew: the earlier answer was
    no, and says nothing of what was mended since. Raises `KubeError`.
    """
    key = f"token/{kind}/{namespace}/{name}"
    token = at.memo(key)
    if fresh or not isinstance(token, str) or at.memo(FAILED) is True:
        token = make_token(at.now())
        at.note(key, token)
    writer = await at.writer()
    written = await patiently(
        at, lambda: writer.patch(kind, name, namespace, {"metadata": {"annotations": {REQUESTED: token}}})
    )
    metadata = written.object.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    at.note(_version_of(token), version if isinstance(version, str) else "")
    at.note(CHANGED, f"{KIND_NAMES[kind]} {clean(name)} was asked to look again")
    return token


def _version_of(token: str) -> str:
    return f"version/{token}"


def asked(obj: Any, token: str, version: str = "") -> bool:
    """Return whether an object's controller has handled a request, or one that was made after it.

    `version` is the object's resourceVersion that the request made: what is seen of a later one tells whether
    somebody has asked after us, whatever the clocks of both say.
    """
    handled = (obj.status.lastHandledReconcileAt if obj.status else None) or ""
    if handled == token:
        return True
    # A webhook or another person may ask again before the controller has seen our request.
    if not handled or handled != (obj.metadata.annotations or {}).get(REQUESTED):
        return False
    seen = obj.metadata.resourceVersion
    if version.isdigit() and seen.isdigit():
        return int(seen) > int(version)
    ours, theirs = parse_time(token), parse_time(handled)
    return ours is not None and theirs is not None and theirs >= ours


def is_revision(revision: str | None, wanted: str) -> bool:
    """Return whether a revision (`main@sha1:9f3c…`) is that of a commit, whole or short, or just `wanted`."""
    found, other = parse_revision(revision), parse_revision(wanted)
    if found is None or other is None:
        return False
    if found.text == other.text:
        return True
    digits = other.hash or (wanted if re.fullmatch("[0-9a-f]{7,64}", wanted) else "")
    return bool(digits and found.hash) and found.hash.startswith(digits)


async def wait_source(
    at: At,
    namespace: str,
    name: str,
    token: str,
    *,
    commit: str = "",
    contains: Contains | None = None,
    seconds: float = 120.0,
    kind: str = "gitrepositories",
) -> str:
    """Wait until a source has handled `token` and holds `commit`; return its revision.

    A later revision counts where `contains` says of its commit that it holds `commit`; without a commit any does.
    Raises `StepFailedError` where it is suspended, cannot fetch, or time is up.
    """
    shown, holds = f"{KIND_NAMES[kind]} {clean(name)}", _Holds(commit, contains)
    version = str(at.memo(_version_of(token)) or "")
    revision = ""
    async with observing(at, (kind,), namespace, seconds=seconds) as world:
        while await world.look():
            obj = _there(world, kind, name)
            revision = (obj.status.artifact.revision if obj.status and obj.status.artifact else "") or ""
            if not asked(obj, token, version):
                world.tell(f"waits for {shown} to fetch")
                continue
            ready = _condition(obj, "Ready")
            if ready is not None and ready.status == "False" and ready.reason not in _AT_WORK:
                raise StepFailedError(
                    f"{shown} cannot fetch: {clean(ready.reason or 'failed')}",
                    why=said(ready.message),
                    hint=f"See: bakeryops flux; then try again: bakeryops flux reconcile {clean(name)}",
                )
            if not _settled(obj, ready):
                world.tell(f"{shown} fetches")
            elif await holds(revision):
                return clean(revision)
            else:
                world.tell(f"{shown} has fetched {_short(revision)}, which does not hold {commit[:7]} yet")
    has = f"it has {_short(revision)}" if revision else "it has fetched nothing"
    raise StepFailedError(
        f"{shown} did not fetch {commit[:7] or 'anything'} within {seconds:.0f} s",
        why=has,
        hint="Does it follow the branch that was pushed to? See: bakeryops flux",
    )


async def wait_applied(
    at: At,
    namespace: str,
    name: str,
    token: str,
    *,
    commit: str,
    contains: Contains | None = None,
    seconds: float = 600.0,
) -> str:
    """Wait until a Kustomization has handled `token` and applied `commit` in full; return the revision.

    `commit` is a hash or a source's revision; a later one counts where `contains` says that it holds it. Ready
    alone proves nothing, and neither does the token: a failed health check of an older revision is waited past.
    Raises `StepFailedError` as soon as this revision cannot be applied any more, where it is suspended, or where
    time is up.
    """
    shown, holds = f"Kustomization {clean(name)}", _Holds(commit, contains)
    version = str(at.memo(_version_of(token)) or "")
    applied = attempted = last = ""
    missing: float | None = None
    async with observing(at, ("kustomizations",), namespace, seconds=seconds) as world:
        while await world.look():
            obj = _there(world, "kustomizations", name)
            status, ready = obj.status, _condition(obj, "Ready")
            applied = (status.lastAppliedRevision if status else "") or ""
            attempted = (status.lastAttemptedRevision if status else "") or ""
            last = _doing(obj, at.now())
            tried = await holds(attempted)
            # For a moment after a resume it says so of a source that is there.
            lacks = ready is not None and ready.status == "False" and ready.reason == "ArtifactFailed"
            missing = (missing or time.monotonic()) if lacks else None
            if asked(obj, token, version) and (missing is None or time.monotonic() - missing > _MISSING):
                _refuse_failed(shown, obj, ready, tried=tried, commit=commit)
                if await holds(applied) and applied == attempted and _settled(obj, ready):
                    return clean(applied)
            if tried:
                world.tell(f"{shown} applies {_short(attempted)}: {last}" if last else f"{shown} applies it")
            else:
                world.tell(f"waits for {shown} to take {_short(commit)}: {last or 'not begun yet'}")
    raise StepFailedError(
        f"{shown} did not apply {_short(commit)} within {seconds:.0f} s",
        why="; ".join(each for each in (f"it has applied {_short(applied) or 'nothing'}", last) if each),
        hint=f"Its objects: bakeryops flux show {clean(name)}; go on: bakeryops flux reconcile {clean(name)}",
    )


async def wait_reconciled(
    at: At, kind: str, namespace: str, name: str, token: str, *, seconds: float = 300.0
) -> str:
    """Wait until any other Flux object (`kind` is its plural) has handled `token` and is ready; return how it is.

    Raises `StepFailedError` where it fails after that, is suspended, or time is up.
    """
    shown, last = f"{KIND_NAMES[kind]} {clean(name)}", ""
    version = str(at.memo(_version_of(token)) or "")
    async with observing(at, (kind,), namespace, seconds=seconds) as world:
        while await world.look():
            obj = _there(world, kind, name)
            ready = _condition(obj, "Ready")
            last = said(ready.message) if ready is not None else ""
            if not asked(obj, token, version):
                world.tell(f"waits for {shown} to look")
                continue
            if ready is not None and ready.status == "False" and ready.reason not in _RELEASE_WAITS:
                raise StepFailedError(
                    f"{shown} failed: {clean(ready.reason or 'not ready')}", why=last, hint="See: bakeryops flux"
                )
            if ready is None or _settled(obj, ready):
                return last or f"{shown} has looked"
            world.tell(f"{shown}: {last or 'at work'}")
    raise StepFailedError(f"{shown} was not ready within {seconds:.0f} s", why=last, hint="See: bakeryops flux")


class _Holds:
    """Whether revisions hold a commit, each asked about once."""

    def __init__(self, commit: str, contains: Contains | None) -> None:
        self._commit = commit
        self._contains = contains
        self._known: dict[str, bool] = {}

    async def __call__(self, revision: str) -> bool:
        if not revision:
            return False
        if not self._commit or is_revision(revision, self._commit):
            return True
        found = parse_revision(revision)
        if self._contains is None or found is None or not found.hash:
            return False
        if found.hash not in self._known:
            answer = self._contains(found.hash)
            held = await answer if inspect.isawaitable(answer) else answer
            if not held:
                # The commit may not have been fetched here yet: it is asked about again.
                return False
            self._known[found.hash] = True
        return True


def _there(world: World, kind: str, name: str) -> Any:
    """Return the object; raises `StepFailedError` where it is gone, going, or suspended."""
    obj, shown = world.find(kind, name), f"{KIND_NAMES[kind]} {clean(name)}"
    if obj is None:
        raise StepFailedError(f"there is no {shown}", why="it was deleted meanwhile, or never there")
    if obj.metadata.deletionTimestamp:
        raise StepFailedError(f"{shown} is being deleted")
    if obj.spec is not None and obj.spec.suspend:
        raise StepFailedError(
            f"{shown} is suspended",
            why="it takes a request and applies nothing",
            hint=f"Resume it first: bakeryops flux resume {clean(name)}",
        )
    return obj


def _condition(obj: Any, kind: str) -> Any:
    return next(
        (each for each in (obj.status.conditions if obj.status else None) or () if each.type == kind), None
    )


def _settled(obj: Any, ready: Any) -> bool:
    """Return whether an object says Ready of its present spec and nothing is under way."""
    if ready is None or ready.status != "True" or obj.status is None:
        return False
    generation, seen = obj.metadata.generation, obj.status.observedGeneration
    lags = generation is not None and seen is not None and seen < generation
    spoken = ready.observedGeneration
    old = spoken is not None and generation is not None and spoken < generation
    work = [each for kind in ("Reconciling", "Stalled") if (each := _condition(obj, kind)) is not None]
    return not lags and not old and not any(each.status == "True" for each in work)


def _refuse_failed(shown: str, obj: Any, ready: Any, *, tried: bool, commit: str) -> None:
    """Raise `StepFailedError` where an object has said no to the revision that is waited for."""
    stalled = _condition(obj, "Stalled")
    if stalled is not None and stalled.status == "True":
        raise StepFailedError(
            f"{shown} has given up: {clean(stalled.reason or 'stalled')}", why=said(stalled.message),
            hint="It tries again when its spec or its source changes.",
        )  # fmt: skip
    if ready is None or ready.status != "False" or ready.reason in _AT_WORK:
        return
    if ready.reason in _FINAL and (tried or ready.reason == "ArtifactFailed"):
        raise StepFailedError(
            f"{shown} cannot apply {_short(commit)}: {clean(ready.reason)}",
            why=said(ready.message),
            hint="Mend it in Git; what was committed stays as it is.",
        )
    if tried and ready.reason == "HealthCheckFailed":
        raise StepFailedError(
            f"{shown} has applied {_short(commit)}, but its objects did not become healthy",
            why=said(ready.message),
            hint="See them: bakeryops flux show " + clean(obj.metadata.name),
        )


def _doing(obj: Any, now: float) -> str:
    """Return what a Kustomization does at the moment, and until when at most."""
    for kind in ("Reconciling", "Healthy", "Ready"):
        at = _condition(obj, kind)
        found = _CHECKS.search(at.message or "") if at is not None else None
        if at is None or found is None or (kind != "Reconciling" and at.status != "Unknown"):
            continue
        begun, most = parse_time(at.lastTransitionTime), parse_duration(found[2])
        if begun is None or most is None:
            return f"health check of {_short(found[1])} lasts {clean(found[2])} at most"
        return f"health check of {_short(found[1])} ends in {max(0.0, begun + most - now):.0f} s at most"
    at = _condition(obj, "Reconciling") or _condition(obj, "Ready")
    return said(at.message).partition(" for revision ")[0] if at is not None else ""


def _short(revision: str) -> str:
    found = parse_revision(revision)
    if found is None:
        return ""
    return (
        found.short
        if found.hash
        else found.text[:7]
        if re.fullmatch("[0-9a-f]{40,64}", found.text)
        else found.text
    )
