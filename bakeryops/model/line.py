"""Lines of a description."""

from __future__ import annotations

import msgspec

__all__ = ["Line"]


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line: `label` and `text` side by side, `level` steps in; `head` begins a section.

    `tone` is empty or one of fine, working, soon, bad, unknown, held, dim.
    """

    text: str = ""
    label: str = ""
    level: int = 0
    tone: str = ""
    head: bool = False

    def plain(self, width: int = 22) -> str:
        """Return the line as plain text, its text beginning in a common column."""
        left = "  " * self.level + (f"{self.label}:" if self.label else "")
        if not self.label:
            return (left + self.text).rstrip()
        return f"{left:<{width}} {self.text}".rstrip()
