"""The work of the chain's steps: real git on the real repository, pretended tests and builds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from bakeryops.demo.bakery.monorepo.history import tag_for
from bakeryops.demo.chain import kaniko_log, pytest_log
from bakeryops.demo.chain.changes import find_changes
from bakeryops.demo.chain.deploy import Release, deploy
from bakeryops.demo.chain.holds import read_holds
from bakeryops.demo.chain.job import Job
from bakeryops.demo.chain.marks import marks_of
from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers import Cluster, Images
from bakeryops.demo.git import BareRepo, GitFailedError
from bakeryops.demo.gitea.push import GitRefusedError
from bakeryops.demo.gitea.server import Gitea
from bakeryops.demo.tekton.words import PIPELINE_RUNS, is_done
from bakeryops.demo.tekton.work import StepEnd, StepPlan

__all__ = ["STATES", "ChainWork", "ailing", "crash_of"]

_SLOW = 6.0
"""How many times longer a build takes whose commit asks for it."""
STATES = {"Succeeded": "success", "Completed": "success", "Failed": "failure", "None": "error"}
"""State of the commit status for each aggregate status of the run's tasks."""
_NEEDS = "450Mi"
"""Memory that an image takes which asks to be killed for it: with a limit above that it runs well."""
_CRASH = (
    "Traceback (most recent call last):",
    '  File "/usr/local/lib/python3.12/site-packages/uvicorn/config.py", line 406, in load',
    "    self.loaded_app = import_from_string(self.app)",
    "                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    '  File "/app/app/main.py", line 23, in <module>',
    "    settings = load_settings(os.environ)",
    "               ^^^^^^^^^^^^^^^^^^^^^^^^^",
)
"""How an image that crash-loops begins to say so."""
_ENVIRON = re.compile(r'environ\["(\w+)"\]')


def crash_of(repo: BareRepo, revision: str, path: str) -> Mapping[str, object]:
    """Return how the containers of an image behave whose source asks for a crash on a line of a file."""
    number = _line_of(repo, revision, path)
    raw = (repo.read(revision, path) or b"").decode("utf-8", "replace").splitlines()
    text = raw[number - 1].partition("#")[0].strip() if raw else ""
    found = _ENVIRON.search(text)
    error = f"KeyError: '{found[1]}'" if found else "RuntimeError: asked to crash"
    where = path.split("/app/", 1)[-1]
    lines = (*_CRASH, f'  File "/app/app/{where}", line {number}, in load_settings', f"    {text}", error)
    return {"kind": "crash", "code": 1, "after": 4, "lines": lines}


def ailing(repo: BareRepo, revision: str, service: str) -> Mapping[str, object] | None:
    """Return how the containers of a service's image behave, None for well."""
    marks = marks_of(repo, revision, service)
    if path := marks.get("crash"):
        return crash_of(repo, revision, path)
    if "oom" in marks:
        return {"kind": "oom", "after": 9, "needs": _NEEDS}
    return None


