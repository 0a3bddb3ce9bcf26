"""Builds of the past: PipelineRuns and TaskRuns as Tekton left them, the last ones with their pods and logs.

Nothing is made up beside when each task began and what its steps wrote: what may start, what is skipped and what a
run amounts to is worked out by the same code that runs builds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bakeryops.demo.bakery.past import Past
from bakeryops.demo.bakery.pipeline import DASHBOARD, PIPELINE, run_spec
from bakeryops.demo.bakery.repository import PastRelease
from bakeryops.demo.bakery.runs_timing import Timing, timing_of
from bakeryops.demo.bakery.steps_past import StepsPast
from bakeryops.demo.bakery.tasks import CI
from bakeryops.demo.bakery.triggering import LISTENER, TRIGGER, run_labels
from bakeryops.demo.chain.work import STATES
from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers import Cluster, Images
from bakeryops.demo.controllers.objects import digest, timestamp
from bakeryops.demo.gitea.accounts import ADMIN, BOT
from bakeryops.demo.gitea.server import Gitea
from bakeryops.demo.objects import share
from bakeryops.demo.tekton.children import child_reference, task_run_for
from bakeryops.demo.tekton.matrix import Combination
from bakeryops.demo.tekton.pipelinespec import resolve_pipeline
from bakeryops.demo.tekton.progress import Progress
from bakeryops.demo.tekton.words import MANAGER, PIPELINE_RUNS, PROVENANCE, TASK_RUNS, succeeded

__all__ = ["past_runs"]

_KEPT = 30
"""Runs that are kept of those that went well, and of those that failed."""
_WITH_PODS = 4
"""Runs whose pods are still there, beside those of the last that failed."""
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_AGES = 65 * 86_400.0
"""Seconds by which each further round of old builds lies back."""


def past_runs(cluster: Cluster, gitea: Gitea, images: Images, releases: Sequence[PastRelease], past: Past, *,
              seed: int, more: int = 0) -> None:  # fmt: skip
    """Create the runs of the releases that are kept, with `more` older ones, and tell Gitea of all releases."""
    store = cluster.store
    maker = _Maker(cluster, StepsPast(cluster, gitea, images, past), past, seed)
    failed = [release for release in releases if release.outcome == "failed"]
    with_pods = {release.run for release in (*list(releases)[-_WITH_PODS:], *failed[-1:])}
    real, store.clock = store.clock, past
    try:
        for release in (*_older(releases, more), *_kept(releases)):
            maker.make(release, pods=release.run in with_pods)
    finally:
        past.age = 0.0
        store.clock = real
    for release in releases:
        state = "Failed" if release.outcome == "failed" else "Succeeded" if release.services else "Completed"
        gitea.set_status(
            ADMIN, "bakery-ia", release.after, STATES[state], PIPELINE, f"{state}: {release.run}",
            f"{DASHBOARD}/{release.run}", BOT, when=release.ended - 1.0,
        )  # fmt: skip


def _kept(releases: Sequence[PastRelease]) -> list[PastRelease]:
    """Return what a pruner has left, oldest first."""
    counts = {True: 0, False: 0}
    found = []
    for release in reversed(releases):
        failed = release.outcome == "failed"
        counts[failed] += 1
        if counts[failed] <= _KEPT:
            found.append(release)
    return found[::-1]


def _older(releases: Sequence[PastRelease], count: int) -> Iterator[PastRelease]:
    """Yield builds of long ago, like those of the last two months."""
    for number in range(count):
        base = releases[number % len(releases)]
        back = _AGES * (1 + number // len(releases))
        mark = digest(base.run, number)
        name = "".join(_SUFFIX[int(mark[place : place + 2], 16) % len(_SUFFIX)] for place in range(0, 10, 2))
        yield replace(
            base, run=f"{PIPELINE}-{name}", pushed=base.pushed - back, started=base.started - back,
            ended=base.ended - back,
        )  # fmt: skip


class _Maker:
    """Makes one run after the other."""

    def __init__(self, cluster: Cluster, steps: StepsPast, past: Past, seed: int) -> None:
        self._store = cluster.store
        self._steps = steps
        self._past = past
        self._seed = seed
        self._known: dict[tuple[str, ...], Object] = {}
        """The first status of each commit and task; builds of the same commit hold what is equal once."""

    def make(self, release: PastRelease, *, pods: bool) -> None:
        """Create the run of a release and its TaskRuns, with their pods if asked for."""
        self._at(release.started - 1.0)
        run = self._store.create(PIPELINE_RUNS, self._run(release), manager="eventlistenersink", managed=[])
        pipeline = resolve_pipeline(self._store, run)
        timing = timing_of(release)
        children: list[Object] = []
        references: list[Object] = []
        status: Object = {
            "startTime": timestamp(release.started),
            "completionTime": timestamp(release.ended),
            "provenance": PROVENANCE,
            "pipelineSpec": pipeline.spec,
        }
        progress = Progress(pipeline.spec, children)
        while ready := progress.ready():
            for state, task, combos in ready:
                if state.final:
                    status.setdefault("finallyStartTime", timestamp(timing.finally_start))
                for index in range(len(combos)):
                    references.append(child_reference(run, task, index, combos))
                    child = self._child(run, release, timing, task, index, combos, final=state.final, pods=pods)
                    children.append(child)
            progress = Progress(pipeline.spec, children)
        status["childReferences"] = references
        if skipped := progress.skipped():
            status["skippedTasks"] = skipped
        if results := progress.final_results(pipeline.spec.get("results") or []):
            status["results"] = results
        counts = progress.counts()
        good = not counts.failed
        entry = {
            "type": "Succeeded",
            "status": "True" if good else "False",
            "reason": ("Completed" if counts.skipped else "Succeeded") if good else "Failed",
            "message": counts.text(),
            "lastTransitionTime": status["completionTime"],
        }
        status["conditions"] = [entry]
        kept = self._shared((release.after,), status)

        def change(obj: Object) -> Object:
            obj["status"] = kept
            return obj

        where = (CI, run["metadata"]["name"])
        self._store.mutate(PIPELINE_RUNS, *where, change, manager=MANAGER, check=False, managed=lambda _: [])

    def _shared(self, key: tuple[str, ...], status: Object) -> Object:
        kept: Object = share(self._known.setdefault(key, status), status)
        return kept

    def _at(self, when: float) -> None:
        self._past.age = self._past.present() - when

    def _run(self, release: PastRelease) -> Object:
        event = digest(self._seed, "event", release.run)
        return {
            "apiVersion": "tekton.dev/v1",
            "kind": "PipelineRun",
            "metadata": {
                "name": release.run,
                "generateName": f"{PIPELINE}-",
                "namespace": CI,
                "labels": {
                    **run_labels(release.after, release.author),
                    "tekton.dev/pipeline": PIPELINE,
                    "triggers.tekton.dev/eventlistener": LISTENER,
                    "triggers.tekton.dev/trigger": TRIGGER,
                    "triggers.tekton.dev/triggers-eventid": f"{event[:8]}-{event[8:12]}-4{event[13:16]}-"
                    f"8{event[17:20]}-{event[20:32]}",
                },
            },
            "spec": run_spec(revision=release.after, before=release.before, ref="refs/heads/main",
                             repo="bakery-admin/bakery-ia", pusher=release.author, folder=event[32:48]),
        }  # fmt: skip

    def _child(
        self, run: Object, release: PastRelease, timing: Timing, task: Object, index: int,
        combos: list[Combination], *, final: bool, pods: bool,
    ) -> Object:  # fmt: skip
        """Create one TaskRun, ended, and return it."""
        service = str(combos[index][1].get("service", ""))
        span = timing.span(task["name"], service)
        self._at(span.start)
        body = task_run_for(run, task, index, combos, final=final)
        body["metadata"]["labels"]["tekton.dev/task"] = body["spec"]["taskRef"]["name"]
        made = self._store.create(TASK_RUNS, body, manager=MANAGER, managed=[])
        status = self._shared(
            (release.after, task["name"], service), self._steps.finish(made, release, span, service, pods=pods)
        )

        def change(obj: Object) -> Object:
            obj["status"] = status
            return obj

        where = (CI, made["metadata"]["name"])
        found = self._store.mutate(TASK_RUNS, *where, change, manager=MANAGER, check=False, managed=lambda _: [])
        assert found is not None
        assert succeeded(found)
        return found
