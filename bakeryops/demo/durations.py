"""Durations as kubectl writes them: `72s`, `6m20s`, `3h5m`, `2d`."""

from __future__ import annotations

from bakeryops.demo.objects import parse_time

__all__ = ["age", "human_duration"]

_UNKNOWN = "<unknown>"


def human_duration(seconds: float) -> str:
    """Return a duration with one or two units, as precise as its length deserves."""
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    if total < 0:
        return "0s"
    if total < 120:
        return f"{total}s"
    minutes = total // 60
    if minutes < 10:
        return _two(minutes, "m", total % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 24 * 8:
        return _two(days, "d", hours % 24, "h")
    if hours < 24 * 365 * 2:
        return f"{days}d"
    years = days // 365
    if hours < 24 * 365 * 8:
        return _two(years, "y", days % 365, "d")
    return f"{years}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def age(text: str | None, now: float) -> str:
    """Return the time since an RFC 3339 time, `<unknown>` when there is none."""
    when = parse_time(text) if text else None
    return _UNKNOWN if when is None else human_duration(now - when)
