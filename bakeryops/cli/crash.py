"""A fault of bakeryops itself: one sentence for the person, the traceback in a private file for the report."""

from __future__ import annotations

import os
import traceback
from datetime import UTC, datetime

from bakeryops import __version__
from bakeryops.locations import state_folder
from bakeryops.text import clean, clean_lines

__all__ = ["crash_report"]


def crash_report(error: BaseException) -> list[str]:
    """Write the traceback of an unexpected error to the state folder and return what to tell the person."""
    from bakeryops.masking import mask_text

    what = f"bakeryops: a fault of its own: {type(error).__name__}: {mask_text(clean(str(error)))[:200]}"
    moment = datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%S")
    try:
        path = state_folder() / f"crash-{moment}-{os.getpid()}.txt"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            told = mask_text(clean_lines("".join(traceback.format_exception(error))))
            stream.write(f"bakeryops {__version__}\n\n{told}\n")
    except OSError as reason:
        return [what, f"  The details could not be saved: {reason.strerror or reason}."]
    return [what, f"  Please report it; the details are in {path}"]
