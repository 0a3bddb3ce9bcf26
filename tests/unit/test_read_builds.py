"""PipelineRuns and TaskRuns read as builds: what recordings show, states of the run, and what it works on."""

from __future__ import annotations

import pytest

from bakeryops.model.build import Failure, Trigger
from bakeryops.model.health import Health
from bakeryops.read.builds import PATIENCE, build_of
from tests.support.builds import (
    GOING,
    child,
    condition,
    excerpt,
    plan,
    raw_run,
    raw_step,
    raw_taskrun,
    read,
    run_of,
    states_of,
    task_of,
)
from tests.support.reading import NOW

# What recordings show.


def test_a_failed_build_names_its_first_failing_step() -> None:
    build = excerpt("build-fails")
    assert (build.state, build.health, build.reason) == ("failed", Health.BAD, "Failed")
    assert build.why == "build web: Step build failed (exit code 1)."
    assert build.failure == Failure(
        "build/bakery-q8w3e-build-1", "build web", "build", "bakery-q8w3e-build-1-pod", "step-build", 1,
        "Step build failed (exit code 1).")  # fmt: skip
    assert build.services == ("api", "web", "worker")
    assert (build.done, build.total) == (6, 6)
    assert build.trigger.revision == "7d9f3c1b0c5e4f6aa1d28e7b9c04f5e6a7b8c9d0"
    assert states_of(build) == [
        ("clone", "succeeded", "fine"),
        ("detect-changes", "succeeded", "fine"),
        ("test api", "succeeded", "fine"),
        ("test web", "succeeded", "fine"),
        ("test worker", "succeeded", "fine"),
        ("build api", "succeeded", "fine"),
        ("build web", "failed", "bad"),
        ("build worker", "succeeded", "fine"),
        ("update-tag", "skipped", "held"),
        ("report-status", "succeeded", "fine"),
    ]
    web = task_of(build, "build/bakery-q8w3e-build-1")
    assert [(each.name, each.state, each.exit_code) for each in web.steps] == [
        ("prepare", "ended", 0), ("build", "ended", 1), ("push", "skipped", None)]  # fmt: skip
    assert web.matrix_title == "web"
    assert web.after == ("test", "detect-changes")
    assert web.when == ("true in [true]",)
    assert web.began is not None
    assert web.began > (web.started or 0)
    assert task_of(build, "update-tag").why == "Skipped: the build was already ending."
    assert task_of(build, "report-status").finally_


def test_one_combination_of_a_matrix_has_the_key_of_its_task() -> None:
    build = excerpt("success-one")
    assert (build.state, build.health, build.why) == ("succeeded", Health.FINE, "")
    assert build.services == ("web",)
    assert task_of(build, "build").title == "build web"
    assert task_of(build, "build").run == "bakery-z4v9c-build"
    assert build.tag == "7d9f3c1"
    assert build.queued == 0.0
    assert build.failure is None


def test_nothing_to_build_is_told() -> None:
    build = excerpt("nothing-changed")
    assert (build.state, build.health, build.reason) == ("succeeded", Health.FINE, "Completed")
    assert build.why == "Finished well; some tasks had nothing to do and were skipped."
    assert build.services == ()
    assert [each.why for each in build.tasks if each.state == "skipped"] == [
        "Skipped: its condition was not met."
    ] * 3
    assert task_of(build, "test").when == ("false in [true]",)


def test_a_retry_keeps_the_attempt_before() -> None:
    build = excerpt("retry-then-success")
    flaky = task_of(build, "flaky")
    assert (flaky.state, flaky.health, flaky.pod) == ("succeeded", Health.FINE, "bakery-y6u1i-flaky-pod-retry1")
    (first,) = flaky.attempts
    assert (first.number, first.pod, first.health, first.reason) == (
        1, "bakery-y6u1i-flaky-pod", Health.BAD, "StepFailed")  # fmt: skip
    assert [(each.name, each.exit_code) for each in first.steps] == [("run", 1)]
    assert build.failure is None


