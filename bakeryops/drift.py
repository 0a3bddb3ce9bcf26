"""What Git says, built as Flux would build it, against what runs: what would the next apply change?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bakeryops import kustomize
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.session import Session
from bakeryops.errors import BakeryopsError
from bakeryops.git.repository import Repository
from bakeryops.kustomize import KustomizeError
from bakeryops.model.difference import Difference
from bakeryops.model.sync import Sync
from bakeryops.read.compare import ObjectKey, compare, key_of
from bakeryops.text import clean

__all__ = ["Drift", "find_drift"]

_AT_ONCE = 6
"""Objects asked for at the same time: the API server has other work."""

_OURS = "bakeryops.synthetic"
_TAKEN = ("namePrefix", "nameSuffix", "patches", "images", "components")
_REFUSED = {
    "postBuild": "variables that only Flux substitutes",
    "decryption": "encrypted files that only Flux can read",
    "commonMetadata": "common metadata",
    "kubeConfig": "another cluster",
}


class Drift(msgspec.Struct, frozen=True):
    """How a Kustomization's objects differ; `revision` is the commit that was built, `same` how many do not."""

    revision: str
    differences: tuple[Difference, ...]
    same: int


async def find_drift(session: Session, repository: Repository, view: Sync, *, revision: str = "") -> Drift:
    """Build what a Kustomization applies at a revision (the branch's tip), and compare it with the cluster.

    Raises `BakeryopsError` where it cannot be built here, or where the cluster cannot be read.
    """
    if view.kind != "Kustomization":
        raise BakeryopsError(
            f"{view.kind} {view.name} cannot be compared with Git",
            why="its objects are made by Helm",
            hint=f"Try: helm get manifest {view.name} -n {view.namespace}",
        )
    found = await session.get("kustomizations", view.name, view.namespace)
    spec = found.get("spec")
    spec = spec if isinstance(spec, Mapping) else {}
    sha = revision or await repository.head()
    if not sha:
        raise BakeryopsError("nothing was fetched from Git yet", hint="See git.url in the configuration.")
    wanted = await _built(repository, view, spec, sha)
    live = await _live(session, view, wanted)
    differences = compare(wanted, live, inventory=view.inventory, prune=view.prune)
    shown = tuple(each for each in differences if each.action != "same")
    return Drift(sha, shown, len(differences) - len(shown))


async def _built(repository: Repository, view: Sync, spec: Mapping[str, Any], sha: str) -> list[dict[str, Any]]:
    for field, what in _REFUSED.items():
        if spec.get(field):
            raise BakeryopsError(
                f"Kustomization {view.name} cannot be built here",
                why=f"it uses {what} (spec.{field})",
                hint=f"Try: flux diff kustomization {view.name} -n {view.namespace} --path DIR",
            )
    path = view.path.removeprefix("./").strip("/")
    files = dict(await repository.files(sha, path.partition("/")[0]))
    folder = _with_spec(files, path, spec)
    try:
        objects = await asyncio.to_thread(kustomize.build, files, folder)
    except KustomizeError as error:
        raise BakeryopsError(
            f"{path or 'the repository'} at {sha[:7]} cannot be built",
            why=error.message,
            hint="Flux would fail in the same place; see the commit.",
        ) from error
    for each in objects:
        labels = each["metadata"].setdefault("labels", {})
        labels["kustomize.toolkit.fluxcd.io/name"] = view.name
        labels["kustomize.toolkit.fluxcd.io/namespace"] = view.namespace
    return objects


def _with_spec(files: dict[str, bytes], path: str, spec: Mapping[str, Any]) -> str:
    """Put a kustomization around the folder that does what the Kustomization's spec adds; return what to build."""
    extra = {name: spec[name] for name in _TAKEN if spec.get(name)}
    if spec.get("targetNamespace"):
        extra["namespace"] = spec["targetNamespace"]
    if not extra:
        return path
    up = f"../{path}" if path else ".."
    files[f"{_OURS}/kustomization.yaml"] = msgspec.json.encode({"resources": [up], **extra})
    return _OURS


async def _live(
    session: Session, view: Sync, wanted: Sequence[Mapping[str, Any]]
) -> dict[ObjectKey, Mapping[str, Any] | None]:
    """Return the cluster's objects by key: those that Git wants, and those that Flux applied last.

    One that may not be read is left out; raises `KubeError` where the cluster does not answer.
    """
    kinds = {ObjectKey(each.group, each.kind, each.namespace, each.name): each.plural for each in view.inventory}
    versions = {key_of(each): str(each.get("apiVersion") or "") for each in wanted}
    gate = asyncio.Semaphore(_AT_ONCE)
    found: dict[ObjectKey, Mapping[str, Any] | None] = {}

    async def ask(key: ObjectKey) -> None:
        async with gate:
            try:
                if version := versions.get(key):
                    resource = await session.discovery.of_object(version, key.kind)
                else:
                    resource = await session.discovery.resource(f"{kinds[key]}.{key.group}".rstrip("."))
                body = await session.transport.get_bytes(resource.path(key.namespace or None, key.name))
                found[key] = msgspec.json.decode(body, type=dict[str, Any])
            except KubeError as error:
                if error.kind in ("not_found", "absent"):
                    found[key] = None
                elif error.kind != "forbidden":
                    raise

    tasks = [asyncio.create_task(ask(key)) for key in dict.fromkeys([*versions, *kinds])]
    try:
        await asyncio.gather(*tasks)
    except msgspec.DecodeError as error:
        raise KubeError("the answer is not JSON", kind="protocol", why=clean(str(error))) from error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return found
