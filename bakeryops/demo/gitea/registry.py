"""Gitea's container registry as data: which tags there are, and what they point at.

No layer is kept: an image's digest is made up from its name, the same that the kubelet gives as its imageID, so
the body of a manifest does not hash to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bakeryops.demo.bakery.inventory import REGISTRY
from bakeryops.demo.contracts import Clock
from bakeryops.demo.controllers.images import Images
from bakeryops.demo.controllers.objects import digest as made_up

__all__ = ["MANIFEST_TYPE", "Registry", "Tagged"]

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"


@dataclass(frozen=True)
class Tagged:
    """A tag of a repository."""

    repository: str
    """Owner and image, as `bakery-admin/auth`."""
    tag: str
    digest: str
    """sha256:… of the manifest."""
    when: float
    """When it was pushed, cluster time."""
    size: int
    """Bytes of its layers."""


class Registry:
    """The images of all owners."""

    def __init__(self, clock: Clock, number: Callable[[], int]) -> None:
        """Take the cluster's time and what gives ids."""
        self._clock = clock
        self._number = number
        self._images = Images()
        self._tags: dict[str, dict[str, Tagged]] = {}
        self._ids: dict[tuple[str, str], int] = {}

    @staticmethod
    def _plain(repository: str) -> str:
        return repository.removeprefix(f"{REGISTRY}/").lower()

    def put(self, repository: str, tag: str, digest: str | None = None, when: float | None = None) -> str:
        """Push a tag, in place of an earlier one of that name, and return its digest.

        `repository` is owner and image, with or without the registry's host. Without a `digest` it gets the one
        that the kubelet names for that image.
        """
        repository = self._plain(repository)
        image = f"{REGISTRY}/{repository}:{tag}"
        digest = digest or self._images.image_id(image).rpartition("@")[2]
        moment = self._clock.now() if when is None else when
        self._tags.setdefault(repository, {})[tag] = Tagged(
            repository, tag, digest, moment, self._images.size(image)
        )
        self._ids.setdefault((repository, tag), self._number())
        return digest

    def repositories(self) -> list[str]:
        """Return the names of all repositories, sorted."""
        return sorted(name for name, tags in self._tags.items() if tags)

    def tags(self, repository: str) -> list[str]:
        """Return the tags of a repository, sorted by name; [] where there is no such repository."""
        return sorted(self._tags.get(self._plain(repository), {}))

    def find(self, repository: str, reference: str) -> Tagged | None:
        """Return what a tag or a digest means, None where it is not there."""
        tags = self._tags.get(self._plain(repository), {})
        if reference.startswith("sha256:"):
            return next((each for each in tags.values() if each.digest == reference), None)
        return tags.get(reference)

    def digest(self, repository: str, tag: str) -> str | None:
        """Return the digest of a tag, None where it is not there."""
        found = self.find(repository, tag)
        return found.digest if found else None

    def delete(self, repository: str, reference: str) -> bool:
        """Remove a tag, or all tags of a digest; False where there is none."""
        tags = self._tags.get(self._plain(repository), {})
        gone = [tag for tag, each in tags.items() if reference in (tag, each.digest)]
        for tag in gone:
            del tags[tag]
        return bool(gone)

    def versions(self, owner: str, name: str = "") -> list[Tagged]:
        """Return all tags of an owner's images, or of one of them, newest first."""
        found = [
            each
            for repository, tags in self._tags.items()
            for each in tags.values()
            if repository.startswith(f"{owner.lower()}/") and name.lower() in ("", repository.partition("/")[2])
        ]
        return sorted(found, key=lambda each: (-each.when, each.repository, each.tag))

    def id_of(self, tagged: Tagged) -> int:
        """Return the id of a version in the packages API."""
        return self._ids[tagged.repository, tagged.tag]

    def manifest(self, tagged: Tagged) -> bytes:
        """Return the manifest of a tag."""
        parts = [tagged.size * share // 10 for share in (6, 3, 1)]
        layers = [f"sha256:{made_up('layer', tagged.digest, place)}" for place in range(len(parts))]
        body: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": _CONFIG_TYPE, "size": 2931,
                       "digest": f"sha256:{made_up('config', tagged.digest)}"},
            "layers": [
                {"mediaType": _LAYER_TYPE, "size": size, "digest": layer}
                for size, layer in zip(parts, layers, strict=True)
            ],
        }  # fmt: skip
        return json.dumps(body).encode()
