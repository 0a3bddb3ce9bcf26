"""Moments of a real Flux, one of every combination of conditions that was seen: state, health and sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bakeryops.cluster.kinds import KINDS
from bakeryops.read.flux import SOURCES, source_of, sync_of

MOMENTS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "flux" / "moments.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]


@pytest.mark.parametrize(
    "moment", MOMENTS, ids=lambda moment: f"{moment['scenario']}-{moment['seconds']}-{moment['plural']}"
)
def test_a_moment_is_told_as_it_was(moment: dict[str, Any]) -> None:
    plural = moment["plural"]
    raw = msgspec.json.decode(json.dumps(moment["object"]), type=KINDS[plural].struct)
    view = source_of(plural, raw) if plural in SOURCES else sync_of(plural, raw)
    assert (view.health.value, view.state, view.why) == (moment["health"], moment["state"], moment["why"])
    assert view.name == moment["object"]["metadata"]["name"]