def test_a_cancelled_build_failed_nowhere() -> None:
    build = excerpt("cancelled")
    assert (build.state, build.health, build.why) == ("cancelled", Health.HELD, "It was cancelled.")
    assert build.failure is None
    stopped = [each for each in build.tasks if each.state == "cancelled"]
    assert [each.title for each in stopped] == ["build api", "build worker"]
    # One step had really ended before its pod was taken away; made-up exit codes are not shown.
    assert [(each.exit_code, each.health) for each in stopped[0].steps] == [
        (0, Health.FINE), (None, Health.HELD), (None, Health.HELD)]  # fmt: skip
    assert [each.state for each in build.tasks[-2:]] == ["not started", "not started"]


def test_a_pipeline_out_of_time_is_no_cancel() -> None:
    build = excerpt("timeout-pipeline")
    slow = task_of(build, "slow")
    assert (build.state, build.health) == ("timed out", Health.BAD)
    assert (slow.state, slow.reason, slow.health) == ("timed out", "TaskRunCancelled", Health.BAD)
    assert build.why == "It did not finish within 9s. slow: The build ran out of time while this task ran."
    assert build.failure is not None
    assert (build.failure.step, build.failure.container, build.failure.exit_code) == ("run", "step-run", None)


def test_green_tasks_do_not_make_a_green_run() -> None:
    build = excerpt("missing-result")
    assert (build.state, build.health) == ("failed", Health.BAD)
    assert build.why == (
        "What its tasks handed on does not fit the pipeline: task \"emit\" completed successfully but did not emit "
        "the result \"tag\", which is referenced by task \"use\"")  # fmt: skip
    assert [each.state for each in build.tasks] == ["succeeded", "not started"]
    assert build.failure is not None
    assert (build.failure.task, build.failure.pod) == ("", "")
    assert build.failure.text == build.why
    assert (build.done, build.total) == (1, 2)


def test_waiting_for_quota_is_waiting_for_a_slot() -> None:
    build = excerpt("quota-exceeded-recovers")
    assert (build.state, build.health) == ("running", Health.WORKING)
    assert build.why == "2 tasks wait for a build slot: b, c.", "where it is cut, the names go"
    waiting = task_of(build, "b")
    assert (waiting.state, waiting.started, waiting.pod) == ("queued", None, "")
    assert waiting.why.startswith("It waits for a build slot")


def test_an_image_that_cannot_be_pulled_is_bad_before_time_runs_out() -> None:
    build = excerpt("image-pull-failure")
    assert (build.state, build.health) == ("running", Health.BAD)
    assert "cannot be pulled" in build.why
    assert "no such host" in build.why
    assert build.failure is not None
    assert (build.failure.pod, build.failure.container) == ("", "")


def test_a_missing_secret_is_named() -> None:
    build = excerpt("missing-secret")
    assert build.why.endswith('secret "registry-login" not found')
    assert build.failure is not None
    assert (build.failure.step, build.failure.pod) == ("login", "")


def test_a_user_error_is_told_without_its_mark() -> None:
    build = excerpt("missing-param")
    assert build.reason == "ParameterMissing"
    assert build.why.startswith("A parameter that the pipeline requires was not given: PipelineRun")
    assert build.why.endswith("missing parameters: [environment]")
    assert build.failure is not None
    assert build.failure.text == build.why


def test_failures_that_were_allowed() -> None:
    build = excerpt("step-onerror-continue")
    audit = task_of(build, "audit")
    assert (audit.state, audit.why) == ("succeeded", "Step scan failed, and was allowed to.")
    assert (audit.steps[0].state, audit.steps[0].exit_code, audit.steps[0].health) == ("continued", 3, Health.SOON)
    build = excerpt("task-onerror-continue")
    smoke = task_of(build, "smoke")
    assert (smoke.state, smoke.health) == ("ignored", Health.SOON)
    assert smoke.why == "Step run failed (exit code 5), and was allowed to."
    assert (build.state, build.why, build.failure) == (
        "succeeded", "Finished well; smoke failed and was allowed to.", None)  # fmt: skip


