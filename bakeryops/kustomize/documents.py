"""YAML documents as JSON values, read as kustomize reads them and with limits against bombs.

Scalars follow the YAML of Go's library: `yes` and `on` are text, `010` is eight. A time without
quotes, which kustomize rewrites, is refused. The C parser of PyYAML gives events; nothing in a document can name a
Python type.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from bakeryops.kustomize.errors import KustomizeError

__all__ = ["load_documents", "yaml_problem"]

_LARGEST = 8 * 1024 * 1024
"""Bytes of one file."""
_MOST_VALUES = 400_000
"""Values of one file with every alias written out."""
_DEEPEST = 100
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_SEPARATOR = re.compile(r"^---(?![ \t]*(?:#.*)?$).*", re.MULTILINE)
"""A start of a document with content on its line, which kustomize refuses."""
_TIME = re.compile(r"\d{4}-\d\d?-\d\d?(?:[Tt ].*)?\Z")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)\Z")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TAGS = {"tag:yaml.org,2002:str", "!"}


def load_documents(data: bytes) -> list[Any]:
    """Return the documents of a YAML file as JSON values, empty ones as None.

    Raises `KustomizeError` for a typo (`yaml: line 3: …`), for what JSON cannot hold, and beyond the limits.
    """
    if len(data) > _LARGEST:
        raise KustomizeError(f"the file is larger than {_LARGEST // 1024 // 1024} MiB")
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise KustomizeError("yaml: invalid leading UTF-8 octet") from None
    if found := _SEPARATOR.search(text):
        raise KustomizeError(f"invalid document separator: {found[0]}")
    try:
        return _Reader().read(text)
    except yaml.YAMLError as error:
        raise KustomizeError(yaml_problem(error)) from None


def yaml_problem(error: yaml.YAMLError) -> str:
    """Return a parser's error in the words of Go's YAML library."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return "yaml: control characters are not allowed"
    scanning = isinstance(error, yaml.scanner.ScannerError)
    line = 0
    for mark in (error.context_mark, error.problem_mark):
        if mark is not None and mark.line:
            line = mark.line + (1 if scanning else 0)
            break
    return f"yaml: line {line}: {error.problem}" if line else f"yaml: {error.problem}"


class _Reader:
    """Builds values from parser events, without recursion."""

    def __init__(self) -> None:
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._values = 0
        self._known: dict[str, Any] = dict(_WORDS)

    def read(self, text: str) -> list[Any]:
        documents: list[Any] = []
        stack: list[_Open] = []
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.ScalarEvent):
                self._count(1, event)
                value = self._scalar(event)
                if event.anchor:
                    self._anchors[event.anchor] = (value, 1)
                self._put(stack, documents, value, 1, event)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._count(1, event)
                if len(stack) >= _DEEPEST:
                    raise _refuse(event, f"values are nested more than {_DEEPEST} deep")
                stack.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else [], event))
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                done = stack.pop()
                if done.anchor:
                    self._anchors[done.anchor] = (done.value, done.size)
                self._put(stack, documents, done.value, done.size, event)
            elif isinstance(event, yaml.AliasEvent):
                if event.anchor not in self._anchors:
                    raise KustomizeError(f"yaml: unknown anchor '{event.anchor}' referenced")
                value, size = self._anchors[event.anchor]
                self._count(size, event)
                self._put(stack, documents, _copy(value), size, event)
            elif isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
        return documents

    def _count(self, values: int, event: yaml.Event) -> None:
        self._values += values
        if self._values > _MOST_VALUES:
            raise _refuse(event, f"the file holds more than {_MOST_VALUES} values, aliases written out")

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text = event.value
        if not event.implicit[0]:
            if event.implicit[1] or event.tag in _TAGS:
                return text
            raise _refuse(event, f"the tag {event.tag} is not supported here")
        known = self._known.get(text, self)
        if known is self:
            known = self._known[text] = _plain(text, event)
        return known

    def _put(self, stack: list[_Open], documents: list[Any], value: Any, size: int, event: yaml.Event) -> None:
        if not stack:
            documents.append(value)
            return
        stack[-1].take(value, size, event)


class _Open:
    """A mapping or list whose end has not been seen."""

    __slots__ = ("_in_braces", "_key", "_merged", "_merges", "anchor", "size", "value")

    def __init__(self, value: Any, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        self.value = value
        self.anchor = event.anchor
        self._in_braces = bool(event.flow_style)
        self.size = 1
        self._key: str | None = None
        self._merges = False
        self._merged: set[str] = set()

    def take(self, value: Any, size: int, event: yaml.Event) -> None:
        self.size += size
        if isinstance(self.value, list):
            self.value.append(value)
        elif self._merges:
            self._merges = False
            for more in value if isinstance(value, list) else [value]:
                if not isinstance(more, dict):
                    raise _refuse(event, "map merge requires map or sequence of maps as the value")
                fresh = {key: each for key, each in more.items() if key not in self.value}
                self.value.update(fresh)
                self._merged.update(fresh)
        elif self._key is None:
            if value == "<<" and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
                self._merges = True
                return
            key = _key(value, event)
            if key in self.value and key not in self._merged:
                raise _refuse(event, f'mapping key "{key}" already defined')
            self._merged.discard(key)
            self._key = key
        else:
            if value is None and self._in_braces and isinstance(event, yaml.ScalarEvent) and not event.value:
                raise _refuse(event, f"{self._key} has no value between the braces: write null or quotes")
            self.value[self._key] = value
            self._key = None


def _key(value: Any, event: yaml.Event) -> str:
    if isinstance(value, str):
        return value
    raise _refuse(event, "a key of a map is not text: put it in quotes")


def _plain(text: str, event: yaml.Event) -> Any:
    if _INTEGER.match(text):
        digits = text.replace("_", "")
        sign = -1 if digits.startswith("-") else 1
        digits = digits.lstrip("+-")
        try:
            if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
                return sign * int(digits, 8)
            number = sign * int(digits, 0)
        except ValueError:
            return sign * int(digits) if digits.isdigit() else text
        if number.bit_length() > 64:
            raise _refuse(event, f"the number {text} is too large")
        return number
    if _FLOAT.match(text):
        number_ = float(text)
        if number_ in (float("inf"), float("-inf")):
            raise _refuse(event, f"the number {text} is too large")
        return int(number_) if number_.is_integer() and abs(number_) < 1e15 else number_
    if _NO_NUMBER.match(text):
        raise _refuse(event, f"{text} is no number that JSON knows")
    if _TIME.match(text):
        raise _refuse(event, f"{text} is a time, not text: put it in quotes")
    return text


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_copy(each) for each in value]
    return value


def _refuse(event: yaml.Event, what: str) -> KustomizeError:
    mark = event.start_mark
    return KustomizeError(f"yaml: line {mark.line + 1}: {what}" if mark is not None else f"yaml: {what}")
