"""The steps of a pod, one after another, once all its containers run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from bakeryops.demo.contracts import LogLine, Object
from bakeryops.demo.controllers import Cluster, Kubelet
from bakeryops.demo.controllers.base import Key
from bakeryops.demo.controllers.objects import key_of, micro_time
from bakeryops.demo.tekton.environment import environment_of
from bakeryops.demo.tekton.script import run_step
from bakeryops.demo.tekton.words import READY, TASK_RUNS
from bakeryops.demo.tekton.work import StepEnd, StepPlan, Work

__all__ = ["Steps"]

_FIRST_DELAY = 0.5
"""Seconds until the first entrypoint sees the annotation that lets it begin."""
_BETWEEN = 0.03
"""Seconds from the end of a step to the start of the next."""
_RESULT_LIMIT = 4096
_FOREVER = 7 * 86400.0


@dataclass
class _Pod:
    """Where the steps of one pod stand."""

    uid: str
    task: Object
    files: dict[str, bytes] = field(default_factory=dict)
    """What the steps wrote into the volumes that they share."""
    failed: bool = False


class Steps:
    """Plays the steps of pods whose containers run."""

    def __init__(self, cluster: Cluster, kubelet: Kubelet, work: Work | None) -> None:
        """Take what knows the steps' work; without it their scripts are read."""
        self._cluster = cluster
        self._kubelet = kubelet
        self._work = work
        self._pods: dict[Key, _Pod] = {}

    def prepare(self, pod: Object, task: Object) -> None:
        """Write down what the init containers of a pod print, which they do at once when they start."""
        uid, book = pod["metadata"]["uid"], self._cluster.book
        for status in (pod.get("status") or {}).get("initContainerStatuses") or ():
            name = status["name"]
            ended = (status.get("state") or {}).get("terminated")
            if ended is None or name not in ("prepare", "place-scripts"):
                continue
            if book.lines(uid, name, _FOREVER) is not None:
                continue
            when = self._cluster.clock.now()
            if name == "prepare":
                texts = ["Entrypoint initialization"]
            else:
                scripts = (
                    each["args"] for each in pod["spec"]["containers"] if "-entrypoint" in (each.get("args") or ())
                )
                paths = [args[args.index("-entrypoint") + 1] for args in scripts]
                texts = [f"Decoded script {path}" for path in paths if path.startswith("/tekton/scripts/")]
            book.write(uid, name, [_go_line(when, text) for text in texts])
        del task

    def begin(self, pod: Object, task: Object) -> None:
        """Let the first step of a pod begin, unless it did."""
        key, uid = key_of(pod), pod["metadata"]["uid"]
        known = self._pods.get(key)
        if known is not None and known.uid == uid:
            return
        state = self._pods[key] = _Pod(uid, task)
        for step in task["steps"]:
            self._cluster.book.write(uid, f"step-{step['name']}", ())
        if (pod["metadata"].get("annotations") or {}).get(READY) != "READY":
            self._cluster.store.mutate("pods", *key, _make_ready, manager="pipelines-controller", check=False)
        self._cluster.clock.call_later(_FIRST_DELAY, lambda: self._start(key, state, 0))

    def stop(self, pod: Object) -> None:
        """End the steps of a pod that stays although its TaskRun was cancelled."""
        key, now = key_of(pod), self._cluster.clock.now()
        state = self._pods.pop(key, None)
        message = _packed([_entry("StartedAt", _milli(now), 3), _entry("Reason", "Cancelled", 3)])
        for each in pod["spec"]["containers"]:
            if state is not None:
                self._cluster.book.cut(state.uid, each["name"], now)
            self._kubelet.end_container(*key, each["name"], 1, message=message)

    def forget(self, key: Key) -> None:
        """Forget a pod that is gone."""
        self._pods.pop(key, None)

    def _start(self, key: Key, state: _Pod, index: int) -> None:
        pod = self._current(key, state)
        if pod is None:
            return
        if index == len(state.task["steps"]):
            state.files.clear()
            self._end_sidecars(key, pod)
            return
        step, now = state.task["steps"][index], self._cluster.clock.now()
        name = f"step-{step['name']}"
        if state.failed:
            self._cluster.book.write(
                state.uid, name, [_go_line(now, "Skipping step because a previous step failed")]
            )
            entries = [_entry("StartedAt", _milli(now), 3), _entry("Reason", "Skipped", 3)]
            self._kubelet.end_container(*key, name, 1, message=_packed(entries))
            self._cluster.clock.call_later(_BETWEEN, lambda: self._start(key, state, index + 1))
            return
        run = self._run_of(pod)
        plan = self._work.plan(run, pod, step["name"]) if self._work is not None and run is not None else None
        if plan is None:
            plan = self._by_script(pod, state, step)
        lines = [LogLine(now + offset, _bytes(text)) for offset, text in plan.lines]
        self._cluster.book.write(state.uid, name, lines)
        self._cluster.clock.call_later(max(0.0, plan.seconds), lambda: self._finish(key, state, index, plan, now))

    def _finish(self, key: Key, state: _Pod, index: int, plan: StepPlan, started: float) -> None:
        if self._current(key, state) is None:
            return
        step, now = state.task["steps"][index], self._cluster.clock.now()
        name = f"step-{step['name']}"
        end = plan.finish() if plan.finish is not None else StepEnd()
        if end.lines:
            self._cluster.book.write(state.uid, name, [LogLine(now, _bytes(text)) for text in end.lines])
        self._cluster.book.cut(state.uid, name, now)
        if end.out_of_memory:
            state.failed = True
            self._kubelet.end_container(*key, name, 137, reason="OOMKilled")
        else:
            self._end(key, state, step, end, started)
        self._cluster.clock.call_later(_BETWEEN, lambda: self._start(key, state, index + 1))

    def _end(self, key: Key, state: _Pod, step: Object, end: StepEnd, started: float) -> None:
        name, code = f"step-{step['name']}", end.exit_code
        entries = [_entry("StartedAt", _milli(started), 3)]
        wanted = [each["name"] for each in state.task.get("results") or ()]
        results = [_entry(each, str(end.results[each]), 1) for each in wanted if each in end.results]
        state.files[f"/tekton/steps/{name}/exitCode"] = str(code).encode()
        if code and step.get("onError") == "continue":
            entries.append(_entry("ExitCode", str(code), 3))
            code = 0
        if code == 0:
            entries = [*results, *entries]
        text = _packed(entries)
        if len(text) > _RESULT_LIMIT:
            now = self._cluster.clock.now()
            why = "Error while writing message: Termination message is above max allowed size 4096"
            self._cluster.book.write(state.uid, name, [_go_line(now, why)])
            code, text = 1, _packed(entries[len(results) :])
        state.failed = bool(code)
        self._kubelet.end_container(*key, name, code, message=text)

    def _by_script(self, pod: Object, state: _Pod, step: Object) -> StepPlan:
        container = next(each for each in pod["spec"]["containers"] if each["name"] == f"step-{step['name']}")
        done = run_step(
            step, environment_of(self._cluster.store, pod, container), state.files, self._cluster.clock.now()
        )
        wanted = [each["name"] for each in state.task.get("results") or ()]

        def finish() -> StepEnd:
            state.files.update(done.files)
            results = {
                name: done.files[path].decode(errors="replace")
                for name in wanted
                if (path := f"/tekton/results/{name}") in done.files
            }
            return StepEnd(done.exit_code, results, out_of_memory=done.out_of_memory)

        book = self._cluster.book
        now = self._cluster.clock.now()
        book.write(
            state.uid, container["name"], [LogLine(now + each.time, each.data, each.stream) for each in done.lines]
        )
        return StepPlan(_FOREVER if done.seconds is None else done.seconds, (), finish)

    def _current(self, key: Key, state: _Pod) -> Object | None:
        """Return the pod while its steps are to go on."""
        pod = self._cluster.store.get("pods", *key)
        if self._pods.get(key) is not state:
            return None
        if pod is None or pod["metadata"]["uid"] != state.uid or pod["metadata"].get("deletionTimestamp"):
            del self._pods[key]
            return None
        return pod

    def _run_of(self, pod: Object) -> Object | None:
        name = (pod["metadata"].get("labels") or {}).get("tekton.dev/taskRun", "")
        return self._cluster.store.get(TASK_RUNS, pod["metadata"]["namespace"], name)

    def _end_sidecars(self, key: Key, pod: Object) -> None:
        for each in pod["spec"]["containers"]:
            if each["name"].startswith("sidecar-"):
                self._kubelet.end_container(*key, each["name"], 0)


def _make_ready(pod: Object) -> Object:
    pod["metadata"].setdefault("annotations", {})[READY] = "READY"
    return pod


def _go_line(when: float, text: str) -> LogLine:
    """Return a line as Go's logger writes it."""
    stamp = micro_time(when)
    return LogLine(when, f"{stamp[:10].replace('-', '/')} {stamp[11:19]} {text}\n".encode(), "stderr")


def _bytes(text: str) -> bytes:
    return f"{text}\n".encode(errors="surrogateescape")


def _milli(when: float) -> str:
    return f"{micro_time(when)[:23]}Z"


def _entry(key: str, value: str, kind: int) -> Object:
    return {"key": key, "value": value, "type": kind}


def _packed(entries: list[Object]) -> str:
    return json.dumps(entries, separators=(",", ":"))
