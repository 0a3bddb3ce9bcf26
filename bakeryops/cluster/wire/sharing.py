"""Equal texts kept once: most texts of an object are those of a thousand others."""

from __future__ import annotations

__all__ = ["share"]

_MOST = 20_000
_shared: dict[str, str] = {}


def share(text: str) -> str:
    """Return one and the same object for equal texts."""
    if len(_shared) > _MOST:
        _shared.clear()
    return _shared.setdefault(text, text)
