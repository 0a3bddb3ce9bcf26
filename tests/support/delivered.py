"""A small delivery chain in a session without a cluster: what Git says, builds, Flux, and what runs of it."""

from __future__ import annotations

from itertools import count
from typing import Any

from msgspec.structs import replace

from bakeryops.model.code import CodeView
from bakeryops.read.delivery_index import KINDS
from bakeryops.read.index import KINDS as WORKLOADS
from screens.app import BakeryOpsApp
from screens.code import ConsoleCode
from tests.support import chain_values as values
from tests.support.fake_session import NOW, FakeSession
from tests.support.small_bakery import deployment, node, pod, stamp

__all__ = ["FixedCode", "app_of", "delivered", "kustomization", "run", "story", "taskrun"]

Object = dict[str, Any]
RUN = "bakery-ia-ci-aaaaa"
_SHIFT = NOW - values.NOW
_VERSIONS = count(1)


class FixedCode(ConsoleCode):
    """Says of Git what a test wants, and counts how often it was asked to fetch."""

    def __init__(self, view: CodeView) -> None:
        super().__init__()
        self.said = view
        self.poked = 0
        self.tags: list[str] | None = None

    @property
    def view(self) -> CodeView:
        return self.said

    def poke(self, seen: object = None) -> None:
        self.poked += seen is None

    async def stored(self, image: str) -> list[str] | None:
        return self.tags

    async def run(self, *_: Any) -> None:
        """Follow nothing."""


def story() -> values.Story:
    """Return a repository: tenant deployed yesterday, auth a quarter of an hour ago."""
    told = values.Story(("auth", "tenant"))
    told.change("plans", ago=90_000, touched=("tenant",), subject="tenant: plans by month", author="dev-two")
    told.deploy("tenant", "plans", ago=89_700, run="bakery-ia-ci-bbbbb")
    told.change("ttl", ago=840, touched=("auth",), subject="auth: token ttl")
    told.deploy("auth", "ttl", ago=600, run=RUN)
    return told


def seen(view: CodeView) -> CodeView:
    """Return a view of the repository as it is at the time of the fake session."""
    return replace(
        view,
        fetched=None if view.fetched is None else view.fetched + _SHIFT,
        commits={
            sha: replace(each, authored=each.authored + _SHIFT, committed=each.committed + _SHIFT)
            for sha, each in view.commits.items()
        },
        deployments=tuple(replace(each, when=each.when + _SHIFT) for each in view.deployments),
    )


def app_of(session: FakeSession, view: CodeView, **options: Any) -> BakeryOpsApp:
    """Return a console on a session and a repository."""
    app = BakeryOpsApp(session.target, connect=lambda _: session, clock=lambda: NOW, **options)  # type: ignore[arg-type,return-value]
    code = FixedCode(view)
    app.code = code
    app._begin_code = lambda _: setattr(app, "code", code)  # type: ignore[method-assign]
    return app


def _condition(kind: str, status: str, reason: str, message: str, ago: float) -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": stamp(ago), "observedGeneration": 1}  # fmt: skip


def run(
    name: str,
    word: str,
    service: str,
    *,
    ago: float,
    took: float | None = 200,
    failed: str = "",
) -> Object:
    """Return the PipelineRun of a commit, begun `ago` seconds before now; `took` is None while it goes on."""
    done, reason = (
        ("Unknown", "Running") if took is None else ("False", "Failed") if failed else ("True", "Succeeded")
    )
    message = failed or "Tasks Completed: 6 (Failed: 0, Cancelled 0), Skipped: 0"
    if took is None:
        message = "Tasks Completed: 2 (Failed: 0, Cancelled 0), Incomplete: 4, Skipped: 0"
    status: Object = {"startTime": stamp(ago), "conditions": [_condition("Succeeded", done, reason, message, ago)]}
    if took is not None:
        status["completionTime"] = stamp(ago - took)
        if not failed:
            status["results"] = [
                {"name": "services", "value": f'["{service}"]'},
                {"name": "tag", "value": values.tag(word)},
            ]
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {
            "name": name, "namespace": "bakery-ci", "uid": f"uid-{name}", "resourceVersion": str(next(_VERSIONS)),
            "creationTimestamp": stamp(ago + 1), "labels": {"bakery.dev/revision": values.sha(word)},
        },
        "spec": {"pipelineRef": {"name": "bakery-ia-ci"},
                 "params": [{"name": "revision", "value": values.sha(word)}]},
        "status": status,
    }  # fmt: skip


