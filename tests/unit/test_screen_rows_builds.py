from __future__ import annotations

from typing import Any

import pytest

from bakeryops.model.build import Build
from screens.build_choice import Chosen, Spot, default_spot, log_of, resolve, sources_of_build
from screens.build_fit import fit_build
from screens.lines import line_text, line_width
from screens.log_source import Source
from screens.rows_build import dag_nodes, heading_lines, info_lines, time_rows
from screens.rows_builds import brief, build_number, build_strip, builds_heading, trigger_words
from screens.widgets.timeline_layout import Piece
from tests.support.builds import condition, excerpt, raw_run, read
from tests.support.reading import NOW, stamp

EXCERPTS = (
    "build-fails", "cancelled", "image-pull-failure", "missing-param", "missing-secret", "nothing-changed", "oom",
    "pod-admission-failed", "quota-exceeded-recovers", "retry-then-success", "success-one", "timeout-pipeline",
)  # fmt: skip


def made(name: str, took: float | None, status: str = "True", reason: str = "Succeeded", **meta: Any) -> Build:
    end = {"completionTime": stamp(500 - took)} if took is not None else {}
    raw = raw_run(name, meta=meta, startTime=stamp(500), conditions=condition(status, reason), **end)
    return read(raw, now=NOW)


def test_the_strip_has_heights_by_duration_and_tones_by_result() -> None:
    builds = [
        made("ci-c", None, "Unknown", "Running"), made("ci-b", 100, "False", "Failed"), made("ci-a", 400),
    ]  # fmt: skip
    assert build_strip(builds, 5, now=NOW) == (("  ", ""), ("▇", "fine"), ("▂", "bad"), ("█", "working"))
    assert build_strip(builds, 2, now=NOW) == (("▂", "bad"), ("█", "working"))
    assert build_strip([], 3) == (("   ", ""),)
    assert build_strip(builds, 0) == ()


def test_the_heading_fits_whatever_the_width() -> None:
    builds = [made("ci-c", None, "Unknown", "Running"), made("ci-a", 400)]
    for width in (20, 80, 200):
        line = builds_heading(builds, width, now=NOW, shown=1, slots=None, order="sorted by took", wanted="auth")
        assert line_width(line) == width
    assert "1 of 2 builds  ◐ 1 running  sorted by took  /auth" in line_text(line)


def test_words() -> None:
    assert build_number(made("bakery-ia-ci-x7k2m", 1)) == "x7k2m"
    assert build_number(made("by-hand-three", 1)) == "by-hand-three"
    assert trigger_words(made("a", 1)) == "by hand"
    assert [brief(each) for each in (0.4, 6.0, 59, 109)] == ["0s", "6s", "59s", "1m49"]


def test_the_first_failing_step_is_what_one_looks_at_first() -> None:
    build = excerpt("build-fails")
    chosen = resolve(build, default_spot(build))
    assert chosen is not None
    assert chosen.title == "build web / build"
    found = log_of(build, chosen)
    assert isinstance(found, Source)
    assert found.container == "step-build"
    assert "What is left: Step build failed" in found.gone


def test_a_spot_outlives_the_key_of_an_only_child() -> None:
    build = excerpt("success-one")
    task = next(task for task in build.tasks if task.task == "test")
    chosen = resolve(build, Spot(f"test/{task.run}", task.steps[0].name))
    assert chosen is not None
    assert chosen.task is task
    assert resolve(build, Spot("no such task")) is None


@pytest.mark.parametrize("name", EXCERPTS)
def test_every_row_of_a_recorded_build_has_a_log_or_says_why_not(name: str) -> None:
    build = excerpt(name)
    rows = time_rows(build, build.created + 600)
    assert len(rows) == sum(1 + len(task.attempts) for task in build.tasks)
    for row in rows:
        chosen = resolve(build, Spot(row.key))
        assert isinstance(chosen, Chosen)
        assert chosen.spot.row == row.key
        found = log_of(build, chosen)
        assert found if isinstance(found, str) else found.pod
        for piece in row.pieces:
            assert isinstance(piece, Piece)
            assert piece.end is None or piece.end >= piece.start
    labels = [source.label for source in sources_of_build(build)]
    assert len(set(labels)) == len(labels)
    assert {node.key for node in dag_nodes(build)} == {task.key for task in build.tasks}
    for width in (40, 80, 200):
        assert line_width(heading_lines(build, None, NOW, width)[0]) == width
        for line in info_lines(build, resolve(build, default_spot(build)), width):
            assert line_width(line) <= max(width, 60)


def test_a_task_that_waits_has_no_log_and_says_for_what() -> None:
    build = excerpt("missing-secret")
    chosen = resolve(build, default_spot(build))
    assert chosen is not None
    assert "secret" in str(log_of(build, chosen)).lower()


@pytest.mark.parametrize("height", range(6, 60))
def test_the_log_keeps_its_lines(height: int) -> None:
    for rows in (1, 9, 40):
        fit = fit_build(height, rows)
        assert fit.timeline >= 2
        assert fit.timeline <= max(2, rows + 1)
        if height >= 19:
            assert height - fit.dag - fit.timeline >= 8
