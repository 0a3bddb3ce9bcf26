"""What the next apply of a Kustomization would change, as the preview of a plan shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from bakeryops.actions.owners import flux_owner
from bakeryops.cluster.dryrun import dry_run
from bakeryops.drift import find_drift, live_objects, wanted_objects
from bakeryops.errors import BakeryopsError
from bakeryops.model.difference import Difference
from bakeryops.model.plan import Note, Section
from bakeryops.model.sync import Sync
from bakeryops.read.compare import compare_applied, key_of
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.git.repository import Repository

__all__ = ["Preview", "exact_preview", "preview"]

_LINES_MOST = 600
_LIST_MOST = 12
_WORDS = {"changed": "changed", "created": "created", "pruned": "deleted", "unknown": "could not be read"}
_DATA = frozenset(
    {"StatefulSet", "PersistentVolumeClaim", "PersistentVolume", "Namespace", "CustomResourceDefinition"}
)
"""Kinds whose end takes data with it."""


class Preview(msgspec.Struct, frozen=True):
    """What an apply would do; `deletes` are the names of what it would delete."""

    revision: str
    differences: tuple[Difference, ...]
    same: int
    adopted: tuple[str, ...] = ()
    """Objects that are there and belong to nobody yet."""
    foreign: tuple[tuple[str, str], ...] = ()
    """Objects that belong to another applier, and its key."""
    refused: tuple[tuple[str, str], ...] = ()
    """Objects that the API server would refuse, and why."""
    inexact: str = ""
    """Why the API server itself was not asked."""

    @property
    def deletes(self) -> tuple[str, ...]:
        """What would be deleted, as "Kind namespace/name"."""
        return tuple(_name(each) for each in self.differences if each.action == "pruned")

    def section(self) -> Section:
        """Return the differences, object by object, as a diff."""
        lines: list[str] = []
        for each in self.differences:
            lines.append(f"# {_name(each)} would be {_WORDS.get(each.action, each.action)}")
            lines += [clean(text) for text in each.lines if not text.startswith(("--- ", "+++ "))]
        if len(lines) > _LINES_MOST:
            left = len(lines) - _LINES_MOST
            lines = [*lines[:_LINES_MOST], f"# … and {left} lines more: bakeryops flux diff"]
        title = f"What Git at {self.revision[:7]} changes: {self.summary()}"
        return Section(title, tuple(lines) or ("# nothing: what runs is what Git says",), "diff")

    def summary(self) -> str:
        """Return how many objects are created, changed, deleted and left alone."""
        counts = {
            word: sum(1 for each in self.differences if each.action == action) for action, word in _WORDS.items()
        }
        parts = [f"{count} {word}" for word, count in counts.items() if count]
        return ", ".join([*parts, f"{self.same} alike"])

    def notes(self) -> tuple[Note, ...]:
        """Return what to know before it."""
        found = []
        data = [each for each in self.differences if each.action == "pruned" and each.kind in _DATA]
        if data:
            found.append(Note("bad", f"Data would be lost: it deletes {_listed(_name(each) for each in data)}."))
        if self.deletes:
            found.append(Note("bad", f"It deletes {len(self.deletes)} objects: {_listed(self.deletes)}."))
        if self.foreign:
            named = _listed(f"{name} (of {owner.partition('/')[2]})" for name, owner in self.foreign)
            found.append(Note("bad", f"Others apply the same objects, both would overwrite each other: {named}."))
        if self.refused:
            named = _listed(f"{name} ({why})" for name, why in self.refused)
            found.append(Note("bad", f"The API server would refuse {len(self.refused)} objects: {named}."))
        if self.adopted:
            found.append(
                Note("soon", f"It takes over {len(self.adopted)} objects that are there: {_listed(self.adopted)}.")
            )
        unread = [each for each in self.differences if each.action == "unknown"]
        if unread:
            found.append(Note("unknown", f"Could not be read: {_listed(_name(each) for each in unread)}."))
        if self.inexact:
            found.append(
                Note("unknown", f"Compared field by field, not by the API server itself: {self.inexact}.")
            )
        return tuple(found)


async def preview(session: Session, repository: Repository, view: Sync, *, revision: str = "") -> Preview:
    """Compare what the next apply would change, field by field; raises `BakeryopsError` where it cannot."""
    drift = await find_drift(session, repository, view, revision=revision)
    return Preview(drift.revision, drift.differences, drift.same)


async def exact_preview(session: Session, repository: Repository, view: Sync, *, revision: str = "") -> Preview:
    """Have the API server itself say, by dry run, what an apply would change; raises as `preview`.

    What it may not be asked is compared field by field.
    """
    sha, wanted = await wanted_objects(session, repository, view, revision=revision)
    live = await live_objects(session, view, wanted)
    drift = await find_drift(session, repository, view, revision=sha)
    tried = await dry_run(session.transport, session.discovery, wanted)
    known = {(each.group, each.kind, each.ref.namespace, each.ref.name): each for each in drift.differences}
    found: list[Difference] = [each for each in drift.differences if each.action == "pruned"]
    refused: list[tuple[str, str]] = []
    inexact, same = "", 0
    created = {str(_meta(each).get("name")) for each in wanted if each.get("kind") == "Namespace"}
    for obj, result in zip(wanted, tried, strict=True):
        key = key_of(obj)
        field_by_field = known.get((key.group, key.kind, key.namespace, key.name))
        if result.object is None:
            error = result.error
            unborn = error is not None and error.kind == "not_found" and key.namespace in created
            if error is not None and error.kind == "forbidden":
                inexact = error.message
            elif error is not None and not unborn:
                refused.append((_text(key.kind, key.namespace, key.name), clean(error.message)))
            if field_by_field is not None:
                found.append(field_by_field)
            else:
                same += 1
            continue
        exact = compare_applied(
            live.get(key), {**result.object, "apiVersion": obj["apiVersion"], "kind": key.kind}
        )
        if exact.action == "same":
            same += 1
        else:
            found.append(exact)
    adopted, foreign = _owners(view, live)
    return Preview(sha, tuple(found), same, adopted, foreign, tuple(refused), inexact)


def _owners(
    view: Sync, live: Mapping[Any, Mapping[str, Any] | None]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    adopted, foreign = [], []
    for key, obj in live.items():
        if obj is None:
            continue
        owner = flux_owner(obj)
        name = _text(key.kind, key.namespace, key.name)
        if not owner:
            adopted.append(name)
        elif owner != view.key:
            foreign.append((name, owner))
    return tuple(adopted), tuple(foreign)


def _name(each: Difference) -> str:
    return _text(each.kind, each.ref.namespace, each.ref.name)


def _text(kind: str, namespace: str, name: str) -> str:
    return clean(f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}")


def _listed(names: Iterable[str]) -> str:
    every: Sequence[str] = list(names)
    more = f" and {len(every) - _LIST_MOST} more" if len(every) > _LIST_MOST else ""
    return ", ".join(every[:_LIST_MOST]) + more


def _meta(value: Mapping[str, Any]) -> Mapping[str, Any]:
    found = value.get("metadata")
    return found if isinstance(found, Mapping) else {}


def unseen(error: BakeryopsError) -> Note:
    """Return the note that what would change cannot be shown."""
    why = f": {error.message}" + (f" ({error.why})" if error.why else "")
    return Note("unknown", f"What it changes cannot be shown{clean(why)}.")
