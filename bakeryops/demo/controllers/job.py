"""Jobs: pods until enough have succeeded or too many failed, each counted before it may go."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key, Owned, Queue
from bakeryops.demo.controllers.objects import condition, controller_uid, fresh_conditions, key_of
from bakeryops.demo.controllers.pods import is_ready, is_terminating, phase_of, pod_from
from bakeryops.demo.status import StatusError
from bakeryops.units import parse_time

__all__ = ["JobController", "is_finished"]

_COMPONENT = "job-controller"
_MANAGER = "kube-controller-manager"
_TRACKING = "batch.kubernetes.io/job-tracking"
_BATCH = 1.0
"""Seconds over which changes of pods are gathered."""
_BACKOFF_FIRST, _BACKOFF_MOST = 10.0, 600.0

_MESSAGES = {
    "CompletionsReached": "Reached expected number of succeeded pods",
    "BackoffLimitExceeded": "Job has reached the specified backoff limit",
    "DeadlineExceeded": "Job was active longer than specified deadline",
}


def is_finished(job: Object) -> bool:
    """Tell whether a Job is complete or failed."""
    return any((condition(job, kind) or {}).get("status") == "True" for kind in ("Complete", "Failed"))


class JobController:
    """Runs the pods of Jobs and counts how they end."""

    def __init__(self, cluster: Cluster, pods: Owned) -> None:
        """Take the index of pods by their owner."""
        self._cluster = cluster
        self._pods = pods
        self._names: dict[str, Key] = {}
        self._last_failure: dict[str, tuple[int, float]] = {}
        self._queue = Queue(cluster.clock, self._sync, delay=0.005)

    def start(self) -> None:
        """Follow Jobs and their pods."""
        store = self._cluster.store
        for each in store.list("jobs"):
            self._changed("ADDED", each, None)
        store.listen("jobs", self._changed)
        store.listen("pods", self._pod_changed)

    def _changed(self, change: str, obj: Object, previous: Object | None) -> None:
        uid = obj["metadata"]["uid"]
        if change == "DELETED":
            self._names.pop(uid, None)
            self._last_failure.pop(uid, None)
            return
        self._names[uid] = key_of(obj)
        if is_finished(obj):
            self._expire_later(obj)
        elif previous is None or previous.get("spec") is not obj.get("spec"):
            self._queue.add(key_of(obj))

    def _pod_changed(self, change: str, pod: Object, previous: Object | None) -> None:
        owner = self._names.get(controller_uid(pod))
        if owner is None:
            return
        if change == "DELETED" or (is_terminating(pod) and _TRACKING in (pod["metadata"].get("finalizers") or ())):
            self._queue.add(owner, 0.02)
        elif previous is not None:
            self._queue.add(owner, _BATCH)

    def _expire_later(self, job: Object) -> None:
        ttl = job["spec"].get("ttlSecondsAfterFinished")
        if ttl is None or is_terminating(job):
            return
        key, uid = key_of(job), job["metadata"]["uid"]

        def expire() -> None:
            found = self._cluster.store.get("jobs", *key)
            if found is not None and found["metadata"]["uid"] == uid:
                self._cluster.store.delete("jobs", *key)

        self._cluster.clock.call_later(float(ttl), expire)

    def _sync(self, key: Key) -> None:
        job = self._cluster.store.get("jobs", *key)
        if job is None or is_terminating(job):
            return
        every = self._pods.of(job["metadata"]["uid"])
        if is_finished(job):
            self._release(every)
            return
        now, spec = self._cluster.clock.now(), job["spec"]
        status: Object = dict(job.get("status") or {})
        status.setdefault("startTime", self._cluster.stamp())
        uncounted = [pod for pod in every if _TRACKING in (pod["metadata"].get("finalizers") or ())]
        succeeded = [pod for pod in uncounted if phase_of(pod) == "Succeeded"]
        failed = [pod for pod in uncounted if phase_of(pod) == "Failed" or is_terminating(pod)]
        failed = [pod for pod in failed if pod not in succeeded]
        active = [pod for pod in every if phase_of(pod) in ("", "Pending", "Running") and not is_terminating(pod)]
        entry = condition(job, "FailureTarget")
        reason = (entry or {}).get("reason", "") or self._verdict(job, status, succeeded, failed, active, now)
        if reason in ("DeadlineExceeded", "BackoffLimitExceeded") and active:
            for pod in active:
                self._cluster.store.delete("pods", *key_of(pod))
                self._event(job, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
            every = self._pods.of(job["metadata"]["uid"])
            failed += [
                pod for pod in every if pod["metadata"]["uid"] in {each["metadata"]["uid"] for each in active}
            ]
            active = []
        if not reason and not spec.get("suspend"):
            active = active + self._fill(job, status, succeeded, failed, active, now)
        self._count(key, status, every, succeeded, failed, active, reason)

    def _verdict(
        self,
        job: Object,
        status: Object,
        succeeded: list[Object],
        failed: list[Object],
        active: list[Object],
        now: float,
    ) -> str:
        spec = job["spec"]
        completions = spec.get("completions", 1) or 1
        if status.get("succeeded", 0) + len(succeeded) >= completions:
            return "CompletionsReached"
        limit = spec.get("backoffLimit", 6)
        restarts = sum(
            each.get("restartCount", 0) for pod in active
            for each in (pod.get("status") or {}).get("containerStatuses") or ()
        )  # fmt: skip
        if status.get("failed", 0) + len(failed) > limit or (
            restarts > limit and spec["template"]["spec"].get("restartPolicy") == "OnFailure"
        ):
            return "BackoffLimitExceeded"
        deadline = spec.get("activeDeadlineSeconds")
        if deadline is None:
            return ""
        left = (parse_time(status["startTime"]) or now) + deadline - now
        if left <= 0:
            return "DeadlineExceeded"
        self._queue.add(key_of(job), left)
        return ""

    def _fill(
        self,
        job: Object,
        status: Object,
        succeeded: list[Object],
        failed: list[Object],
        active: list[Object],
        now: float,
    ) -> list[Object]:
        """Create the pods that are missing, not before the back-off after a failure is over."""
        spec, uid = job["spec"], job["metadata"]["uid"]
        if failed:
            times = self._last_failure.get(uid, (0, 0.0))[0] + len(failed)
            self._last_failure[uid] = (times, max(_end_of(pod) or now for pod in failed))
        elif succeeded:
            self._last_failure.pop(uid, None)
        done = status.get("succeeded", 0) + len(succeeded)
        left = max(0, (spec.get("completions", 1) or 1) - done)
        missing = min(spec.get("parallelism", 1), left) - len(active)
        if missing <= 0:
            return []
        times, since = self._last_failure.get(uid, (0, 0.0))
        wait = since + min(_BACKOFF_MOST, _BACKOFF_FIRST * 2 ** (times - 1)) - now if times else 0.0
        if wait > 0:
            self._queue.add(key_of(job), wait)
            return []
        return [pod for _ in range(missing) if (pod := self._create(job)) is not None]

    def _create(self, job: Object) -> Object | None:
        metadata = job["metadata"]
        name = f"{metadata['name'][:57]}-{self._cluster.suffix()}"
        labels = {
            "batch.kubernetes.io/controller-uid": metadata["uid"],
            "batch.kubernetes.io/job-name": metadata["name"],
            "controller-uid": metadata["uid"],
            "job-name": metadata["name"],
        }
        pod = pod_from(job, job["spec"]["template"], name, labels=labels)
        pod["metadata"]["generateName"] = f"{metadata['name']}-"
        pod["metadata"]["finalizers"] = [*pod["metadata"].get("finalizers", ()), _TRACKING]
        try:
            made = self._cluster.store.create("pods", pod, manager=_MANAGER)
        except StatusError as problem:
            text = f"Error creating: {problem}"
            self._cluster.events.record(job, "Warning", "FailedCreate", text, component=_COMPONENT)
            self._queue.add(key_of(job), 5.0)
            return None
        self._event(job, "SuccessfulCreate", f"Created pod: {name}")
        return made

    def _count(
        self,
        key: Key,
        status: Object,
        every: list[Object],
        succeeded: list[Object],
        failed: list[Object],
        active: list[Object],
        reason: str,
    ) -> None:
        """Write the counts in two steps: first the names of what ended; their finalizers gone, the numbers."""
        interim = "SuccessCriteriaMet" if reason == "CompletionsReached" else "FailureTarget"
        waiting = [pod for pod in every if is_terminating(pod) and phase_of(pod) not in ("Succeeded", "Failed")]
        status = dict(status)
        status.pop("active", None)
        if active:
            status["active"] = len(active)
        status["terminating"] = len(waiting)
        status["ready"] = sum(1 for pod in active if is_ready(pod))
        names = {"succeeded": [pod["metadata"]["uid"] for pod in succeeded],
                 "failed": [pod["metadata"]["uid"] for pod in failed]}  # fmt: skip
        status["uncountedTerminatedPods"] = {name: uids for name, uids in names.items() if uids}
        entries = fresh_conditions(status)
        if reason and not any(entry["type"] == interim for entry in entries):
            entries.append(self._condition(interim, reason))
        self._write(key, status)
        final = reason and not waiting
        if not succeeded and not failed and not final:
            return
        self._release([*succeeded, *failed])
        status = dict(status)
        for name, ended in (("succeeded", succeeded), ("failed", failed)):
            if ended:
                status[name] = status.get(name, 0) + len(ended)
        status["uncountedTerminatedPods"] = {}
        if final:
            self._close(status, reason)
        self._write(key, status)
        job = self._cluster.store.get("jobs", *key)
        if final and job is not None:
            if reason == "CompletionsReached":
                self._event(job, "Completed", "Job completed")
            else:
                self._cluster.events.record(job, "Warning", reason, _MESSAGES[reason], component=_COMPONENT)

    def _close(self, status: Object, reason: str) -> None:
        entries = fresh_conditions(status)
        if reason == "CompletionsReached":
            status["completionTime"] = self._cluster.stamp()
            entries.append(self._condition("Complete", reason))
        else:
            entries.append(self._condition("Failed", reason))

    def _condition(self, kind: str, reason: str) -> Object:
        stamp = self._cluster.stamp()
        return {
            "type": kind,
            "status": "True",
            "lastProbeTime": stamp,
            "lastTransitionTime": stamp,
            "reason": reason,
            "message": _MESSAGES[reason],
        }

    def _write(self, key: Key, status: Object) -> None:
        def change(obj: Object) -> Object:
            obj["status"] = {name: value for name, value in status.items() if value or name != "conditions"}
            return obj

        self._cluster.store.mutate("jobs", *key, change, manager=_MANAGER, subresource="status")

    def _release(self, pods: list[Object]) -> None:
        def change(obj: Object) -> Object:
            kept = [each for each in obj["metadata"].get("finalizers") or () if each != _TRACKING]
            if kept:
                obj["metadata"]["finalizers"] = kept
            else:
                obj["metadata"].pop("finalizers", None)
            return obj

        for pod in pods:
            self._cluster.store.mutate("pods", *key_of(pod), change, manager=_MANAGER)

    def _event(self, job: Object, reason: str, message: str) -> None:
        self._cluster.events.record(job, "Normal", reason, message, component=_COMPONENT)


def _end_of(pod: Object) -> float | None:
    """Return when the last container of a pod ended."""
    ends = [
        parse_time(((each.get("state") or {}).get("terminated") or {}).get("finishedAt"))
        for each in (pod.get("status") or {}).get("containerStatuses") or ()
    ]
    return max((end for end in ends if end is not None), default=None)
