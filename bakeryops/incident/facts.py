"""What an incident is made of, gathered and not yet written. Times are seconds since the epoch."""

from __future__ import annotations

import msgspec

from bakeryops.git.preview import Shortlog
from bakeryops.model.event import EventGroup
from bakeryops.model.history import Entry
from bakeryops.model.hold import Hold
from bakeryops.model.job import JobView

__all__ = ["Excerpt", "Incident", "Moment", "Running", "Shipped"]


class Moment(msgspec.Struct, frozen=True, gc=False):
    """A line of the time line; `tone` is that of `model.health.Health`, "" for plain."""

    when: float
    kind: str
    """push, build, deploy, flux, pod, action or hold."""
    what: str
    tone: str = ""
    who: str = ""


class Running(msgspec.Struct, frozen=True, gc=False):
    """What runs of a service against what Git wants; `known` is False where the cluster could not be asked."""

    service: str
    health: str
    state: str
    why: str
    tag: str
    wanted: str
    """The tag that Git wants, "" where it names none."""
    ready: str
    commit: str
    subject: str
    author: str
    known: bool = True


class Shipped(msgspec.Struct, frozen=True):
    """A deployment of the window with what it changed."""

    entry: Entry
    diff: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """Files whose changes are not shown, because they may hold secrets."""
    log: Shortlog | None = None
    folder: str = ""
    """Whose commits `log` has."""
    missing: str = ""
    """What of it could not be read."""


class Excerpt(msgspec.Struct, frozen=True):
    """The part of a log round the first line that sounds bad; `marked` is that line's place in `lines`."""

    title: str
    about: tuple[str, ...]
    lines: tuple[str, ...] = ()
    marked: int | None = None
    before: bool = False
    """Whether there was more before the first line."""
    after: int = 0
    """Lines that follow the last one."""
    missing: str = ""


class Incident(msgspec.Struct, frozen=True):
    """Everything, bounded: `left` says in sentences what was left out, `missing` what could not be looked at."""

    service: str
    """"" for the whole bakery."""
    cluster: str
    context: str
    since: float
    until: float
    who: str
    version: str
    moments: tuple[Moment, ...] = ()
    running: tuple[Running, ...] = ()
    shipped: tuple[Shipped, ...] = ()
    excerpts: tuple[Excerpt, ...] = ()
    events: tuple[EventGroup, ...] = ()
    holds: tuple[Hold, ...] | None = None
    """None where they could not be read."""
    jobs: tuple[JobView, ...] = ()
    missing: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
