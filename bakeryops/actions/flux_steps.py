"""The steps that talk to Flux: fetch, apply, reconcile, suspend, resume."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bakeryops.actions.breakglass_steps import not_in_git
from bakeryops.actions.flux_wait import KIND_NAMES as KINDS
from bakeryops.actions.flux_wait import Contains, is_revision, request, wait_applied, wait_reconciled, wait_source
from bakeryops.actions.marks import marks
from bakeryops.errors import BakeryopsError
from bakeryops.jobs.step import Check, Step, StepFailedError, registered
from bakeryops.read.flux_revisions import parse_revision
from bakeryops.read.holds import SUSPENDED
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.jobs.step import At

__all__ = ["SUSPENDED", "ancestors", "suspension"]

_FIELDS = ("by", "reason", "at", "until")
_LABELS = {"by": "Suspended by", "reason": "Reason", "at": "Since", "until": "Until"}


def suspension(obj: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is kept on an object about its suspension, as labels and texts."""
    notes = _annotations(obj)
    return [(_LABELS[each], clean(notes[SUSPENDED + each])) for each in _FIELDS if notes.get(SUSPENDED + each)]


async def ancestors(at: At, commit: str) -> Contains | None:
    """Return what tells whether a commit holds `commit`, None where Git cannot be read."""
    if not commit:
        return None
    try:
        repository = await at.repository()
    except BakeryopsError:
        return None

    async def holds(found: str) -> bool:
        try:
            return await repository.is_ancestor(commit, found)
        except BakeryopsError:
            # One that somebody pushed after the last fetch is not known here yet.
            pass
        try:
            await repository.refresh()
            return await repository.is_ancestor(commit, found)
        except BakeryopsError:
            return False

    return holds


@registered
class FetchSource(Step):
    """Have a source fetch, and wait for it."""

    kind = "flux.source"

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Ask with a token of our own and return the revision that is in store then."""
        kind, namespace, name = _names(at)
        await _awake(at)
        commit = str(at.args.get("commit") or "")
        token = await request(at, kind, namespace, name)
        contains = await ancestors(at, commit)
        seconds = float(at.args.get("seconds") or 120.0)
        revision = await wait_source(
            at, namespace, name, token, commit=commit, contains=contains, seconds=seconds, kind=kind
        )
        return {"revision": revision}

    async def verify(self, at: At) -> str:
        """Tell what is in store."""
        kind, _, name = _names(at)
        return f"{KINDS[kind]} {clean(name)} has {at.output(at.step.id, 'revision', '')}"


@registered
class Apply(Step):
    """Have a Kustomization apply what its source has, and wait for exactly that."""

    kind = "flux.apply"

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Ask with a token of our own and return the revision that is applied then."""
        _, namespace, name = _names(at)
        obj = await _awake(at)
        commit = str(at.args.get("commit") or at.output("source", "revision") or await _in_store(at, obj))
        token = await request(at, "kustomizations", namespace, name)
        contains = await ancestors(at, _hash(commit))
        seconds = float(at.args.get("seconds") or 660.0)
        revision = await wait_applied(
            at, namespace, name, token, commit=commit, contains=contains, seconds=seconds
        )
        return {"revision": revision}

    async def verify(self, at: At) -> str:
        """Tell what is applied."""
        return f"Kustomization {clean(_names(at)[2])} has applied {at.output(at.step.id, 'revision', '')}"


