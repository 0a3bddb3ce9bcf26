"""Tekton Pipelines on the embedded cluster: runs become TaskRuns, TaskRuns become pods, steps do their work."""

from __future__ import annotations

from dataclasses import dataclass

from bakeryops.demo.controllers import Cluster, Kubelet
from bakeryops.demo.tekton.pipelinerun import PipelineRunController
from bakeryops.demo.tekton.steps import Steps
from bakeryops.demo.tekton.taskrun import TaskRunController
from bakeryops.demo.tekton.webhook import install
from bakeryops.demo.tekton.work import StepEnd, StepPlan, Work

__all__ = ["StepEnd", "StepPlan", "Tekton", "Work", "start_tekton"]


@dataclass(frozen=True)
class Tekton:
    """The running controllers."""

    pipeline_runs: PipelineRunController
    task_runs: TaskRunController
    steps: Steps


def start_tekton(cluster: Cluster, kubelet: Kubelet, work: Work | None = None) -> Tekton:
    """Start the controllers and the webhook; Tekton's kinds must be served (the CRDs installed).

    `work` knows what steps do; without it, and for steps it does not know, their scripts are read.
    """
    install(cluster.store)
    steps = Steps(cluster, kubelet, work)
    task_runs = TaskRunController(cluster, steps)
    pipeline_runs = PipelineRunController(cluster)
    task_runs.start()
    pipeline_runs.start()
    return Tekton(pipeline_runs, task_runs, steps)
