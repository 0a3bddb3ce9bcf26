"""What Tekton's reasons mean, in sentences; an unknown reason shows itself and its message.

The reasons are those of Tekton Pipelines 0.44 to 1.15; they are an open set, and the condition's status alone
decides how something is.
"""

from __future__ import annotations

import re
from functools import lru_cache

from bakeryops.masking import mask_text
from bakeryops.text import clean

__all__ = [
    "CANCELLED_RUN",
    "RUN_SENTENCES",
    "SKIP_SENTENCES",
    "STOPPING_RUN",
    "TASK_SENTENCES",
    "UNSAID",
    "message_of",
    "out_of_time",
    "run_sentence",
    "skip_sentence",
    "task_sentence",
]

_MOST = 4000
_USER_ERROR = "[User error] "
_VALIDATION = re.compile(r"Failed Validation: \d+ \((.*)\)")
_WITHIN = re.compile(r'failed to finish within "([^"]+)"')
_PREVIOUS = re.compile(r"Previous status: \[(\w+)\] (.*)")

STOPPING_RUN = frozenset(
    {
        "PipelineRunStopping", "CancelledRunningFinally", "StoppedRunningFinally", "Cancelled",
        "PipelineRunTimeoutRunningFinally", "PipelineRunCancelled", "PipelineRunCouldntCancel",
        "PipelineRunCouldntTimeOut",
    }
)  # fmt: skip
"""Reasons of a run that is not finished and will not go on."""

CANCELLED_RUN = frozenset({"Cancelled", "PipelineRunCancelled", "CancelledRunFinally", "StoppedRunFinally"})
"""Reasons of a run that a person ended."""

UNSAID = "It failed, and Tekton does not say why."
"""What is told of a failure whose reason and message tell nothing."""

RUN_SENTENCES: dict[str, str] = {
    # It goes.
    "Started": "Tekton has taken the build up and makes its first tasks.",
    "Running": "",
    "PipelineRunPending": "Created to wait: it starts when its spec.status is removed.",
    "ResolvingPipelineRef": "The pipeline is being fetched from where it is kept.",
    "PipelineRunStopping": "A task failed; those that run are let finish, no others start.",
    "CancelledRunningFinally": "Cancelled; its closing tasks still run.",
    "StoppedRunningFinally": "Stopped; running tasks finish, then its closing tasks run.",
    "PipelineRunTimeoutRunningFinally": "Out of time; its closing tasks still run.",
    "PipelineRunCouldntCancel": "It was cancelled, and Tekton could not stop all of its tasks.",
    "PipelineRunCouldntTimeOut": "It ran out of time, and Tekton could not stop all of its tasks.",
    # It went well.
    "Succeeded": "",
    "Completed": "Finished well; some tasks had nothing to do and were skipped.",
    # It did not.
    "Failed": "A task failed.",
    "Cancelled": "It was cancelled.",
    "PipelineRunCancelled": "It was cancelled.",
    "CancelledRunFinally": "It was cancelled.",
    "StoppedRunFinally": "It was stopped.",
    "PipelineRunTimeout": "It did not finish in the time it was given.",
    "CouldntGetPipeline": "Its pipeline cannot be found or read.",
    "CouldntGetTask": "Its pipeline names a task that cannot be found or read.",
    "CouldntGetResource": "Something that its pipeline refers to cannot be found.",
    "ParameterMissing": "A parameter that the pipeline requires was not given.",
    "ParameterTypeMismatch": "A parameter is of another type than the pipeline declares.",
    "ObjectParameterMissKeys": "An object parameter lacks keys that the pipeline declares.",
    "ParamArrayIndexingInvalid": "The pipeline reads beyond the end of a list parameter.",
    "InvalidWorkspaceBindings": "A workspace that the pipeline requires was not given.",
    "RequiredWorkspaceMarkedOptional": "A task requires a workspace that the pipeline calls optional.",
    "InvalidTaskRunSpecs": "Its taskRunSpecs name a task that the pipeline does not have.",
    "InvalidMatrixParameterTypes": "A matrix runs over a parameter that is no list.",
    "InvalidTaskResultReference": "A task takes a result that no task before it declares.",
    "InvalidPipelineResultReference": "A result of the pipeline refers to a task's result that does not exist.",
    "InvalidPipelineResourceBindings": "It does not give the resources that the pipeline declares.",
    "CouldntGetPipelineResult": "A result of the pipeline could not be read.",
    "PipelineValidationFailed": "What its tasks handed on does not fit the pipeline.",
    "PipelineInvalidGraph": "The tasks of the pipeline wait for each other, or for one that is not there.",
    "PipelineRunValidationFailed": "Tekton refuses the run as it is written.",
    "CreateRunFailed": "Tekton could not create one of its tasks.",
    "ResourceVerificationFailed": "The signature of its pipeline or of a task could not be verified.",
    "CELEvaluationFailed": "A condition (CEL) of a task could not be evaluated.",
    "InvalidParamValue": "A parameter has a value that the pipeline does not allow.",
}
"""Sentences for the reasons of a PipelineRun; empty where there is nothing to say."""

