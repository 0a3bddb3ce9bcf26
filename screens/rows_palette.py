"""What the palette finds: commands, views, namespaces, contexts, themes and objects, best first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from bakeryops.cluster.store import Store
from bakeryops.commands import Command, State, availability, commands_of, key_label
from bakeryops.model.overview import ObjectRef
from bakeryops.text import clean

__all__ = ["CAP", "Hit", "command_hits", "find", "object_hits"]

CAP = 60
"""Hits shown at most; more words narrow them."""


MOST = 5000
"""Objects that are ranked at most."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found."""

    what: str
    """command, object, namespace, context or theme."""
    value: str
    """Command id, namespace, context or theme name."""
    label: str
    note: str = ""
    ref: ObjectRef | None = None
    disabled: str = ""
    """Why it cannot be done now, "" when it can."""


def command_hits(state: State) -> list[Hit]:
    """Return the commands of a screen, those that work first."""
    hits = []
    for command in commands_of(state.screen):
        if command.id in ("console.palette", "console.back"):
            continue
        verdict = availability(command, state)
        hits.append(Hit("command", command.id, _title(command), command.help, disabled=verdict.reason))
    return sorted(hits, key=lambda hit: bool(hit.disabled))


def object_hits(stores: Mapping[str, Store[object]], words: list[str]) -> Iterator[Hit]:
    """Yield the objects whose kind, namespace and name hold every word, in the stores' order."""
    for plural, store in stores.items():
        left = [word for word in words if word not in plural]
        for obj in store.items.values():
            meta = obj.metadata  # type: ignore[attr-defined]
            name, namespace = meta.name or "", meta.namespace or ""
            if all(word in name or word in namespace for word in left) and (left or len(words) > 0):
                yield Hit("object", "", clean(name), f"{plural} {clean(namespace)}".rstrip(),
                          ref=ObjectRef(plural, namespace, name))  # fmt: skip


def find(words: str, fixed: Iterable[Hit], stores: Mapping[str, Store[object]]) -> tuple[list[Hit], bool]:
    """Return the best hits for `words` and whether there are more than `CAP`; without words, the fixed ones."""
    wanted = words.casefold().split()
    if not wanted:
        return list(fixed)[:CAP], False
    scored = [
        (_score(hit, wanted), hit)
        for hit in fixed
        if all(word in f"{hit.label} {hit.note}".casefold() for word in wanted)
    ]
    scored += [(_score(hit, wanted), hit) for hit in islice(object_hits(stores, wanted), MOST)]
    scored.sort(key=lambda pair: pair[0])
    return [hit for _, hit in scored[:CAP]], len(scored) > CAP


def _score(hit: Hit, words: list[str]) -> tuple[int, int]:
    """Return a rank, less is better: exact, then beginning, then inside the label, then only in the note."""
    label = hit.label.casefold()
    first = words[0]
    place = 0 if label == first else 1 if label.startswith(first) else 2 if first in label else 3
    return place, len(label)


def _title(command: Command) -> str:
    return f"{command.title}  ({key_label(command)})"
