"""Where jobs are kept: a folder each below the state folder, with the plan, the settings and the journal."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.jobs.journal import Entry, Journal, read_entries
from bakeryops.jobs.settings import Settings, decode_settings, encode_settings
from bakeryops.jobs.view import Fold
from bakeryops.locations import private_folder, state_folder
from bakeryops.model.job import FINISHED, JobView
from bakeryops.model.plan import Plan, decode_plan, encode_plan

__all__ = ["JobStore", "alive", "write_file"]

KEPT = 300
"""Finished jobs that are kept."""
_GRACE = 15.0
"""Seconds that a runner has to begin."""
_NAME = re.compile(r"[0-9]{8}-[0-9]{6}-[a-z0-9-]{1,60}-[0-9a-f]{4}")
_UNFIT = re.compile(r"[^a-z0-9]+")


class JobStore:
    """Jobs of this user on this machine."""

    def __init__(self, folder: Path | None = None) -> None:
        """Take the folder of all jobs, that of the state folder when None; raises `FolderError`."""
        self.root = private_folder(folder if folder is not None else state_folder() / "jobs")

    def create(self, plan: Plan, settings: Settings, who: str) -> str:
        """Save a plan as a job that waits for its runner, and return its id; raises `BakeryopsError`."""
        if plan.blocked:
            raise BakeryopsError(f"{plan.title}: {plan.blocked}", hint=plan.hint)
        word = _UNFIT.sub("-", f"{plan.action}-{plan.subject}".lower()).strip("-")[:50].strip("-")
        job = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{word or 'job'}-{secrets.token_hex(2)}"
        folder = self.root / job
        partial = self.root / f".{job}"
        try:
            partial.mkdir(mode=0o700)
            write_file(partial / "plan.json", encode_plan(plan))
            write_file(partial / "settings.json", encode_settings(settings))
            journal = Journal(partial / "journal.jsonl")
            journal.append(Entry(time.time(), "created", text=who))
            journal.close()
            partial.rename(folder)
            _sync_folder(self.root)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise BakeryopsError(
                f"the job cannot be saved in {self.root}: {error.strerror or error}",
                why="nothing is changed that could not be resumed after a crash",
                hint="Make room there, or set XDG_STATE_HOME.",
            ) from None
        self.tidy()
        return job

    def folder(self, job: str) -> Path:
        """Return the folder of a job, by its id, by the end of it, or by "last"; raises `UsageError`."""
        if job == "last" and (ids := self.ids()):
            return self.root / ids[0]
        if _NAME.fullmatch(job) and (self.root / job).is_dir():
            return self.root / job
        found = [each for each in self.ids() if each.endswith(f"-{job}")] if job else []
        if len(found) != 1:
            raise UsageError(f"there is no job {job[:80]!r}", hint="See: bakeryops jobs list")
        return self.root / found[0]

    def ids(self) -> list[str]:
        """Return the ids of all jobs, the newest first."""
        return sorted((each.name for each in self.root.iterdir() if _NAME.fullmatch(each.name)), reverse=True)

    def plan(self, job: str) -> Plan:
        """Return a job's plan; raises `BakeryopsError`."""
        return decode_plan(_read(self.folder(job) / "plan.json"))

    def settings(self, job: str) -> Settings:
        """Return a job's settings; raises `BakeryopsError`."""
        return decode_settings(_read(self.folder(job) / "settings.json"))

    def view(self, job: str) -> JobView:
        """Return a job as its journal tells; raises `BakeryopsError`."""
        folder = self.folder(job)
        fold = Fold(folder.name, self.plan(job))
        try:
            return judged(folder, fold.take(read_entries(folder / "journal.jsonl")))
        except OSError as error:
            raise BakeryopsError(f"the job's journal cannot be read: {error.strerror or error}") from None

    def views(self, limit: int = 50) -> list[JobView]:
        """Return the newest jobs; those that cannot be read are left out."""
        found: list[JobView] = []
        for job in self.ids()[:limit]:
            with suppress(BakeryopsError):
                found.append(self.view(job))
        return found

    def tidy(self) -> None:
        """Remove the oldest finished jobs where there are too many; what cannot be removed stays."""
        for job in self.ids()[KEPT:]:
            with suppress(BakeryopsError, OSError):
                if self.view(job).state in FINISHED:
                    shutil.rmtree(self.root / job)


def judged(folder: Path, view: JobView, *, now: float | None = None) -> JobView:
    """Return a view with what the journal cannot tell: whether its runner is alive."""
    import msgspec

    if view.finished or alive(folder):
        return view
    if view.started is None and (time.time() if now is None else now) - view.created < _GRACE:
        return view
    return msgspec.structs.replace(
        view,
        state="lost",
        text="its process is gone; nothing goes on",
        hint=f"Go on with: bakeryops jobs resume {view.id}",
    )


def alive(folder: Path) -> bool:
    """Return whether a runner holds a job: the kernel lets go of its lock when it dies."""
    try:
        descriptor = os.open(folder / "runner.lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def write_file(path: Path, data: bytes) -> None:
    """Write a file of mode 0600, on disk when this returns; raises `OSError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BakeryopsError(f"the job cannot be read: {path.name}: {error.strerror or error}") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
