"""The combinations that a matrix fans a pipeline task out into."""

from __future__ import annotations

from itertools import product
from typing import Any

from bakeryops.demo.contracts import Object

__all__ = ["Combination", "combinations"]

Combination = tuple[str, dict[str, Any]]
"""A name ("" for none) and the params of one run of the task."""


def combinations(task: Object) -> list[Combination]:
    """Return the combinations of a pipeline task whose results are filled in; one without params for no matrix."""
    matrix = task.get("matrix")
    if not matrix:
        return [("", {})]
    params = matrix.get("params") or []
    names = [param["name"] for param in params]
    lists = [param.get("value") if isinstance(param.get("value"), list) else [] for param in params]
    found: list[Combination] = []
    if params:
        found = [("", dict(zip(names, values, strict=True))) for values in product(*lists)]
    for include in matrix.get("include") or ():
        extra = {param["name"]: param.get("value") for param in include.get("params") or ()}
        shared = {name: value for name, value in extra.items() if name in names}
        fitting = [
            index
            for index, (_, values) in enumerate(found)
            if params and all(values.get(name) == value for name, value in shared.items())
        ]
        if not fitting:
            found.append((include.get("name", ""), extra))
        for index in fitting:
            found[index] = (include.get("name", "") or found[index][0], {**found[index][1], **extra})
    return found
