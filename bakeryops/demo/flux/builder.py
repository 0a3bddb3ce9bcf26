"""The objects of Kustomizations: found, fetched and built, once for each artifact and spec."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key
from bakeryops.demo.controllers.objects import digest, key_of
from bakeryops.demo.flux.history import digest_of
from bakeryops.demo.flux.manifests import PathMissingError, folder_of, make
from bakeryops.demo.flux.storage import Storage
from bakeryops.demo.objects import dig

__all__ = ["Builder", "Plan"]

_SOURCES = {"GitRepository": "gitrepositories", "OCIRepository": "ocirepositories", "Bucket": "buckets"}
_GROUP = "source.toolkit.fluxcd.io"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a Kustomization applies."""

    objects: list[Object]
    """In the order of their applying; the very same objects while artifact and spec stay."""
    digest: str


class Builder:
    """Builds Kustomizations."""

    def __init__(self, cluster: Cluster, storage: Storage) -> None:
        """Take the cluster, for sources and variables, and where artifacts are."""
        self._cluster = cluster
        self._store = cluster.store
        self._storage = storage
        self._plans: dict[Key, tuple[str, Plan]] = {}

    def source_of(self, obj: Object) -> Object | None:
        """Return the source of a Kustomization, None when it or its kind is not there."""
        reference = obj["spec"].get("sourceRef") or {}
        plural = _SOURCES.get(str(reference.get("kind")))
        if plural is None or self._store.registry.known(f"{plural}.{_GROUP}") is None:
            return None
        namespace = reference.get("namespace") or obj["metadata"]["namespace"]
        return self._store.get(f"{plural}.{_GROUP}", namespace, str(reference.get("name")))

    def missing(self, obj: Object, source: Object | None) -> str:
        """Return why there is nothing to apply yet."""
        if source is not None:
            return "Source artifact not found, retrying in 30s"
        reference = obj["spec"].get("sourceRef") or {}
        return f'{reference.get("kind")}.{_GROUP} "{reference.get("name")}" not found'

    def files(self, obj: Object, source: Object) -> Mapping[str, bytes]:
        """Return the files of the source; raises `SourceFault`, `PathMissingError` for an unknown path."""
        files = self._storage.files(source)
        folder = folder_of(obj["spec"].get("path"))
        if folder and not any(path.startswith(f"{folder}/") for path in files):
            where = posixpath.join(self._workspace(), folder)
            raise PathMissingError(f"kustomization path not found: stat {where}: no such file or directory")
        return files

    def plan(self, obj: Object, source: Object, files: Mapping[str, bytes]) -> Plan:
        """Return what a Kustomization applies; raises `BuildFailedError`."""
        variables = bool(obj["spec"].get("postBuild"))
        state = digest(
            source["status"]["artifact"]["digest"], obj["metadata"]["uid"], obj["metadata"]["generation"]
        )
        known = self._plans.get(key_of(obj))
        if known is not None and known[0] == state and not variables:
            return known[1]
        objects = make(obj, files, lambda: self._variables(obj), root=self._workspace())
        plan = Plan(objects, digest_of(objects))
        self._plans[key_of(obj)] = (state, plan)
        return plan

    def forget(self, key: Key) -> None:
        """Forget a Kustomization that is gone."""
        self._plans.pop(key, None)

    def _workspace(self) -> str:
        """Return the folder that messages speak of, another one for each reconcile."""
        number = self._cluster.random.randrange(10**8, 2**32)
        return f"/tmp/kustomization-{number}"  # noqa: S108 - a name in a message, as Flux' messages have it

    def _variables(self, obj: Object) -> Mapping[str, str]:
        post = obj["spec"].get("postBuild") or {}
        found: dict[str, str] = {}
        for each in post.get("substituteFrom") or ():
            plural = "secrets" if each.get("kind") == "Secret" else "configmaps"
            values = self._store.get(plural, obj["metadata"]["namespace"], str(each.get("name")))
            for name, value in (dig(values, "data") or {}).items():
                found[name] = (
                    base64.b64decode(value).decode(errors="replace") if plural == "secrets" else str(value)
                )
        found.update({name: str(value) for name, value in (post.get("substitute") or {}).items()})
        return found
