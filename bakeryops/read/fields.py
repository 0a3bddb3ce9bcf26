"""Fields of raw objects, read without trusting them to be there or to be what the API says."""

from __future__ import annotations

from typing import Any

from bakeryops.masking import mask_text
from bakeryops.text import clean

__all__ = ["at", "items_of", "listing", "mapping", "masked", "number", "text"]

_TEXT_MOST = 4000


def at(value: Any, *path: str) -> Any:
    """Return what lies at a path of keys, or None where the way ends."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def mapping(value: Any, *path: str) -> dict[str, Any]:
    """Return the mapping at a path; empty where there is none."""
    found = at(value, *path)
    return found if isinstance(found, dict) else {}


def listing(value: Any, *path: str) -> list[Any]:
    """Return the list at a path; empty where there is none."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def items_of(value: Any, *path: str) -> list[dict[str, Any]]:
    """Return the mappings in the list at a path; whatever else is in it is left out."""
    return [each for each in listing(value, *path) if isinstance(each, dict)]


def text(value: Any, *path: str) -> str:
    """Return what lies at a path as one clean line: a text, a number, yes or no; empty for anything else."""
    found = at(value, *path) if path else value
    if isinstance(found, str):
        return clean(found[:_TEXT_MOST])
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, (int, float)):
        return str(found)
    return ""


def masked(value: Any, *path: str) -> str:
    """Return what lies at a path as `text` does, with what looks like a secret hidden."""
    found = at(value, *path) if path else value
    # Before line breaks become spaces: they tell where a key begins.
    return clean(mask_text(found[:_TEXT_MOST])) if isinstance(found, str) else text(found)


def number(value: Any, *path: str) -> int | None:
    """Return the whole number at a path, or None."""
    found = at(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None
