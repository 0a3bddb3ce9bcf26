"""Which service an object belongs to, found from its labels."""

from __future__ import annotations

from collections.abc import Mapping

from bakeryops.text import clean

__all__ = ["component", "part_of", "service", "version"]

_NAME = ("app.kubernetes.io/name", "app", "k8s-app", "app.kubernetes.io/instance", "name")


def service(labels: Mapping[str, str] | None, fallback: str) -> str:
    """Return the name of the service, by the recommended label, then by the customary ones, else `fallback`."""
    if labels:
        for key in _NAME:
            if value := labels.get(key):
                return clean(value)
    return clean(fallback)


def component(labels: Mapping[str, str] | None) -> str:
    """Return the part an object plays in its service ("database", "api"), or an empty text."""
    if not labels:
        return ""
    return clean(labels.get("app.kubernetes.io/component") or labels.get("component") or labels.get("tier") or "")


def part_of(labels: Mapping[str, str] | None) -> str:
    """Return the larger whole an object belongs to, or an empty text."""
    return clean(labels.get("app.kubernetes.io/part-of") or "") if labels else ""


def version(labels: Mapping[str, str] | None) -> str:
    """Return the version an object says it is of, without a leading "v", or an empty text."""
    return clean(labels.get("app.kubernetes.io/version") or "").removeprefix("v") if labels else ""
