"""How a running script, or a loop of it, comes to its end."""

from __future__ import annotations

__all__ = ["EndlessError", "ExitedError", "LeaveLoopError", "OutOfMemoryError"]


class ExitedError(Exception):
    """The script left with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class EndlessError(Exception):
    """The script goes on for ever."""


class OutOfMemoryError(Exception):
    """The script took more memory than it may."""


class LeaveLoopError(Exception):
    """`break` or `continue`."""

    def __init__(self, again: bool) -> None:
        super().__init__(again)
        self.again = again
