"""Quantities, sizes and times: Kubernetes' notation read, and short forms for people written."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from functools import lru_cache

__all__ = [
    "format_age",
    "format_bytes",
    "format_cpu",
    "format_duration",
    "parse_duration",
    "parse_quantity",
    "parse_time",
]

_SUFFIX = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0,
    "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?[0-9.]+)(?:([eE][+-]?[0-9]+)|(n|u|m|k|[KMGTPE]i|[MGTPE])?)")
_GO_DURATION = re.compile(r"([0-9.]+)(ms|us|µs|ns|h|m|s)")
_GO_UNIT = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@lru_cache(maxsize=4096)
def parse_quantity(text: str | None) -> float | None:
    """Return a Kubernetes quantity ("250m", "1.5Gi", "2e3") in its base unit, or None where it is none."""
    found = _QUANTITY.fullmatch(text.strip()) if text else None
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    try:
        amount = float(number + (exponent or "")) * _SUFFIX[suffix or ""]
    except ValueError:
        return None
    return amount if math.isfinite(amount) else None


def parse_duration(text: str | None) -> float | None:
    """Return a Go duration ("1h2m3.5s", "0s") in seconds, or None where it is none."""
    if not text:
        return None
    if text == "0":
        return 0.0
    negative, body = text.startswith("-"), text.lstrip("+-")
    parts = _GO_DURATION.findall(body)
    if "".join(number + unit for number, unit in parts) != body:
        return None
    try:
        seconds = sum(float(number) * _GO_UNIT[unit] for number, unit in parts)
    except ValueError:
        return None
    if not math.isfinite(seconds):
        return None
    return -seconds if negative else seconds


@lru_cache(maxsize=8192)
def parse_time(text: str | None) -> float | None:
    """Return an RFC 3339 time as seconds since the epoch, or None where it is none."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def format_age(seconds: float | None) -> str:
    """Return a rounded-down age of at most four characters: "5s", "12m", "3h", "41d", "2y"; "?" for unknown.

    A negative age (the clocks differ) reads "0s".
    """
    if seconds is None:
        return "?"
    left = max(0, int(seconds))
    for size, unit in ((31_536_000, "y"), (86_400, "d"), (3600, "h"), (60, "m")):
        if left >= 2 * size or (left >= size and unit != "m" and unit != "y"):
            return f"{left // size}{unit}"
    return f"{left}s"


def format_duration(seconds: float | None) -> str:
    """Return how long something took: "0.4s", "12s", "4m12", "1h03", "2d04"; "?" for unknown."""
    if seconds is None:
        return "?"
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}"


def format_bytes(count: float | None) -> str:
    """Return bytes in powers of 1024 with at most four digits: "512", "1.5K", "411M", "11.2G"; "?" for unknown."""
    if count is None:
        return "?"
    value = float(count)
    if abs(value) < 1024:
        return f"{value:.0f}"
    unit = ""
    for candidate in "KMGTP":
        value, unit = value / 1024, candidate
        if abs(value) < 1000:
            break
    one_decimal = abs(value) < 10 or (abs(value) < 100 and unit not in "KM")
    return f"{value:.{1 if one_decimal else 0}f}{unit}"


def format_cpu(cores: float | None) -> str:
    """Return CPU in millicores below ten cores ("250m"), else in cores ("12"); "?" for unknown."""
    if cores is None:
        return "?"
    return f"{cores * 1000:.0f}m" if cores < 10 else f"{cores:.1f}"
