"""Durations as Go reads and writes them."""

from __future__ import annotations

import re

__all__ = ["go_text", "seconds_of"]

_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def seconds_of(text: object, default: float) -> float:
    """Return the seconds of a duration such as `10m0s`, or `default` for anything else."""
    if not isinstance(text, str) or not text:
        return default
    found = _PART.findall(text)
    if "".join(number + unit for number, unit in found) != text:
        return default
    return sum(float(number) * _UNITS[unit] for number, unit in found)


def go_text(seconds: float) -> str:
    """Return a duration as Go writes it: `1m0s`, `5.058s`, `33.6ms`."""
    nanos = round(seconds * 1e9)
    if nanos == 0:
        return "0s"
    if nanos < 1_000:
        return f"{nanos}ns"
    if nanos < 1_000_000:
        return f"{_trim(nanos / 1e3)}µs"
    if nanos < 1_000_000_000:
        return f"{_trim(nanos / 1e6)}ms"
    whole, rest = divmod(nanos, 60_000_000_000)
    hours, minutes = divmod(whole, 60)
    tail = f"{_trim(rest / 1e9, 9)}s"
    if hours:
        return f"{hours}h{minutes}m{tail}"
    return f"{minutes}m{tail}" if minutes else tail


def _trim(value: float, digits: int = 6) -> str:
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return text or "0"
