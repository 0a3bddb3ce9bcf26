"""What looks like a secret in an object of any kind, hidden: the console shows that it is there, and how long."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from typing import Any

from bakeryops.masking import hidden, mask_text, names_a_secret

__all__ = ["DEPTH_MOST", "mask"]

DEPTH_MOST = 80
"""How deep an object is shown; what lies deeper is cut off."""

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def mask(value: Any, *, key: str = "", kind: str = "", depth: int = 0) -> Any:
    """Return a copy of `value` with secrets hidden; `key` is what it stands under, `kind` the object's kind."""
    if depth > DEPTH_MOST:
        return "…"
    if isinstance(value, dict):
        return _mask_mapping(value, kind or str(value.get("kind") or ""), depth)
    if isinstance(value, list):
        if names_a_secret(key) and all(isinstance(each, str) for each in value):
            return [hidden() for _ in value]
        return _mask_list(value, kind, depth)
    if isinstance(value, str):
        if key == _LAST_APPLIED:
            return _mask_json(value)
        return hidden() if value and names_a_secret(key) else mask_text(value)
    return value


def _mask_mapping(value: dict[Any, Any], kind: str, depth: int) -> dict[str, Any]:
    own = str(value.get("kind") or "") if isinstance(value.get("kind"), str) and "metadata" in value else kind
    name = value.get("name")
    pair = isinstance(name, str) and isinstance(value.get("value"), (str, list)) and names_a_secret(name)
    copy: dict[str, Any] = {}
    for field, inner in value.items():
        text = str(field)
        if own in ("Secret", "SecretList") and text in ("data", "stringData"):
            copy[text] = _mask_data(inner, encoded=text == "data")
        elif pair and text == "value":
            copy[text] = hidden()
        else:
            copy[text] = mask(inner, key=text, kind=own, depth=depth + 1)
    return copy


def _mask_list(value: list[Any], kind: str, depth: int) -> list[Any]:
    """Return a list masked; of command lines, also the word after "--password"."""
    copy: list[Any] = []
    after = False
    for each in value:
        if after and isinstance(each, str) and not each.startswith("-"):
            copy.append(hidden())
        else:
            copy.append(mask(each, kind=kind, depth=depth + 1))
        after = isinstance(each, str) and each.startswith("--") and "=" not in each and names_a_secret(each)
    return copy


def _mask_data(data: Any, *, encoded: bool) -> Any:
    if not isinstance(data, dict):
        return hidden() if data else data
    return {str(key): hidden(_length(value, encoded=encoded)) for key, value in data.items()}


def _length(value: Any, *, encoded: bool) -> int | None:
    if not isinstance(value, str):
        return None
    if not encoded:
        return len(value.encode("utf-8", "replace"))
    try:
        return len(b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return None


def _mask_json(text: str) -> str:
    try:
        found = json.loads(text)
        return json.dumps(mask(found), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return hidden(len(text.encode("utf-8", "replace")))
