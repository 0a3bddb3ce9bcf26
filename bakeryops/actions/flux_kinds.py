"""Which Flux object is meant, what may be asked of it, and the command lines about it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from bakeryops.cluster.kinds import KINDS
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.model.plan import Permission
from bakeryops.model.sync import FluxObject, Source, Sync
from bakeryops.read.flux import OBJECTS, SOURCES, SYNCS, flux_key
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.read.flux_index import FluxIndex, FluxView

__all__ = ["STATIC", "find_view", "line", "may", "plural", "shown", "source_view", "static"]

_PLURALS = {kind: name for group in (SOURCES, SYNCS, OBJECTS) for name, kind in group.items()}
STATIC = frozenset({"alerts", "providers"})
"""Kinds that no controller looks at: they have no state, and nothing to reconcile."""


def plural(kind: str) -> str:
    """Return the plural of a Flux kind (`Kustomization`; a plural stays as it is); raises `UsageError`."""
    name = kind if kind in KINDS else _PLURALS.get(kind, "")
    if name not in (*SOURCES, *SYNCS, *OBJECTS):
        raise UsageError(f"{clean(kind)} is no kind of Flux'", hint=f"Known: {', '.join(sorted(_PLURALS))}.")
    return name


def find_view(index: FluxIndex, kind: str, namespace: str, name: str) -> FluxView:
    """Return a Flux object as shown; raises `BakeryopsError` where there is none."""
    found = index.view(flux_key(plural(kind), namespace, name))
    if found is None:
        raise BakeryopsError(
            f"there is no {clean(kind)} {clean(name)} in {clean(namespace)}", hint="See: bakeryops flux"
        )
    return found


def source_view(index: FluxIndex, view: FluxView) -> Source | None:
    """Return the source of an applier, None where it has none that is known."""
    return index.sources.get(view.source) if isinstance(view, Sync) else None


def static(view: FluxView) -> bool:
    """Return whether nobody looks at an object, so that there is nothing to ask for."""
    return view.ref.plural in STATIC or (view.ref.plural == "helmrepositories" and view.state == "static")


def shown(view: Source | Sync | FluxObject) -> str:
    """Return an object's kind and name."""
    return f"{view.kind} {view.name}"


def line(verb: str, view: FluxView, *more: str) -> str:
    """Return the `bakeryops flux` line that does something with an object."""
    named = view.name if view.kind == "Kustomization" else f"{view.kind}/{view.name}"
    return shlex.join(["bakeryops", "flux", verb, named, "-n", view.namespace, *more])


def may(view: FluxView, *verbs: str) -> tuple[Permission, ...]:
    """Return the rights on an object."""
    kind = KINDS[view.ref.plural]
    return tuple(Permission(verb, kind.resource, view.namespace, "", kind.group) for verb in verbs)
