"""Recordings of a real cluster, kept outside this repository; tests that need them skip where they are absent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "recordings"

needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the folder of recordings is not beside the project"
)


def scenarios(prefix: str) -> list[str]:
    """Return the names of the recorded scenarios that begin with `prefix`; empty where there are no recordings."""
    return (
        sorted(path.name for path in RECORDINGS.glob(f"{prefix}*") if path.is_dir()) if RECORDINGS.is_dir() else []
    )


def events(scenario: str) -> Iterator[tuple[float, str, str, dict[str, Any]]]:
    """Yield (seconds, plural, event type, object) of a scenario's watch, in order of arrival."""
    with (RECORDINGS / scenario / "watch.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            yield entry["t"], entry["kind"], entry["event"]["type"], entry["event"]["object"]


def final_list(scenario: str, plural: str) -> list[dict[str, Any]]:
    """Return the items of the LIST at the end of a scenario; empty where that kind was not listed."""
    path = RECORDINGS / scenario / f"list-{plural}.json"
    return json.loads(path.read_text(encoding="utf-8"))["items"] if path.is_file() else []


def exchanges() -> dict[str, Path]:
    """Return the recorded HTTP exchanges by name."""
    return (
        {path.stem: path for path in sorted((RECORDINGS / "http").glob("*.json"))} if RECORDINGS.is_dir() else {}
    )
