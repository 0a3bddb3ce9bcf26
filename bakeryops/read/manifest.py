"""Objects as YAML to look at: secrets hidden, bookkeeping left out, nothing in it that a terminal obeys."""

from __future__ import annotations

from typing import Any

import yaml

from bakeryops.read.secrets import DEPTH_MOST, mask
from bakeryops.text import clean_lines

try:
    from yaml import CSafeDumper as _Base
except ImportError:  # a PyYAML built without libyaml: six times slower, same output
    from yaml import SafeDumper as _Base  # type: ignore[assignment]

__all__ = ["to_yaml"]

_WIDTH = 2**31 - 1
"""Never break a line: libyaml wants an int of C."""


class _Dumper(_Base):
    """Writes texts of several lines as blocks, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return True: equal parts are written out each time."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def to_yaml(
    object: dict[str, Any],  # noqa: A002
    *,
    show_secrets: bool = False,
    managed_fields: bool = False,
) -> str:
    """Return an object of any kind as YAML.

    Unless `show_secrets`, whatever looks like a secret is hidden: a Secret's data, variables and parameters with
    telling names, passwords in URLs, tokens, private keys, and all these in the last-applied annotation.
    `metadata.managedFields` is left out unless asked for.
    """
    shown: Any = _cut(object) if show_secrets else mask(object)
    if not managed_fields:
        _drop_managed(shown)
    try:
        text = yaml.dump(
            shown, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=False
        )
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return f"# cannot be shown as YAML: {clean_lines(str(error))}\n"
    return clean_lines(text)


def _drop_managed(shown: Any) -> None:
    if not isinstance(shown, dict):
        return
    metadata = shown.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
    items = shown.get("items")
    if isinstance(items, list):
        for item in items:
            _drop_managed(item)


def _cut(value: Any, depth: int = 0) -> Any:
    """Return a copy with what lies too deep cut off and every key a text."""
    if depth > DEPTH_MOST:
        return "…"
    if isinstance(value, dict):
        return {str(key): _cut(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cut(inner, depth + 1) for inner in value]
    return value
