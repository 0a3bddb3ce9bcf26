"""What an entry of the overlay's `images:` says, and which texts may stand in it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from bakeryops.git.errors import GitError
from bakeryops.model.code import OverlayImage
from bakeryops.text import clean

__all__ = ["KEYS", "Entry", "check", "entry_of", "is_plain"]

KEYS = ("newName", "newTag", "digest")
"""What of an entry is written here, in the order in which missing ones are added."""

_ALLOWED = {
    "newTag": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"),
    "digest": re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{2,128}"),
    "newName": re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:/-]{0,253}[A-Za-z0-9])?"),
}
_LIKE_A_NUMBER = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F_]*|0[oO][0-7_]*|0[bB][01_]*|[0-9_:]*\.?[0-9_:]*(?:[eE][-+]?[0-9_]*)?|\.?(?:inf|nan))"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*",
    re.IGNORECASE,
)
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What an entry says beside its name; "" is a key that is not there."""

    tag: str = ""
    digest: str = ""
    new_name: str = ""

    def value(self, key: str) -> str:
        """Return what stands behind one of `KEYS`."""
        return {"newTag": self.tag, "digest": self.digest, "newName": self.new_name}[key]


def entry_of(images: Iterable[OverlayImage], service: str) -> tuple[str, Entry] | None:
    """Return the name of a service's entry and what it says, None where the overlay has none."""
    found = next((each for each in images if each.service == service), None)
    return None if found is None else (found.name, Entry(found.tag, found.digest, found.new_name))


def check(name: str, entry: Entry) -> None:
    """Raise `GitError` for what cannot stand in the entry of an image."""
    for key in KEYS:
        value = entry.value(key)
        if value and not _ALLOWED[key].fullmatch(value):
            raise GitError(f"{clean(value)[:80]!r} cannot be the {key} of {clean(name)[:200]}")


def is_plain(text: str) -> bool:
    """Tell whether YAML of any version reads these characters as a text without quotes."""
    return text[:1].isalnum() and text.lower() not in _WORDS and not _LIKE_A_NUMBER.fullmatch(text)