TASK_SENTENCES: dict[str, str] = {
    # It goes.
    "Started": "Tekton has taken the task up; its pod is being made.",
    "Pending": "Its pod is being scheduled, or its images are pulled.",
    "Running": "",
    "ToBeRetried": "This attempt failed; the next one is about to start.",
    "ResolvingTaskRef": "The task is being fetched from where it is kept.",
    "ResolvingStepActionRef": "A step is being fetched from where it is kept.",
    "TaskRunPending": "Created to wait: it starts when its spec.status is removed.",
    "ExceededResourceQuota": "It waits for a build slot: the quota is used up; Tekton asks again every minute.",
    "ExceededNodeResources": "It waits until the node has room for its pod.",
    "PullImageFailed": "The image of a step cannot be pulled; it is tried again until the build runs out of time.",
    # It went well.
    "Succeeded": "",
    # It did not.
    "Failed": "A step failed.",
    "StepFailed": "A step failed.",
    "StepOOM": "A step was killed: it needed more memory than its limit.",
    "SidecarOOM": "A sidecar was killed: it needed more memory than its limit.",
    "SidecarFailed": "A sidecar failed.",
    "InitContainerOOM": "Preparing the pod took more memory than its limit.",
    "InitContainerFailed": "Preparing the pod failed, before any step.",
    "PodEvicted": "Its pod was evicted: the node ran short of memory or disk.",
    "TaskRunCancelled": "It was cancelled.",
    "TaskRunTimeout": "It did not finish in the time this task was given.",
    "TaskRunImagePullFailed": "The image of a step could not be pulled.",
    "FailureIgnored": "It failed, and was allowed to.",
    "TaskRunResolutionFailed": "The task could not be fetched from where it is kept.",
    "TaskRunValidationFailed": "Tekton refuses the task as it is asked for.",
    "TaskValidationFailed": "The task as it is written is not valid.",
    "PodCreationFailed": "Its pod could not be made.",
    "CouldntGetTask": "Its task cannot be found or read.",
    "PodAdmissionFailed": "The namespace does not admit its pod.",
    "CreateContainerConfigError": "A container lacks something it refers to, such as a Secret.",
    "TaskRunResultLargerThanAllowedLimit": "Its results are larger than Tekton carries.",
    "TaskRunStopSidecarFailed": "Its steps are done, and a sidecar could not be stopped.",
    "InvalidParamValue": "A parameter has a value that the task does not allow.",
    "ResourceVerificationFailed": "The signature of the task could not be verified.",
    "StoppedSidecars": "Its sidecars are being stopped.",
}
"""Sentences for the reasons of a TaskRun; empty where there is nothing to say."""

SKIP_SENTENCES: dict[str, str] = {
    "When Expressions evaluated to false": "Skipped: its condition was not met.",
    "Parent Tasks were skipped": "Skipped, as a task it builds on was.",
    "PipelineRun was stopping": "Skipped: the build was already ending.",
    "PipelineRun was gracefully cancelled": "Skipped: the build was cancelled.",
    "PipelineRun was gracefully stopped": "Skipped: the build was stopped.",
    "Results were missing": "Skipped: a result it takes was never written.",
    "PipelineRun timeout has been reached": "Skipped: the build was out of time.",
    "PipelineRun Tasks timeout has been reached": "Skipped: the time for tasks was used up.",
    "PipelineRun Finally timeout has been reached": "Skipped: the time for closing tasks was used up.",
    "Matrix Parameters have an empty array": "Skipped: there is nothing to do, its list is empty.",
    "None": "Skipped.",
}
"""Sentences for Tekton's reasons to skip, which are sentences themselves."""

