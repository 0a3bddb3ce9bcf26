"""Confirming a preview in the real console, as a person does: again where it changed under their fingers."""

from __future__ import annotations

import time

from tests.support.pty import Terminal

__all__ = ["confirm"]

_RIGHT, _ENTER = "\x1b[C", "\r"
_LOOKS = 60


def confirm(console: Terminal) -> None:
    """Ask for a rollback, confirm it, and return once its job is shown."""
    for _ in range(_LOOKS):
        lines = console.text()
        if "· job" in lines[0]:
            return
        # A plan that changed meanwhile puts the choice back to Cancel, and is to be confirmed anew.
        words = "\n".join(lines[-3:])
        key = next((key for word, key in _KEYS.items() if word in words), "")
        console.send(key)
        _changed(console, words)
    raise AssertionError("it could not be confirmed:\n" + "\n".join(console.text()))


_KEYS = {"[ Roll back ]": _ENTER, "[ Cancel ]": _RIGHT, "R roll back": "R"}
"""What to press, by what can be read at the end of the screen."""


def _changed(console: Terminal, words: str) -> None:
    """Read until the end of the screen says something else, or for a while."""
    until = time.monotonic() + 2.0
    while "\n".join(console.text()[-3:]) == words and time.monotonic() < until:
        console.read(0.1)