def taskrun(of: str, task: str, title: str, *, ago: float, took: float | None) -> Object:
    """Return a TaskRun of a build."""
    done = ("Unknown", "Running") if took is None else ("True", "Succeeded")
    status: Object = {"startTime": stamp(ago), "conditions": [_condition("Succeeded", *done, "", ago)]}
    if took is not None:
        status["completionTime"] = stamp(ago - took)
    labels = {"tekton.dev/pipelineRun": of, "tekton.dev/pipelineTask": task}
    name = f"{of}-{title.replace(' ', '-')}"
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "TaskRun",
        "metadata": {"name": name, "namespace": "bakery-ci", "uid": f"uid-{name}", "resourceVersion": str(next(_VERSIONS)),
                     "creationTimestamp": stamp(ago), "labels": labels},
        "spec": {},
        "status": status,
    }  # fmt: skip


def repository(sha: str, *, fetched: float = 590, ready: bool = True, message: str = "") -> Object:
    """Return the GitRepository with a commit in store."""
    made = _condition(
        "Ready", "True" if ready else "False", "Succeeded" if ready else "GitOperationFailed", message, fetched
    )
    revision = f"main@sha1:{sha}"
    return {
        "kind": "GitRepository",
        "metadata": {"name": "bakery-ia", "namespace": "flux-system", "uid": "uid-git", "generation": 1,
                     "resourceVersion": str(next(_VERSIONS)), "creationTimestamp": stamp(900_000)},
        "spec": {"url": values.URL, "interval": "1m", "ref": {"branch": "main"}},
        "status": {"observedGeneration": 1, "conditions": [made],
                   "artifact": {"revision": revision, "lastUpdateTime": stamp(fetched)}},
    }  # fmt: skip


def kustomization(
    applied: str, *, tried: str = "", reason: str = "", message: str = "", objects: tuple[str, ...] = ()
) -> Object:
    """Return the Kustomization that has applied a commit; with `reason` it fails to apply `tried`."""
    made = _condition("Ready", "False" if reason else "True", reason or "ReconciliationSucceeded",
                      message or f"Applied revision: main@sha1:{applied}", 580)  # fmt: skip
    history = [{"digest": f"sha256:{applied}", "firstReconciled": stamp(585), "lastReconciled": stamp(580),
                "lastReconciledDuration": "4.2s", "lastReconciledStatus": "ReconciliationSucceeded",
                "totalReconciliations": 2, "metadata": {"revision": f"main@sha1:{applied}"}}]  # fmt: skip
    return {
        "kind": "Kustomization",
        "metadata": {"name": "bakery-ia", "namespace": "flux-system", "uid": "uid-ks", "generation": 1,
                     "resourceVersion": str(next(_VERSIONS)), "creationTimestamp": stamp(900_000)},
        "spec": {"interval": "10m", "path": f"./{values.OVERLAY}", "prune": True, "timeout": "5m",
                 "sourceRef": {"kind": "GitRepository", "name": "bakery-ia"}},
        "status": {"observedGeneration": 1, "conditions": [made], "history": history,
                   "lastAppliedRevision": f"main@sha1:{applied}",
                   "lastAttemptedRevision": f"main@sha1:{tried or applied}",
                   "inventory": {"entries": [{"id": f"bakery-ia_{name}_{kind}", "v": "v1"}
                                             for name, kind in map(str.split, objects)]}},
    }  # fmt: skip


OBJECTS = ("auth apps_Deployment", "tenant apps_Deployment", "settings _ConfigMap", "limits _ConfigMap")


def delivered(*, failing: bool = True) -> tuple[FakeSession, CodeView]:
    """Return a session in which auth was deployed and crashes (unless well), and what Git says."""
    session, told = FakeSession(), story()
    for kind in dict.fromkeys((*KINDS, *WORKLOADS, "taskruns")):
        session.store(kind)
    view = seen(told.view())
    for name, word in (("auth", "ttl"), ("tenant", "plans")):
        bad = failing and name == "auth"
        image = f"{values.REGISTRY}/{name}:{values.tag(word)}"
        made = deployment(name, ready=0 if bad else 1)
        made["spec"]["template"]["spec"]["containers"][0]["image"] = image
        session.put("deployments", made)
        session.put("pods", pod(f"{name}-6d5f8c7b9-x2x4z", name, ready=not bad, restarts=7 if bad else 0,
                                waiting="CrashLoopBackOff" if bad else "", image=image, age=575))  # fmt: skip
    session.put(
        "pipelineruns", run(RUN, "ttl", "auth", ago=820), run("bakery-ia-ci-bbbbb", "plans", "tenant", ago=89_990)
    )
    for task, title, ago, took in (("clone", "clone", 818, 8), ("test", "test auth", 800, 60),
                                   ("build", "build auth", 735, 110), ("update-tag", "update-tag", 620, 8)):  # fmt: skip
        session.put("taskruns", taskrun(RUN, task, title, ago=ago, took=took))
    session.put("gitrepositories", repository(view.head))
    session.put("kustomizations", kustomization(view.head, objects=OBJECTS))
    session.put("nodes", node())
    return session, view
