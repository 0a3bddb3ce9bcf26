"""The pods of past builds as they ended: states of steps, results, logs, and what a TaskRun says of them."""

from __future__ import annotations

import json

from bakeryops.demo.bakery.ground import ADDRESS
from bakeryops.demo.bakery.past import Past
from bakeryops.demo.bakery.pipeline import GIT_URL, IMAGES
from bakeryops.demo.bakery.repository import PastRelease
from bakeryops.demo.bakery.runs_timing import Span
from bakeryops.demo.chain import kaniko_log, pytest_log
from bakeryops.demo.chain.changes import find_changes
from bakeryops.demo.contracts import LogLine, Object
from bakeryops.demo.controllers import Cluster, Images
from bakeryops.demo.controllers.behaviour import Behaviour
from bakeryops.demo.controllers.container import Container
from bakeryops.demo.controllers.objects import digest, fresh_conditions, micro_time, timestamp
from bakeryops.demo.controllers.podstatus import qos_class, write_conditions
from bakeryops.demo.gitea.accounts import ADMIN
from bakeryops.demo.gitea.server import Gitea
from bakeryops.demo.tekton.pods import pod_for
from bakeryops.demo.tekton.podstate import Verdict, results_of, step_states, verdict_of
from bakeryops.demo.tekton.taskspec import resolve_task
from bakeryops.demo.tekton.words import PROVENANCE, READY

__all__ = ["StepsPast"]

_READY_AFTER = 4.0
"""Seconds from a TaskRun's start to its first step: scheduling, pulling, preparing."""
_INTERNAL, _RESULT = 3, 1


