"""A graph of stages as lines of text, left to right; the most detail that fits into the room there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from screens.widgets.cells import cells_wide, cut, harmless
from screens.widgets.dag_blocks import Block, DagNode, Place, Stage, block_of, counts, line_cells, stages_of
from screens.widgets.dag_lanes import lanes
from screens.widgets.spans import MARKED, Span, SpanLine, joined

__all__ = ["Drawing", "draw_dag"]

LAST = "finally: "
"""What stands before the nodes that run at the end."""

_DETAILS = (
    (None, False), (8, False), (5, False), (4, False), (3, False), (1, False), (4, True), (3, True), (1, True),
)  # fmt: skip
"""Children shown of a stage at most, and whether stages side by side are gathered: from most detail to least."""

_LONGEST = (32, 16)
"""Cells of a title, in a loose and in a tight drawing."""

_BREAK = " ─▶"
"""What ends a line of stages that goes on below, and begins the next one."""


class Drawing(NamedTuple):
    """Lines, and where each node is that is drawn by itself."""

    lines: tuple[SpanLine, ...] = ()
    places: tuple[Place, ...] = ()


class _Laid(NamedTuple):
    """A block of a level: its first row, and whether it only lets a line through."""

    name: str
    row: int
    block: Block
    through: bool = False


@dataclass
class _Canvas:
    """Lines that grow to the right, band under band."""

    lines: list[list[Span]] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    top: int = 0
    x: int = 0

    def band(self) -> None:
        """Begin a band below what is there."""
        self.top, self.x = len(self.lines), 0

    def put(self, row: int, x: int, spans: Sequence[Span]) -> None:
        """Put spans on a row of the band, at a cell at or behind its end."""
        while len(self.lines) <= self.top + row:
            self.lines.append([])
        line = self.lines[self.top + row]
        line.append((" " * (x - line_cells(line)), ""))
        line += spans

    def block(self, block: Block, row: int, x: int) -> None:
        """Put a block's lines and remember where its nodes are."""
        for y, spans in enumerate(block.lines):
            self.put(row + y, x, spans)
        self.places += [each._replace(x=each.x + x, y=each.y + row + self.top) for each in block.places]


def draw_dag(nodes: Sequence[DagNode], width: int, height: int, selected: str = "") -> Drawing:
    """Draw the nodes in at most `width` cells and `height` lines, with the selected one and bad ones in view.

    Where the room is small, children of a stage are counted, then stages side by side, then everything.
    """
    if not nodes or width <= 0 or height <= 0:
        return Drawing()
    stages = stages_of(nodes)
    for most, merged in _DETAILS:
        shown = _merged(stages) if merged else stages
        for tight in (False, True):
            drawing = _draw(shown, width, most, tight, selected)
            if len(drawing.lines) <= height and all(line_cells(line) <= width for line in drawing.lines):
                return drawing
    return _summary(nodes, width, selected)


def _draw(stages: Sequence[Stage], width: int, most: int | None, tight: bool, selected: str) -> Drawing:
    canvas = _Canvas()
    longest = min(_LONGEST[tight], max(4, width - 12))

    def block(stage: Stage) -> Block:
        return block_of(stage, most, longest, selected)

    levels, edges = _levels([stage for stage in stages if not stage.last])
    before: list[_Laid] = []
    for number, level in enumerate(levels):
        laid = _stack(level, block)
        size = max(each.block.width for each in laid)
        rows = max([*(each.row for each in before), *(each.row for each in laid)], default=0) + 1
        joins = [(left.row, right.row) for left in before for right in laid if (left.name, right.name) in edges]
        through = {each.row for each in laid if each.through}
        running = {each.row for each in before if each.through or _short(each, before)}
        between = lanes(joins, rows, tight=tight, through=through, running=running) if before else []
        gap = cells_wide(between[0]) if between else 0
        if before and canvas.x + gap + size + (len(_BREAK) if number + 1 < len(levels) else 0) > width:
            _break(canvas, before, joins)
            for each in laid:
                arrow = any(right == each.row for _, right in joins)
                canvas.put(each.row, 0, [(f"{_BREAK} " if arrow else " " * (len(_BREAK) + 1), "dim")])
            canvas.x = len(_BREAK) + 1
        elif before:
            _run_on(canvas, before, joins)
            for row, text in enumerate(between):
                canvas.put(row, canvas.x, [(text, "dim")])
            canvas.x += gap
        for each in laid:
            if each.through:
                canvas.put(each.row, canvas.x, [("─" * size, "dim")])
            else:
                canvas.block(each.block, each.row, canvas.x)
        canvas.x += size
        before = laid
    _draw_last(canvas, [block(stage) for stage in stages if stage.last], width)
    return Drawing(tuple(_trimmed(line) for line in canvas.lines), tuple(canvas.places))


def _run_on(canvas: _Canvas, laid: Sequence[_Laid], joins: Sequence[tuple[int, int]]) -> None:
    """Lead lines from the ends of short blocks to the end of their level."""
    for each in laid:
        if any(left == each.row for left, _ in joins):
            used = line_cells(canvas.lines[canvas.top + each.row])
            if used < canvas.x:
                lead = "─" * (canvas.x - used)
                canvas.put(each.row, used, [(lead if each.through else f" {lead[1:]}", "dim")])


def _short(laid: _Laid, level: Sequence[_Laid]) -> bool:
    """Tell whether a block's first line ends before its level does."""
    return line_cells(laid.block.lines[0]) < max(each.block.width for each in level)


