"""What a pipeline task needs of others: results, order, and the cycle that must not be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bakeryops.demo.contracts import Object
from bakeryops.demo.tekton.substitution import references

__all__ = ["ResultOf", "cycle", "needs", "results_needed"]

_RESULT = re.compile(r"tasks\.([^.\[\]]+)\.results\.([^.\[\]]+)(.*)")
_MATRIX = re.compile(r"tasks\.([^.\[\]]+)\.matrix\.")
_NAMING = ("params", "matrix", "when", "displayName")


class ResultOf(NamedTuple):
    """A result that a task takes from another."""

    task: str
    name: str
    whole: bool
    """Whether all values of a matrix, or a whole array, are meant (`[*]`)."""


def results_needed(task: Object) -> list[ResultOf]:
    """Return the results that a pipeline task names, each once, in order."""
    found: dict[ResultOf, None] = {}
    for name in references([task.get(field) for field in (*_NAMING, "taskSpec")]):
        if (match := _RESULT.fullmatch(name)) is not None:
            found[ResultOf(match[1], match[2], match[3] == "[*]")] = None
    return list(found)


def needs(task: Object) -> set[str]:
    """Return the names of the pipeline tasks that must have ended before a task may start."""
    found = set(task.get("runAfter") or ()) | {each.task for each in results_needed(task)}
    for name in references([task.get(field) for field in _NAMING]):
        if (match := _MATRIX.match(name)) is not None:
            found.add(match[1])
    return found


def cycle(tasks: Iterable[Object]) -> tuple[str, list[str]] | None:
    """Return a task that depends on itself in the end and what it depends on, None where there is none."""
    open_needs: Mapping[str, set[str]] = {task["name"]: needs(task) for task in tasks if task.get("name")}
    left = {name: set(wanted) & open_needs.keys() for name, wanted in open_needs.items()}
    while left:
        free = [name for name, wanted in left.items() if not wanted & left.keys()]
        if not free:
            name = min(left)
            return name, sorted(left[name] & left.keys())
        for name in free:
            del left[name]
    return None