def test_a_pod_that_was_not_admitted_left_no_log() -> None:
    build = excerpt("pod-admission-failed")
    assert build.why.startswith("clone (and 1 more): The namespace does not admit its pod")
    assert build.failure is not None
    assert (build.failure.task, build.failure.pod, build.failure.step) == ("clone", "", "")


def test_out_of_memory_says_so() -> None:
    build = excerpt("oom")
    assert build.failure is not None
    assert (build.failure.exit_code, build.failure.text) == (
        137, "Step bundle was killed: out of memory (exit code 137).")  # fmt: skip


# States of the run.


def test_a_run_nobody_has_taken_up_is_queued_and_then_worth_a_look() -> None:
    raw = raw_run()
    build = read(raw, now=NOW - 120 + 5)
    assert (build.state, build.health, build.queued) == ("queued", Health.WORKING, None)
    late = read(raw, now=NOW - 120 + PATIENCE + 1)
    assert (late.state, late.health) == ("queued", Health.SOON)
    assert "is the pipelines controller running?" in late.why
    other = read(raw_run(spec={"managedBy": "kueue.x-k8s.io/multikueue"}))
    assert other.why == "Tekton leaves it alone: it is managed by kueue.x-k8s.io/multikueue."


def test_a_pending_run_is_held_by_wish_and_by_reason() -> None:
    for raw in (
        raw_run(spec={"status": "PipelineRunPending"}),
        raw_run(conditions=condition("Unknown", "PipelineRunPending", 'PipelineRun "x" is pending')),
    ):
        build = read(raw)
        assert (build.state, build.health) == ("pending", Health.HELD)
        assert build.why == "Created to wait: it starts when its spec.status is removed."


@pytest.mark.parametrize(
    ("status", "reason", "state", "health"),
    [
        ("Unknown", "Running", "running", Health.WORKING),
        ("Unknown", "SomethingOfTomorrow", "running", Health.WORKING),
        ("Unknown", "PipelineRunStopping", "stopping", Health.BAD),
        ("Unknown", "CancelledRunningFinally", "stopping", Health.WORKING),
        ("Unknown", "PipelineRunTimeoutRunningFinally", "stopping", Health.BAD),
        ("Unknown", "PipelineRunCouldntCancel", "stopping", Health.BAD),
        ("Unknown", "Succeeded", "running", Health.WORKING),
        ("True", "Succeeded", "succeeded", Health.FINE),
        ("True", "SomethingOfTomorrow", "succeeded", Health.FINE),
        ("False", "Succeeded", "failed", Health.BAD),
        ("False", "SomethingOfTomorrow", "failed", Health.BAD),
        ("False", "PipelineRunTimeout", "timed out", Health.BAD),
        ("False", "Cancelled", "cancelled", Health.HELD),
        ("", "Succeeded", "running", Health.UNKNOWN),
        ("true", "Succeeded", "running", Health.UNKNOWN),
    ],
)
def test_the_status_decides_and_never_the_reason(status: str, reason: str, state: str, health: Health) -> None:
    build = read(raw_run(conditions=condition(status, reason)))
    assert (build.state, build.health) == (state, health)


def test_an_unknown_reason_shows_itself_and_its_message() -> None:
    assert (
        read(raw_run(conditions=condition("False", "Meltdown", "the oven burns"))).why
        == "Meltdown: the oven burns"
    )


def test_a_failure_counted_while_it_goes_on_is_stopping() -> None:
    message = "Tasks Completed: 4 (Failed: 1, Cancelled 0), Incomplete: 1, Skipped: 1"
    build = build_of(run_of(raw_run(conditions=condition("Unknown", "Running", message))), None, now=NOW)
    assert (build.state, build.health, build.done, build.total) == ("stopping", Health.BAD, 5, 6)
    assert build.why == "1 task failed."
    ignored = "Tasks Completed: 1 (Failed: 1 (Ignored: 1), Cancelled 0), Incomplete: 1, Skipped: 0"
    assert read(raw_run(conditions=condition("Unknown", "Running", ignored))).state == "running"