def _break(canvas: _Canvas, laid: Sequence[_Laid], joins: Sequence[tuple[int, int]]) -> None:
    """End a band: what leads on gets an arrow."""
    for each in laid:
        if any(left == each.row for left, _ in joins):
            canvas.put(each.row, line_cells(canvas.lines[canvas.top + each.row]), [(_BREAK, "dim")])
    canvas.band()


def _draw_last(canvas: _Canvas, blocks: Sequence[Block], width: int) -> None:
    """Put what runs at the end behind the rest, or below it."""
    for number, block in enumerate(blocks):
        head = LAST if number == 0 else "  "
        x = canvas.x + (3 if number == 0 and canvas.x else 0)
        if canvas.x and x + cells_wide(head) + block.width > width:
            canvas.band()
            x = 0
        canvas.put(0, x, [(head, "dim")])
        x += cells_wide(head)
        canvas.block(block, 0, x)
        canvas.x = x + block.width


def _trimmed(line: Sequence[Span]) -> SpanLine:
    spans = list(joined(line))
    while spans and not spans[-1][0].strip() and not spans[-1][1].startswith(MARKED):
        spans.pop()
    return tuple(spans)


def _stack(level: Sequence[Stage], block: Callable[[Stage], Block]) -> list[_Laid]:
    laid: list[_Laid] = []
    row = 0
    for stage in level:
        drawn = block(stage) if stage.nodes else Block([()], [])
        laid.append(_Laid(stage.name, row, drawn, through=not stage.nodes))
        row += len(drawn.lines)
    return laid


def _levels(stages: Sequence[Stage]) -> tuple[list[list[Stage]], set[tuple[str, str]]]:
    """Return the stages by their distance from the beginning, and the lines between neighbouring levels.

    A line over several levels passes through each of them, as a stage without nodes.
    """
    after = _reduced({stage.name: stage.after & {other.name for other in stages} for stage in stages})
    depth = _depths(after)
    levels: list[list[Stage]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for stage in stages:
        levels[depth[stage.name]].append(stage)
    edges: set[tuple[str, str]] = set()
    passing: set[str] = set()
    for stage in stages:
        for source in after[stage.name]:
            here = source
            for level in range(depth[source] + 1, depth[stage.name]):
                name = f"{source}\0{level}"
                if name not in passing:
                    passing.add(name)
                    levels[level].append(Stage(name))
                edges.add((here, name))
                here = name
            edges.add((here, stage.name))
    return levels, edges


def _depths(after: dict[str, set[str]]) -> dict[str, int]:
    """Return how far each stage is from the beginning; what waits for itself counts as a beginning."""
    depth: dict[str, int] = {}
    left = dict(after)
    while left:
        free = [name for name, sources in left.items() if all(source in depth for source in sources)]
        if not free:
            free = [next(iter(left))]
            after[free[0]] = {source for source in after[free[0]] if source in depth}
        for name in free:
            depth[name] = max((depth[source] + 1 for source in after[name]), default=0)
        for name in free:
            del left[name]
    return depth


def _reduced(after: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the same order without what follows from the rest: a line from a to c where there is a, b, c."""
    above: dict[str, set[str]] = {}

    def ancestors(name: str) -> set[str]:
        if name not in above:
            above[name] = set()
            above[name] = set(after[name]).union(*(ancestors(each) for each in after[name]))
        return above[name]

    for name in after:
        ancestors(name)
    return {
        name: {each for each in sources if not any(each in above[other] for other in sources if other != each)}
        for name, sources in after.items()
    }


def _merged(stages: Sequence[Stage]) -> list[Stage]:
    """Return the stages with those that wait for the same, and are waited for by the same, made one."""
    followers = {
        stage.name: frozenset(each.name for each in stages if stage.name in each.after) for stage in stages
    }
    groups: dict[tuple[frozenset[str], frozenset[str], bool], list[Stage]] = {}
    for stage in stages:
        groups.setdefault((frozenset(stage.after), followers[stage.name], stage.last), []).append(stage)
    names: dict[str, str] = {}
    merged: list[Stage] = []
    for found in groups.values():
        name = found[0].name
        title = "" if len(found) == 1 else f"{sum(len(stage.nodes) for stage in found)} tasks"
        names |= {stage.name: name for stage in found}
        nodes = [node._replace(short=node.title) if len(found) > 1 else node for s in found for node in s.nodes]
        merged.append(Stage(name, nodes, set(found[0].after), title))
    for stage in merged:
        stage.after = {names[each] for each in stage.after if each in names}
    return merged


def _summary(nodes: Sequence[DagNode], width: int, selected: str) -> Drawing:
    """Return everything in one line: counts, the selected node and the first bad one."""
    spans: list[Span] = [(f"{len(nodes)} tasks ", ""), *counts(nodes)]
    places: list[Place] = []
    named = [node for node in nodes if node.key == selected or node.tone == "bad"]
    for node in sorted(named, key=lambda node: node.key != selected)[:2]:
        spans.append(("  ", ""))
        start = line_cells(spans)
        room = max(0, width - start - 2)
        if room < 4:
            break
        mark = MARKED if node.key == selected else ""
        spans += [(node.symbol, mark + node.tone), (f" {cut(harmless(node.title), room)}", mark)]
        places.append(Place(node.key, start, 0, line_cells(spans) - start))
    kept: list[Span] = []
    for text, tone in spans:
        room = width - line_cells(kept)
        kept.append((cut(text, room), tone))
    return Drawing((joined(kept),), tuple(places))
