"""TaskRuns: a pod for each attempt, and a status that follows it."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers import Cluster
from bakeryops.demo.controllers.base import Key, Queue
from bakeryops.demo.controllers.objects import key_of
from bakeryops.demo.objects import copy_json, dig
from bakeryops.demo.status import StatusError
from bakeryops.demo.tekton.ending import cancelled_steps, keeps_pods
from bakeryops.demo.tekton.pods import pod_for, pod_name
from bakeryops.demo.tekton.podstate import Verdict, results_of, step_states, verdict_of
from bakeryops.demo.tekton.reporting import Reporter
from bakeryops.demo.tekton.steps import Steps
from bakeryops.demo.tekton.taskspec import RefusedError, resolve_task
from bakeryops.demo.tekton.words import (
    MANAGER,
    ON_ERROR,
    PROVENANCE,
    RELEASE,
    TASK_RUNS,
    is_done,
    seconds_of,
    succeeded,
)
from bakeryops.units import parse_time

__all__ = ["TaskRunController"]

_QUOTA_PAUSE = 60.0
"""Seconds until a TaskRun asks again for a pod that a quota had no room for."""
_DELAY = 0.02
_QUIET = ("Started", "Pending", "Running")
"""Reasons that are not worth mentioning when a run is cancelled on top of them."""


class TaskRunController:
    """Runs TaskRuns."""

    def __init__(self, cluster: Cluster, steps: Steps) -> None:
        """Take what plays the steps of the pods."""
        self._cluster = cluster
        self._steps = steps
        self._reporter = Reporter(cluster, TASK_RUNS, "TaskRun")
        self._queue = Queue(cluster.clock, self._sync, delay=_DELAY)
        self._asked: dict[str, float] = {}
        """When a TaskRun that waits for a quota asked last, by its uid."""

    def start(self) -> None:
        """Follow TaskRuns and their pods, and take up those that have not ended."""
        store = self._cluster.store
        for run in store.list(TASK_RUNS):
            if not is_done(run):
                self._queue.add(key_of(run))
        store.listen(TASK_RUNS, self._changed)
        store.listen("pods", self._pod_changed)

    def _changed(self, change: str, run: Object, previous: Object | None) -> None:
        if change == "DELETED":
            self._asked.pop(run["metadata"]["uid"], None)
        elif not is_done(run) and (previous is None or previous.get("spec") is not run.get("spec")):
            self._queue.add(key_of(run))

    def _pod_changed(self, change: str, pod: Object, previous: Object | None) -> None:
        del previous
        name = (pod["metadata"].get("labels") or {}).get("tekton.dev/taskRun")
        if name is None:
            return
        key = (pod["metadata"]["namespace"], name)
        if change == "DELETED":
            self._steps.forget(key_of(pod))
        run = self._cluster.store.get(TASK_RUNS, *key)
        if run is not None and not is_done(run):
            self._queue.add(key)

    def _sync(self, key: Key) -> None:
        run = self._cluster.store.get(TASK_RUNS, *key)
        if run is None or is_done(run) or run["metadata"].get("deletionTimestamp"):
            return
        if not succeeded(run):
            self._reporter.event(run, "Normal", "Started", "")
        if run["spec"].get("status") == "TaskRunCancelled":
            why = run["spec"].get("statusMessage", "")
            text = f'TaskRun "{run["metadata"]["name"]}" was cancelled.' + (f" {why}" if why else "")
            self._stop(run, "TaskRunCancelled", text)
            return
        if self._timed_out(run):
            return
        attempt = len(dig(run, "status", "retriesStatus") or ())
        pod = self._cluster.store.get("pods", key[0], pod_name(run, attempt))
        if pod is None:
            self._create(run, attempt)
        else:
            self._follow(run, pod)

    # ---- the pod ------------------------------------------------------------------------------------------------

    def _create(self, run: Object, attempt: int) -> None:
        store, uid = self._cluster.store, run["metadata"]["uid"]
        now = self._cluster.clock.now()
        if (asked := self._asked.get(uid)) is not None and now < asked + _QUOTA_PAUSE:
            self._queue.add(key_of(run), asked + _QUOTA_PAUSE - now)
            return
        first = not succeeded(run)
        try:
            resolved = resolve_task(store, run, attempt)
        except RefusedError as refused:
            self._label(run, {})
            self._refuse(run, refused.reason, refused.message)
            return
        task = resolved.spec
        if resolved.labels:
            run = {**run, "metadata": {**run["metadata"], "labels": _joined(run, resolved.labels)}}
        try:
            pod = store.create(
                "pods", pod_for(run, task, attempt), manager=MANAGER, namespace=run["metadata"]["namespace"]
            )
        except StatusError as refused:
            self._pod_refused(run, task, refused, resolved.labels)
            return
        self._asked.pop(uid, None)
        self._label(run, resolved.labels)
        status = self._fresh(run)
        status.update(podName=pod["metadata"]["name"], startTime=self._cluster.stamp(), taskSpec=task)
        status.setdefault("steps", [{"name": step["name"], "provenance": {}} for step in task["steps"]])
        if not first and not attempt:
            status["steps"] = [{"name": step["name"], "provenance": {}} for step in task["steps"]]
        self._report(run, status, Verdict("Unknown", "Pending", "Pending"))
        if timeout := seconds_of(run["spec"].get("timeout")):
            began = parse_time(status["startTime"]) or now
            self._cluster.clock.call_at(began + timeout, lambda: self._queue.add(key_of(run), 0.0))

    def _pod_refused(self, run: Object, task: Object, refused: StatusError, labels: dict[str, str]) -> None:
        self._label(run, labels)
        text = str(refused)
        status = self._fresh(run)
        status["taskSpec"] = task
        status.setdefault("podName", "")
        status["steps"] = [{"name": step["name"], "provenance": {}} for step in task["steps"]]
        if "exceeded quota" in text:
            status.pop("startTime", None)
            self._asked[run["metadata"]["uid"]] = self._cluster.clock.now()
            self._queue.add(key_of(run), _QUOTA_PAUSE)
            why = f"TaskRun Pod exceeded available resources: {text}"
            self._report(run, status, Verdict("Unknown", "ExceededResourceQuota", why))
            return
        reason = "PodAdmissionFailed" if "violates PodSecurity" in text else "PodCreationFailed"
        if reason == "PodCreationFailed":
            text = f'failed to create task run pod "{run["metadata"]["name"]}": {text}. Maybe invalid TaskSpec'
        status["startTime"] = self._cluster.stamp()
        self._end(run, status, Verdict("False", reason, text))
        self._reporter.event(run, "Warning", "InternalError", text)

    def _label(self, run: Object, labels: dict[str, str]) -> None:
        """Write down what is known of a TaskRun before it has a status."""

        def change(obj: Object) -> Object:
            obj["metadata"].setdefault("annotations", {})[RELEASE[0]] = RELEASE[1]
            if labels:
                obj["metadata"]["labels"] = _joined(obj, labels)
            return obj

        self._cluster.store.mutate(TASK_RUNS, *key_of(run), change, manager=MANAGER, check=False)

    def _follow(self, run: Object, pod: Object) -> None:
        task = run["status"]["taskSpec"]
        self._steps.prepare(pod, task)
        steps = step_states(pod, task)
        phase = dig(pod, "status", "phase")
        if phase == "Running" and steps and all("running" in step or "terminated" in step for step in steps):
            self._steps.begin(pod, task)
        verdict = verdict_of(pod, steps)
        status = self._fresh(run)
        status["steps"] = steps
        if sidecars := _sidecars(pod):
            status["sidecars"] = sidecars
        if verdict.status == "Unknown":
            self._report(run, status, verdict)
            return
        status["artifacts"] = {}
        if verdict.reason == "CreateContainerConfigError":
            self._report(run, status, verdict)
            return
        results, wrong = results_of(steps, task)
        if wrong and verdict.status == "True":
            why = (
                "Provided results don't match declared results; may be invalid JSON or missing result declaration"
            )
            verdict = Verdict("False", "TaskRunValidationFailed", f"{why}:  {', '.join(wrong)}")
        if results:
            status["results"] = results
        self._end(run, status, verdict)

    # ---- the end ------------------------------------------------------------------------------------------------

    def _timed_out(self, run: Object) -> bool:
        started = parse_time(dig(run, "status", "startTime"))
        timeout = seconds_of(run["spec"].get("timeout"))
        if started is None or not timeout or self._cluster.clock.now() < started + timeout:
            return False
        text = f'TaskRun "{run["metadata"]["name"]}" failed to finish within "{run["spec"]["timeout"]}"'
        self._stop(run, "TaskRunTimeout", text)
        return True

    def _stop(self, run: Object, reason: str, text: str) -> None:
        """End a TaskRun whose steps have not, and take its pod away."""
        now = succeeded(run)
        if now.get("status") == "Unknown" and now.get("reason") not in _QUIET and reason == "TaskRunCancelled":
            text += f"\nPrevious status: [{now.get('reason')}] {now.get('message', '')}"
        status = self._fresh(run)
        status.setdefault("podName", "")
        name = status["podName"]
        pod = self._cluster.store.get("pods", run["metadata"]["namespace"], name) if name else None
        if pod is not None and "taskSpec" in status:
            status["steps"] = step_states(pod, status["taskSpec"])
        status["steps"] = cancelled_steps(status, reason, self._cluster.stamp())
        status.setdefault("startTime", self._cluster.stamp())
        status.pop("artifacts", None)
        if pod is not None and reason == "TaskRunCancelled" and keeps_pods(self._cluster.store):
            self._steps.stop(pod)
        elif pod is not None:
            self._cluster.store.delete("pods", *key_of(pod))
        self._end(run, status, Verdict("False", reason, text))

    def _refuse(self, run: Object, reason: str, text: str) -> None:
        status = self._fresh(run)
        status.update(podName="", startTime=self._cluster.stamp())
        self._end(run, status, Verdict("False", reason, text), retry=False)
        self._reporter.event(run, "Warning", "InternalError", text)

    def _end(self, run: Object, status: Object, verdict: Verdict, *, retry: bool = True) -> None:
        """Write the end of an attempt, which is the end of the TaskRun unless there is another to come."""
        status["completionTime"] = self._cluster.stamp()
        done = len(status.get("retriesStatus") or ())
        cancelled = verdict.reason == "TaskRunCancelled"
        if verdict.status == "False" and retry and not cancelled and done < int(run["spec"].get("retries") or 0):
            self._retry(run, status, verdict)
            return
        ignored = (run["metadata"].get("annotations") or {}).get(ON_ERROR) == "continue"
        if verdict.status == "False" and ignored and not cancelled:
            verdict = Verdict("False", "FailureIgnored", verdict.message)
        self._report(run, status, verdict)

    def _retry(self, run: Object, status: Object, verdict: Verdict) -> None:
        attempt = copy_json({key: value for key, value in status.items() if key != "retriesStatus"})
        attempt["conditions"] = [self._reporter.condition(verdict, {})]
        status["retriesStatus"] = [*(status.get("retriesStatus") or ()), attempt]
        for key in ("startTime", "completionTime", "results", "sidecars"):
            status.pop(key, None)
        status["podName"] = ""
        self._report(run, status, Verdict("Unknown", "ToBeRetried", verdict.message))
        self._queue.add(key_of(run), 0.05)

    def _fresh(self, run: Object) -> Object:
        """Return a copy of the status to change."""
        status: Object = dict(run.get("status") or {})
        status["provenance"] = PROVENANCE
        return status

    def _report(self, run: Object, status: Object, verdict: Verdict) -> None:
        self._reporter.report(run, status, verdict)


def _joined(run: Object, labels: dict[str, str]) -> dict[str, str]:
    return {**labels, **(run["metadata"].get("labels") or {})}


def _sidecars(pod: Object) -> list[Object]:
    found = []
    for status in dig(pod, "status", "containerStatuses") or ():
        if status["name"].startswith("sidecar-"):
            entry: Object = {"name": status["name"].removeprefix("sidecar-"), "container": status["name"]}
            if status.get("imageID"):
                entry["imageID"] = status["imageID"]
            found.append({**entry, **(status.get("state") or {})})
    return found
