"""Every reason that Tekton is known to give has a sentence; every other one shows itself."""

from __future__ import annotations

import pytest

from bakeryops.read.build_reasons import (
    RUN_SENTENCES,
    SKIP_SENTENCES,
    TASK_SENTENCES,
    message_of,
    run_sentence,
    skip_sentence,
    task_sentence,
)

# As the fact sheet of Tekton's API lists them.
RUNS = [
    "Started",
    "Running",
    "PipelineRunPending",
    "ResolvingPipelineRef",
    "PipelineRunStopping",
    "CancelledRunningFinally",
    "StoppedRunningFinally",
    "PipelineRunTimeoutRunningFinally",
    "Cancelled",
    "PipelineRunCouldntCancel",
    "PipelineRunCouldntTimeOut",
    "Succeeded",
    "Completed",
    "Failed",
    "PipelineRunTimeout",
    "CouldntGetPipeline",
    "CouldntGetTask",
    "ParameterMissing",
    "ParameterTypeMismatch",
    "ObjectParameterMissKeys",
    "ParamArrayIndexingInvalid",
    "InvalidWorkspaceBindings",
    "RequiredWorkspaceMarkedOptional",
    "InvalidTaskRunSpecs",
    "InvalidMatrixParameterTypes",
    "InvalidTaskResultReference",
    "InvalidPipelineResultReference",
    "CouldntGetPipelineResult",
    "PipelineValidationFailed",
    "PipelineInvalidGraph",
    "CreateRunFailed",
    "ResourceVerificationFailed",
    "CELEvaluationFailed",
    "InvalidParamValue",
    "InvalidPipelineResourceBindings",
]
TASKS = [
    "Started",
    "Pending",
    "Running",
    "ToBeRetried",
    "ResolvingTaskRef",
    "ResolvingStepActionRef",
    "TaskRunPending",
    "ExceededResourceQuota",
    "ExceededNodeResources",
    "TaskRunCancelled",
    "Succeeded",
    "Failed",
    "TaskRunTimeout",
    "TaskRunImagePullFailed",
    "FailureIgnored",
    "TaskRunResolutionFailed",
    "TaskRunValidationFailed",
    "TaskValidationFailed",
    "PodCreationFailed",
    "PodAdmissionFailed",
    "CreateContainerConfigError",
    "TaskRunResultLargerThanAllowedLimit",
    "TaskRunStopSidecarFailed",
    "InvalidParamValue",
    "PodEvicted",
    "StepOOM",
    "StepFailed",
    "SidecarOOM",
    "SidecarFailed",
    "InitContainerOOM",
    "InitContainerFailed",
    "PullImageFailed",
]
SKIPS = [
    "When Expressions evaluated to false",
    "Parent Tasks were skipped",
    "PipelineRun was stopping",
    "PipelineRun was gracefully cancelled",
    "PipelineRun was gracefully stopped",
    "Results were missing",
    "PipelineRun timeout has been reached",
    "PipelineRun Tasks timeout has been reached",
    "PipelineRun Finally timeout has been reached",
    "Matrix Parameters have an empty array",
]
PLAIN = ("Running", "Succeeded")


@pytest.mark.parametrize("reason", RUNS)
def test_reasons_of_runs(reason: str) -> None:
    assert reason in RUN_SENTENCES
    said = run_sentence(reason, "")
    assert said.endswith(".") if reason not in PLAIN else said == ""
    assert reason not in said.split()


@pytest.mark.parametrize("reason", TASKS)
def test_reasons_of_tasks(reason: str) -> None:
    assert reason in TASK_SENTENCES
    said = task_sentence(reason, "")
    assert said.endswith(".") if reason not in PLAIN else said == ""
    assert reason not in said.split()


@pytest.mark.parametrize("reason", SKIPS)
def test_reasons_to_skip(reason: str) -> None:
    assert reason in SKIP_SENTENCES
    assert skip_sentence(reason).startswith("Skipped")
    assert skip_sentence(reason).endswith(".")


def test_unknown_reasons_show_themselves() -> None:
    assert run_sentence("Meltdown", "the oven burns") == "Meltdown: the oven burns"
    assert task_sentence("Meltdown", "") == "Meltdown"
    assert run_sentence("", "only words") == "only words"
    assert run_sentence("", "") == ""
    assert skip_sentence("the moon was full") == "Skipped: the moon was full"
    assert skip_sentence("") == "Skipped."


def test_messages_say_more_where_they_do() -> None:
    counts = "Tasks Completed: 4 (Failed: 1, Cancelled 0), Skipped: 1"
    assert run_sentence("Failed", counts) == "A task failed."
    assert run_sentence("CouldntGetTask", "no task x") == (
        "Its pipeline names a task that cannot be found or read: no task x")  # fmt: skip
    assert run_sentence("PipelineRunTimeout", 'PipelineRun "x" failed to finish within "1h0m0s"') == (
        "It did not finish within 1h0m0s.")  # fmt: skip
    assert message_of("[User error] wrong\n\x1b[31mvery") == "wrong very"


def test_a_taskrun_cancelled_by_the_pipelines_time_says_so_and_what_was_before() -> None:
    cancelled = 'TaskRun "x" was cancelled. TaskRun cancelled as the PipelineRun it belongs to has {}.'
    assert task_sentence("TaskRunCancelled", cancelled.format("been cancelled")) == "It was cancelled."
    late = cancelled.format("timed out")
    assert task_sentence("TaskRunCancelled", late) == "The build ran out of time while this task ran."
    pulling = f"{late} Previous status: [PullImageFailed] no such host"
    assert task_sentence("TaskRunCancelled", pulling) == (
        "The build ran out of time while this task ran; before that: "
        "The image of a step could not be pulled: no such host")  # fmt: skip
