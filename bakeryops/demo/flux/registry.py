"""What Flux needs of registries of images and charts, and which of many versions is the latest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from bakeryops.demo.flux.sources import SourceFault

__all__ = ["NoRegistry", "Registry", "latest_of", "version_key"]

_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?\Z")
_TERM = re.compile(r"(>=|<=|>|<|=|!=|\^|~)?\s*v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(-[0-9A-Za-z.-]+)?")

Key = tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]


class Registry(Protocol):
    """The registries that the cluster can reach."""

    def tags(self, image: str) -> Sequence[str]:
        """Return the tags of an image such as `host/owner/name`; raises `SourceFault`."""

    def digest(self, image: str, tag: str) -> str | None:
        """Return the digest `sha256:…` of a tag, None when there is no such tag; raises `SourceFault`."""

    def charts(self, url: str) -> Mapping[str, Sequence[str]]:
        """Return the versions of each chart of a Helm repository; raises `SourceFault`."""


class NoRegistry:
    """No registry can be reached."""

    def tags(self, image: str) -> Sequence[str]:
        """Refuse."""
        raise self._fault(image)

    def digest(self, image: str, tag: str) -> str | None:
        """Refuse."""
        raise self._fault(image)

    def charts(self, url: str) -> Mapping[str, Sequence[str]]:
        """Refuse."""
        raise self._fault(url.partition("://")[2])

    def _fault(self, where: str) -> SourceFault:
        host = where.partition("/")[0].partition(":")[0]
        return SourceFault("ReadOperationFailed", f"dial tcp: lookup {host}: no such host")


def version_key(text: str) -> Key | None:
    """Return the sort key of a semantic version, None for what is none."""
    found = _VERSION.match(text)
    if found is None:
        return None
    major, minor, patch, before = found.groups()
    numbers = (int(major), int(minor or 0), int(patch or 0))
    if before is None:
        return (*numbers, 1, ())
    parts = tuple((0, int(each), "") if each.isdigit() else (1, 0, each) for each in before.split("."))
    return (*numbers, 0, parts)


def latest_of(versions: Iterable[str], wanted: str = "*") -> str | None:
    """Return the highest version within a range such as `>=1.2.0 <2.0.0`, `^1.2`, `1.x || 3.x`, None for none.

    Pre-releases count only where the range names one.
    """
    known = [(key, text) for text in versions if (key := version_key(text)) is not None]
    fitting = [(key, text) for key, text in known if any(_within(key, part) for part in wanted.split("||"))]
    return max(fitting)[1] if fitting else None


def _within(key: Key, part: str) -> bool:
    text = part.strip()
    terms = list(_TERM.finditer(text)) if text not in ("", "*") else []
    if not key[3] and not any(term.group(5) for term in terms):
        return False
    return all(_fits(key, term) for term in terms)


def _fits(key: Key, term: re.Match[str]) -> bool:
    sign, *texts, before = term.groups()
    numbers = [int(each) for each in texts if each is not None and each.isdigit()]
    low = version_key(".".join(map(str, [*numbers, 0, 0, 0][:3])) + (before or ""))
    if low is None or not numbers:
        return True
    if sign in (">=", ">", "<", "<="):
        return {">=": key >= low, ">": key > low, "<": key < low, "<=": key <= low}[sign]
    if sign == "!=":
        return key != low
    if sign == "^":
        places = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1) + 1
    elif sign == "~":
        places = min(2, len(numbers))
    else:
        places = len(numbers)
    return key >= low and list(key[:places]) == numbers[:places]
