"""`images` and `replicas`: other images and numbers of pods."""

from __future__ import annotations

import re
from typing import Any

from bakeryops.kustomize.errors import KustomizeError
from bakeryops.kustomize.fields import mapping, text, whole
from bakeryops.kustomize.resource import Resource

__all__ = ["set_images", "set_replicas"]

_SCALABLE = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")


def set_images(resources: list[Resource], entries: list[Any]) -> None:
    """Give every container's image that an entry of `images` names its new name, tag or digest."""
    for entry in entries:
        found = mapping(entry, "images", ("name", "newName", "newTag", "digest", "tagSuffix"))
        name = text(found, "name", "images")
        if not name:
            raise KustomizeError("an entry of images has no name")
        change = _Change(name, found)
        for each in resources:
            if each.kind != "CustomResourceDefinition":
                _walk(each.value, change)


class _Change:
    def __init__(self, name: str, entry: dict[str, Any]) -> None:
        self._pattern = re.compile(rf"{re.escape(name)}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?\Z")
        self._name = text(entry, "newName", "images")
        self._tag = text(entry, "newTag", "images")
        self._digest = text(entry, "digest", "images")
        self._suffix = text(entry, "tagSuffix", "images")
        if self._suffix and (self._tag or self._digest):
            raise KustomizeError(f"images: {name}: tagSuffix together with newTag or digest is not supported here")

    def __call__(self, image: str) -> str:
        if not self._pattern.match(image):
            return image
        name, tag, digest = _split(image)
        if self._tag or self._digest:
            tag, digest = self._tag, self._digest
        elif self._suffix and tag:
            tag += self._suffix
        return (self._name or name) + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def _split(image: str) -> tuple[str, str, str]:
    rest, _, digest = image.partition("@")
    slash = rest.rfind("/")
    colon = rest.find(":", slash + 1)
    return (rest, "", digest) if colon < 0 else (rest[:colon], rest[colon + 1 :], digest)


def _walk(value: Any, change: _Change) -> None:
    if isinstance(value, list):
        for each in value:
            _walk(each, change)
        return
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        if key in ("containers", "initContainers") and isinstance(each, list):
            for container in each:
                image = container.get("image") if isinstance(container, dict) else None
                if isinstance(image, str):
                    container["image"] = change(image)
        _walk(each, change)


def set_replicas(resources: list[Resource], entries: list[Any]) -> None:
    """Set the number of pods of the workloads that `replicas` names, by any name they have had."""
    for entry in entries:
        found = mapping(entry, "replicas", ("name", "count"))
        name, count = text(found, "name", "replicas"), whole(found, "count", "replicas")
        named = [
            each
            for each in resources
            if each.kind in _SCALABLE and any(known.name == name for known in each.ids())
        ]
        if not named:
            kinds = " ".join(
                f"{kind}.[noVer].[noGrp]"
                for kind in ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")
            )
            raise KustomizeError(
                f"resource with name {name} does not match a config with the following GVK [{kinds}]"
            )
        for each in named:
            spec = each.value.setdefault("spec", {})
            if not isinstance(spec, dict):
                raise KustomizeError(f"{each.id} has a spec that is no map")
            spec["replicas"] = count
