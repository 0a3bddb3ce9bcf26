"""Builders of model values for the readers of the delivery chain: a few words make a commit, a build, a Flux object."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from bakeryops.git.deployments import Edit, deployments
from bakeryops.model.build import Build, BuildTask, Failure, Trigger
from bakeryops.model.code import CodeView, Commit, OverlayImage
from bakeryops.model.health import Health
from bakeryops.model.overview import ObjectRef
from bakeryops.model.sync import Past, Revision, Source, Sync
from bakeryops.model.workload import Amounts, ContainerView, PodView, WorkloadView, workload_key

NOW = 1_760_100_000.0
REGISTRY = "gitea.bakery-ia.local/bakery-admin"
OVERLAY = "infrastructure/kubernetes/overlays/prod"
URL = "http://gitea-http.gitea.svc.cluster.local:3000/bakery-admin/bakery-ia.git"


def sha(word: str) -> str:
    """Return a sha, the same for the same word."""
    return hashlib.sha1(word.encode()).hexdigest()


def commit(word: str, *, ago: float = 3600.0, subject: str = "", author: str = "dev-one", **more: Any) -> Commit:
    when = NOW - ago
    return Commit(
        sha(word), more.pop("parents", ()), author, f"{author}@example.org", when, when, subject or word, **more
    )


def tag(word: str) -> str:
    return f"20251010120000-{sha(word)[:12]}"


def image(service: str, tag_: str, line: int = 1) -> OverlayImage:
    return OverlayImage(service, f"{REGISTRY}/{service}", "", tag_, "", line)


class Story:
    """A repository told commit by commit, oldest first; `view()` is what Git then says."""

    def __init__(self, services: Sequence[str] = ("auth", "tenant")) -> None:
        self.services = tuple(services)
        self.commits: list[Commit] = []
        self.touched: dict[str, tuple[str, ...]] = {}
        self.tags = {service: tag("first") for service in services}
        self.edits: list[Edit] = []
        self.change("first", ago=900_000.0, touched=())

    def change(self, word: str, *, ago: float = 3600.0, touched: Sequence[str] = ("auth",), **more: Any) -> str:
        parents = (self.commits[-1].sha,) if self.commits else ()
        made = commit(word, ago=ago, parents=parents, **more)
        self.commits.append(made)
        self.touched[made.sha] = tuple(touched)
        return made.sha

    def deploy(self, service: str, source: str, *, ago: float = 3000.0, run: str = "bakery-ia-ci-aaaaa") -> str:
        trailers = (
            ("Bakery-Service", service),
            ("Bakery-Source-Commit", sha(source)),
            ("Bakery-PipelineRun", run),
        )
        return self.set_tag(
            service,
            tag(source),
            f"deploy({service}): {tag(source)}",
            ago=ago,
            trailers=trailers,
            author="bakery-ci-bot",
        )

    def set_tag(self, service: str, wanted: str, subject: str, *, ago: float = 3000.0, **more: Any) -> str:
        before = self._images()
        self.tags[service] = wanted
        made = self.change(f"{subject}{ago}", ago=ago, touched=(), subject=subject, **more)
        self.edits.insert(0, Edit(self.commits[-1], before, self._images()))
        return made

    def _images(self) -> tuple[OverlayImage, ...]:
        return tuple(image(service, self.tags[service], 6 + 2 * i) for i, service in enumerate(self.services))

    def view(self, state: str = "live", **more: Any) -> CodeView:
        commits = {each.sha: each for each in self.commits}
        main = tuple(each.sha for each in reversed(self.commits))

        def find(prefix: str) -> str:
            return next((each for each in commits if each.startswith(prefix)), "")

        return CodeView(
            state=state,
            url=URL,
            overlay=OVERLAY,
            head=main[0],
            fetched=NOW - 10,
            main=main,
            commits=commits,
            touched=self.touched,
            images=self._images(),
            services=self.services,
            deployments=tuple(deployments(self.edits, find)),
            **more,
        )


def build(word: str, state: str = "succeeded", *, name: str = "aaaaa", ago: float = 3500.0, **more: Any) -> Build:
    """Return a build of the commit `word`, created `ago` seconds before NOW, that took 250 seconds."""
    created = NOW - ago
    finished = state in ("succeeded", "failed", "cancelled", "timed out")
    health = {"succeeded": Health.FINE, "failed": Health.BAD, "timed out": Health.BAD, "cancelled": Health.HELD}
    values: dict[str, Any] = {
        "key": f"bakery-ci/bakery-ia-ci-{name}",
        "namespace": "bakery-ci",
        "name": f"bakery-ia-ci-{name}",
        "uid": name,
        "pipeline": "bakery-ia-ci",
        "state": state,
        "health": health.get(state, Health.WORKING),
        "reason": "",
        "message": "",
        "why": "",
        "trigger": Trigger(sha(word), more.pop("before", ""), "refs/heads/main", "dev-one", "", "", ""),
        "services": ("auth",),
        "tag": tag(word) if state == "succeeded" else "",
        "deploy_commit": "",
        "created": created,
        "started": None if state in ("queued", "pending") else created + 3.0,
        "ended": created + 253.0 if finished else None,
        "finally_started": None,
        "queued": None if state in ("queued", "pending") else 3.0,
        "done": None,
        "total": None,
        "params": (),
        "results": (),
    }
    return Build(**(values | more))


def task(
    name: str,
    title: str = "",
    state: str = "succeeded",
    *,
    begin: float | None = None,
    end: float | None = None,
    **more: Any,
) -> BuildTask:
    """Return a task of a build; `begin` and `end` are epoch seconds."""
    health = {"succeeded": Health.FINE, "failed": Health.BAD, "running": Health.WORKING}.get(state, Health.UNKNOWN)
    values: dict[str, Any] = {
        "key": title or name, "task": name, "title": title or name, "finally_": False, "state": state,
        "health": health, "reason": "", "message": "", "why": "", "after": (), "params": (), "results": (),
        "run": "", "pod": "", "created": begin, "started": begin, "began": begin, "ended": end, "steps": (),
        "attempts": (), "when": (),
    }  # fmt: skip
    return BuildTask(**(values | more))


def failure(title: str, text: str = "exit 1") -> Failure:
    return Failure(title, title, "test", "pod", "step-test", 1, text)


def revision(commit_sha: str) -> Revision:
    return Revision(f"main@sha1:{commit_sha}", "main", "sha1", commit_sha)


def source(at: str, *, fetched: float = 2990.0, health: Health = Health.FINE, **more: Any) -> Source:
    """Return the GitRepository with the commit `at` (a sha) in store since `fetched` seconds before NOW."""
    values: dict[str, Any] = {
        "key": "gitrepositories/flux-system/bakery-ia",
        "ref": ObjectRef("gitrepositories", "flux-system", "bakery-ia"),
        "kind": "GitRepository", "namespace": "flux-system", "name": "bakery-ia", "state": "ready",
        "health": health, "reason": "Succeeded", "message": "", "why": "", "url": URL, "wants": "main",
        "revision": revision(at) if at else None, "fetched": NOW - fetched, "interval": 60.0, "next": None,
        "suspended": False, "token": "", "since": NOW - fetched, "conditions": (),
    }  # fmt: skip
    return Source(**(values | more))


def sync(
    applied: str,
    *,
    attempted: str = "",
    state: str = "ready",
    health: Health = Health.FINE,
    last: float = 2980.0,
    **more: Any,
) -> Sync:
    """Return the Kustomization that has applied the commit `applied` (a sha)."""
    past = Past(revision(applied).text, "ReconciliationSucceeded", Health.FINE, NOW - last, NOW - last, 4.0, 1)
    values: dict[str, Any] = {
        "key": "kustomizations/flux-system/bakery-ia",
        "ref": ObjectRef("kustomizations", "flux-system", "bakery-ia"),
        "kind": "Kustomization", "namespace": "flux-system", "name": "bakery-ia", "state": state, "health": health,
        "reason": "", "message": "", "why": "", "source": "gitrepositories/flux-system/bakery-ia",
        "path": f"./{OVERLAY}", "applied": revision(applied), "attempted": revision(attempted or applied),
        "interval": 600.0, "timeout": 300.0, "last": NOW - last, "next": None, "suspended": False, "prune": True,
        "wait": True, "token": "", "since": NOW - last, "depends_on": (), "blocked_by": (), "inventory": (),
        "history": (past,), "conditions": (),
    }  # fmt: skip
    return Sync(**(values | more))


def workload(service: str, tag_: str, ready: int = 1, desired: int = 1, **more: Any) -> WorkloadView:
    """Return the Deployment of a service, at a tag."""
    name = more.pop("name", f"{service}-service")
    fine = ready >= desired
    values: dict[str, Any] = {
        "key": workload_key("Deployment", "bakery-ia", name), "uid": name, "kind": "Deployment",
        "namespace": "bakery-ia", "name": name, "service": name, "component": "microservice",
        "part_of": "bakery-ia", "health": Health.FINE if fine else Health.BAD,
        "status": "Running" if fine else "CrashLoopBackOff", "reason": "" if fine else "exit 1", "since": NOW - 2900.0,
        "ready": ready, "desired": desired, "updated": desired, "available": ready,
        "image": f"{REGISTRY}/{service}:{tag_}", "tag": tag_,
    }  # fmt: skip
    return WorkloadView(**(values | more))


def workloads(tags: Mapping[str, str]) -> list[WorkloadView]:
    return [workload(service, tag_) for service, tag_ in tags.items()]


def pod(service: str, tag_: str, *, ready: float, restarts: int = 0, **more: Any) -> PodView:
    """Return a pod of a service's Deployment that has been ready for `ready` seconds."""
    name = f"{service}-service-1"
    box = ContainerView("main", "main", f"{REGISTRY}/{service}:{tag_}", tag_, "running", Health.FINE)
    values: dict[str, Any] = {
        "key": f"bakery-ia/{name}", "uid": name, "namespace": "bakery-ia", "name": name, "health": Health.FINE,
        "status": "Running", "reason": "", "since": NOW - ready, "ready": 1, "total": 1, "restarts": restarts,
        "restarted": None, "containers": (box,), "amounts": Amounts(), "qos": "", "oom_kills": 0, "node": "", "ip": "",
        "phase": "Running", "created": NOW - ready, "started": NOW - ready, "terminating": None,
        "owner_kind": "Deployment", "owner_name": f"{service}-service", "workload": "", "service": service,
    }  # fmt: skip
    return PodView(**(values | more))


def tasks(created: float, *, tests: str = "succeeded", images: str = "succeeded") -> tuple[BuildTask, ...]:
    """Return the tasks of a build created at `created`: tests from 20 to 80 s, images to 220, the tag to 240."""
    at = created.__add__
    later = images if tests == "succeeded" else "skipped"
    return (
        task("clone", begin=at(3), end=at(12)),
        task("detect-changes", begin=at(13), end=at(18)),
        task("test", "test auth", tests, begin=at(20), end=at(80) if tests != "running" else None),
        task("build", "build auth", later, begin=at(81) if later != "skipped" else None,
             end=at(220) if later == "succeeded" else None),
        task("update-tag", state="succeeded" if later == "succeeded" else "not started",
             begin=at(221) if later == "succeeded" else None, end=at(240) if later == "succeeded" else None),
        task("report-status", finally_=True, begin=at(241), end=at(250)),
    )  # fmt: skip
