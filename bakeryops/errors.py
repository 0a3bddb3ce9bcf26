"""Errors that reach a person: what happened, why, and what to do.

Tree::

    BakeryopsError            exit 1  an action failed
    ├── UsageError            exit 2  the call or a file it names is wrong
    │   └── ConfigError       exit 2  the configuration file, with line and key
    ├── UnhealthyError        exit 3  looked, and found something unhealthy
    ├── UnreachableError      exit 4  the cluster cannot be reached
    │   └── CredentialError   exit 4  the cluster refuses who we say we are
    └── RefusedError          exit 5  read-only, forbidden, not confirmed, locked
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BakeryopsError",
    "ConfigError",
    "CredentialError",
    "RefusedError",
    "UnhealthyError",
    "UnreachableError",
    "UsageError",
]


class BakeryopsError(Exception):
    """Something a person must hear of; `str()` is one line, `hint` says what mends it."""

    exit_code: ClassVar[int] = 1
    """What the command line exits with."""

    def __init__(self, message: str, *, why: str = "", hint: str = "") -> None:
        """Take what happened (`message`), its cause (`why`) and the mend (`hint`), each one sentence."""
        super().__init__(message)
        self.message = message
        self.why = why
        self.hint = hint

    def lines(self) -> list[str]:
        """Return what to print: the message, then the cause and the mend where known."""
        return [part for part in (self.message, self.why, self.hint) if part]


class UsageError(BakeryopsError):
    """The call, or a file it names, is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration file cannot be used; the message holds file, line and key."""


class UnhealthyError(BakeryopsError):
    """The question was answered, and the answer is that something is unhealthy."""

    exit_code = 3


class UnreachableError(BakeryopsError):
    """The cluster cannot be reached."""

    exit_code = 4


class CredentialError(UnreachableError):
    """The cluster was reached, or could have been, but the credentials do not work."""


class RefusedError(BakeryopsError):
    """The action was not begun: read-only, forbidden, not confirmed, or locked by somebody."""

    exit_code = 5
