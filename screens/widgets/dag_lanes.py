"""The lines between two levels of a graph, drawn with box characters."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

__all__ = ["lanes"]

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_BOXES = {
    0: " ", _LEFT: "─", _RIGHT: "─", _LEFT | _RIGHT: "─", _UP: "│", _DOWN: "│", _UP | _DOWN: "│",
    _DOWN | _RIGHT: "┌", _DOWN | _LEFT: "┐", _UP | _RIGHT: "└", _UP | _LEFT: "┘",
    _UP | _DOWN | _RIGHT: "├", _UP | _DOWN | _LEFT: "┤", _LEFT | _RIGHT | _DOWN: "┬", _LEFT | _RIGHT | _UP: "┴",
    _UP | _DOWN | _LEFT | _RIGHT: "┼",
}  # fmt: skip

Bundle = tuple[frozenset[int], frozenset[int]]
"""Rows on the left of which each leads to every one of the rows on the right."""


def lanes(
    edges: Iterable[tuple[int, int]],
    rows: int,
    *,
    tight: bool = False,
    through: Container[int] = (),
    running: Container[int] = (),
) -> list[str]:
    """Return `rows` texts of equal width that join rows on the left with rows on the right, with arrows.

    What leads to the same rows shares one vertical line. Rows `through` the level on the right get no arrow, and
    those that are `running` through the one on the left no gap before them.
    """
    bundles = _ordered(_bundles(edges))
    columns: dict[Bundle, int] = {}
    first = 0 if tight or all(map(_straight, bundles)) else 1
    for bundle in bundles:
        if not _straight(bundle):
            columns[bundle] = len(columns) + first
    width = max(1, len(columns) + first)
    grid = [[0] * width for _ in range(rows)]
    ends: set[int] = set()
    for bundle in bundles:
        lane = columns.get(bundle, width - 1)
        _draw(grid, bundle, lane, straight=bundle not in columns)
        ends |= bundle[1]
    gap = "" if tight else " "
    texts = []
    for row, cells in enumerate(grid):
        end = "─" if row in through else "▶" if row in ends else " "
        before = gap and ("─" if row in running and cells[0] & _LEFT else " ")
        after = gap and ("─" if row in ends and row in through else " ")
        texts.append(before + "".join(_BOXES[cell] for cell in cells) + (end if row in ends else " ") + after)
    return texts


def _draw(grid: list[list[int]], bundle: Bundle, lane: int, *, straight: bool) -> None:
    left, right = bundle
    width = len(grid[0])
    for row in left:
        for x in range(lane):
            grid[row][x] |= _LEFT | _RIGHT
        grid[row][lane] |= _LEFT
    for row in right:
        for x in range(lane + 1, width):
            grid[row][x] |= _LEFT | _RIGHT
        grid[row][lane] |= _RIGHT
    if straight:
        return
    top, bottom = min(left | right), max(left | right)
    for row in range(top, bottom + 1):
        grid[row][lane] |= (_UP if row > top else 0) | (_DOWN if row < bottom else 0)


def _straight(bundle: Bundle) -> bool:
    left, right = bundle
    return len(left) == 1 and left == right


def _bundles(edges: Iterable[tuple[int, int]]) -> list[Bundle]:
    targets: dict[int, set[int]] = {}
    for left, right in edges:
        targets.setdefault(left, set()).add(right)
    gathered: dict[frozenset[int], set[int]] = {}
    for left, found in targets.items():
        gathered.setdefault(frozenset(found), set()).add(left)
    return [(frozenset(left), right) for right, left in gathered.items()]


def _ordered(bundles: Sequence[Bundle]) -> list[Bundle]:
    """Return the bundles from left to right: one that starts on a row where another ends goes first."""
    left = list(bundles)
    found: list[Bundle] = []
    before: Mapping[Bundle, list[Bundle]] = {
        bundle: [other for other in bundles if other is not bundle and other[0] & bundle[1]] for bundle in bundles
    }
    while left:
        free = next((each for each in left if not any(other in left for other in before[each])), left[0])
        left.remove(free)
        found.append(free)
    return found
