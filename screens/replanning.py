"""Previews from command lines: what a job says takes it back, or does the same again."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bakeryops.model.overview import ObjectRef
from bakeryops.read.flux import OBJECTS, SOURCES, SYNCS
from bakeryops.read.needs import plural_of
from screens import plans
from screens.asking import until_of
from screens.proposal import Proposal

if TYPE_CHECKING:
    from screens.console import Console

__all__ = ["proposal_of"]

_FLUX = {kind: name for group in (SOURCES, SYNCS, OBJECTS) for name, kind in group.items()}
_FLAGS = frozenset(
    {"--undo", "--wait", "--evict", "--no-source", "--hold", "--no-hold", "--cancel-builds", "--resume",
     "--commit-only"}
)  # fmt: skip

_Take = Callable[["Console", Sequence[str], dict[str, str]], Proposal | None]


def proposal_of(console: Console, command: str) -> Proposal | None:
    """Return what a `bakeryops …` line means, None where the console has no such plan."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if len(words) < 3 or words[0] != "bakeryops":
        return None
    names, options = _taken(words[1:])
    for length in (2, 1):
        take = _TAKES.get(" ".join(names[:length]))
        if take is not None:
            return take(console, names[length:], options)
    return None


def _taken(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the words that are no options, and the options with their values, "" for flags."""
    names: list[str] = []
    options: dict[str, str] = {}
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        if not word.startswith("-"):
            names.append(word)
        elif "=" in word:
            name, _, options[name] = word.partition("=")
        elif word in _FLAGS or place >= len(words):
            options[word] = ""
        else:
            options[word] = words[place]
            place += 1
    return names, options


def _rollback(console: Console, names: Sequence[str], options: dict[str, str]) -> Proposal | None:
    if "--release" in options:
        return plans.rollback_release(console, options["--release"])
    if "--point" in options:
        return plans.rollback_point(console, options["--point"])
    if not names:
        return None
    if "--undo" in options:
        return plans.undo(console, names[0])
    return plans.rollback(
        console,
        names[0],
        options.get("--to", ""),
        reason=options.get("--reason", ""),
        hold="--no-hold" not in options,
        cancel_builds="--cancel-builds" in options,
        resume="--resume" in options,
    )


def _hold(console: Console, names: Sequence[str], options: dict[str, str]) -> Proposal | None:
    until = until_of(options.get("--until", ""), console.now())
    return plans.hold(console, names[0], options.get("--reason", ""), until) if names else None


def _unhold(console: Console, names: Sequence[str], options: dict[str, str]) -> Proposal | None:
    return plans.unhold(console, names) if names else None


def _rebuild(console: Console, names: Sequence[str], options: dict[str, str]) -> Proposal | None:
    return plans.rebuild(console, names, options.get("--at", "")) if names else None


def _rerun(console: Console, names: Sequence[str], options: dict[str, str]) -> Proposal | None:
    return plans.rerun(console, "", names[0]) if names else None


def _cancel(console: Console, names: Sequence[str], options: dict[str, str]) -> Proposal | None:
    return plans.cancel(console, "", names[0], options.get("--mode", "graceful")) if names else None


def _flux(what: Callable[[Console, ObjectRef], Proposal]) -> _Take:
    def take(console: Console, names: Sequence[str], options: dict[str, str]) -> Proposal | None:
        ref = _flux_ref(names, options)
        return what(console, ref) if ref is not None else None

    return take


def _suspend(console: Console, names: Sequence[str], options: dict[str, str]) -> Proposal | None:
    ref = _flux_ref(names, options)
    until = until_of(options.get("--until", ""), console.now())
    return plans.suspend(console, ref, options.get("--reason", ""), until) if ref is not None else None


def _restart(console: Console, names: Sequence[str], options: dict[str, str]) -> Proposal | None:
    ref = _workload_ref(names, options)
    return plans.restart(console, ref) if ref is not None else None


def _scale(console: Console, names: Sequence[str], options: dict[str, str]) -> Proposal | None:
    ref = _workload_ref(names, options)
    if ref is None or len(names) < 2 or not names[1].isdecimal():
        return None
    return plans.scale(console, ref, int(names[1]))


def _flux_ref(names: Sequence[str], options: dict[str, str]) -> ObjectRef | None:
    if not names:
        return None
    kind, mark, name = names[0].rpartition("/")
    plural = _FLUX.get(kind, kind.lower()) if mark else "kustomizations"
    return ObjectRef(plural, options.get("-n", ""), name)


def _workload_ref(names: Sequence[str], options: dict[str, str]) -> ObjectRef | None:
    if not names:
        return None
    kind, mark, name = names[0].rpartition("/")
    return ObjectRef(plural_of(kind), options.get("-n", ""), name) if mark else None


_TAKES: dict[str, _Take] = {
    "rollback": _rollback,
    "hold": _hold,
    "unhold": _unhold,
    "rebuild": _rebuild,
    "builds rerun": _rerun,
    "builds cancel": _cancel,
    "flux reconcile": _flux(plans.reconcile),
    "flux resume": _flux(plans.resume),
    "flux approve": _flux(plans.approve),
    "flux suspend": _suspend,
    "workloads restart": _restart,
    "workloads scale": _scale,
}
"""By the words of the command line."""
