"""Where an exported incident goes: a file of its own that only its owner can read, over no other one."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

from bakeryops.errors import BakeryopsError, RefusedError
from bakeryops.text import clean

__all__ = ["file_name", "is_html", "refuse_existing", "save"]


def file_name(service: str, now: float, *, html: bool = False) -> str:
    """Return the name that an export has where nobody gives one."""
    word = "".join(each if each.isascii() and (each.isalnum() or each in "-.") else "-" for each in service)
    word = word.strip("-.")[:60] or "bakery"
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    return f"incident-{word}-{moment}.{'html' if html else 'md'}"


def is_html(path: Path) -> bool:
    """Return whether a file's name asks for HTML."""
    return path.suffix.lower() in (".html", ".htm")


def refuse_existing(path: Path) -> None:
    """Raise `RefusedError` where there is something of this name, be it a link that leads nowhere."""
    if os.path.lexists(path):
        raise RefusedError(
            f"{clean(str(path))} is there already",
            why="an export is written over no other file",
            hint="Name another one with -f, or add --force.",
        )


def save(path: Path, text: str, *, force: bool = False) -> None:
    """Write a file of mode 0600, on disk when this returns; raises `RefusedError` and `BakeryopsError`.

    With `force` it takes the place of one that is there; a link is replaced and not followed. One that cannot be
    written to its end leaves nothing behind, and what was there before stays.
    """
    partial = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}")
    try:
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(text.encode("utf-8", "replace"))
                stream.flush()
                os.fsync(stream.fileno())
            if force:
                partial.replace(path)
            else:
                _put(partial, path)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()
    except FileExistsError:
        refuse_existing(path)
        raise
    except OSError as error:
        raise BakeryopsError(
            f"{clean(str(path))} cannot be written",
            why=error.strerror or str(error),
            hint="Name another place with -f.",
        ) from error


def _put(partial: Path, path: Path) -> None:
    """Give a file its name, unless there is one of that name; raises `OSError`."""
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        raise
    except OSError:
        # Not every file system has links. The name is taken first, so that nobody else gets it meanwhile.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        partial.replace(path)
