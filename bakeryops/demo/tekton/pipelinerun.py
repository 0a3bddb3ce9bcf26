"""PipelineRuns: TaskRuns in the order that the Pipeline asks for, until all has ended."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers import Cluster
from bakeryops.demo.controllers.base import Key, Owned, Queue
from bakeryops.demo.controllers.objects import controller_uid, key_of
from bakeryops.demo.objects import dig
from bakeryops.demo.tekton.children import child_reference, claims_of, task_run_for, task_run_name
from bakeryops.demo.tekton.deadlines import Deadlines
from bakeryops.demo.tekton.pipelinespec import NotRunnableError, ResolvedPipeline, pipeline_name, resolve_pipeline
from bakeryops.demo.tekton.podstate import Verdict
from bakeryops.demo.tekton.progress import Counts, Progress
from bakeryops.demo.tekton.reporting import Reporter
from bakeryops.demo.tekton.words import (
    CANCELLED_BY_RUN,
    CANCELLED_BY_TIMEOUT,
    MANAGER,
    PIPELINE_RUNS,
    PROVENANCE,
    TASK_RUNS,
    is_done,
    succeeded,
)

__all__ = ["PipelineRunController"]

_DELAY = 0.02
_MOST_AT_ONCE = 8
"""TaskRuns created in one go; the rest a moment later, so that nothing else has to wait for a large matrix."""
_OURS = "tekton.dev/pipeline"


class PipelineRunController:
    """Runs PipelineRuns."""

    def __init__(self, cluster: Cluster) -> None:
        """Take the cluster; TaskRuns are indexed at once."""
        self._cluster = cluster
        self._children = Owned(cluster.store, TASK_RUNS)
        self._reporter = Reporter(cluster, PIPELINE_RUNS, "PipelineRun")
        self._queue = Queue(cluster.clock, self._sync, delay=_DELAY)
        self._resolved: dict[str, ResolvedPipeline] = {}
        self._names: dict[str, Key] = {}
        """Runs that have not ended, by uid."""

    def start(self) -> None:
        """Follow PipelineRuns and their TaskRuns, and take up those that have not ended."""
        store = self._cluster.store
        for run in store.list(PIPELINE_RUNS):
            self._changed("ADDED", run, None)
        store.listen(PIPELINE_RUNS, self._changed)
        store.listen(TASK_RUNS, self._child_changed)

    def _changed(self, change: str, run: Object, previous: Object | None) -> None:
        uid = run["metadata"]["uid"]
        if change == "DELETED" or is_done(run):
            self._names.pop(uid, None)
            self._resolved.pop(uid, None)
            return
        self._names[uid] = key_of(run)
        if previous is None or previous.get("spec") is not run.get("spec"):
            self._queue.add(key_of(run))

    def _child_changed(self, change: str, child: Object, previous: Object | None) -> None:
        owner = self._names.get(controller_uid(child))
        if owner is None or (
            change == "MODIFIED" and previous is not None and is_done(child) == is_done(previous)
        ):
            return
        if change != "ADDED":
            self._queue.add(owner)

    def _sync(self, key: Key) -> None:
        run = self._cluster.store.get(PIPELINE_RUNS, *key)
        if run is None or is_done(run) or run["metadata"].get("deletionTimestamp"):
            return
        if run["spec"].get("managedBy", _OURS) != _OURS:
            return
        mode = run["spec"].get("status", "")
        if mode == "PipelineRunPending":
            self._label(run, None)
            text = f'PipelineRun "{key[1]}" is pending'
            self._reporter.report(run, dict(run.get("status") or {}), Verdict("Unknown", mode, text))
            return
        if not dig(run, "status", "startTime"):
            self._reporter.event(run, "Normal", "Started", "")
        if mode == "Cancelled":
            self._cancel(run)
            return
        try:
            pipeline = self._pipeline(run)
        except NotRunnableError as refused:
            self._refuse(run, refused)
            return
        self._advance(run, pipeline, mode)

    # ---- beginning ----------------------------------------------------------------------------------------------

    def _pipeline(self, run: Object) -> ResolvedPipeline:
        uid = run["metadata"]["uid"]
        found = self._resolved.get(uid)
        if found is None:
            kept = dig(run, "status", "pipelineSpec")
            found = ResolvedPipeline(kept) if kept else resolve_pipeline(self._cluster.store, run)
            self._resolved[uid] = found
            for claim in claims_of(run):
                where = (claim["metadata"]["namespace"], claim["metadata"]["name"])
                if self._cluster.store.get("persistentvolumeclaims", *where) is None:
                    self._cluster.store.create(
                        "persistentvolumeclaims", claim, manager=MANAGER, namespace=where[0]
                    )
        return found

    def _refuse(self, run: Object, refused: NotRunnableError) -> None:
        self._label(run, None)
        now = self._cluster.stamp()
        status: Object = {**(run.get("status") or {}), "startTime": now, "completionTime": now}
        if refused.spec is not None:
            status.update(pipelineSpec=refused.spec, provenance=PROVENANCE)
        self._reporter.report(run, status, Verdict("False", refused.reason, refused.message))
        self._reporter.event(run, "Warning", "InternalError", refused.detail)

    def _label(self, run: Object, pipeline: ResolvedPipeline | None) -> None:
        """Write the Pipeline's name on a run, and what it takes over from the Pipeline."""

        def change(obj: Object) -> Object:
            metadata = obj["metadata"]
            inherited = pipeline.labels if pipeline is not None else {}
            metadata["labels"] = {**inherited, **(metadata.get("labels") or {}), _OURS: pipeline_name(run)}
            if pipeline is not None and pipeline.annotations:
                metadata["annotations"] = {**pipeline.annotations, **(metadata.get("annotations") or {})}
            return obj

        self._cluster.store.mutate(PIPELINE_RUNS, *key_of(run), change, manager=MANAGER, check=False)

    # ---- going on -----------------------------------------------------------------------------------------------

    def _advance(self, run: Object, pipeline: ResolvedPipeline, mode: str) -> None:
        status: Object = dict(run.get("status") or {})
        fresh = not status.get("startTime")
        status.setdefault("startTime", self._cluster.stamp())
        status.setdefault("provenance", PROVENANCE)
        status.setdefault("pipelineSpec", pipeline.spec)
        late = Deadlines(run, status, self._cluster.clock.now())
        children = self._children.of(run["metadata"]["uid"])
        if late.pipeline:
            self._stop(children, CANCELLED_BY_TIMEOUT)
            text = f'PipelineRun "{run["metadata"]["name"]}" failed to finish within "{late.pipeline_text}"'
            self._end(run, status, Verdict("False", "PipelineRunTimeout", text), None)
            return
        if mode == "CancelledRunFinally" or late.tasks:
            why = CANCELLED_BY_RUN if mode == "CancelledRunFinally" else CANCELLED_BY_TIMEOUT
            self._stop([child for child in children if not _is_final(child)], why)
        if late.final:
            self._stop([child for child in children if _is_final(child)], CANCELLED_BY_TIMEOUT)
        children = self._children.of(run["metadata"]["uid"])
        progress = Progress(pipeline.spec, children, mode=mode, tasks_late=late.tasks, finally_late=late.final)
        if fresh:
            self._label(run, pipeline)
            run = self._cluster.store.get(PIPELINE_RUNS, *key_of(run)) or run
        created = self._create(run, status, progress)
        if created:
            progress = Progress(
                pipeline.spec, self._children.of(run["metadata"]["uid"]), mode=mode, tasks_late=late.tasks,
                finally_late=late.final,
            )  # fmt: skip
        skipped = progress.skipped()
        if skipped:
            status["skippedTasks"] = skipped
        counts = progress.counts()
        if counts.incomplete:
            self._reporter.report(run, status, self._running(counts, progress, mode, late))
        else:
            if counts.invalid:
                for state in progress.states.values():
                    if state.invalid:
                        text = f'Task "{state.name}" failed result validation: {state.invalid}'
                        self._reporter.event(run, "Warning", "ResultValidationFailed", text)
            self._end(run, status, self._outcome(run, counts, mode, late), progress)
        later = Deadlines(run, status, self._cluster.clock.now())
        if later.next_at is not None and counts.incomplete:
            self._queue.add(key_of(run), max(0.0, later.next_at - self._cluster.clock.now()))

    def _create(self, run: Object, status: Object, progress: Progress) -> int:
        """Create the TaskRuns that may start; returns how many."""
        ready = progress.ready()
        if not ready:
            return 0
        references = list(status.get("childReferences") or ())
        listed = {each["name"] for each in references}
        if any(state.final for state, _, _ in ready):
            status.setdefault("finallyStartTime", self._cluster.stamp())
        created = 0
        for state, task, combos in ready:
            known = {child["metadata"]["name"] for child in state.runs}
            for index in range(len(combos)):
                name = task_run_name(run, task, index, len(combos))
                if name not in listed:
                    listed.add(name)
                    references.append(child_reference(run, task, index, combos))
                if name in known:
                    continue
                if created == _MOST_AT_ONCE:
                    self._queue.add(key_of(run))
                    continue
                child = task_run_for(run, task, index, combos, final=state.final)
                namespace = run["metadata"]["namespace"]
                if self._cluster.store.get(TASK_RUNS, namespace, name) is None:
                    self._cluster.store.create(TASK_RUNS, child, manager=MANAGER, namespace=namespace)
                created += 1
        status["childReferences"] = references
        return created

    def _running(self, counts: Counts, progress: Progress, mode: str, late: Deadlines) -> Verdict:
        final = any(state.final for state in progress.states.values())
        reason = "Running"
        if mode == "CancelledRunFinally":
            reason = "CancelledRunningFinally"
        elif mode == "StoppedRunFinally":
            reason = "StoppedRunningFinally"
        elif late.tasks:
            reason = "PipelineRunTimeoutRunningFinally"
        elif counts.cancelled or (counts.failed and not final):
            reason = "PipelineRunStopping"
        return Verdict("Unknown", reason, counts.text())

    def _outcome(self, run: Object, counts: Counts, mode: str, late: Deadlines) -> Verdict:
        name = run["metadata"]["name"]
        if counts.invalid:
            return Verdict("False", "PipelineValidationFailed", counts.text())
        if late.tasks and counts.failed:
            text = f'PipelineRun "{name}" failed due to tasks failed to finish within "{late.tasks_text}"'
            return Verdict("False", "PipelineRunTimeout", text)
        if counts.failed:
            return Verdict("False", "Failed", counts.text())
        if mode in ("CancelledRunFinally", "StoppedRunFinally"):
            return Verdict("False", "Cancelled", f'PipelineRun "{name}" was cancelled')
        if counts.cancelled:
            return Verdict("False", "Cancelled", counts.text())
        return Verdict("True", "Completed" if counts.skipped else "Succeeded", counts.text())

    # ---- the end ------------------------------------------------------------------------------------------------

    def _cancel(self, run: Object) -> None:
        self._stop(self._children.of(run["metadata"]["uid"]), CANCELLED_BY_RUN)
        status: Object = dict(run.get("status") or {})
        status.setdefault("startTime", self._cluster.stamp())
        if not succeeded(run):
            self._label(run, None)
        text = f'PipelineRun "{run["metadata"]["name"]}" was cancelled'
        self._end(run, status, Verdict("False", "Cancelled", text), None)

    def _stop(self, children: list[Object], why: str) -> None:
        """Tell TaskRuns that have not ended to stop."""

        def change(child: Object) -> Object:
            child["spec"].update(status="TaskRunCancelled", statusMessage=why)
            return child

        for child in children:
            if not is_done(child) and child["spec"].get("status") != "TaskRunCancelled":
                self._cluster.store.mutate(TASK_RUNS, *key_of(child), change, manager=MANAGER, check=False)

    def _end(self, run: Object, status: Object, verdict: Verdict, progress: Progress | None) -> None:
        status["completionTime"] = self._cluster.stamp()
        wanted = dig(status, "pipelineSpec", "results") or []
        if progress is not None and wanted and (results := progress.final_results(wanted)):
            status["results"] = results
        self._reporter.report(run, status, verdict)


def _is_final(child: Object) -> bool:
    return (child["metadata"].get("labels") or {}).get("tekton.dev/memberOf") == "finally"
