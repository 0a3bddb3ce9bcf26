"""Parameters and results of builds as text, and commits, tags and lists found in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from bakeryops.cluster.wire.tekton import Value
from bakeryops.masking import hidden, mask_text, names_a_secret
from bakeryops.model.build import Named
from bakeryops.text import clean

__all__ = ["commit_in", "expanded", "named", "names_in", "tag_in", "text_of"]

_MOST = 4000
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_PLAIN = re.compile(r"[a-z0-9.]*")
_SEPARATOR = re.compile(r"[\s,]+")
_IMAGE = re.compile(r"[\w.:-]+(?:/[\w.-]+)+:(?P<tag>[\w][\w.-]{0,127})(?:@sha256:[0-9a-f]{64})?")
_PARAMETER = re.compile(r"\$\(params\.([\w.-]+?)\)|\$\(params\[[\"']([^\"']+)[\"']\]\)")


def text_of(value: Any) -> str:
    """Return a value as one clean line; lists and objects are JSON text, secrets in it are hidden."""
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and len(value) <= _MOST:
            return value
        return _harmless(value[:_MOST])
    if value is None:
        return ""
    try:
        return _harmless(msgspec.json.encode(value).decode("utf-8", "replace")[:_MOST])
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        return ""


@lru_cache(maxsize=2048)
def _harmless(text: str) -> str:
    """Return a text clean and without secrets; most values are those of the run before."""
    return clean(mask_text(text)).strip()


def named(values: Iterable[Value] | None) -> tuple[Named, ...]:
    """Return parameters or results in their order; values of those named like secrets are hidden."""
    return tuple(
        Named(name, hidden() if each.value and names_a_secret(name) else text_of(each.value))
        for each in values or ()
        if (name := clean(each.name))
    )


def names_in(text: str) -> tuple[str, ...] | None:
    """Return the names in a JSON list, or in a text that separates them by commas or space; None for neither."""
    if text.startswith("["):
        try:
            found = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        names = [clean(each).strip() for each in found if isinstance(each, str)]
    elif text.startswith("{") or "$(" in text:
        return None
    else:
        names = _SEPARATOR.split(text)
    return tuple(dict.fromkeys(name for name in names if name))


def commit_in(text: str) -> str:
    """Return a text that is a commit's hash, at least seven digits of it; "" for zeros, branches and the like."""
    low = text.strip().lower()
    return low if _COMMIT.fullmatch(low) and low.strip("0") else ""


def tag_in(text: str) -> str:
    """Return the tag of the first image named in a text ("host/owner/name:tag"), "" where there is none."""
    found = _IMAGE.search(text)
    return found["tag"] if found else ""


def expanded(text: str, params: Iterable[Named]) -> str:
    """Return a display name with the parameters in it filled in; those that are not known stay as written."""
    if "$(" not in text:
        return text
    known = {each.name: each.value for each in params}
    return _PARAMETER.sub(lambda found: known.get(found[1] or found[2], found[0]), text)
