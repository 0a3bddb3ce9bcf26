"""What Git says against what runs, as lines: a heading an object, then what goes and what comes."""

from __future__ import annotations

from collections.abc import Sequence

from bakeryops.model.difference import Difference
from bakeryops.model.overview import ObjectRef
from screens.lines import Line
from screens.widgets.diff import diff_lines

__all__ = ["drift_lines", "drift_summary"]

_ACTIONS = {
    "changed": ("~", "soon", "would be changed"), "created": ("+", "added", "would be created"),
    "pruned": ("-", "removed", "would be deleted"), "unknown": ("?", "unknown", "could not be read"),
}  # fmt: skip
_GRAVE = ("statefulsets", "persistentvolumeclaims", "namespaces")
"""Kinds whose deletion takes data along."""


def drift_summary(differences: Sequence[Difference], same: int) -> Line:
    """Return in one line what the next apply would do."""
    counts = {action: sum(1 for each in differences if each.action == action) for action in _ACTIONS}
    if not differences:
        return ((f" ✔ Git and cluster agree on all {same} objects", "fine"),)
    spans = [(" ", "")]
    for action, (sign, tone, words) in _ACTIONS.items():
        if counts[action]:
            spans.append((f"{sign} {counts[action]} {words}  ", tone))
    return (*spans, (f"{same} alike", "dim"))


def drift_lines(differences: Sequence[Difference]) -> list[Line]:
    """Return every difference, objects one after the other."""
    lines: list[Line] = []
    for each in differences:
        sign, tone, words = _ACTIONS.get(each.action, _ACTIONS["unknown"])
        grave = each.action == "pruned" and each.ref.plural in _GRAVE
        heading = ((f" {sign} {each.kind} {_where(each.ref)}", tone), (f"  {words}", "dim"))
        lines += [(*heading, ("  and its data with it", "bad")) if grave else heading]
        lines += [line for line in diff_lines(each.lines, "   ") if not _header(line)]
        lines.append((("", ""),))
    return lines


def _header(line: Line) -> bool:
    return line[0][0].strip().startswith(("--- ", "+++ "))


def _where(ref: ObjectRef) -> str:
    return f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name
