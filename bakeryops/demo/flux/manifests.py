"""From the files of an artifact to the objects that a Kustomization applies."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from bakeryops.demo.contracts import Object
from bakeryops.demo.flux.order import in_order
from bakeryops.demo.flux.serverside import plain
from bakeryops.demo.flux.substitute import SubstituteError, substitute
from bakeryops.kustomize import KustomizeError, build, load_documents

__all__ = ["BuildFailedError", "PathMissingError", "make"]

_GROUP = "kustomize.toolkit.fluxcd.io"
_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")


class PathMissingError(Exception):
    """The artifact has no such folder."""


class BuildFailedError(Exception):
    """The files cannot be built; the text is the message of BuildFailed."""


def folder_of(path: object) -> str:
    """Return the folder that `spec.path` names, "" for the root."""
    folder = posixpath.normpath(str(path or ".").lstrip("/"))
    return "" if folder == "." else folder


def make(
    kustomization: Object,
    files: Mapping[str, bytes],
    variables: Callable[[], Mapping[str, str]],
    *,
    root: str = "",
) -> list[Object]:
    """Return the objects of a Kustomization in the order of their applying.

    `variables` is asked when `spec.postBuild` is there; `root` is what messages show before a path. Raises
    `PathMissingError` and `BuildFailedError`.
    """
    spec, metadata = kustomization["spec"], kustomization["metadata"]
    folder = folder_of(spec.get("path"))
    if folder.startswith("..") or (folder and not any(path.startswith(f"{folder}/") for path in files)):
        raise PathMissingError(folder)
    try:
        objects = build(_with_spec(spec, files, folder), folder or ".", root=root)
        if spec.get("postBuild"):
            known = variables()
            objects = [substitute(obj, known) for obj in objects]
    except KustomizeError as error:
        raise BuildFailedError(error.reported) from error
    except SubstituteError as error:
        raise BuildFailedError(f"post build failed for '{metadata['name']}': {error}") from error
    marks = {f"{_GROUP}/name": metadata["name"], f"{_GROUP}/namespace": metadata["namespace"]}
    return in_order(_marked(plain(obj), spec, marks) for obj in objects)


def _marked(obj: Object, spec: Object, marks: Mapping[str, str]) -> Object:
    common = spec.get("commonMetadata") or {}
    metadata = obj["metadata"]
    metadata["labels"] = {**(metadata.get("labels") or {}), **(common.get("labels") or {}), **marks}
    if annotations := {**(metadata.get("annotations") or {}), **(common.get("annotations") or {})}:
        metadata["annotations"] = annotations
    return obj


def _with_spec(spec: Object, files: Mapping[str, bytes], folder: str) -> Mapping[str, bytes]:
    """Return the files with what the Kustomization's spec adds written into the folder's kustomization file."""
    place = next((name for name in _NAMES if posixpath.join(folder, name) in files), None)
    content: Any = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    if place is None:
        content["resources"] = _manifests_below(files, folder)
        place = _NAMES[0]
        changed = True
    else:
        content = _parsed(files[posixpath.join(folder, place)])
        changed = False
    if not isinstance(content, dict):
        raise BuildFailedError("kustomization file is no mapping")
    if namespace := spec.get("targetNamespace"):
        content["namespace"], changed = namespace, True
    for name in ("namePrefix", "nameSuffix"):
        if spec.get(name):
            content[name], changed = spec[name], True
    for name in ("patches", "components"):
        if spec.get(name):
            content[name], changed = [*(content.get(name) or ()), *spec[name]], True
    if spec.get("images"):
        own = {each.get("name") for each in spec["images"]}
        kept = [each for each in content.get("images") or () if each.get("name") not in own]
        content["images"], changed = [*kept, *spec["images"]], True
    if not changed:
        return files
    return {**files, posixpath.join(folder, place): yaml.safe_dump(content, sort_keys=False).encode()}


def _manifests_below(files: Mapping[str, bytes], folder: str) -> list[str]:
    """Return what is built of a folder without a kustomization file: manifests, and folders that have one."""
    prefix = f"{folder}/" if folder else ""
    inner = sorted(path.removeprefix(prefix) for path in files if path.startswith(prefix))
    bases = {posixpath.dirname(path) for path in inner if posixpath.basename(path) in _NAMES}
    tops = sorted(base for base in bases if not any(base.startswith(f"{other}/") for other in bases))
    found = [path for path in inner if path.endswith((".yaml", ".yml"))
             and not any(path.startswith(f"{base}/") for base in tops)]  # fmt: skip
    return sorted([*found, *tops])


def _parsed(data: bytes) -> Any:
    try:
        found = [each for each in load_documents(data) if each is not None]
    except KustomizeError as error:
        raise BuildFailedError(f"error converting YAML to JSON: {error}") from error
    return found[0] if found else {}