class ChainWork:
    """Knows the steps of the six Tasks of the pipeline (see `bakery.tasks`)."""

    def __init__(self, cluster: Cluster, gitea: Gitea, images: Images) -> None:
        """Take where commits and images go, and where is told how an image behaves."""
        self._cluster = cluster
        self._gitea = gitea
        self._images = images
        self._steps: dict[tuple[str, str], Callable[[Job], StepPlan]] = {
            ("git-clone", "clone"): self._clone,
            ("detect-changes", "detect"): self._detect,
            ("python-test", "pytest"): self._test,
            ("kaniko-build", "build-and-push"): self._build,
            ("kaniko-build", "write-result"): self._write_result,
            ("update-tag", "commit-and-push"): self._update_tag,
            ("gitea-status", "post"): self._report,
        }

    def plan(self, run: Object, pod: Object, step: str) -> StepPlan | None:
        """Return what a step does; None for one that is not of the chain."""
        task = (run["spec"].get("taskRef") or {}).get("name", "")
        found = self._steps.get((task, step))
        if found is None:
            return None
        try:
            return found(Job.of(self._cluster.store, self._gitea, run))
        except GitRefusedError as error:
            return _ends(1.0, 128, f"fatal: unable to access the repository: {error.message}")
        except GitFailedError as error:
            return _ends(1.0, 128, f"fatal: {error}")

    # ---- clone and detect ---------------------------------------------------------------------------------------

    def _clone(self, job: Job) -> StepPlan:
        repo, revision, url = job.clone(), job.text("revision"), job.text("url")
        seconds = 2.5 + 2.0 * job.random.random()

        def finish() -> StepEnd:
            sha = repo.head(revision) if revision else repo.head("main")
            if sha is None:
                return StepEnd(128, lines=(f"fatal: couldn't find remote ref {revision}",))
            found = repo.commit_object(sha)
            assert found is not None
            results = {"commit": sha, "url": url, "committer-date": str(int(found.committed))}
            subject = found.message.partition("\n")[0]
            return StepEnd(results=results, lines=(f"HEAD is now at {sha[:7]} {subject}",))

        lines = (
            (0.1, "+ git config --global --add safe.directory /workspace/output"),
            (0.2, f"+ git fetch {url} {revision}"),
            (seconds * 0.5, "remote: Enumerating objects, done."),
            (seconds * 0.8, "Receiving objects: 100%, done."),
            (seconds * 0.9, f"+ git checkout --force {revision}"),
        )
        return StepPlan(seconds, lines, finish)

    def _detect(self, job: Job) -> StepPlan:
        repo, before, after = job.clone(), job.text("before"), job.text("after")
        forced = job.list("force-services")

        def finish() -> StepEnd:
            changes = find_changes(repo, before, after, forced)
            services = list(changes.services)
            results = {
                "services": json.dumps(services, separators=(",", ":")),
                "any": "true" if services else "false",
                "count": str(len(services)),
                "tag": tag_for(self._cluster.clock.now(), after),
            }
            verdict = f"\x1b[1mto build ({len(services)}): {' '.join(services) or 'nothing'}\x1b[0m"
            return StepEnd(results=results, lines=(*changes.reasons, verdict))

        return StepPlan(
            1.2 + job.random.random(), ((0.1, f"+ git diff --no-renames {before[:12]} {after[:12]}"),), finish
        )

    # ---- test and build -----------------------------------------------------------------------------------------

    def _test(self, job: Job) -> StepPlan:
        repo, revision, service = job.clone(), job.text("revision"), job.text("service")
        marks = marks_of(repo, revision, service)
        seconds = pytest_log.test_seconds(service, job.random)
        failing: tuple[str, ...] = ()
        path = marks.get("fail tests") or (marks.get("flaky tests") if self._is_first(job) else None)
        if path:
            failing = pytest_log.failing_lines(service, path, _line_of(repo, revision, path))
        log = pytest_log.test_log(repo, revision, service, seconds, failing)
        return StepPlan(max(when for when, _ in log), log, lambda: StepEnd(1 if failing else 0))

    def _is_first(self, job: Job) -> bool:
        """Tell whether no other run has tried the commit: tests that are flaky fail once for each."""
        wanted = {"name": "revision", "value": job.text("revision")}
        for run in self._cluster.store.list(PIPELINE_RUNS, job.run["metadata"]["namespace"]):
            other = run["metadata"]["name"] != job.pipeline_run and is_done(run)
            if other and wanted in (run["spec"].get("params") or ()):
                return False
        return True

    def _build(self, job: Job) -> StepPlan:
        repo, revision, service, tag = job.clone(), job.text("revision"), job.text("service"), job.text("tag")
        image = f"{job.text('image-prefix')}/{service}"
        marks = marks_of(repo, revision, service)
        failing = marks.get("fail build") or marks.get("oom build")
        seconds = kaniko_log.build_seconds(service, job.random) * (_SLOW if "slow" in marks else 1.0)
        if failing:
            seconds *= 0.6
        log = kaniko_log.build_log(repo, revision, service, f"{image}:{tag}", seconds, complete=not failing)

        def finish() -> StepEnd:
            if path := marks.get("fail build"):
                return StepEnd(1, lines=kaniko_log.failing_lines(service, path))
            if "oom build" in marks:
                return StepEnd(137, out_of_memory=True)
            if self._gitea.faults.down:
                return StepEnd(1, lines=(f"error pushing image: failed to push to destination {image}:{tag}",))
            digest = self._put(f"{image}:{tag}")
            if behaviour := ailing(repo, revision, service):
                self._images.behaviours[f"{image}:{tag}"] = behaviour
            return StepEnd(
                results={"IMAGE_DIGEST": digest},
                lines=(f"\x1b[36mINFO\x1b[0m[{int(seconds):04d}] Pushed {image}@{digest}",),
            )

        return StepPlan(seconds, log, finish)

    def _put(self, image: str) -> str:
        """Put an image into the registry and return its digest, the one that the kubelet will name."""
        repository, _, tag = image.partition("/")[2].rpartition(":")
        digest = self._images.image_id(image).rpartition("@")[2]
        return self._gitea.registry.put(repository, tag, digest)

    def _write_result(self, job: Job) -> StepPlan:
        image = f"{job.text('image-prefix')}/{job.text('service')}"

        def finish() -> StepEnd:
            digest = self._gitea.registry.digest(image.partition("/")[2], job.text("tag"))
            if not digest:
                return StepEnd(1, lines=(f"no digest of {image}:{job.text('tag')} was written",))
            reference = f"{image}@{digest}"
            return StepEnd(results={"IMAGE_REF": reference}, lines=(reference,))

        return StepPlan(0.4, (), finish)

    # ---- update-tag and report-status ---------------------------------------------------------------------------

    def _update_tag(self, job: Job) -> StepPlan:
        repo = job.clone()
        seen = repo.head("refs/heads/main") or ""
        release = Release(
            job.list("services"), job.text("tag"), job.text("revision"), job.pipeline_run, job.text("image-prefix")
        )

        def finish() -> StepEnd:
            try:
                pusher = job.push_right()
                job.clone()
                user = self._gitea.accounts.find(pusher)
                assert user is not None
                holds = read_holds(self._cluster.store, job.run["metadata"]["namespace"])
                now = self._cluster.clock.now()
                done = deploy(repo, release, email=user.email, when=now, seen=seen, holds=holds)
            except GitRefusedError as error:
                return StepEnd(128, lines=(f"fatal: {error.message}",))
            if done.failed:
                return StepEnd(1, lines=done.lines)
            if done.commits:
                self._gitea.pushed(*job.place(), "refs/heads/main", done.before, done.commit, pusher)
            results = {"deploy-commit": done.commit, "tag": release.tag}
            return StepEnd(results=results, lines=done.lines)

        lines = ((0.2, f"+ git clone --depth 50 {job.text('url')}"), (1.5, f"main is at {seen[:7]}"))
        return StepPlan(3.0 + job.random.random(), lines, finish)

    def _report(self, job: Job) -> StepPlan:
        status, sha = job.text("status"), job.text("revision")
        state = STATES.get(status, "error")

        def finish() -> StepEnd:
            if self._gitea.faults.down:
                return StepEnd(1, lines=("error: the API of Gitea does not answer",))
            token = job.secret("token").get("token", "")
            login = self._gitea.accounts.by_token(token)
            if login is None or not login.has("write", "repository"):
                return StepEnd(1, lines=("error: POST statuses: 401 Unauthorized",))
            try:
                self._gitea.set_status(
                    *job.place(), sha, state, "bakery-ia-ci", f"{status}: {job.pipeline_run}",
                    f"{job.text('dashboard')}/{job.pipeline_run}", login.user.login,
                )  # fmt: skip
            except KeyError:
                return StepEnd(1, lines=(f"error: POST statuses/{sha}: 404 Not Found",))
            return StepEnd(lines=(f"commit status of {sha[:12]}: {state}",))

        return StepPlan(0.8, (), finish)


def _ends(seconds: float, code: int, line: str) -> StepPlan:
    return StepPlan(seconds, (), lambda: StepEnd(code, lines=(line,)))


def _line_of(repo: BareRepo, revision: str, path: str) -> int:
    """Return the number of the line with a mark."""
    lines = (repo.read(revision, path) or b"").split(b"\n")
    return next((number for number, line in enumerate(lines, 1) if b"demo:" in line), 1)
