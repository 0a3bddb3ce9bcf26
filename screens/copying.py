"""Copying out of the console: to the terminal's clipboard, or to a file when that is too much for it."""

from __future__ import annotations

import base64
import os
import re
import time
from pathlib import Path

from bakeryops.locations import private_folder, state_folder
from screens.base import ConsoleScreen

__all__ = ["OSC52_MOST", "copy_text", "free_file"]

OSC52_MOST = 74_994
"""Bytes in base64 that terminals are known to take in one OSC 52 sequence."""


def copy_text(screen: ConsoleScreen, text: str) -> None:
    """Copy text by OSC 52; what is too long for that is written to a file, which is named."""
    size = len(base64.b64encode(text.encode("utf-8", "replace")))
    if size <= OSC52_MOST:
        screen.app.copy_to_clipboard(text)
        lines = text.count("\n")
        counted = "1 line" if lines == 1 else f"{lines} lines"
        screen.say(f"copied {counted}; if nothing arrives, the terminal refuses OSC 52: s or a file then")
        return
    try:
        path = free_file("copy", ".txt")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        screen.say(f"too long for the clipboard, and not written: {error}", severity="error")
        return
    screen.say(f"too long for the clipboard ({size:,} bytes): written to {path}")


def free_file(name: str, suffix: str) -> Path:
    """Return the path of a file that does not exist yet, in the folder for what is saved, private to the user."""
    folder = private_folder(state_folder() / "saved")
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "text"
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = folder / f"{stem[:120]}-{stamp}{suffix}"
    number = 1
    while path.exists():
        number += 1
        path = folder / f"{stem[:120]}-{stamp}-{number}{suffix}"
    return path
