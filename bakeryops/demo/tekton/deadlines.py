"""The times by which a PipelineRun, its tasks and its final tasks must have ended."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.tekton.words import duration_text, seconds_of
from bakeryops.units import parse_time

__all__ = ["Deadlines"]


class Deadlines:
    """Which of the timeouts of a run have passed."""

    def __init__(self, run: Object, status: Object, now: float) -> None:
        """Take the run, its status as it will be written, and the cluster's time."""
        wanted = run["spec"].get("timeouts") or {}
        whole = seconds_of(wanted.get("pipeline"))
        whole = 3600.0 if whole is None else whole
        tasks, final = seconds_of(wanted.get("tasks")), seconds_of(wanted.get("finally"))
        if tasks is None and final is not None and whole:
            tasks = whole - final
        started = parse_time(status.get("startTime")) or now
        finally_began = parse_time(status.get("finallyStartTime"))
        self.pipeline_text, self.tasks_text = duration_text(whole), duration_text(tasks or 0.0)
        self.pipeline = bool(whole) and now >= started + whole
        self.tasks = bool(tasks) and (finally_began or now) >= started + (tasks or 0.0)
        self.final = bool(final) and finally_began is not None and now >= finally_began + (final or 0.0)
        ends = [started + each for each in (whole, tasks) if each]
        if final and finally_began is not None:
            ends.append(finally_began + final)
        self.next_at = min((end for end in ends if end > now), default=None)
        """When the next of them passes."""
