"""Quantities, durations and times in Kubernetes' notation."""

from __future__ import annotations

import math

import pytest

from bakeryops.units import format_age, parse_duration, parse_quantity, parse_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250m", 0.25), ("1.5Gi", 1.5 * 2**30), ("2e3", 2000.0), ("1E", 1e18), ("", None), ("1e999", None),
        ("9" * 400, None), ("1.2.3", None), ("many", None), (None, None),
    ],
)  # fmt: skip
def test_a_quantity_is_a_number_or_nothing(text: str | None, expected: float | None) -> None:
    assert parse_quantity(text) == expected


def test_a_duration_is_a_number_or_nothing() -> None:
    assert parse_duration("1h2m3.5s") == 3723.5
    assert parse_duration("9" * 400 + "h") is None
    assert parse_duration("1 h") is None


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-22T12:00:00Z"]
)
def test_a_time_at_the_edge_is_a_number(text: str) -> None:
    assert math.isfinite(parse_time(text) or 0.0)


def test_an_age_below_zero_is_none() -> None:
    assert format_age(-3600) == "0s"
