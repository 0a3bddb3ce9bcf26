"""What Git says, built as Flux would build it, against what runs: what would the next apply change?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.session import Session
from bakeryops.errors import BakeryopsError
from bakeryops.git.repository import Repository
from bakeryops.model.difference import Difference
from bakeryops.model.sync import Sync
from bakeryops.read.chain_parts import repository_path
from bakeryops.read.compare import ObjectKey, compare, key_of
from bakeryops.read.flux_revisions import parse_revision
from bakeryops.rendering import rendered
from bakeryops.text import clean

__all__ = ["Drift", "find_drift", "live_objects", "wanted_objects"]

_AT_ONCE = 6
"""Objects asked for at the same time: the API server has other work."""

_PINS = ("commit", "name", "semver", "tag")
"""What a GitRepository prefers to its branch."""
_FLUX = "kustomize.toolkit.fluxcd.io"


class Drift(msgspec.Struct, frozen=True):
    """How a Kustomization's objects differ; `revision` is the commit that was built, `same` how many do not."""

    revision: str
    differences: tuple[Difference, ...]
    same: int


async def find_drift(session: Session, repository: Repository, view: Sync, *, revision: str = "") -> Drift:
    """Build what a Kustomization applies at a revision (what its source follows), and compare it with the cluster.

    Raises `BakeryopsError` where it cannot be built here, where its source is another repository than this one, or
    where the cluster cannot be read.
    """
    sha, wanted = await wanted_objects(session, repository, view, revision=revision)
    live = await live_objects(session, view, wanted)
    differences = compare(wanted, live, inventory=view.inventory, prune=view.prune)
    alone = _left_alone(wanted, live)
    differences = [each for each in differences if (each.action, *_place(each)) not in alone]
    shown = tuple(each for each in differences if each.action != "same")
    return Drift(sha, shown, len(differences) - len(shown))


async def wanted_objects(
    session: Session, repository: Repository, view: Sync, *, revision: str = ""
) -> tuple[str, list[dict[str, Any]]]:
    """Build what a Kustomization applies at a revision (what its source follows): the commit and the objects.

    They carry the labels that Flux adds. Raises `BakeryopsError` as `find_drift`.
    """
    if view.kind != "Kustomization":
        raise BakeryopsError(
            f"{view.kind} {view.name} cannot be compared with Git",
            why="its objects are made by Helm",
            hint=f"Try: helm get manifest {view.name} -n {view.namespace}",
        )
    pinned = await _followed(session, repository, view)
    spec = _mapping(await session.get("kustomizations", view.name, view.namespace), "spec")
    sha = revision or pinned or await repository.head()
    if not sha:
        raise BakeryopsError("nothing was fetched from Git yet", hint="See git.url in the configuration.")
    return sha, await rendered(repository, view, spec, sha)


def _place(each: Difference) -> ObjectKey:
    return ObjectKey(each.group, each.kind, each.ref.namespace, each.ref.name)


def _left_alone(
    wanted: Sequence[Mapping[str, Any]], live: Mapping[ObjectKey, Mapping[str, Any] | None]
) -> set[tuple[str, str, str, str, str]]:
    """Return what Flux is told, by marks on the objects, not to do: the action and the object's key."""
    found = set()
    for key, each in [*((key_of(each), each) for each in wanted), *live.items()]:
        marks = _marks(each)
        frozen = marks.get(f"{_FLUX}/reconcile") == "disabled"
        ssa = marks.get(f"{_FLUX}/ssa", "").lower()
        if frozen or ssa == "ignore":
            found |= {("created", *key), ("changed", *key)}
        if ssa == "ifnotpresent" and live.get(key) is not None:
            found.add(("changed", *key))
        if frozen or marks.get(f"{_FLUX}/prune") == "disabled":
            found.add(("pruned", *key))
    return found


def _marks(value: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the labels and annotations of an object together: Flux takes a mark from either."""
    metadata = _mapping(value or {}, "metadata")
    found = {**_mapping(metadata, "annotations"), **_mapping(metadata, "labels")}
    return {str(name): str(each) for name, each in found.items()}


async def _followed(session: Session, repository: Repository, view: Sync) -> str:
    """Return the commit that the source is pinned to, "" where it follows the branch that is read here.

    Raises `BakeryopsError` where it follows anything else: a comparison with another repository or branch would be
    a list of changes that no apply will ever make.
    """
    plural, namespace, name = (*view.source.split("/", 2), "", "")[:3]
    if plural != "gitrepositories":
        raise BakeryopsError(
            f"Kustomization {view.name} cannot be compared with Git",
            why=f"its source is no GitRepository, but {view.source or 'not named'}",
            hint=f"Try: flux diff kustomization {view.name} -n {view.namespace} --path DIR",
        )
    source = await session.get("gitrepositories", name, namespace)
    spec = _mapping(source, "spec")
    url, ref = clean(str(spec.get("url") or "")), _mapping(spec, "ref")
    fetched, read = repository_path(url), repository_path(repository.url)
    if fetched != read:
        raise BakeryopsError(
            f"Kustomization {view.name} is applied from another repository",
            why=f"GitRepository {name} fetches {fetched}, here {read} is read",
            hint="Set git.url to the repository that Flux fetches.",
        )
    if spec.get("include"):
        raise BakeryopsError(
            f"Kustomization {view.name} cannot be built here",
            why=f"GitRepository {name} includes other repositories (spec.include)",
            hint=f"Try: flux diff kustomization {view.name} -n {view.namespace} --path DIR",
        )
    if any(ref.get(each) for each in _PINS):
        have = parse_revision(str(_mapping(_mapping(source, "status"), "artifact").get("revision") or ""))
        if have is None or not have.hash:
            raise BakeryopsError(f"GitRepository {name} has fetched nothing yet", hint="See: bakeryops flux")
        return have.hash
    branch = clean(str(ref.get("branch") or "master"))
    if branch != repository.branch:
        raise BakeryopsError(
            f"Kustomization {view.name} is applied from another branch",
            why=f"GitRepository {name} follows {branch}, here {repository.branch} is read",
            hint=f"Set git.branch to {branch}.",
        )
    return ""


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


async def live_objects(
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
