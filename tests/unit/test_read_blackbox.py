"""Signs of failure: what is to be saved of every recorded failure, what is not, and how a good run is set beside it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops.cluster.wire.core import Event, Pod
from bakeryops.cluster.wire.tekton import PipelineRun, TaskRun
from bakeryops.model.blackbox import Saved, SavedLog, Timing
from bakeryops.model.build import Named
from bakeryops.read.blackbox import (
    BYTES_MOST,
    LINES_MOST,
    compare,
    comparison_lines,
    events_about,
    images_of,
    kept_lines,
    masked,
    report,
    told_error,
)
from bakeryops.read.blackbox_signs import Sign, has_failed, is_asked_to_stop, is_over, of_build, of_pod, of_taskrun
from bakeryops.units import parse_time
from tests.support.builds import DATA, run_of, taskrun_of

NOW = 1_795_000_000.0


def recorded(name: str) -> tuple[PipelineRun, list[TaskRun], float]:
    found = json.loads((DATA / f"{name}.json").read_text())
    now = parse_time(found["now"])
    assert now is not None
    return run_of(found["pipelinerun"]), [taskrun_of(each) for each in found["taskruns"]], now


def signs_of(name: str) -> list[Sign]:
    run, tasks, now = recorded(name)
    found = [sign for task in tasks for sign in of_taskrun(task, run, stopping=is_asked_to_stop(run), now=now)]
    whole = of_build(run, tasks, now=now) if is_over(run) else None
    return [*found, whole] if whole is not None else found


BAD = {
    # recording: verdict, task, step, reason, exit code of what is saved, good runs apart
    "build-fails": [("failed", "build web", "build", "StepFailed", 1)],
    "oom": [("failed", "bundle", "bundle", "StepOOM", 137)],
    "success-one": [],
    "nothing-changed": [],
}


@pytest.mark.parametrize("name", BAD)
def test_of_a_recorded_build_what_failed_is_saved(name: str) -> None:
    found = [each.saved for each in signs_of(name) if each.saved.verdict != "green"]
    assert [(each.verdict, each.task, each.step, each.reason, each.exit_code) for each in found] == BAD[name]


@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def test_a_build_that_failed_leaves_something_and_a_good_one_nothing(path: Any) -> None:
    run, _, _ = recorded(path.stem)
    found = [each for each in signs_of(path.stem) if each.saved.verdict != "green"]
    assert len({each.mark for each in found}) == len(found)
    if has_failed(run):
        assert found
    for each in found:
        assert each.saved.why or each.saved.reason
        assert each.plural in ("taskruns", "pipelineruns")
        if each.wants and each.saved.container:
            # The log of what failed is asked for first: its pod may go any moment.
            assert each.wants[0].container == each.saved.container
            assert each.wants[0].tail == LINES_MOST


def test_every_attempt_of_a_task_is_saved() -> None:
    found = [each.saved for each in signs_of("retry-then-success")]
    bad = [each for each in found if each.verdict == "failed"]
    assert len(bad) == 1
    assert bad[0].pod
    assert bad[0].pod not in {each.pod for each in found if each.verdict == "green"}


def test_a_cancelled_build_is_saved_as_such() -> None:
    found = [each.saved for each in signs_of("cancelled") if each.saved.verdict != "green"]
    assert {each.verdict for each in found} == {"cancelled"}


def test_a_build_that_fails_without_a_task_is_saved_as_a_whole() -> None:
    found = [each.saved for each in signs_of("missing-param")]
    assert [(each.kind, each.verdict) for each in found] == [("PipelineRun", "failed")]
    assert found[0].error


# Pods.


def pod(*, restarts: int = 0, state: Any = None, last: Any = None, phase: str = "Running", **more: Any) -> Pod:
    status: dict[str, Any] = {"phase": phase}
    if state is not None:
        status["containerStatuses"] = [
            {"name": "main", "restartCount": restarts, "state": state, **({"lastState": last} if last else {})}
        ]
    meta = {"name": "auth-1", "namespace": "bakery-ia", "uid": "u1", "labels": {"app": "auth-service"}, **more}
    spec = {"containers": [{"name": "main", "image": "h/o/auth:20251010120000-9f3c2a1b9f3c"}]}
    return msgspec.convert({"metadata": meta, "spec": spec, "status": status | more.pop("status", {})}, Pod)


def ended(code: int, reason: str = "Error", ago: float = 5.0) -> dict[str, Any]:
    from tests.support.fake_session import NOW as FAKE
    from tests.support.small_bakery import stamp

    assert FAKE == NOW
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": stamp(ago)}}


RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def test_a_container_that_ended_badly_is_saved_with_its_log() -> None:
    (sign,) = of_pod(pod(state=ended(1)), now=NOW)
    assert (sign.saved.reason, sign.saved.exit_code, sign.saved.part) == ("Error", 1, "main")
    assert (sign.saved.service, sign.saved.commit) == ("auth-service", "9f3c2a1b9f3c")
    assert [(each.pod, each.container, each.previous) for each in sign.wants] == [("auth-1", "main", False)]


def test_a_restart_is_told_by_its_count_and_the_log_before_it_is_read() -> None:
    (sign,) = of_pod(pod(state=RUNNING, last=ended(137, "OOMKilled"), restarts=1), now=NOW)
    assert (sign.saved.reason, sign.saved.restarts) == ("OOMKilled", 1)
    assert "out of memory" in sign.saved.why
    assert sign.wants[0].previous


def test_of_a_crash_loop_ever_fewer_turns_are_saved() -> None:
    marks = {
        of_pod(pod(state={"waiting": {"reason": "CrashLoopBackOff"}}, last=ended(1), restarts=n), now=NOW)[0].mark
        for n in range(1, 130)
    }
    assert len(marks) == 8


@pytest.mark.parametrize(
    "quiet",
    [
        pod(state=RUNNING),
        pod(state=ended(0, "Completed")),
        pod(state=RUNNING, last=ended(1, ago=7200.0), restarts=1),
        pod(state=ended(143), deletionTimestamp="2026-11-18T11:06:00Z"),
        pod(state=ended(1), labels={"tekton.dev/taskRun": "x"}),
        pod(state={"waiting": {"reason": "ContainerCreating"}}),
        pod(),
    ],
    ids=["running", "done", "long ago", "deleted", "of a build", "starting", "new"],
)
def test_what_is_no_failure_is_not_saved(quiet: Pod) -> None:
    assert of_pod(quiet, now=NOW) == []


def test_an_image_that_cannot_be_pulled_is_saved_once_whichever_word_shows() -> None:
    marks = set()
    for reason in ("ErrImagePull", "ImagePullBackOff", "ErrImagePull"):
        (sign,) = of_pod(pod(state={"waiting": {"reason": reason, "message": "not found"}}), now=NOW)
        assert (sign.saved.reason, sign.saved.why, sign.wants) == ("ImagePullBackOff", "not found", ())
        marks.add(sign.mark)
    assert len(marks) == 1


def test_an_evicted_pod_is_saved() -> None:
    made = pod(phase="Failed", status={"reason": "Evicted", "message": "low on memory"})
    made.status.reason, made.status.message = "Evicted", "low on memory"  # type: ignore[union-attr]
    (sign,) = of_pod(made, now=NOW)
    assert (sign.saved.reason, sign.saved.why) == ("Evicted", "low on memory")


# Logs and objects.


def test_a_log_is_kept_from_its_end_within_bounds() -> None:
    lines, cut = kept_lines(b"line %d" % number for number in range(5000))
    assert (len(lines), cut, lines[-1]) == (LINES_MOST, True, "line 4999")
    lines, cut = kept_lines(b"x" * 10_000 for _ in range(1000))
    assert cut
    assert sum(len(line) + 1 for line in lines) <= BYTES_MOST
    assert kept_lines([]) == ((), False)


def test_secrets_in_a_log_are_hidden_and_control_sequences_gone() -> None:
    key = (b"-----BEGIN PRIVATE KEY-----", b"MIIEvQIBADANBgkqhkiG9w0", b"-----END PRIVATE KEY-----")
    lines, _ = kept_lines(
        (b"\x1b[31mfailed\x1b[0m \x1b]52;c;eA==\x07", b"push https://bot:hunter2@git/x", *key, b"end")
    )
    text = "\n".join(lines)
    assert lines[0] == "failed "
    assert "hunter2" not in text
    assert "MIIE" not in text
    assert lines[-1] == "end"


def test_the_first_bad_line_is_told_else_the_last() -> None:
    log = SavedLog("main", "main", ("fine", "ERROR one", "ERROR two", "exit"))
    assert told_error(log) == ("ERROR one", 1)
    quiet = SavedLog("main", "main", ("fine", "killed", ""))
    assert told_error(quiet) == ("killed", 1)
    assert told_error(quiet, ended=False) == ("", None)
    assert told_error(None) == ("", None)


def test_an_object_is_saved_without_secrets_and_managed_fields() -> None:
    found = masked({"kind": "Pod", "metadata": {"name": "x", "managedFields": [1]},
                    "spec": {"containers": [{"env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}]}})  # fmt: skip
    assert "managedFields" not in found["metadata"]
    assert "hunter2" not in json.dumps(found)
    spec = {"containers": [{"name": "main", "image": "h/x:1"}]}
    status = {"containerStatuses": [{"name": "main", "imageID": "h/x@sha256:1"}]}
    assert images_of({"spec": spec, "status": status}) == (Named("main", "h/x@sha256:1"),)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["spec", "status", "steps", "containers", "taskSpec", "name", "image", "metadata"]
                ),
                inner,
            )
        ),
        max_leaves=20,
    )
)
def test_any_object_can_be_saved(found: Any) -> None:
    if isinstance(found, dict):
        images_of(masked(found))


def test_events_of_the_object_and_its_pod_are_saved() -> None:
    def event(name: str, reason: str, uid: str) -> Event:
        about = {"kind": "Pod", "namespace": "a", "name": name}
        return msgspec.convert({"metadata": {"uid": uid, "namespace": "a"}, "involvedObject": about, "reason": reason,
                                "type": "Warning", "message": "token=abcdef123456", "count": 3}, Event)  # fmt: skip

    found = events_about([event("p", "Failed", "1"), event("q", "Other", "2")], "a", ("p", ""))
    assert [(each.reason, each.object, each.count) for each in found] == [("Failed", "Pod/p", 3)]
    assert "abcdef" not in found[0].message


# Beside a good run.


def run(*lines: str, **more: Any) -> Saved:
    values: dict[str, Any] = {
        "timings": (Timing("test", 12.0),),
        "params": (Named("service", "auth"),),
        "build": "b",
    }
    return Saved("failed", "TaskRun", "ns", "n", "u", "p", NOW, NOW, task="test auth", step="test", container="step-test",
                 logs=(SavedLog("step-test", "test", lines),), **(values | more))  # fmt: skip


def test_logs_are_alike_up_to_numbers_times_and_hashes() -> None:
    failed = run(
        "12:00:01 pulled 9f3c2a1b9f3c in 3.2s", "collected 14 items", "1 failed", error="1 failed", error_at=2
    )
    green = run("12:45:59 pulled 77aa00b1c2d3 in 11.9s", "collected 14 items", "14 passed", build="g",
                timings=(Timing("test", 3.0), Timing("lint", None)), params=(Named("service", "auth"), Named("x", "1")))  # fmt: skip
    found = compare(failed, green)
    assert found.same == 2
    assert (found.failed_lines, found.green_lines) == (("1 failed",), ("14 passed",))
    assert found.timings == (("test", 12.0, 3.0), ("lint", None, None))
    assert [(each.what, each.name, each.failed, each.green) for each in found.differing] == [
        ("parameter", "x", "", "1")
    ]
    text = "\n".join(line.plain() for line in comparison_lines(found))
    assert "+ 1 failed" in text
    assert "- 14 passed" in text
    assert any(line.tone == "soon" and line.label == "test" for line in comparison_lines(found))


def test_a_report_shows_the_error_where_it_stands() -> None:
    lines = report(run(*(f"line {n}" for n in range(50)), error="line 20", error_at=20))
    marked = [line.text for line in lines if line.tone == "bad"]
    assert "line 20" in marked
    around = [line.text for line in lines].index("line 17")
    assert [line.text for line in lines[around : around + 7]] == [f"line {n}" for n in range(17, 24)]


def test_without_a_log_there_is_still_a_report_and_a_comparison() -> None:
    bare = msgspec.structs.replace(run(), logs=(), timings=(), params=())
    assert report(bare)
    assert comparison_lines(compare(bare, bare))
