"""Starting a runner: a process in a session of its own, which no lost terminal or ended console touches."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from bakeryops.errors import BakeryopsError
from bakeryops.jobs.control import forget_stop
from bakeryops.jobs.store import JobStore, alive
from bakeryops.locations import expanded

__all__ = ["launch", "resume"]

_BEGIN = 15.0
"""Seconds that a resumed runner has to begin."""
_LOOK = 0.02
_CHILDREN: list[subprocess.Popen[bytes]] = []
"""Runners that we started, to be reaped when they have ended."""


def launch(store: JobStore, job: str) -> None:
    """Start the runner of a saved job; raises `BakeryopsError` where no process can be started."""
    folder = store.folder(job)
    try:
        log = os.open(folder / "runner.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BakeryopsError(f"the job cannot be started: {error.strerror or error}") from None
    try:
        _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "bakeryops", "jobs", "carry-out", "--root", str(store.root), folder.name],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )
    except OSError as error:
        raise BakeryopsError(f"the job cannot be started: {error.strerror or error}") from None
    finally:
        os.close(log)
    _CHILDREN.append(child)
    with suppress(OSError):
        (folder / "runner.pid").write_text(f"{child.pid}\n")


def resume(store: JobStore, job: str) -> None:
    """Go on with a job that was stopped, failed, or lost its process; raises `BakeryopsError`.

    It blocks until the runner has begun, for its journal ends with the earlier outcome until then.
    """
    view = store.view(job)
    journal = store.folder(job) / "journal.jsonl"
    before = _size(journal)
    if view.state == "done":
        raise BakeryopsError(f"{view.plan.title}: there is nothing left to do, it is done")
    if alive(store.folder(job)):
        raise BakeryopsError(
            f"{view.plan.title}: it is running", hint=f"Follow it: bakeryops jobs attach {view.id}"
        )
    forget_stop(store.folder(job))
    launch(store, job)
    child, late = _CHILDREN[-1], time.monotonic() + _BEGIN
    while _size(journal) == before and child.poll() is None and time.monotonic() < late:
        time.sleep(_LOOK)
    if _size(journal) == before and child.poll() is not None:
        raise BakeryopsError(
            f"{view.plan.title}: it does not begin", hint=f"Why: {store.folder(job) / 'runner.log'}"
        )


def _environment() -> dict[str, str]:
    """Return our environment, with files that are named relative to where we are named in full."""
    kept = dict(os.environ)
    if listed := kept.get("KUBECONFIG"):
        parts = (expanded(part).absolute() for part in listed.split(os.pathsep) if part)
        kept["KUBECONFIG"] = os.pathsep.join(map(str, parts))
    return kept


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
