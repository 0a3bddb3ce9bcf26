"""Small operations on objects as JSON: copy, share, names, times."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from bakeryops.demo.contracts import Object

__all__ = ["copy_json", "dig", "meta_of", "name_suffix", "parse_time", "share", "timestamp", "uid"]

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def copy_json(value: Any) -> Any:
    """Return a deep copy of JSON data; strings and numbers are shared."""
    if type(value) is dict:
        return {key: copy_json(item) if type(item) in (dict, list) else item for key, item in value.items()}
    if type(value) is list:
        return [copy_json(item) if type(item) in (dict, list) else item for item in value]
    return value


def share(old: Any, new: Any) -> Any:
    """Return `new` with every part that equals its counterpart in `old` replaced by that very part.

    The revisions of an object then hold their common parts once, and `is` tells what did not change.
    """
    if old is new:
        return old
    if type(old) is dict and type(new) is dict:
        same = len(old) == len(new)
        for key, item in new.items():
            if key in old:
                before = old[key]
                kept = share(before, item)
                if kept is not item:
                    new[key] = kept
                same = same and kept is before
            else:
                same = False
        return old if same else new
    if type(old) is list and type(new) is list:
        same = len(old) == len(new)
        for index, (before, item) in enumerate(zip(old, new, strict=False)):
            kept = share(before, item)
            if kept is not item:
                new[index] = kept
            same = same and kept is before
        return old if same else new
    return old if type(old) is type(new) and old == new else new


def meta_of(obj: Object) -> Object:
    """Return the metadata of an object, an empty one when it has none."""
    found = obj.get("metadata")
    return found if isinstance(found, dict) else {}


def dig(obj: Any, *path: str) -> Any:
    """Return the value at a path of keys, or None when a step is missing or no mapping."""
    for step in path:
        if not isinstance(obj, dict):
            return None
        obj = obj.get(step)
    return obj


def timestamp(seconds: float) -> str:
    """Return a time in seconds since the epoch as the API writes it, whole seconds, UTC."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> float | None:
    """Return seconds since the epoch of an RFC 3339 text, or None when it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return None


def uid(rng: random.Random) -> str:
    """Return a random UID (version 4) from a seeded source."""
    value = rng.getrandbits(128) & ~(0xF000 << 64) & ~(0xC000 << 48) | (0x4000 << 64) | (0x8000 << 48)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def name_suffix(rng: random.Random) -> str:
    """Return the five letters that the server appends to `generateName`."""
    return "".join(rng.choices(_SUFFIX_LETTERS, k=5))