_TELL_MESSAGE = frozenset(
    {
        "CouldntGetPipeline", "CouldntGetTask", "CouldntGetResource", "ParameterMissing", "ParameterTypeMismatch",
        "ObjectParameterMissKeys", "ParamArrayIndexingInvalid", "InvalidWorkspaceBindings",
        "RequiredWorkspaceMarkedOptional", "InvalidTaskRunSpecs", "InvalidMatrixParameterTypes",
        "InvalidTaskResultReference", "InvalidPipelineResultReference", "InvalidPipelineResourceBindings",
        "CouldntGetPipelineResult", "PipelineValidationFailed", "PipelineInvalidGraph",
        "PipelineRunValidationFailed", "CreateRunFailed", "ResourceVerificationFailed", "CELEvaluationFailed",
        "InvalidParamValue", "PipelineRunCouldntCancel", "PipelineRunCouldntTimeOut", "PipelineRunTimeout",
        "PullImageFailed", "ExceededNodeResources", "Failed", "StepFailed", "SidecarOOM", "SidecarFailed",
        "InitContainerOOM", "InitContainerFailed", "PodEvicted", "TaskRunTimeout", "TaskRunImagePullFailed",
        "TaskRunResolutionFailed", "TaskRunValidationFailed", "TaskValidationFailed", "PodCreationFailed",
        "PodAdmissionFailed", "CreateContainerConfigError", "TaskRunResultLargerThanAllowedLimit",
        "TaskRunStopSidecarFailed",
    }
)  # fmt: skip
"""Reasons whose message says more than the sentence."""


@lru_cache(maxsize=2048)
def message_of(message: str | None) -> str:
    """Return a condition's message as one harmless line without secrets and Tekton's mark of user errors."""
    text = clean(mask_text((message or "")[:_MOST])).strip()
    return text.removeprefix(_USER_ERROR)


def run_sentence(reason: str, message: str) -> str:
    """Return why a PipelineRun is as it is, for people; both arguments are clean."""
    found = _VALIDATION.search(message)
    return _sentence(RUN_SENTENCES, reason, found[1] if found else message, counts=found is None)


def task_sentence(reason: str, message: str) -> str:
    """Return why a TaskRun is as it is, for people; both arguments are clean."""
    if reason == "TaskRunCancelled":
        return _cancelled(message)
    return _sentence(TASK_SENTENCES, reason, message)


def skip_sentence(reason: str) -> str:
    """Return why a task was skipped, for people."""
    return SKIP_SENTENCES.get(reason) or (f"Skipped: {reason}" if reason else "Skipped.")


def out_of_time(message: str) -> bool:
    """Return whether a cancelled TaskRun's message says that its build ran out of time."""
    return "has timed out" in message.partition("Previous status:")[0]


def _sentence(known: dict[str, str], reason: str, message: str, *, counts: bool = True) -> str:
    sentence = known.get(reason)
    if sentence is None:
        return f"{reason}: {message}" if reason and message else reason or message
    if counts and message.startswith("Tasks Completed:"):
        return sentence
    if reason.endswith("Timeout") and (found := _WITHIN.search(message)) is not None:
        return f"{'Its tasks' if 'due to tasks' in message else 'It'} did not finish within {found[1]}."
    if reason in _TELL_MESSAGE and message:
        return f"{sentence.removesuffix('.')}: {message}"
    return sentence


def _cancelled(message: str) -> str:
    """Return why a TaskRun was told to stop: Tekton calls it cancelled where the build ran out of time too."""
    timed_out = "has timed out" in message
    sentence = (
        "The build ran out of time while this task ran." if timed_out else TASK_SENTENCES["TaskRunCancelled"]
    )
    before = _PREVIOUS.search(message)
    if before is None:
        return sentence
    # What was waited for can no longer come.
    reason = "TaskRunImagePullFailed" if before[1] == "PullImageFailed" else before[1]
    return f"{sentence.removesuffix('.')}; before that: {_sentence(TASK_SENTENCES, reason, before[2])}"
