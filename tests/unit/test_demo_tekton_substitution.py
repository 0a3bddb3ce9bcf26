"""Variables of Pipelines and Tasks."""

from __future__ import annotations

from typing import Any

import pytest

from bakeryops.demo.tekton.graph import ResultOf, cycle, needs, results_needed
from bakeryops.demo.tekton.substitution import references, substitute
from bakeryops.demo.tekton.words import child_name, duration_text, seconds_of

VALUES = {"params.x": "1", "params.list": ["a", "b"], "params.obj": {"key": "v"}, "params.dotted.name": "d"}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("$(params.x)", "1"),
        ("a-$(params.x)-$(params.x)", "a-1-1"),
        ("$(params[\"x\"]) $(params['dotted.name'])", "1 d"),
        ("$(params.obj.key) $(params.list[1])", "v b"),
        ("$(params.list[*])", ["a", "b"]),
        (["-x", "$(params.list[*])", "y"], ["-x", "a", "b", "y"]),
        ("$(params.obj[*])", {"key": "v"}),
        ("a $(params.list[*])", "a $(params.list[*])"),
        ("$(params.none) $(params.list[9]) $(date) $((1+1))", "$(params.none) $(params.list[9]) $(date) $((1+1))"),
        ({"k": ["$(params.x)"]}, {"k": ["1"]}),
        (5, 5),
    ],
)
def test_variables_are_replaced(value: Any, wanted: Any) -> None:
    assert substitute(value, VALUES) == wanted


def test_what_is_replaced_is_not_replaced_again() -> None:
    assert substitute("$(params.a)", {"params.a": "$(params.b)", "params.b": "x"}) == "$(params.b)"


def test_names_are_found_in_order() -> None:
    found = references(["$(tasks.a.results.b)", {"x": "$(params['y'])"}, None])
    assert list(found) == ["tasks.a.results.b", "params.y"]


def test_results_make_an_order() -> None:
    task = {
        "name": "c",
        "runAfter": ["z"],
        "params": [{"name": "p", "value": "$(tasks.a.results.r[*])"}],
        "when": [{"input": "$(tasks.b.results.any)", "operator": "in", "values": ["yes"]}],
        "matrix": {"params": [{"name": "q", "value": "$(tasks.m.results.list[*])"}]},
    }
    assert needs(task) == {"a", "b", "m", "z"}
    assert ResultOf("a", "r", True) in results_needed(task)
    assert cycle([task, {"name": "a", "runAfter": ["c"]}]) == ("a", ["c"])
    assert cycle([task]) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h0m0s", 3600.0),
        ("90s", 90.0),
        ("1.5h", 5400.0),
        ("0", 0.0),
        ("5", None),
        ("", None),
        ("x", None),
        (7, None),
    ],
)
def test_durations(text: object, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


def test_durations_are_written_as_tekton_does() -> None:
    assert [duration_text(each) for each in (9, 360, 3600, 0)] == ["9s", "6m0s", "1h0m0s", "0s"]


def test_names_of_children() -> None:
    assert child_name("run", "-task") == "run-task"
    long = child_name("r" * 60, "-task")
    assert len(long) == 63
    assert long.endswith("-task")
    assert len(child_name("r", "-" + "t" * 80)) <= 63