class StepsPast:
    """Ends TaskRuns of past builds."""

    def __init__(self, cluster: Cluster, gitea: Gitea, images: Images, past: Past) -> None:
        """Take the cluster and what the steps worked on."""
        self._cluster = cluster
        self._repo = gitea.repo(ADMIN, "bakery-ia")
        self._images = images
        self._past = past

    def finish(self, run: Object, release: PastRelease, span: Span, service: str, *, pods: bool) -> Object:
        """Return the status of a TaskRun that has ended; with `pods` its pods are there, with their logs."""
        if span.retried is None:
            return self._attempt(run, release, span, service, 0, pods=pods)
        first = self._attempt(run, release, Span(span.start, span.retried), service, 0, pods=pods)
        last = self._attempt(run, release, Span(span.retried, span.end), service, 1, pods=pods)
        return {**last, "retriesStatus": [first]}

    def _attempt(
        self, run: Object, release: PastRelease, span: Span, service: str, attempt: int, *, pods: bool
    ) -> Object:
        store = self._cluster.store
        task = resolve_task(store, run, attempt).spec
        pod = pod_for(run, task, attempt)
        name = run["metadata"]["labels"]["tekton.dev/pipelineTask"]
        failing = release.failing
        if failing is not None and (failing.task, failing.service) != (name, service):
            failing = None
        pod["spec"]["nodeName"] = self._cluster.node
        pod["metadata"]["annotations"] = {**(pod["metadata"].get("annotations") or {}), READY: "READY"}
        code = 0 if failing is None else 137 if failing.out_of_memory else 1
        results = {} if code else self._results(release, name, service)
        pod["status"] = self._pod_status(pod, task, span, code, results, bool(failing and failing.out_of_memory))
        if pods:
            self._past.age = self._past.present() - span.start
            made = store.create("pods", pod, manager="kubelet")
            self._write_log(made, release, name, service, span)
        steps = step_states(pod, task)
        verdict = verdict_of(pod, steps)
        found, _ = results_of(steps, task)
        status: Object = {
            "artifacts": {},
            "completionTime": timestamp(span.end),
            "conditions": [_condition(verdict, span.end)],
            "podName": pod["metadata"]["name"],
            "provenance": PROVENANCE,
            "startTime": timestamp(span.start),
            "steps": steps,
            "taskSpec": task,
        }
        return status | ({"results": found} if found else {})

    # ---- the pod ------------------------------------------------------------------------------------------------

    def _pod_status(
        self, pod: Object, task: Object, span: Span, code: int, results: dict[str, str], out_of_memory: bool
    ) -> Object:
        uid = digest(pod["metadata"]["namespace"], pod["metadata"]["name"])
        begun = min(span.start + _READY_AFTER, (span.start + span.end) / 2)
        containers = []
        for spec in pod["spec"].get("initContainers") or ():
            each = Container(spec, Behaviour(), init=True)
            each.run(span.start + 1.5, uid, self._images.image_id(spec["image"]))
            each.end(span.start + 2.0, 0)
            containers.append(each)
        declared = {each["name"] for each in task.get("results") or ()}
        count, failed = len(task["steps"]), False
        for place, spec in enumerate(pod["spec"]["containers"]):
            each = Container(spec, Behaviour())
            each.run(span.start + 2.5, uid, self._images.image_id(spec["image"]))
            # The first step does the work, those after it take a moment.
            end = span.end - 0.5 * (count - 1 - place)
            started = begun if place == 0 else end - 0.4
            entries = [_entry("StartedAt", f"{micro_time(started)[:23]}Z", _INTERNAL)]
            if failed:
                entries.append(_entry("Reason", "Skipped", _INTERNAL))
                each.end(end, 1, message=_packed(entries))
            elif code and place == 0:
                failed = True
                reason = "OOMKilled" if out_of_memory else ""
                each.end(end, code, reason, "" if out_of_memory else _packed(entries))
            else:
                written = _of_step(spec["name"], results) if count > 1 else results
                told = [_entry(key, value, _RESULT) for key, value in written.items() if key in declared]
                each.end(end, 0, message=_packed([*told, *entries]))
            containers.append(each)
        phase = "Failed" if failed else "Succeeded"
        status: Object = {"phase": phase}
        write_conditions(fresh_conditions(status), containers, sandbox=False, result=phase, now=span.end)
        status |= {
            "hostIP": ADDRESS,
            "hostIPs": [{"ip": ADDRESS}],
            "startTime": timestamp(span.start),
            "qosClass": qos_class(pod["spec"]),
        }
        for field, init in (("initContainerStatuses", True), ("containerStatuses", False)):
            status[field] = [each.status("PodInitializing") for each in containers if each.init == init]
        return status

    def _results(self, release: PastRelease, task: str, service: str) -> dict[str, str]:
        """Return what the steps of a task wrote."""
        match task:
            case "clone":
                when = int(self._repo.commit_info(release.after).when)
                return {"commit": release.after, "committer-date": str(when), "url": GIT_URL}
            case "detect-changes":
                services = json.dumps(list(release.services), separators=(",", ":"))
                return {"services": services, "any": "true" if release.services else "false",
                        "count": str(len(release.services)), "tag": release.tag}  # fmt: skip
            case "build":
                image = f"{IMAGES}/{service}"
                made = self._images.image_id(f"{image}:{release.tag}").rpartition("@")[2]
                return {"IMAGE_DIGEST": made, "IMAGE_REF": f"{image}@{made}"}
            case "update-tag":
                return {"deploy-commit": list(release.deploy_commits.values())[-1], "tag": release.tag}
        return {}

    # ---- the log ------------------------------------------------------------------------------------------------

    def _write_log(self, pod: Object, release: PastRelease, task: str, service: str, span: Span) -> None:
        uid, book = pod["metadata"]["uid"], self._cluster.book
        begun = min(span.start + _READY_AFTER, (span.start + span.end) / 2)
        seconds = span.end - begun
        lines = self._lines(release, task, service, seconds)
        for place, container in enumerate(pod["spec"]["containers"]):
            texts = lines if place == 0 else ()
            made = [LogLine(begun + min(offset, seconds), f"{text}\n".encode()) for offset, text in texts]
            book.write(uid, container["name"], made)
        for container in pod["spec"].get("initContainers") or ():
            book.write(uid, container["name"], ())

    def _lines(
        self, release: PastRelease, task: str, service: str, seconds: float
    ) -> tuple[tuple[float, str], ...]:
        repo, failing = self._repo, release.failing
        told: tuple[str, ...] = ()
        if failing is not None and (failing.task, failing.service) == (task, service):
            told = failing.lines
        match task:
            case "clone":
                return (
                    (0.1, f"+ git clone --no-checkout {GIT_URL} /workspace/output"),
                    (seconds, f"HEAD is now at {release.after[:7]} {release.subject}"),
                )
            case "detect-changes":
                head = (0.1, f"+ git diff --no-renames {release.before[:12]} {release.after[:12]}")
                changes = find_changes(repo, release.before, release.after)
                verdict = f"to build ({len(release.services)}): {' '.join(release.services) or 'nothing'}"
                return (
                    head,
                    *((seconds, text) for text in changes.reasons),
                    (seconds, f"\x1b[1m{verdict}\x1b[0m"),
                )
            case "test" if told:
                return tuple((seconds * (place + 1) / len(told), line) for place, line in enumerate(told))
            case "test":
                return pytest_log.test_log(repo, release.after, service, seconds, ())
            case "build":
                image = f"{IMAGES}/{service}:{release.tag}"
                log = kaniko_log.build_log(repo, release.after, service, image, seconds, complete=not told)
                return (*log, *((seconds, line) for line in told))
            case "update-tag":
                return tuple(
                    (seconds, f"[main {sha[:7]}] deploy({name}): {release.tag}")
                    for name, sha in release.deploy_commits.items()
                )
            case "report-status":
                state = "failure" if release.outcome == "failed" else "success"
                return ((seconds, f"commit status of {release.after[:12]}: {state}"),)
        return ()


def _of_step(container: str, results: dict[str, str]) -> dict[str, str]:
    """Return which results of a build's two steps one of them wrote."""
    mine = ("IMAGE_REF",) if container == "step-write-result" else ("IMAGE_DIGEST",)
    return {key: value for key, value in results.items() if key in mine}


def _condition(verdict: Verdict, when: float) -> Object:
    return {
        "lastTransitionTime": timestamp(when),
        "message": verdict.message,
        "reason": verdict.reason,
        "status": verdict.status,
        "type": "Succeeded",
    }


def _entry(key: str, value: str, kind: int) -> Object:
    return {"key": key, "value": value, "type": kind}


def _packed(entries: list[Object]) -> str:
    return json.dumps(entries, separators=(",", ":"))
