"""The overlay's `images:` as text: tags are read and set line by line, all else stays as it was written."""

from __future__ import annotations

import re

__all__ = ["OVERLAY", "SOURCE", "set_tag", "source_of", "tag_of"]

OVERLAY = "infrastructure/kubernetes/overlays/prod/kustomization.yaml"
"""The file that says which image of each service runs."""
SOURCE = re.compile(r"\d{14}-([0-9a-f]{12})")
"""A tag that the pipeline made; its end is the commit the image was built from."""

_ENTRY = re.compile(r"^(?P<indent>\s*)-\s+name:\s*['\"]?(?P<name>[^'\"\s#]+)['\"]?")
_TAG = re.compile(r"^(?P<head>\s+newTag:\s*)(?P<quote>['\"]?)(?P<tag>[^'\"\s#]*)(?P=quote)(?P<tail>.*)$")


def tag_of(text: str, image: str) -> str | None:
    """Return the tag of an image, None where the overlay does not name it."""
    found = _find(text.splitlines(), image)
    return found[1]["tag"] if found else None


def set_tag(text: str, image: str, tag: str) -> str | None:
    """Return the overlay with another tag for an image, None where it does not name it."""
    lines = text.splitlines(keepends=True)
    found = _find([line.rstrip("\r\n") for line in lines], image)
    if found is None:
        return None
    place, match = found
    end = lines[place][len(lines[place].rstrip("\r\n")) :]
    lines[place] = f"{match['head']}{match['quote']}{tag}{match['quote']}{match['tail']}{end}"
    return "".join(lines)


def source_of(tag: str) -> str:
    """Return the twelve digits of the commit that a tag names, "" for a tag that names none."""
    found = SOURCE.fullmatch(tag)
    return found[1] if found else ""


def _find(lines: list[str], image: str) -> tuple[int, re.Match[str]] | None:
    """Return the line of an image's newTag."""
    inside = False
    for place, line in enumerate(lines):
        if entry := _ENTRY.match(line):
            inside = entry["name"] == image
        elif inside and (tag := _TAG.match(line)):
            return place, tag
    return None
