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

__all__ = ["STATIC", "find_named", "find_view", "line", "may", "plural", "shown", "source_view", "static"]

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


_SHORT = {
    "ks": "kustomizations", "hr": "helmreleases", "gitrepo": "gitrepositories", "ocirepo": "ocirepositories",
    "helmrepo": "helmrepositories", "hc": "helmcharts", "imgrepo": "imagerepositories", "imgpol": "imagepolicies",
    "imgupd": "imageupdateautomations",
}  # fmt: skip
"""What people call kinds, as kubectl and flux know them."""


def find_named(index: FluxIndex, text: str | None, namespace: str | None) -> FluxView:
    """Return the object that is meant by NAME, KIND/NAME or NAMESPACE/NAME; without a name the only Kustomization.

    A bare name means a Kustomization first, then a HelmRelease, then anything else. Raises `UsageError` where that
    is not clear, `BakeryopsError` where there is none.
    """
    views = [each for each in index.views() if namespace in (None, each.namespace)]
    before, slash, name = (text or "").rpartition("/")
    if text is None:
        found = [each for each in views if each.ref.plural == "kustomizations"]
    elif slash:
        kind = _SHORT.get(before.lower(), before.lower())
        found = [each for each in views if each.name == name and kind in (each.kind.lower(), each.ref.plural)]
        found = found or [each for each in views if each.name == name and each.namespace == before]
        found = _first_of(found) if found and kind not in (found[0].kind.lower(), found[0].ref.plural) else found
    else:
        found = _first_of([each for each in views if each.name == name])
    if not found:
        known = ", ".join(sorted({each.name for each in views}))
        raise BakeryopsError(
            f"Flux has nothing called {clean(text)}" if text else "Flux applies nothing here",
            hint=f"There are: {known}." if known else "Is Flux installed? See: bakeryops status",
        )
    if len(found) > 1:
        names = ", ".join(sorted(f"{each.kind}/{each.name} -n {each.namespace}" for each in found))
        raise UsageError("which one is meant?", hint=f"Give its name: {names}.")
    return found[0]


def _first_of(views: list[FluxView]) -> list[FluxView]:
    """Return those of the kind that a bare name means first."""
    for plural_name in SYNCS:
        chosen = [each for each in views if each.ref.plural == plural_name]
        if chosen:
            return chosen
    return views


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
