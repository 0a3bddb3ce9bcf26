"""source-controller: GitRepositories become artifacts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key
from bakeryops.demo.flux.conditions import Draft
from bakeryops.demo.flux.durations import seconds_of
from bakeryops.demo.flux.loop import Loop, Outcome, Steps
from bakeryops.demo.flux.sources import Fetched, GitRef, GitSources, SourceFault
from bakeryops.demo.flux.storage import Storage
from bakeryops.demo.flux.watching import add_finalizer, drop_finalizer, handle_token, token_of, watch
from bakeryops.demo.objects import dig

__all__ = ["GIT", "GitRepositoryController", "artifact_status", "revision_of"]

GIT = "gitrepositories.source.toolkit.fluxcd.io"
_MANAGER = "source-controller"
_HOST = "http://source-controller.flux-system.svc.cluster.local."
_GROUP = "source.toolkit.fluxcd.io"
_MINUTE = 60.0


def revision_of(fetched: Fetched) -> str:
    """Return what a status calls a commit, such as `main@sha1:<hash>`."""
    kind = "sha256" if len(fetched.commit) == 64 else "sha1"
    text = f"{kind}:{fetched.commit}"
    return f"{fetched.ref}@{text}" if fetched.ref else text


def artifact_status(source: Object, revision: str, digest: str, size: int, when: str) -> Object:
    """Return `status.artifact` of a source."""
    metadata = source["metadata"]
    commit = revision.rpartition(":")[2]
    path = f"{source['kind'].lower()}/{metadata['namespace']}/{metadata['name']}/{commit}.tar.gz"
    return {
        "digest": digest,
        "lastUpdateTime": when,
        "path": path,
        "revision": revision,
        "size": size,
        "url": f"{_HOST}/{path}",
    }


class GitRepositoryController:
    """Fetches what GitRepositories ask for."""

    def __init__(
        self, cluster: Cluster, sources: GitSources, storage: Storage, stored: Callable[[Object], None]
    ) -> None:
        """Take the git servers, where artifacts go, and what to call with a source that has another one."""
        self._cluster = cluster
        self._sources = sources
        self._storage = storage
        self._stored = stored
        self.loop = Loop(cluster.clock, self._reconcile)

    def start(self) -> None:
        """Follow GitRepositories."""
        watch(self._cluster, GIT, self.loop)

    def _reconcile(self, key: Key) -> Steps:
        source = self._cluster.store.get(GIT, *key)
        if source is None:
            return Outcome()
        if source["metadata"].get("deletionTimestamp"):
            self._storage.forget(source)
            drop_finalizer(self._cluster, GIT, source, _MANAGER)
            return Outcome()
        if add_finalizer(self._cluster, GIT, source, _MANAGER):
            return Outcome(backoff=True)
        if source["spec"].get("suspend"):
            return Outcome()
        draft = Draft(self._cluster, GIT, source, manager=_MANAGER)
        yield from self._begin(draft)
        try:
            fetched = self._fetch(source)
            yield 0.12
            outdated = self._announce(draft, revision_of(fetched))
            if outdated:
                yield 0.01
            self._store(draft, fetched, outdated)
        except SourceFault as fault:
            return self._failed(draft, fault)
        yield 0.006
        draft.drop("Reconciling", "ArtifactOutdated", "FetchFailed")
        message = f"stored artifact for revision '{draft.status['artifact']['revision']}'"
        draft.set("Ready", "True", "Succeeded", message)
        draft.set("ArtifactInStorage", "True", "Succeeded", message)
        draft.status["observedGeneration"] = source["metadata"]["generation"]
        handle_token(source, draft.status)
        draft.patch()
        if outdated and (fresh := self._cluster.store.get(GIT, *key)) is not None:
            self._stored(fresh)
        return Outcome(after=seconds_of(source["spec"].get("interval"), _MINUTE))

    def _begin(self, draft: Draft) -> Steps:
        """Say that work is under way, and clear away old artifacts."""
        source = draft.obj
        observed, generation = draft.status.get("observedGeneration", 0), source["metadata"]["generation"]
        draft.progress("reconciliation in progress", unsettle=False)
        if observed != generation:
            draft.progress(f"processing object: new generation {observed} -> {generation}", unsettle=False)
            draft.patch()
        elif token_of(source) != draft.status.get("lastHandledReconcileAt", ""):
            draft.patch()
        yield 0.01
        if (present := dig(draft.status, "artifact", "revision")) is None:
            draft.progress("building artifact", unsettle=True)
            draft.patch()
        elif gone := self._storage.collect(source, present):
            message = f"garbage collected {gone} artifacts"
            self._record(source, "Normal", "GarbageCollectionSucceeded", message)
        return Outcome()

    def _fetch(self, source: Object) -> Fetched:
        spec = source["spec"]
        username, password = self._credentials(source)
        wanted = spec.get("ref") or {}
        ref = GitRef(
            **{name: str(wanted.get(name) or "") for name in ("branch", "tag", "semver", "name", "commit")}
        )
        try:
            return self._sources.fetch(str(spec.get("url") or ""), ref, username, password)
        except SourceFault as fault:
            where = f"failed to checkout and determine revision: unable to clone '{spec.get('url')}'"
            raise SourceFault(fault.reason, f"{where}: {fault.message}") from fault

    def _credentials(self, source: Object) -> tuple[str, str]:
        name = dig(source, "spec", "secretRef", "name")
        if not name:
            return "", ""
        namespace = source["metadata"]["namespace"]
        secret = self._cluster.store.get("secrets", namespace, name)
        if secret is None:
            why = f"failed to get secret '{namespace}/{name}'"
            raise SourceFault("AuthenticationFailed", f'{why}: {why}: secrets "{name}" not found')
        data = secret.get("data") or {}
        return _decoded(data.get("username")), _decoded(data.get("password") or data.get("bearerToken"))

    def _announce(self, draft: Draft, revision: str) -> bool:
        """Tell whether another artifact is to be stored, and say so if it is."""
        draft.drop("FetchFailed")
        artifact = draft.status.get("artifact")
        ignored = (draft.obj["spec"].get("ignore") or "") != (draft.status.get("observedIgnore") or "")
        if artifact is not None and artifact.get("revision") == revision and not ignored:
            return False
        message = f"new upstream revision '{revision}'"
        if artifact is not None:
            draft.set("ArtifactOutdated", "True", "NewRevision", message)
        draft.progress(f"building artifact: {message}", unsettle=True)
        draft.patch()
        return True

    def _store(self, draft: Draft, fetched: Fetched, outdated: bool) -> None:
        source = draft.obj
        before = draft.status.get("artifact") or {}
        told = f"stored artifact for commit '{fetched.subject}'"
        if outdated:
            revision = revision_of(fetched)
            artifact = self._storage.store(source, revision)
            now = self._cluster.stamp()
            draft.status["artifact"] = artifact_status(source, revision, artifact.digest, artifact.size, now)
            if (ignore := source["spec"].get("ignore")) is not None:
                draft.status["observedIgnore"] = ignore
            else:
                draft.status.pop("observedIgnore", None)
        stored = draft.status["artifact"]
        if stored["digest"] != before.get("digest"):
            notes = {f"{_GROUP}/{name}": stored[name] for name in ("digest", "revision")}
            self._record(source, "Normal", "NewArtifact", told, notes)
        elif (draft.obj.get("status") or {}) and _was_failing(source):
            self._record(source, "Normal", "Succeeded", told)

    def _failed(self, draft: Draft, fault: SourceFault) -> Outcome:
        draft.set("FetchFailed", "True", fault.reason, fault.message)
        draft.set("Ready", "False", fault.reason, fault.message)
        draft.retrying()
        handle_token(draft.obj, draft.status)
        self._record(draft.obj, "Warning", fault.reason, fault.message)
        draft.patch()
        return Outcome(backoff=True)

    def _record(
        self, source: Object, kind: str, reason: str, message: str, notes: dict[str, str] | None = None
    ) -> None:
        self._cluster.events.record(source, kind, reason, message, component=_MANAGER, annotations=notes)


def _was_failing(source: Object) -> bool:
    entries = (source.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "FetchFailed" and each["status"] == "True" for each in entries)


def _decoded(value: object) -> str:
    try:
        return base64.b64decode(str(value or ""), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
