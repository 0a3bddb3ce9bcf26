"""CronJobs: a Job at each time of a schedule of five fields, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key, Owned, Queue
from bakeryops.demo.controllers.job import is_finished
from bakeryops.demo.controllers.objects import condition, controller_uid, key_of, owner_reference, timestamp
from bakeryops.demo.controllers.pods import is_terminating
from bakeryops.demo.status import StatusError

__all__ = ["CronJobController", "next_time"]

_COMPONENT = "cronjob-controller"
_MANAGER = "kube-controller-manager"
_SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
"""Annotation of the Jobs that a CronJob made; those a person made from it are not counted as its own."""
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_NAMED = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
          "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *"}  # fmt: skip


def next_time(schedule: str, after: float) -> float | None:
    """Return the first time of a schedule after a time, None where it is no schedule or more than a year off."""
    fields = _fields(schedule)
    if fields is None:
        return None
    minutes, hours, days, months, weekdays = fields
    moment = datetime.fromtimestamp(after, UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    end = moment + timedelta(days=366)
    free_days, free_weekdays = len(days) == 31, len(weekdays) == 7
    while moment < end:
        weekday = moment.isoweekday() % 7
        by_day = (moment.day in days and weekday in weekdays) if free_days or free_weekdays else (
            moment.day in days or weekday in weekdays)  # fmt: skip
        if moment.month not in months or not by_day:
            moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
        elif moment.hour not in hours:
            moment = moment.replace(minute=0) + timedelta(hours=1)
        elif moment.minute not in minutes:
            moment += timedelta(minutes=1)
        else:
            return moment.timestamp()
    return None


@lru_cache(maxsize=256)
def _fields(schedule: str) -> tuple[frozenset[int], ...] | None:
    words = _NAMED.get(schedule, schedule).split()
    if len(words) != 5:
        return None
    found = []
    for word, (least, most) in zip(words, _RANGES, strict=True):
        values: set[int] = set()
        for part in word.split(","):
            span, _, step = part.partition("/")
            low, _, high = span.partition("-")
            try:
                first = least if span == "*" else int(low)
                last = most if span == "*" or (step and not high) else int(high or low)
                if not least <= first <= last <= most + (most == 6):
                    return None
                values.update(
                    value % 7 if most == 6 else value for value in range(first, last + 1, int(step or 1))
                )
            except ValueError:
                return None
        found.append(frozenset(values))
    return tuple(found)


class CronJobController:
    """Creates Jobs when they are due, and forgets the old ones."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._jobs = Owned(cluster.store, "jobs")
        self._names: dict[str, Key] = {}
        self._since: dict[str, float] = {}
        self._queue = Queue(cluster.clock, self._sync, delay=0.02)

    def start(self) -> None:
        """Follow CronJobs and their Jobs."""
        store = self._cluster.store
        for each in store.list("cronjobs"):
            self._changed("ADDED", each, None)
        store.listen("cronjobs", self._changed)
        store.listen("jobs", self._job_changed)

    def _changed(self, change: str, obj: Object, previous: Object | None) -> None:
        uid = obj["metadata"]["uid"]
        if change == "DELETED":
            self._names.pop(uid, None)
            self._since.pop(uid, None)
            return
        if uid not in self._names:
            self._since[uid] = self._cluster.clock.now()
        self._names[uid] = key_of(obj)
        if previous is None or previous.get("spec") is not obj.get("spec"):
            self._queue.add(key_of(obj))

    def _job_changed(self, change: str, job: Object, previous: Object | None) -> None:
        owner = self._names.get(controller_uid(job))
        if owner is not None and (change != "MODIFIED" or is_finished(job)):
            self._queue.add(owner)

    def _sync(self, key: Key) -> None:
        found = self._cluster.store.get("cronjobs", *key)
        if found is None or is_terminating(found):
            return
        uid, spec = found["metadata"]["uid"], found["spec"]
        jobs = self._jobs.of(uid)
        running = [job for job in jobs if not is_finished(job)]
        now = self._cluster.clock.now()
        due = next_time(spec.get("schedule", ""), self._since.get(uid, now))
        started = None
        if due is not None and due <= now and not spec.get("suspend"):
            self._since[uid] = now
            started = self._begin(found, running, due)
            due = next_time(spec["schedule"], now)
        if due is not None:
            self._queue.add(key, max(0.05, due - now + 0.01))
        self._forget(spec, [job for job in jobs if is_finished(job)])
        self._write(key, started)

    def _begin(self, owner: Object, running: list[Object], due: float) -> Object | None:
        policy = owner["spec"].get("concurrencyPolicy", "Allow")
        if running and policy == "Forbid":
            text = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._cluster.events.record(owner, "Normal", "JobAlreadyActive", text, component=_COMPONENT)
            return None
        for job in running if policy == "Replace" else ():
            self._cluster.store.delete("jobs", *key_of(job))
        template, metadata = owner["spec"]["jobTemplate"], owner["metadata"]
        name = f"{metadata['name'][:52]}-{int(due // 60)}"
        wanted = template.get("metadata") or {}
        fresh = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "namespace": metadata["namespace"],
                "labels": dict(wanted.get("labels") or {}),
                "annotations": {**(wanted.get("annotations") or {}),
                                _SCHEDULED: timestamp(due)},
                "ownerReferences": [owner_reference(owner)],
            },
            "spec": template["spec"],
        }  # fmt: skip
        try:
            job = self._cluster.store.create("jobs", fresh, manager=_MANAGER)
        except StatusError as problem:
            text = f"Error creating job: {problem}"
            self._cluster.events.record(owner, "Warning", "FailedCreate", text, component=_COMPONENT)
            return None
        self._cluster.events.record(
            owner, "Normal", "SuccessfulCreate", f"Created job {name}", component=_COMPONENT
        )
        return job

    def _forget(self, spec: Object, finished: list[Object]) -> None:
        for kind, field, default in (
            ("Complete", "successfulJobsHistoryLimit", 3),
            ("Failed", "failedJobsHistoryLimit", 1),
        ):
            ended = [job for job in finished if condition(job, kind)]
            ended.sort(key=lambda job: str((job.get("status") or {}).get("startTime")))
            keep = spec.get(field, default)
            for job in ended[: max(0, len(ended) - keep)]:
                self._cluster.store.delete("jobs", *key_of(job))

    def _write(self, key: Key, started: Object | None) -> None:
        found = self._cluster.store.get("cronjobs", *key)
        if found is None:
            return
        jobs = self._jobs.of(found["metadata"]["uid"])
        active = [
            {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"],
             "namespace": key[0], "uid": job["metadata"]["uid"]}
            for job in jobs if not is_finished(job) and _SCHEDULED in (job["metadata"].get("annotations") or {})
        ]  # fmt: skip
        ends = [
            str(job["status"]["completionTime"]) for job in jobs if (job.get("status") or {}).get("completionTime")
        ]

        def change(obj: Object) -> Object:
            status = dict(obj.get("status") or {})
            status.pop("active", None)
            if active:
                status["active"] = active
            if started is not None:
                status["lastScheduleTime"] = self._cluster.stamp()
            if ends:
                status["lastSuccessfulTime"] = max(ends)
            obj["status"] = status
            return obj

        self._cluster.store.mutate("cronjobs", *key, change, manager=_MANAGER, subresource="status")
