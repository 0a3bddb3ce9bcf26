"""Files that hold a secret: readable by their owner only, or not used at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bakeryops.errors import CredentialError

__all__ = ["read_secret", "secret_text"]

_LARGEST = 64 * 1024


def secret_text(path: Path, what: str) -> str:
    """Return the text of a file that only its owner may read; `what` names it in errors.

    Raises `CredentialError` where it is missing, unreadable, no plain file, or open to others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        hint = "Write it there, or correct the path in the configuration."
        raise CredentialError(f"{what}: {path}: {error.strerror or error}", hint=hint) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise CredentialError(f"{what}: {path} is not a file")
    with os.fdopen(descriptor, "rb") as stream:
        if mode & 0o077:
            raise CredentialError(
                f"{what}: {path} is open to others (mode {stat.S_IMODE(mode):04o})",
                why="a secret is not taken from a file that other users of this machine can read",
                hint=f"chmod 600 {path}",
            )
        try:
            return stream.read(_LARGEST).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            raise CredentialError(f"{what}: {path} cannot be read as text") from None


def read_secret(path: Path, what: str) -> str:
    """Return the first line of such a file; raises `CredentialError` as `secret_text` does, or if empty."""
    lines = secret_text(path, what).splitlines()
    secret = lines[0].strip() if lines else ""
    if not secret or not secret.isprintable():
        raise CredentialError(f"{what}: {path} holds nothing that could be it", hint="Write it as the first line.")
    return secret