def test_a_wish_to_cancel_shows_at_once() -> None:
    build = read(raw_run(spec={"status": "CancelledRunFinally"}, conditions=GOING))
    assert (build.state, build.why) == ("stopping", "It was asked to stop.")


# What it works on.


def test_what_started_it_is_read_from_labels_and_parameters() -> None:
    sha = "9f3c2a1b" * 5
    labels = {
        "bakery.dev/revision": sha,
        "bakery.dev/pusher": "lea",
        "triggers.tekton.dev/triggers-eventid": "e-1",
        "triggers.tekton.dev/eventlistener": "bakery-gitea",
        "dashboard.tekton.dev/rerunOf": "ci-zzzzz",
    }
    params = [{"name": "before", "value": "0" * 40}, {"name": "ref", "value": "refs/heads/main"},
              {"name": "revision", "value": "f" * 40}]  # fmt: skip
    build = read(raw_run(meta={"labels": labels}, spec={"params": params}))
    assert build.trigger == Trigger(sha, "", "refs/heads/main", "lea", "e-1", "bakery-gitea", "ci-zzzzz")
    by_hand = read(raw_run(spec={"params": [{"name": "git-revision", "value": "9F3C2A1"}]}))
    assert by_hand.trigger.revision == "9f3c2a1"
    branch = read(raw_run(spec={"params": [{"name": "revision", "value": "main"}]}))
    assert (branch.trigger.revision, branch.trigger.ref) == ("", "main")


def test_services_tag_and_deploy_commit_come_from_the_surest_witness() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    given = {"params": [{"name": "services", "value": "all of them"}]}
    results = [{"name": "services", "value": ["auth", "pos"]}, {"name": "tag", "value": "20261122195900-9f3c2a1b9f3c"},
               {"name": "deploy-commit", "value": commit}]  # fmt: skip
    build = read(raw_run(spec=given, conditions=condition("True", "Succeeded"), results=results))
    assert (build.services, build.tag, build.deploy_commit) == (
        ("auth", "pos"), "20261122195900-9f3c2a1b9f3c", commit)  # fmt: skip
    assert next((each.name, each.value) for each in build.results) == ("services", '["auth","pos"]')
    going = read(
        raw_run(conditions=GOING),
        raw_taskrun("d", "detect", conditions=GOING, results=[{"name": "services", "value": []}]),
    )
    assert going.services == ()
    assert read(raw_run(spec=given)).services == ("all", "of", "them")
    assert read(raw_run(spec={"params": [{"name": "force-services", "value": ""}]})).services is None


def test_secrets_in_parameters_and_messages_are_hidden() -> None:
    params = [{"name": "deploy-token", "value": "abcdef123456"}, {"name": "url", "value": "http://u:pw@git/x"}]
    message = "cannot fetch http://bot:hunter22@gitea/x.git"
    build = read(raw_run(spec={"params": params}, conditions=condition("False", "CouldntGetPipeline", message)))
    assert "abcdef123456" not in repr(build)
    assert "pw@" not in repr(build)
    assert "hunter22" not in repr(build)


def test_text_from_outside_is_harmless() -> None:
    evil = "\x1b]52;c;aGk=\x07x\u202e"
    raw = raw_run(conditions=condition("False", evil, evil), skippedTasks=[{"name": evil, "reason": evil}],
                  childReferences=[child(evil, evil, evil)], pipelineSpec=plan({"name": evil, "displayName": evil}),
                  results=[{"name": evil, "value": [evil]}], spec={"params": [{"name": evil, "value": evil}]})  # fmt: skip
    build = read(
        raw, raw_taskrun(evil, evil, conditions=condition("False", evil, evil), steps=[raw_step(evil, 1)])
    )
    assert "\\x1b" not in repr(build)
    assert "\\u202e" not in repr(build)