@registered
class Reconcile(Step):
    """Have any other Flux object looked at, and wait until it is ready."""

    kind = "flux.reconcile"

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Ask with a token of our own and return what the object says then."""
        kind, namespace, name = _names(at)
        await _awake(at)
        token = await request(at, kind, namespace, name)
        seconds = float(at.args.get("seconds") or 300.0)
        return {"said": await wait_reconciled(at, kind, namespace, name, token, seconds=seconds)}

    async def verify(self, at: At) -> str:
        """Tell what it says."""
        kind, _, name = _names(at)
        return f"{KINDS[kind]} {clean(name)}: {at.output(at.step.id, 'said', '')}"


@registered
class Suspend(Step):
    """Have Flux leave an object alone."""

    kind = "flux.suspend"

    async def check(self, at: At) -> Check:
        """Look whether it is suspended for this very reason."""
        obj = await _object(at)
        notes = _annotations(obj)
        mine = all(notes.get(SUSPENDED + each, "") == str(at.args.get(each) or "") for each in ("reason", "until"))
        return Check(_suspended(obj) and mine, _says(at, "is suspended"))

    async def apply(self, at: At) -> None:
        """Set the field, with who, why and until when."""
        kept = {
            "by": at.who,
            "reason": at.args.get("reason"),
            "until": at.args.get("until"),
            "at": _stamp(at.now()),
        }
        notes = {SUSPENDED + key: str(value) if value else None for key, value in kept.items()}
        await _patch(at, {"metadata": {"annotations": {**notes, **marks(at)}}, "spec": {"suspend": True}})

    async def verify(self, at: At) -> str:
        """Look whether it stayed so."""
        obj = await _object(at)
        if not _suspended(obj):
            raise StepFailedError(
                f"{_shown(at)} is not suspended", why="something has set it back: Git, or another person"
            )
        until = _annotations(obj).get(f"{SUSPENDED}until", "")
        return _says(at, f"is suspended{f' until {clean(until)}' if until else ''}")


@registered
class Resume(Step):
    """Have Flux take an object up again."""

    kind = "flux.resume"

    async def check(self, at: At) -> Check:
        """Look whether it is taken up already; raises where its source has moved since the diff was shown.

        Raises too where something was set past Git meanwhile, which a resume would undo.
        """
        obj = await _object(at)
        if not _suspended(obj):
            return Check(True, _says(at, "is not suspended"))
        past, hint = not_in_git(obj)
        if past:
            raise StepFailedError(f"{_shown(at)} is not resumed", why=past, hint=hint, outcome="refused")
        expects = str(at.args.get("expects") or "")
        if expects:
            session = await at.session()
            source = await session.get(
                str(at.args["source_kind"]), str(at.args["source_name"]), str(at.args["source_namespace"])
            )
            has = str(_mapping(_mapping(source, "status"), "artifact").get("revision") or "")
            if not is_revision(has, expects):
                raise StepFailedError(
                    f"its source has moved to {clean(has)} since the diff was shown",
                    hint="Look at the diff again.",
                    outcome="refused",
                )
        return Check(False)

    async def apply(self, at: At) -> None:
        """Take the field away, rather than set it to false: so it never stands against Git."""
        notes: dict[str, str | None] = dict.fromkeys((SUSPENDED + each for each in _FIELDS), None)
        await _patch(at, {"metadata": {"annotations": {**notes, **marks(at)}}, "spec": {"suspend": None}})

    async def verify(self, at: At) -> str:
        """Look whether it stayed so."""
        if _suspended(await _object(at)):
            raise StepFailedError(
                f"{_shown(at)} is suspended again", why="something has set it back: Git, or another person"
            )
        return _says(at, "is resumed")


def _names(at: At) -> tuple[str, str, str]:
    return str(at.args["kind"]), str(at.args["namespace"]), str(at.args["name"])


def _shown(at: At) -> str:
    kind, _, name = _names(at)
    return f"{KINDS[kind]} {clean(name)}"


def _says(at: At, text: str) -> str:
    return f"{_shown(at)} {text}"


async def _object(at: At) -> dict[str, Any]:
    kind, namespace, name = _names(at)
    return await (await at.session()).get(kind, name, namespace)


async def _awake(at: At) -> dict[str, Any]:
    """Return the object; raises `StepFailedError` where it is suspended: it would only stamp the request."""
    obj = await _object(at)
    if _suspended(obj):
        raise StepFailedError(
            f"{_shown(at)} is suspended",
            why="it would take the request and do nothing",
            hint=f"Resume it first: bakeryops flux resume {clean(_names(at)[2])}",
            outcome="refused",
        )
    return obj


async def _in_store(at: At, obj: Mapping[str, Any]) -> str:
    """Return the revision that a Kustomization's source has now; raises `StepFailedError` where it has none."""
    reference = _mapping(_mapping(obj, "spec"), "sourceRef")
    plurals = {kind: each for each, kind in KINDS.items()}
    kind, name = str(reference.get("kind") or ""), str(reference.get("name") or "")
    namespace = str(reference.get("namespace") or at.args["namespace"])
    if kind not in plurals:
        raise StepFailedError(f"{_shown(at)} has no source that is known", why=clean(kind))
    source = await (await at.session()).get(plurals[kind], name, namespace)
    revision = str(_mapping(_mapping(source, "status"), "artifact").get("revision") or "")
    if not revision:
        raise StepFailedError(f"{clean(kind)} {clean(name)} has fetched nothing yet", hint="See: bakeryops flux")
    return revision


async def _patch(at: At, change: Mapping[str, Any]) -> None:
    kind, namespace, name = _names(at)
    await (await at.writer()).patch(kind, name, namespace, change)


def _hash(revision: str) -> str:
    found = parse_revision(revision)
    return found.hash or found.text if found is not None else ""


def _suspended(obj: Mapping[str, Any]) -> bool:
    return _mapping(obj, "spec").get("suspend") is True


def _annotations(obj: Mapping[str, Any]) -> dict[str, str]:
    found = _mapping(_mapping(obj, "metadata"), "annotations")
    return {str(key): str(value) for key, value in found.items()}


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
