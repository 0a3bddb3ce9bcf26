"""Label selectors in their text form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bakeryops.kustomize.errors import KustomizeError

__all__ = ["label_matcher"]

_KEY = r"[A-Za-z0-9][A-Za-z0-9._/-]*"
_EQUALS = re.compile(rf"({_KEY})\s*(==|=|!=)\s*([A-Za-z0-9._-]*)")
_IN = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_HAS = re.compile(rf"(!?)\s*({_KEY})")

_Test = Callable[[Mapping[str, Any]], bool]


def label_matcher(selector: str) -> _Test:
    """Return a test for labels; raises `KustomizeError` for a selector that cannot be read."""
    tests = [_test(part.strip()) for part in re.split(r",(?![^(]*\))", selector)]
    return lambda labels: all(test(labels) for test in tests)


def _test(part: str) -> _Test:
    if found := _EQUALS.fullmatch(part):
        key, operator, value = found.groups()
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := _IN.fullmatch(part):
        key, operator = found[1], found[2]
        values = {each.strip() for each in found[3].split(",")}
        if operator == "in":
            return lambda labels: key in labels and labels[key] in values
        return lambda labels: key not in labels or labels[key] not in values
    if found := _HAS.fullmatch(part):
        absent, key = bool(found[1]), found[2]
        return lambda labels: (key in labels) != absent
    raise KustomizeError(f"unable to parse the selector {part!r}")
