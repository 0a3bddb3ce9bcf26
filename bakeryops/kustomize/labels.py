"""Labels and annotations for all objects, in the places that kustomize puts them."""

from __future__ import annotations

from typing import Any

from bakeryops.kustomize.errors import KustomizeError
from bakeryops.kustomize.fields import boolean, mapping, pairs
from bakeryops.kustomize.resource import Resource, select

__all__ = ["set_annotations", "set_labels"]

_Place = tuple[tuple[str, ...], bool]
"""A path, and whether it is made where it is missing."""

_ON_OBJECT: _Place = (("metadata", "labels"), True)
_WITH_TEMPLATE = ("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "Job", "ReplicationController")


def _templates(kind: str, what: str) -> list[_Place]:
    if kind == "CronJob":
        return [
            (("spec", "jobTemplate", "metadata", what), True),
            (("spec", "jobTemplate", "spec", "template", "metadata", what), True),
        ]
    places: list[_Place] = []
    if kind in _WITH_TEMPLATE:
        places.append((("spec", "template", "metadata", what), True))
    if kind == "StatefulSet" and what == "labels":
        places.append((("spec", "volumeClaimTemplates", "metadata", "labels"), True))
    return places


_TERMS = (
    ("podAffinity", "preferredDuringSchedulingIgnoredDuringExecution", "podAffinityTerm"),
    ("podAffinity", "requiredDuringSchedulingIgnoredDuringExecution"),
    ("podAntiAffinity", "preferredDuringSchedulingIgnoredDuringExecution", "podAffinityTerm"),
    ("podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution"),
)


def _selectors(kind: str) -> list[_Place]:
    if kind in ("Service", "ReplicationController"):
        return [(("spec", "selector"), True)]
    if kind in ("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"):
        places: list[_Place] = [(("spec", "selector", "matchLabels"), True)]
        if kind in ("Deployment", "StatefulSet"):
            pod = ("spec", "template", "spec")
            places += [((*pod, "affinity", *term, "labelSelector", "matchLabels"), False) for term in _TERMS]
            places.append(((*pod, "topologySpreadConstraints", "labelSelector", "matchLabels"), False))
        return places
    if kind in ("Job", "PodDisruptionBudget"):
        return [(("spec", "selector", "matchLabels"), False)]
    if kind == "CronJob":
        return [(("spec", "jobTemplate", "spec", "selector", "matchLabels"), False)]
    if kind == "NetworkPolicy":
        return [
            (("spec", "podSelector", "matchLabels"), False),
            (("spec", "ingress", "from", "podSelector", "matchLabels"), False),
            (("spec", "egress", "to", "podSelector", "matchLabels"), False),
        ]
    return []


def set_labels(resources: list[Resource], entries: list[Any], common: dict[str, str]) -> None:
    """Set what `labels` and the older `commonLabels` (which also goes into selectors) ask for."""
    for entry in entries:
        found = mapping(entry, "labels", ("pairs", "includeSelectors", "includeTemplates", "fields"))
        if found.get("fields"):
            raise KustomizeError("labels.fields is not supported here")
        wanted = pairs(found, "pairs")
        selecting = boolean(found, "includeSelectors", "labels")
        templates = selecting or boolean(found, "includeTemplates", "labels")
        for each in resources:
            _label(each, wanted, selecting, templates)
    for each in resources:
        _label(each, common, selecting=True, templates=True)


def _label(each: Resource, wanted: dict[str, str], selecting: bool, templates: bool) -> None:
    places = [_ON_OBJECT]
    if templates:
        places += _templates(each.kind, "labels")
    if selecting:
        places += _selectors(each.kind)
    _set(each, places, wanted)


def set_annotations(resources: list[Resource], wanted: dict[str, str]) -> None:
    """Set what `commonAnnotations` asks for, on objects and on the pods that they make."""
    for each in resources:
        _set(each, [(("metadata", "annotations"), True), *_templates(each.kind, "annotations")], wanted)


def _set(each: Resource, places: list[_Place], wanted: dict[str, str]) -> None:
    if not wanted:
        return
    for path, create in places:
        for found in select(each.value, path[:-1], create=create):
            if path[-1] in found or create:
                held = found.get(path[-1])
                if held is None:
                    held = found[path[-1]] = {}
                if not isinstance(held, dict):
                    raise KustomizeError(f"{each.id}: {'.'.join(path)} is no map")
                held.update(wanted)
