"""Tekton Pipelines on the embedded cluster: runs become TaskRuns, TaskRuns become pods, steps do their work."""

from __future__ import annotations

from bakeryops.demo.controllers import Cluster, Kubelet
from bakeryops.demo.tekton.work import StepEnd, StepPlan, Work

__all__ = ["StepEnd", "StepPlan", "Tekton", "Work", "start_tekton"]


class Tekton:
    """The running controllers."""

    def __init__(self, cluster: Cluster, kubelet: Kubelet, work: Work | None) -> None:
        """Take the cluster, the kubelet that runs the pods, and what knows the steps' work."""
        self.cluster = cluster
        self.kubelet = kubelet
        self.work = work


def start_tekton(cluster: Cluster, kubelet: Kubelet, work: Work | None = None) -> Tekton:
    """Start the controllers of PipelineRuns and TaskRuns; their kinds must be served (the CRDs installed)."""
    return Tekton(cluster, kubelet, work)
