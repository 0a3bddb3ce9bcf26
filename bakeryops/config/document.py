"""The configuration file as text: read as plain YAML with line numbers, anything clever refused.

The file is read from the parser's events, without building objects: no tag is obeyed, no alias expanded, and
nesting and size have limits, so a hostile file costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from bakeryops.text import clean

__all__ = ["Leaf", "Problem", "parse"]

_LARGEST = 64 * 1024
_DEEPEST = 6

_Event = yaml.Event


def _place(event: _Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where; line and column count from 1, 0 where there is none."""

    line: int
    column: int
    text: str

    def at(self, file: Path) -> str:
        """Return `FILE:LINE:COLUMN: text`."""
        place = f":{self.line}:{self.column}" if self.line else ""
        return f"{clean(str(file))}{place}: {clean(self.text)}"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value as written: text, a list of texts, or None for an empty one."""

    name: str
    value: str | list[str] | None
    line: int
    column: int


class _RefusedError(Exception):
    def __init__(self, event: _Event, text: str) -> None:
        super().__init__(text)
        self.problem = Problem(*_place(event), text)


@dataclass(slots=True)
class _Reader:
    events: Iterator[_Event]
    leaves: list[Leaf] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def next(self) -> _Event:
        event = next(self.events)
        if isinstance(event, yaml.AliasEvent):
            raise _RefusedError(event, f"an alias (*{event.anchor}); write the value out")
        if isinstance(event, yaml.NodeEvent) and event.anchor:
            raise _RefusedError(event, f"an anchor (&{event.anchor}) has no use here; leave it out")
        if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) and event.tag not in (None, "!"):
            raise _RefusedError(event, f"a tag ({event.tag}) has no use here; leave it out")
        return event

    def mapping(self, prefix: str, depth: int) -> None:
        seen: dict[str, int] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _RefusedError(event, "a key must be a plain word")
            line, column = _place(event)
            name = prefix + event.value
            if name in seen:
                self.problems.append(
                    Problem(line, column, f"{name}: set twice; the first is in line {seen[name]}")
                )
            seen.setdefault(name, line)
            self.value(name, line, column, depth)

    def value(self, name: str, line: int, column: int, depth: int) -> None:
        event = self.next()
        if depth >= _DEEPEST and isinstance(event, yaml.CollectionStartEvent):
            raise _RefusedError(event, f"{name}: nested too deeply")
        if isinstance(event, yaml.MappingStartEvent):
            before = len(self.leaves)
            self.mapping(f"{name}.", depth + 1)
            if len(self.leaves) == before:
                self.leaves.append(Leaf(name, None, line, column))
        elif isinstance(event, yaml.SequenceStartEvent):
            self.leaves.append(Leaf(name, self.items(name), line, column))
        else:
            assert isinstance(event, yaml.ScalarEvent)
            empty = event.style is None and event.value in ("", "~", "null", "Null", "NULL")
            self.leaves.append(Leaf(name, None if empty else event.value, line, column))

    def items(self, name: str) -> list[str]:
        found: list[str] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _RefusedError(event, f"{name}: a list of plain words is wanted")
            found.append(event.value)
        return found


def _scan_problem(error: yaml.YAMLError) -> Problem:
    """Return the parser's complaint in words of ours."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(0, 0, f"not YAML: {str(error).splitlines()[0]}")
    mark = error.problem_mark or error.context_mark
    text = error.problem or "not YAML"
    if "'\\t'" in text:
        text = "a tab; YAML is indented by spaces only"
    elif "mapping values are not allowed" in text:
        text = "a second ':' in one line; indent what belongs below a key, or put the value in quotes"
    elif "could not find expected ':'" in text:
        mark, text = error.context_mark or mark, "no ':' after the key"
    elif "unexpected end of stream" in text and error.context_mark:
        mark, text = error.context_mark, "a quote that is opened here is never closed"
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return Problem(line, column, text)


def parse(data: bytes) -> tuple[list[Leaf], list[Problem]]:
    """Return every leaf of the file by its dotted name, and every problem of form; never raises."""
    if len(data) > _LARGEST:
        return [], [Problem(0, 0, f"larger than {_LARGEST // 1024} KiB; this is no configuration of bakeryops")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [Problem(data.count(b"\n", 0, error.start) + 1, 1, "not UTF-8 text")]
    reader = _Reader(iter(()))
    try:
        reader.events = iter(yaml.parse(text, Loader=yaml.SafeLoader))
        _document(reader)
    except _RefusedError as refused:
        reader.problems.append(refused.problem)
    except yaml.YAMLError as error:
        reader.problems.append(_scan_problem(error))
    except (ValueError, OverflowError) as error:  # the scanner's own conversions, as of "\UFFFFFFFF"
        reader.problems.append(Problem(0, 0, f"not YAML: {error}"))
    return reader.leaves, reader.problems


def _document(reader: _Reader) -> None:
    reader.next()
    if isinstance(reader.next(), yaml.StreamEndEvent):
        return
    event = reader.next()
    if isinstance(event, yaml.MappingStartEvent):
        reader.mapping("", 1)
    elif not (isinstance(event, yaml.ScalarEvent) and event.value in ("", "~", "null")):
        raise _RefusedError(event, "the file must be made of lines KEY: VALUE")
    reader.next()
    if not isinstance(event := reader.next(), yaml.StreamEndEvent):
        raise _RefusedError(event, "a second document; the file holds only one")
