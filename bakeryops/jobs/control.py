"""Telling a running job something: a person asks it to stop."""

from __future__ import annotations

from pathlib import Path

from bakeryops.errors import BakeryopsError
from bakeryops.jobs.store import JobStore, write_file

__all__ = ["asked_to_stop", "cancel"]

_FILE = "stop"


def cancel(store: JobStore, job: str, who: str) -> None:
    """Ask a job to stop at the next place where nothing is left half done; raises `BakeryopsError`."""
    view = store.view(job)
    if view.finished:
        raise BakeryopsError(f"{view.plan.title}: there is nothing to stop, it has ended ({view.state})")
    if view.state == "lost":
        raise BakeryopsError(
            f"{view.plan.title}: there is nothing to stop, its process is gone",
            hint=f"Look at it with: bakeryops jobs attach {view.id}",
        )
    try:
        write_file(store.folder(job) / _FILE, who.encode())
    except OSError as error:
        raise BakeryopsError(f"the job cannot be told: {error.strerror or error}") from None


def asked_to_stop(folder: Path) -> str | None:
    """Return who asked a job to stop, None where nobody did."""
    try:
        return (folder / _FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def forget_stop(folder: Path) -> None:
    """Forget that a job was asked to stop: it is resumed."""
    (folder / _FILE).unlink(missing_ok=True)
