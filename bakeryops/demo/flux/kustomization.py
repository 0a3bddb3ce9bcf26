"""kustomize-controller: what Kustomizations name is built, applied, pruned and waited for."""

from __future__ import annotations

from collections.abc import Callable, Generator

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key
from bakeryops.demo.controllers.objects import key_of
from bakeryops.demo.flux.builder import Builder, Plan
from bakeryops.demo.flux.conditions import Draft, is_true
from bakeryops.demo.flux.dependencies import unready
from bakeryops.demo.flux.durations import go_text, seconds_of
from bakeryops.demo.flux.history import noted
from bakeryops.demo.flux.limits import unsupported
from bakeryops.demo.flux.loop import Loop, Outcome, Steps
from bakeryops.demo.flux.manifests import BuildFailedError, PathMissingError
from bakeryops.demo.flux.order import Identity, entries_of, identities_of, identity_of, is_definition
from bakeryops.demo.flux.serverside import RejectedError, ServerSide, Trial
from bakeryops.demo.flux.sources import SourceFault
from bakeryops.demo.flux.storage import Storage
from bakeryops.demo.flux.waiting import HealthWait
from bakeryops.demo.flux.watching import add_finalizer, drop_finalizer, handle_token, watch
from bakeryops.demo.objects import dig

__all__ = ["CANCEL_ON_NEW_REVISION", "KUSTOMIZATIONS", "KustomizationController"]

KUSTOMIZATIONS = "kustomizations.kustomize.toolkit.fluxcd.io"
CANCEL_ON_NEW_REVISION = "CancelHealthCheckOnNewRevision"
"""Feature gate: a waiting health check ends when there is something else to apply."""
_MANAGER = "gotk-kustomize-controller"
_COMPONENT = "kustomize-controller"
_GROUP = "kustomize.toolkit.fluxcd.io"
_DEPENDENCY_SECONDS = 30.0
_INTERVAL = 600.0
_SLICE = 3
"""Objects that are tried out or written without giving way."""


