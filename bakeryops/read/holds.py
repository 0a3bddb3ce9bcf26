"""What people hold back, read: holds from their ConfigMap, suspensions and write-backs from annotations."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bakeryops.model.health import Health
from bakeryops.model.hold import CONFIG_MAP, Hold, Suspension, WriteBack
from bakeryops.model.overview import NeedsYou, ObjectRef
from bakeryops.text import clean
from bakeryops.units import format_age, parse_time

if TYPE_CHECKING:
    from bakeryops.cluster.wire.core import ConfigMap
    from bakeryops.config import Config

__all__ = [
    "HOLD_KINDS", "SUSPENDED", "WRITE_BACK", "hold_text", "holds_in", "holds_of", "needs_of_hold",
    "needs_of_suspension", "needs_of_write_backs", "places", "records_in", "standing", "suspension_of",
    "suspension_text", "write_back_text", "write_backs_of",
]  # fmt: skip

HOLD_KINDS = ("holds",)
"""The kind that keeps the holds: the one ConfigMap."""

SUSPENDED = "bakeryops.dev/suspended-"
"""How the annotations begin that keep who suspended an object, why, since when and until when."""

WRITE_BACK = "write-back.bakeryops.dev/"
"""How the annotations of a Kustomization begin that say what was set past Git, by service."""

_TEXT_MOST = 300


def places(config: Config) -> dict[str, str]:
    """Return the namespaces of the kinds that are read in one namespace alone, for `Session`."""
    return dict.fromkeys(HOLD_KINDS, config.namespaces.builds[0]) if config.namespaces.builds else {}


# Holds.


def holds_in(config_map: Mapping[str, Any]) -> dict[str, Hold]:
    """Return the holds that a ConfigMap tells of, by service; one that cannot be read holds all the same."""
    data = config_map.get("data")
    return _holds(data) if isinstance(data, dict) else {}


def holds_of(objects: Iterable[ConfigMap]) -> dict[str, Hold]:
    """Return the holds of what was read from the cluster, by service."""
    found: dict[str, Hold] = {}
    for each in objects:
        if each.metadata.name == CONFIG_MAP:
            found |= _holds(each.data or {})
    return found


def _holds(data: Mapping[Any, Any]) -> dict[str, Hold]:
    return {str(key): _hold(clean(str(key)), value) for key, value in sorted(data.items())}


def _hold(service: str, value: Any) -> Hold:
    found = _mapping(value)
    if found is None:
        found = {"reason": value if isinstance(value, str) else str(value)}
    owner = _text(found, "owner") or "somebody"
    since, until = (parse_time(_text(found, key) or None) for key in ("since", "until"))
    return Hold(service, owner, _text(found, "reason"), since, until, _text(found, "job"))


# Annotations of Flux' objects.


def suspension_of(
    kind: str, namespace: str, name: str, suspended: bool | None, notes: Mapping[str, str] | None
) -> Suspension | None:
    """Return who suspended an object and why, from its annotations; None for one that is not suspended."""
    if not suspended:
        return None
    kept = {key: clean(str((notes or {}).get(SUSPENDED + key) or ""))[:_TEXT_MOST] for key in _KEPT}
    since, until = parse_time(kept["at"] or None), parse_time(kept["until"] or None)
    return Suspension(kind, namespace, name, kept["by"], kept["reason"], since, until)


_KEPT = ("by", "reason", "at", "until")


def write_backs_of(namespace: str, name: str, notes: Mapping[str, str] | None) -> tuple[WriteBack, ...]:
    """Return what a Kustomization says was set past Git and waits to be written back, by service."""
    return tuple(
        WriteBack(
            service=clean(service),
            namespace=namespace,
            name=name,
            owner=record.get("who", "")[:_TEXT_MOST] or "somebody",
            since=parse_time(record.get("at") or None),
            tag=record.get("tag", "") or record.get("digest", ""),
            git_tag=record.get("git_tag", "") or record.get("git_digest", ""),
            reason=record.get("reason", "")[:_TEXT_MOST],
            job=record.get("job", ""),
        )
        for service, record in sorted(records_in(notes or {}).items())
    )


def records_in(notes: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the records of what was set past Git, by service, as they were written, with clean texts."""
    found: dict[str, dict[str, str]] = {}
    for key, value in notes.items():
        if str(key).startswith(WRITE_BACK):
            record = _mapping(value) or {}
            texts = {str(k): clean(str(v)) for k, v in record.items() if v is not None}
            found[str(key).removeprefix(WRITE_BACK)] = texts
    return found


