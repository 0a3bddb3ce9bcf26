"""Other tags in a kustomization's text, with every other byte left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from bakeryops.git.entries import KEYS, Entry, check, is_plain
from bakeryops.git.errors import GitError
from bakeryops.git.overlay import images
from bakeryops.text import clean

__all__ = ["edited"]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT = "tag:yaml.org,2002:str"
_DEPTH = 50
_BOM = "\ufeff"


class _Edit(NamedTuple):
    """Put `text` in place of what stands from `begin` to `end`."""

    begin: int
    end: int
    text: str


class _Pair(NamedTuple):
    key: Any
    value: Any


def edited(data: bytes, path: str, entries: Mapping[str, Entry]) -> bytes:
    """Return a kustomization's text in which these images, by `name`, have exactly these entries.

    Raises `GitError` with file and line for an entry that is not there, and for one that is written in a way that
    cannot be changed without touching something else.
    """
    images(data, path)  # says with file and line what is no kustomization at all
    for name, entry in entries.items():
        check(name, entry)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _wrong(path, data.count(b"\n", 0, error.start) + 1, "this is not UTF-8") from None
    start = _BOM if text.startswith(_BOM) else ""
    text = text.removeprefix(_BOM)
    root = _composed(text, path)
    edits: list[_Edit] = []
    for name, item in _items(root, path, entries).items():
        edits += _ItemText(text, path, item).edits(entries[name])
    after = _applied(text, edits)
    shape, now = _Shape(), _composed(after, path)
    if shape.of(now, {}) != shape.of(root, entries):
        raise _wrong(path, 1, "the entries cannot be changed without touching something else")
    return f"{start}{after}".encode()


def _composed(text: str, path: str) -> Any:
    try:
        return yaml.compose(text, Loader=_LOADER)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise _wrong(path, mark.line + 1 if mark else 1, "it would not be YAML any more") from None


def _items(root: Any, path: str, entries: Mapping[str, Entry]) -> dict[str, Any]:
    """Return the nodes of the wanted entries by name; raises `GitError`."""
    lists = [value for key, value in root.value if key.value == "images"] if root is not None else []
    if len(lists) > 1:
        raise _wrong(path, lists[1].start_mark.line + 1, "images: is there twice")
    found: dict[str, Any] = {}
    for item in lists[0].value if lists and isinstance(lists[0], yaml.SequenceNode) else ():
        for name in (value.value for key, value in item.value if key.value == "name"):
            # As `images` gives names: harmless to show.
            name = clean(name)
            if name in found and name in entries:
                raise _wrong(path, item.start_mark.line + 1, f"{name} is there twice")
            found[name] = item
    for name in entries:
        if name not in found:
            raise GitError(
                f"{clean(path)} has no entry {clean(name)[:200]} under images:",
                kind="missing",
                hint="Add it to the file in the repository and push it.",
            )
    return {name: found[name] for name in entries}


class _ItemText:
    """The text of one entry, and what has to be changed in it."""

    def __init__(self, text: str, path: str, item: Any) -> None:
        """Take the whole text, its path and the entry's node; raises `GitError` for what is shared with others."""
        self._text = text
        self._path = path
        self._item = item
        self._pairs = [_Pair(*each) for each in item.value]
        self._kept: list[_Pair] = []
        self._added: dict[int, list[str]] = {}
        names = [pair.key.value for pair in self._pairs]
        if text[item.start_mark.index] in "&!" or "<<" in names:
            raise self._refused(item, "an entry with an anchor or a merge is not changed here")
        twice = next((place for place, name in enumerate(names) if name in names[:place]), None)
        if twice is not None:
            raise self._refused(self._pairs[twice].key, f"{clean(names[twice])} is there twice")

    def edits(self, entry: Entry) -> list[_Edit]:
        """Return what turns the text into one that says `entry`; raises `GitError`."""
        there = {pair.key.value: pair for pair in self._pairs}
        found: list[_Edit] = []
        gone = [key for key in KEYS if key in there and not entry.value(key)]
        found += [self._without(there[key], gone) for key in gone]
        anchor = there["name"]
        for key in KEYS:
            wanted = entry.value(key)
            pair = there.get(key)
            if wanted and pair is not None:
                found += self._with(pair, wanted)
                anchor = pair
            elif wanted:
                found.append(self._add(anchor, key, wanted))
        return found

    def _with(self, pair: _Pair, wanted: str) -> list[_Edit]:
        """Return what puts another value behind a key, nothing where it stands there as a text already."""
        value = pair.value
        plain = not getattr(value, "style", None)
        if value.tag == _TEXT and value.value == wanted and not (plain and not is_plain(wanted)):
            return []
        self._own(pair)
        begin, end = value.start_mark.index, value.end_mark.index
        old = self._text[begin:end]
        quote = old[:1] if old[:1] in ("'", '"') else ""
        space = "" if old else " "
        return [_Edit(begin, end, space + self._written(wanted, quote))]

    def _written(self, text: str, quote: str = "") -> str:
        if not quote and (not is_plain(text) or (self._item.flow_style and ":" in text)):
            quote = '"'
        return f"{quote}{text}{quote}"

    def _own(self, pair: _Pair) -> None:
        """Raise `GitError` unless key and value stand in one line, and the value belongs to this entry alone."""
        key, value = pair.key, pair.value
        begin, end = value.start_mark, value.end_mark
        between = self._text[key.end_mark.index : max(begin.index, key.end_mark.index)]
        if begin.index < key.end_mark.index or self._text[begin.index : begin.index + 1] in ("&", "!", "*"):
            raise self._refused(key, f"{key.value} with an anchor, alias or tag is not changed here")
        one_line = key.start_mark.line == begin.line == end.line
        if not (isinstance(value, yaml.ScalarNode) and one_line and between.strip() == ":"):
            raise self._refused(key, f"{key.value} is not written as KEY: VALUE in one line")

    def _add(self, anchor: _Pair, key: str, wanted: str) -> _Edit:
        """Return what adds a key behind another one that stays."""
        self._own_line(anchor)
        if self._item.flow_style:
            at = anchor.value.end_mark.index
            return _Edit(at, at, f", {key}: {self._written(wanted)}")
        line = f"{' ' * self._item.start_mark.column}{key}: {self._written(wanted)}"
        at = self._line_end(anchor.value.end_mark.index)
        if self._text[at - 1 : at] == "\n":
            return _Edit(at, at, line + ("\r\n" if self._text[at - 2 : at] == "\r\n" else "\n"))
        return _Edit(at, at, ("\r\n" if "\r\n" in self._text else "\n") + line)

    def _own_line(self, anchor: _Pair) -> None:
        """Raise `GitError` where nothing can be added behind a key."""
        begin, end = anchor.value.start_mark, anchor.value.end_mark
        if begin.index < anchor.key.end_mark.index or not anchor.key.start_mark.line == begin.line == end.line:
            raise self._refused(anchor.key, f"{anchor.key.value} is not written as KEY: VALUE in one line")

    def _without(self, pair: _Pair, gone: list[str]) -> _Edit:
        """Return what takes a key away, with its line where it has one of its own."""
        self._own(pair)
        place = self._pairs.index(pair)
        first = all(each.key.value in gone for each in self._pairs[:place])
        begin, end = pair.key.start_mark.index, pair.value.end_mark.index
        if not first and self._item.flow_style:
            before = self._pairs[place - 1].value
            if before.end_mark.index > begin or self._text[before.end_mark.index : begin].strip() != ",":
                raise self._refused(pair.key, f"{pair.key.value} is not taken away between comments or aliases")
            return _Edit(before.end_mark.index, end, "")
        if not first:
            line = self._text.rfind("\n", 0, begin) + 1
            return _Edit(line, self._line_end(end), "")
        # The first key shares its line with the list's dash or the brace: the next one moves up.
        after = self._pairs[place + 1].key.start_mark.index
        gap = self._text[end:after] if self._item.flow_style else self._text[self._line_end(end) : after]
        if gap.strip(" \t\r\n,"):
            raise self._refused(pair.key, f"{pair.key.value} is not taken away before a comment")
        return _Edit(begin, after, "")

    def _line_end(self, at: int) -> int:
        """Return where the line after the one at `at` begins, or the end of the text."""
        found = self._text.find("\n", at)
        return len(self._text) if found < 0 else found + 1

    def _refused(self, node: Any, what: str) -> GitError:
        return _wrong(self._path, node.start_mark.line + 1, what)


