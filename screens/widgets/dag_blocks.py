"""The stages of a graph as blocks of text: one node, or the children of a stage under one another or counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from screens.widgets.cells import cells_wide, cut, harmless
from screens.widgets.spans import MARKED, Span, SpanLine, joined

__all__ = ["Block", "DagNode", "Place", "Stage", "block_of", "counts", "stages_of"]

_COUNTED = ("fine", "bad", "soon", "working", "held", "unknown")
"""The order in which states are counted."""

_URGENT = {"bad": 0, "soon": 1, "working": 2, "held": 3}

_NAMED = 2
"""Children named in one line with the counts of the others, at most."""


class DagNode(NamedTuple):
    """One node: `stage` gathers the children of one fan-out, `short` is what tells them apart there."""

    key: str
    stage: str
    title: str
    symbol: str
    tone: str
    after: tuple[str, ...] = ()
    """Stages it waits for."""
    short: str = ""
    last: bool = False
    """Whether it runs at the end, whatever happened before."""


class Place(NamedTuple):
    """Where a node is drawn."""

    key: str
    x: int
    y: int
    width: int


@dataclass
class Stage:
    """Nodes that stand together, and the names of the stages before them."""

    name: str
    nodes: list[DagNode] = field(default_factory=list)
    after: set[str] = field(default_factory=set)
    title: str = ""
    """What stands before its nodes, where that is not its name."""

    @property
    def last(self) -> bool:
        """Whether it runs at the end."""
        return any(node.last for node in self.nodes)


@dataclass
class Block:
    """Lines of a stage and where its nodes are; lines may differ in width."""

    lines: list[SpanLine]
    places: list[Place]

    @property
    def width(self) -> int:
        """Cells of the widest line."""
        return max((line_cells(line) for line in self.lines), default=0)


def line_cells(line: Iterable[Span]) -> int:
    """Return how many cells a line takes."""
    return sum(cells_wide(text) for text, _ in line)


def stages_of(nodes: Sequence[DagNode]) -> list[Stage]:
    """Return the stages in the order of the nodes; what they wait for and is not there is left out."""
    stages: dict[str, Stage] = {}
    for node in nodes:
        stage = stages.setdefault(node.stage, Stage(node.stage))
        stage.nodes.append(node)
        stage.after |= set(node.after)
    for stage in stages.values():
        stage.after &= stages.keys()
        stage.after.discard(stage.name)
    return list(stages.values())


def counts(nodes: Iterable[DagNode]) -> list[Span]:
    """Return how many nodes are in each state: "✔18", "✖1", with a space between."""
    found: dict[tuple[str, str], int] = {}
    for node in nodes:
        found[node.symbol, node.tone] = found.get((node.symbol, node.tone), 0) + 1
    order = {tone: number for number, tone in enumerate(_COUNTED)}
    spans: list[Span] = []
    for (symbol, tone), count in sorted(found.items(), key=lambda item: order.get(item[0][1], len(order))):
        spans += [(" ", ""), (f"{symbol}{count}", tone)]
    return spans[1:]


def block_of(stage: Stage, most: int | None, longest: int, selected: str) -> Block:
    """Draw a stage with at most `most` children (all: None; 1: in one line) and titles of `longest` cells."""
    if len(stage.nodes) == 1:
        node = stage.nodes[0]
        return _rows([], [(node, node.title)], longest, selected, 0)
    if most == 1:
        return _inline(stage, longest, selected)
    nodes = stage.nodes
    left: list[DagNode] = []
    if most is not None and len(nodes) > most:
        kept = {node.key for node in _urgent(nodes, selected)[: most - 1]}
        left = [node for node in nodes if node.key not in kept]
        nodes = [node for node in nodes if node.key in kept]
    head = cut(harmless(stage.title or stage.name), longest)
    wide = max(cells_wide(cut(harmless(_short(node)), longest)) for node in nodes)
    return _rows(left, [(node, _short(node)) for node in nodes], longest, selected, wide, head)


def _short(node: DagNode) -> str:
    return node.short or node.title


def _urgent(nodes: Sequence[DagNode], selected: str) -> list[DagNode]:
    """Return the nodes, the selected one first, then the bad, then those at work."""
    return sorted(nodes, key=lambda node: (node.key != selected, _URGENT.get(node.tone, 9)))


def _node(node: DagNode, title: str, longest: int, selected: str, wide: int) -> list[Span]:
    """Return a node's title, padded to `wide` cells, and its symbol."""
    text = cut(harmless(title), longest)
    mark = MARKED if node.key == selected else ""
    padding = " " * max(0, wide - cells_wide(text))
    return [(f"{text}{padding} ", f"{mark}{'' if node.tone != 'bad' else 'bad'}"), (node.symbol, mark + node.tone)]


def _rows(
    left: Sequence[DagNode],
    nodes: Sequence[tuple[DagNode, str]],
    longest: int,
    selected: str,
    wide: int,
    head: str = "",
) -> Block:
    """Return nodes one under another behind a head, and the counts of those left out."""
    lines: list[SpanLine] = []
    places: list[Place] = []
    rows = len(nodes) + bool(left)
    indent = cells_wide(head)
    for y in range(rows):
        spans: list[Span] = []
        if rows > 1 or head:
            end = y == rows - 1
            branch = "─" if rows == 1 else "┬" if y == 0 else "└" if end else "├"
            spans = [(head if y == 0 else " " * indent, ""), (f" {branch} ", "dim")]
        start = line_cells(spans)
        if y < len(nodes):
            node, title = nodes[y]
            spans += _node(node, title, longest, selected, wide)
            places.append(Place(node.key, start, y, line_cells(spans) - start))
        else:
            spans += counts(left)
        lines.append(joined(spans))
    return Block(lines, places)


def _inline(stage: Stage, longest: int, selected: str) -> Block:
    """Return a stage in one line: the selected child and bad ones by name, the others counted."""
    named = [node for node in _urgent(stage.nodes, selected) if node.key == selected or node.tone == "bad"][
        :_NAMED
    ]
    others = [node for node in stage.nodes if node not in named]
    spans: list[Span] = [(cut(harmless(stage.title or stage.name), longest), "")]
    places: list[Place] = []
    if others:
        spans += [(" ", ""), *counts(others)]
    for node in named:
        spans.append((" ", ""))
        start = line_cells(spans)
        mark = MARKED if node.key == selected else ""
        text = cut(harmless(_short(node)), longest)
        spans += [(node.symbol, mark + node.tone), (f" {text}", mark + ("bad" if node.tone == "bad" else ""))]
        places.append(Place(node.key, start, 0, line_cells(spans) - start))
    return Block([joined(spans)], places)
