"""What Flux would apply of a Kustomization: its folder at a commit, built with what its spec adds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from bakeryops import kustomize
from bakeryops.errors import BakeryopsError
from bakeryops.git.repository import Repository
from bakeryops.kustomize import KustomizeError
from bakeryops.kustomize.tree import NAMES
from bakeryops.model.sync import Sync

__all__ = ["rendered"]

_ADDED = ("namePrefix", "nameSuffix", "patches", "images", "components")
_FLUX = "kustomize.toolkit.fluxcd.io"
_REFUSED = {
    "postBuild": "variables that only Flux substitutes",
    "decryption": "encrypted files that only Flux can read",
    "commonMetadata": "common metadata",
    "kubeConfig": "another cluster",
}


async def rendered(
    repository: Repository, sync: Sync, spec: Mapping[str, Any], revision: str
) -> list[dict[str, Any]]:
    """Return the objects that Flux would apply for a Kustomization with this spec at a commit or tree.

    They carry the labels that Flux adds. Raises `BakeryopsError` where it cannot be built here, or by Flux.
    """
    for field, what in _REFUSED.items():
        if spec.get(field):
            raise BakeryopsError(
                f"Kustomization {sync.name} cannot be built here",
                why=f"it uses {what} (spec.{field})",
                hint=f"Try: flux diff kustomization {sync.name} -n {sync.namespace} --path DIR",
            )
    path = sync.path.removeprefix("./").strip("/")
    files = dict(await repository.files(revision, path.partition("/")[0]))
    try:
        if not any(name.startswith(f"{path}/") for name in files) and path:
            raise KustomizeError(f"there is no folder {path}")
        _with_spec(files, path, spec)
        objects = await asyncio.to_thread(kustomize.build, files, path)
    except KustomizeError as error:
        raise BakeryopsError(
            f"{path or 'the repository'} at {revision[:7]} cannot be built",
            why=error.message,
            hint="Flux would fail in the same place; see the commit.",
        ) from error
    for each in objects:
        labels = each["metadata"].setdefault("labels", {})
        labels[f"{_FLUX}/name"] = sync.name
        labels[f"{_FLUX}/namespace"] = sync.namespace
    return objects


def _with_spec(files: dict[str, bytes], folder: str, spec: Mapping[str, Any]) -> None:
    """Write into the folder's kustomization what the Kustomization's spec adds to it, as Flux does.

    A folder without one is given one of all manifests below it. Raises `KustomizeError` where it cannot be read.
    """
    before = f"{folder}/" if folder else ""
    place = next((name for name in NAMES if before + name in files), "")
    added = {name: spec[name] for name in _ADDED if spec.get(name)}
    if place and not added and not spec.get("targetNamespace"):
        return
    content: Any = {"resources": _manifests(files, before)}
    if place:
        documents = [each for each in kustomize.load_documents(files[before + place]) if each is not None]
        content = documents[0] if documents else {}
    if not isinstance(content, dict):
        raise KustomizeError(f"{before}{place} is not a map")
    for name, value in added.items():
        own: list[Any] = content[name] if isinstance(content.get(name), list) else []
        if name == "images":
            named = [each.get("name") for each in value if isinstance(each, dict)]
            own = [each for each in own if not (isinstance(each, dict) and each.get("name") in named)]
        content[name] = value if isinstance(value, str) else [*own, *value]
    if spec.get("targetNamespace"):
        content["namespace"] = spec["targetNamespace"]
    files[before + (place or NAMES[0])] = msgspec.json.encode(content)


def _manifests(files: Iterable[str], before: str) -> list[str]:
    """Return the manifests below a folder, and instead of a folder with a kustomization that folder."""
    inner = [path.removeprefix(before) for path in files if path.startswith(before)]
    built = {path.rpartition("/")[0] for path in inner if path.rpartition("/")[2] in NAMES}
    top = {each for each in built if not any(each.startswith(f"{other}/") for other in built)}
    plain = [path for path in inner if path.endswith((".yaml", ".yml"))]
    return sorted([*top, *(path for path in plain if not any(path.startswith(f"{each}/") for each in top))])