def _applied(text: str, edits: list[_Edit]) -> str:
    parts: list[str] = []
    at = 0
    for each in sorted(edits, key=lambda each: (each.begin, each.end)):
        parts += [text[at : max(at, each.begin)], each.text]
        at = max(at, each.end)
    return "".join([*parts, text[at:]])


class _Shape:
    """What documents say, as numbers: the same number says the same, however often a document repeats itself."""

    def __init__(self) -> None:
        """Begin without any node."""
        self._numbers: dict[Any, int] = {}
        self._known: dict[int, int] = {}

    def of(self, root: Any, entries: Mapping[str, Entry]) -> int:
        """Return what a document says once these entries of `images:` are as wanted."""
        pairs = [
            (self._node(key), self._images(value, entries) if key.value == "images" else self._node(value))
            for key, value in (root.value if root is not None else ())
        ]
        return self._number(tuple(pairs))

    def _images(self, node: Any, entries: Mapping[str, Entry]) -> int:
        if not isinstance(node, yaml.SequenceNode):
            return self._node(node)
        return self._number(tuple(self._item(item, entries) for item in node.value))

    def _item(self, item: Any, entries: Mapping[str, Entry]) -> int:
        pairs = {key.value: self._node(value) for key, value in item.value}
        name = next((clean(value.value) for key, value in item.value if key.value == "name"), "")
        wanted = entries.get(name)
        if wanted is not None:
            pairs = {key: value for key, value in pairs.items() if key not in KEYS}
            pairs |= {key: self._number((_TEXT, text)) for key in KEYS if (text := wanted.value(key))}
        return self._number(frozenset(pairs.items()))

    def _node(self, node: Any, depth: int = 0) -> int:
        if depth > _DEPTH:
            raise GitError("a kustomization with such deep nesting is not changed here")
        if id(node) not in self._known:
            inner: Any = node.value
            if isinstance(node, yaml.MappingNode):
                inner = tuple((self._node(key, depth + 1), self._node(value, depth + 1)) for key, value in inner)
            elif isinstance(node, yaml.SequenceNode):
                inner = tuple(self._node(each, depth + 1) for each in inner)
            self._known[id(node)] = self._number((node.tag, inner))
        return self._known[id(node)]

    def _number(self, what: Any) -> int:
        return self._numbers.setdefault(what, len(self._numbers))


def _wrong(path: str, line: int, what: str) -> GitError:
    return GitError(f"{clean(path)}:{line}: {what}", hint="Correct the file in the repository and push it.")
