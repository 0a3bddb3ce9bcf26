from __future__ import annotations

import msgspec
import pytest

from bakeryops.commands import State
from bakeryops.model.health import Health
from bakeryops.model.overview import NeedsYou, ObjectRef, Overview, Part
from screens.help import help_lines
from screens.lines import line_text, line_width
from screens.rows_overview import NEEDS_COLUMNS, counts_line, needs_rows, part_lines
from screens.widgets.cells import Cell


def need(what: str, why: str, *, pod: str = "orders-1", health: Health = Health.BAD) -> NeedsYou:
    return NeedsYou(
        health, "orders", what, why, 100.0, ObjectRef("deployments", "shop", "orders"), namespace="shop", pod=pod
    )


def overview(
    needs: tuple[NeedsYou, ...] = (),
    parts: tuple[Part, ...] = (),
    *,
    unknowns: tuple[str, ...] = (),
    total: int = 1,
) -> Overview:
    return Overview(
        health=Health.BAD, parts=parts, needs=needs, shares=(), nodes=(), workloads_ready=0, workloads_total=total,
        databases_ready=0, databases_total=0, pods_total=total, restarts_hour=0, restarts_at_least=False,
        cicd_memory=None, cicd_budget=0.0, builds_running=None, unknowns=unknowns,
    )  # fmt: skip


def cells(one: NeedsYou) -> dict[str, str]:
    row = needs_rows(overview((one,)), 160.0)[0]
    texts = (each.text if isinstance(each, Cell) else each for each in row.cells)
    return dict(zip((column.key for column in NEEDS_COLUMNS), texts, strict=True))


@pytest.mark.parametrize(
    ("what", "why", "shown"),
    [
        (
            "CrashLoopBackOff",
            "orders: crash-looping: exit 1, 19 restarts",
            "CrashLoopBackOff  exit 1, 19 restarts",
        ),
        ("ErrImagePull", "1 of 2 pods: orders: cannot pull x:1", "ErrImagePull  1 of 2 pods: cannot pull x:1"),
        ("Running", "was restarted 4 times: out of memory", "was restarted 4 times: out of memory"),
        ("Pending", "Pending", "Pending"),
        ("Pending", "", "Pending"),
    ],
)
def test_state_and_reason_are_said_once(what: str, why: str, shown: str) -> None:
    assert cells(need(what, why))["what"] == shown


@pytest.mark.parametrize(
    ("what", "pod", "key"),
    [
        ("CrashLoopBackOff", "orders-1", "l logs"),
        ("ImagePullBackOff", "orders-1", "e events"),
        ("Pending", "orders-1", "e events"),
        ("NotReady", "", "↵ open"),
    ],
)
def test_the_key_is_the_one_that_shows_why(what: str, pod: str, key: str) -> None:
    assert cells(need(what, "because", pod=pod))["press"] == key


def test_a_part_names_its_worst_member_once() -> None:
    reason = "orders: 1 of 2 pods: orders: cannot pull x:1"
    part = Part("App", ("shop",), Health.BAD, reason, True, "", 1, 2, None, None, None)
    text = "\n".join(line_text(line) for line in part_lines(overview(parts=(part,)), 140))
    assert "orders: 1 of 2 pods: cannot pull x:1" in text


@pytest.mark.parametrize("screen", ["overview", "workloads", "events", "object", "logs", "machine", "connect"])
def test_help_is_wrapped_not_cut(screen: str) -> None:
    lines = help_lines(State(screen=screen), 72)
    assert max(map(line_width, lines)) <= 72
    assert "longer than the cluster keeps them." in " ".join(line_text(line).strip() for line in lines)


def test_what_may_not_be_read_is_not_said_to_be_missing() -> None:
    absent = Part("Flux", ("flux-system",), Health.UNKNOWN, "", False, "", 0, 0, None, None, None)
    seen = overview(parts=(absent,), unknowns=("deployments may not be read",), total=0)
    text = "\n".join(line_text(line) for line in (counts_line(seen, 120), *part_lines(seen, 120)))
    assert "not found" not in text
    assert "not known: Flux" in text
    assert "0/0" not in text
    assert "not found: Flux" in "\n".join(line_text(line) for line in part_lines(overview(parts=(absent,)), 120))


def test_one_namespace_that_is_well_is_said_to_be_well() -> None:
    absent = Part("Flux", ("flux-system",), Health.UNKNOWN, "", False, "", 0, 0, None, None, None)
    seen = msgspec.structs.replace(overview(parts=(absent,)), health=Health.UNKNOWN, workloads_ready=1)
    assert line_text(counts_line(seen, 120, namespace="shop")).startswith(" ✔ all is well in shop")
    assert "not in shop: Flux" in "\n".join(line_text(line) for line in part_lines(seen, 120, namespace="shop"))
    less = msgspec.structs.replace(seen, unknowns=("pods may not be read",))
    assert "✔" not in line_text(counts_line(less, 120, namespace="shop"))