class _EndError(Exception):
    """The reconcile ends here; reason and message are those of Ready."""

    def __init__(self, reason: str, message: str, told: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.told = told or message
        """What the Event says."""


class KustomizationController:
    """Applies Kustomizations."""

    def __init__(self, cluster: Cluster, storage: Storage, gates: frozenset[str]) -> None:
        """Take where artifacts are, and the feature gates that are on."""
        self._cluster = cluster
        self._builder = Builder(cluster, storage)
        self._server = ServerSide(cluster)
        self._cancel = CANCEL_ON_NEW_REVISION in gates
        self.loop = Loop(cluster.clock, self._reconcile)

    def start(self) -> None:
        """Follow Kustomizations."""
        watch(self._cluster, KUSTOMIZATIONS, self.loop)

    def source_changed(self, source: Object) -> None:
        """Look at the Kustomizations of a source that has another artifact."""
        kind, (namespace, name) = source["kind"], key_of(source)
        revision = dig(source, "status", "artifact", "revision")
        for each in self._cluster.store.list(KUSTOMIZATIONS):
            reference = each["spec"].get("sourceRef") or {}
            where = reference.get("namespace") or each["metadata"]["namespace"]
            if (reference.get("kind"), where, reference.get("name")) != (kind, namespace, name):
                continue
            if is_true(each, "Ready") and (each.get("status") or {}).get("lastAttemptedRevision") == revision:
                continue
            self.loop.add(key_of(each), trigger=f"{kind}/{namespace}/{name}")

    def _reconcile(self, key: Key) -> Steps:
        obj = self._cluster.store.get(KUSTOMIZATIONS, *key)
        if obj is None:
            self._builder.forget(key)
            return Outcome()
        if obj["metadata"].get("deletionTimestamp"):
            return (yield from self._finalize(obj))
        if add_finalizer(self._cluster, KUSTOMIZATIONS, obj, _MANAGER):
            return Outcome(backoff=True)
        draft = Draft(self._cluster, KUSTOMIZATIONS, obj, manager=_MANAGER)
        spec = obj["spec"]
        if spec.get("suspend"):
            self._end(draft)
            return Outcome()
        interval = seconds_of(spec.get("interval"), _INTERVAL)
        retry = seconds_of(spec.get("retryInterval"), interval)
        begun = self._cluster.clock.now()
        source = self._builder.source_of(obj)
        if source is None or dig(source, "status", "artifact") is None:
            draft.set("Ready", "False", "ArtifactFailed", self._builder.missing(obj, source))
            self._end(draft)
            return Outcome(after=_DEPENDENCY_SECONDS)
        revision = str(source["status"]["artifact"]["revision"])
        if why := unready(self._cluster, obj, source):
            draft.set("Ready", "False", "DependencyNotReady", why)
            self._end(draft)
            told = f"Dependencies do not meet ready condition, retrying in {go_text(_DEPENDENCY_SECONDS)}"
            self._record(obj, "Normal", "DependencyNotReady", told, revision)
            return Outcome(after=_DEPENDENCY_SECONDS)
        plan: list[Plan] = []
        try:
            if asked := unsupported(spec):
                raise _EndError("BuildFailed", f"not supported by this cluster: {asked}")
            yield from self._apply(draft, source, revision, plan)
        except _EndError as failed:
            draft.set("Ready", "False", failed.reason, failed.message)
            if plan:
                self._note(draft, plan[0], revision, failed.reason, begun)
            kind = "Normal" if failed.reason == "HealthCheckCanceled" else "Warning"
            self._record(obj, kind, failed.reason, failed.told, revision)
            self._end(draft)
            return Outcome(after=retry)
        draft.status["lastAppliedRevision"] = revision
        draft.set("Ready", "True", "ReconciliationSucceeded", f"Applied revision: {revision}")
        self._note(draft, plan[0], revision, "ReconciliationSucceeded", begun)
        self._end(draft)
        spent = go_text(self._cluster.clock.now() - begun)
        told = f"Reconciliation finished in {spent}, next run in {go_text(interval)}"
        self._record(obj, "Normal", "ReconciliationSucceeded", told, revision, commit_status="update")
        return Outcome(after=interval)

    def _apply(
        self, draft: Draft, source: Object, revision: str, plan: list[Plan]
    ) -> Generator[float, None, None]:
        """Build and apply a revision; raises `_EndError`."""
        obj, spec = draft.obj, draft.obj["spec"]
        timeout = seconds_of(spec.get("timeout"), seconds_of(spec.get("interval"), _INTERVAL))
        ending = f"for revision {revision} with a timeout of {go_text(timeout)}"
        draft.set("Reconciling", "True", "Progressing", f"Fetching manifests {ending}")
        draft.set("Ready", "Unknown", "Progressing", "Reconciliation in progress")
        draft.patch()
        yield 0.01
        try:
            files = self._builder.files(obj, source)
            draft.set("Reconciling", "True", "Progressing", f"Building manifests {ending}")
            draft.status["lastAttemptedRevision"] = revision
            draft.patch()
            yield 0.07
            plan.append(self._builder.plan(obj, source, files))
        except (SourceFault, PathMissingError) as error:
            raise _EndError("ArtifactFailed", str(error)) from error
        except BuildFailedError as error:
            raise _EndError("BuildFailed", str(error)) from error
        draft.set("Reconciling", "True", "Progressing", f"Detecting drift {ending}")
        draft.patch()
        yield 0.01
        objects = plan[0].objects
        drifted = yield from self._write(obj, objects, revision)
        before = identities_of((draft.status.get("inventory") or {}).get("entries") or ())
        draft.status["inventory"] = {"entries": entries_of(objects)}
        if spec.get("prune"):
            kept = {(each.namespace, each.name, each.group, each.kind) for each in map(identity_of, objects)}
            left = [each for each in before if (each.namespace, each.name, each.group, each.kind) not in kept]
            yield from self._prune(obj, left, revision)
        yield from self._wait(draft, objects, revision, drifted, timeout, f"Running health checks {ending}")

    def _write(self, obj: Object, objects: list[Object], revision: str) -> Generator[float, None, bool]:
        """Apply what differs, definitions first; tells whether anything did. Raises `_EndError`."""
        told: list[str] = []
        force = bool(obj["spec"].get("force"))
        try:
            for stage in (True, False):
                trials: list[Trial] = []
                for number, config in enumerate(each for each in objects if is_definition(each) is stage):
                    trials.append(self._server.trial(config, force=force))
                    if number % _SLICE == _SLICE - 1:
                        yield 0.0
                due = [each for each in trials if each.action not in ("unchanged", "skipped")]
                for number, trial in enumerate(due):
                    self._server.write(trial)
                    told.append(f"{trial.identity.text} {trial.action}")
                    if number % _SLICE == _SLICE - 1:
                        yield 0.0
        except RejectedError as error:
            if told:
                self._record(obj, "Normal", "Progressing", "\n".join(told), revision)
            raise _EndError("ReconciliationFailed", str(error)) from error
        yield 0.02
        if told:
            self._record(obj, "Normal", "Progressing", "\n".join(told), revision)
        return bool(told)

    def _prune(self, obj: Object, left: list[Identity], revision: str) -> Generator[float, None, None]:
        told = []
        owner = key_of(obj)
        for number, identity in enumerate(reversed(left)):
            if self._server.delete(identity, owner) == "deleted":
                told.append(f"{identity.text} deleted")
            if number % _SLICE == _SLICE - 1:
                yield 0.0
        if told:
            self._record(obj, "Normal", "Progressing", "\n".join(told), revision)

    def _wait(
        self, draft: Draft, objects: list[Object], revision: str, drifted: bool, timeout: float, message: str
    ) -> Generator[float, None, None]:
        """Wait until what was applied has settled, where the spec asks for it; raises `_EndError`."""
        checked = HealthWait.of(draft.obj, objects)
        if not checked:
            draft.drop("Healthy")
            return
        was_healthy = is_true(draft.obj, "Healthy")
        draft.set("Reconciling", "True", "Progressing", message)
        draft.set("Healthy", "Unknown", "Progressing", message)
        draft.patch()
        key = key_of(draft.obj)
        disturbed: Callable[[], str] | None = (lambda: self.loop.disturbed(key)) if self._cancel else None
        wait = HealthWait(self._cluster.clock, self._server.live, checked, timeout, disturbed)
        yield from wait.run()
        spent = go_text(wait.seconds)
        if wait.disturbed_by:
            told = f"New reconciliation triggered by {wait.disturbed_by}"
            draft.set("Healthy", "False", "HealthCheckCanceled", told)
            event = f"Health checks canceled due to new reconciliation triggered by {wait.disturbed_by}"
            raise _EndError("HealthCheckCanceled", told, event)
        if wait.problem:
            draft.set("Healthy", "False", "HealthCheckFailed", wait.problem)
            raise _EndError("HealthCheckFailed", f"health check failed after {spent}: {wait.problem}")
        told = f"Health check passed in {spent}"
        fresh = draft.status.get("lastAppliedRevision") != revision
        if not was_healthy or (fresh and drifted):
            self._record(draft.obj, "Normal", "Progressing", told, revision)
        draft.set("Healthy", "True", "Succeeded", told)
        draft.patch()
        yield 0.01

    def _finalize(self, obj: Object) -> Steps:
        """Delete what a Kustomization has applied, then let it go."""
        yield 0.02
        spec = obj["spec"]
        policy = spec.get("deletionPolicy") or "MirrorPrune"
        wanted = bool(spec.get("prune")) if policy == "MirrorPrune" else policy in ("Delete", "WaitForTermination")
        if wanted and not spec.get("suspend"):
            left = identities_of(dig(obj, "status", "inventory", "entries") or ())
            for number, identity in enumerate(reversed(left)):
                self._server.delete(identity, key_of(obj))
                if number % _SLICE == _SLICE - 1:
                    yield 0.0
        self._builder.forget(key_of(obj))
        drop_finalizer(self._cluster, KUSTOMIZATIONS, obj, _MANAGER)
        return Outcome()

    def _note(self, draft: Draft, plan: Plan, revision: str, reason: str, begun: float) -> None:
        clock = self._cluster.clock
        spent = clock.now() - begun
        history = draft.status.get("history") or []
        draft.status["history"] = noted(history, plan.digest, revision, reason, spent, self._cluster.stamp())

    def _end(self, draft: Draft) -> None:
        """Write the end of a reconcile: what was asked for has been seen, and whether it will be tried again."""
        handle_token(draft.obj, draft.status)
        if draft.is_true("Ready"):
            draft.drop("Reconciling")
            draft.status["observedGeneration"] = draft.obj["metadata"]["generation"]
        elif (draft.get("Ready") or {}).get("status") == "False":
            draft.retrying()
        draft.patch()

    def _record(self, obj: Object, kind: str, reason: str, message: str, revision: str, **notes: str) -> None:
        annotations = {f"{_GROUP}/{name}": value for name, value in {**notes, "revision": revision}.items()}
        self._cluster.events.record(obj, kind, reason, message, component=_COMPONENT, annotations=annotations)