def _mapping(value: Any) -> dict[str, Any] | None:
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(found: Mapping[str, Any], key: str) -> str:
    each = found.get(key)
    return clean(each)[:_TEXT_MOST] if isinstance(each, str) else ""


# Words.


def hold_text(hold: Hold, now: float) -> str:
    """Say who holds a service, since when, until when and why."""
    return _said(hold, now, "(over)")


def suspension_text(found: Suspension, now: float) -> str:
    """Say who suspended an object, since when, until when and why; "" where that was not kept."""
    kept = found.owner or found.reason or found.since is not None or found.until is not None
    return _said(found, now, "(over, and still suspended)") if kept else ""


def _said(found: Hold | Suspension, now: float, late: str) -> str:
    since = f" since {format_age(now - found.since)}" if found.since is not None else ""
    until = f" until {_when(found.until)}" if found.until is not None else ""
    over = f" {late}" if found.over(now) else ""
    why = f": {found.reason}" if found.reason else ""
    return f"by {found.owner or 'somebody'}{since}{until}{over}{why}"


def write_back_text(found: WriteBack, now: float) -> str:
    """Say to what an image was set past Git, by whom and when: "to 20261116-72423a3 by ops 20m ago"."""
    ago = f" {format_age(now - found.since)} ago" if found.since is not None else ""
    tag = f"to {found.tag} " if found.tag else ""
    return f"{tag}by {found.owner}{ago}"


def standing(
    holds: Iterable[Hold], suspensions: Iterable[Suspension], write_backs: Iterable[WriteBack], now: float
) -> list[tuple[str, list[str]]]:
    """Return "past Git", "held" and "suspended" with what is, in a few words each, without what there is none of.

    What is over is left to the reminders.
    """
    past = [f"{each.service} ({_by(each, now)})" for each in write_backs]
    held = [f"{each.service} ({_by(each, now)})" for each in holds if not each.over(now)]
    away = []
    for each in suspensions:
        if not each.over(now):
            by = _by(each, now)
            away.append(f"{each.kind} {each.name}" + (f" ({by})" if by else ""))
    return [(word, names) for word, names in (("past Git", past), ("held", held), ("suspended", away)) if names]


def _by(found: Hold | Suspension | WriteBack, now: float) -> str:
    since = format_age(now - found.since) if found.since is not None else ""
    return ", ".join(part for part in (found.owner, since) if part)


def _when(seconds: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "?"


# What wants a person.


def needs_of_hold(holds: Iterable[Hold], now: float, open_of: Callable[[str], ObjectRef]) -> Iterator[NeedsYou]:
    """Yield the holds whose time is over; `open_of` says what to open for a service."""
    for each in holds:
        if each.over(now):
            why = _reminder(each, "lift it, or hold it anew")
            ref = open_of(each.service)
            yield NeedsYou(Health.SOON, each.service, "hold over", why, each.until, ref, service=each.service)


def needs_of_suspension(found: Suspension | None, ref: ObjectRef, now: float) -> Iterator[NeedsYou]:
    """Yield a suspension whose time is over."""
    if found is not None and found.over(now):
        why = _reminder(found, "its time is over: resume it")
        yield NeedsYou(
            Health.SOON, found.name, "still suspended", why, found.until, ref, namespace=found.namespace
        )  # fmt: skip


def needs_of_write_backs(found: Sequence[WriteBack], ref: ObjectRef) -> Iterator[NeedsYou]:
    """Yield what waits to be written back to Git."""
    for each in found:
        tag = f" to {each.tag}" if each.tag else ""
        why = f"by {each.owner}{tag}: write it back: bakeryops rollback {each.service} --write-back"
        yield NeedsYou(
            Health.BAD, each.service, "set past Git", why, each.since, ref, namespace=each.namespace,
            service=each.service,
        )  # fmt: skip


def _reminder(found: Hold | Suspension, todo: str) -> str:
    why = f": {found.reason}" if found.reason else ""
    return f"by {found.owner or 'somebody'}{why}; {todo}"
