"""The images a node has, and what becomes of pulling one it has not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bakeryops.demo.controllers.objects import digest

__all__ = ["Images"]

_TAGGED = re.compile(
    r"\d{8}(?:\d{6})?(?:-\d+)?-[0-9a-f]{7,40}|[0-9a-f]{7,40}|v?\d+(?:\.\d+)+[-.\w]*|latest|stable"
)
_NAME = re.compile(r"[a-z0-9][\w.:/@-]*", re.IGNORECASE)


@dataclass
class Images:
    """What is on the node, and what the registries would answer.

    Every registry is taken to have what it is asked for, but for hosts that end in `.invalid`, tags named in
    `missing`, and in the own registry tags that no build makes.
    """

    own_registry: str = ""
    """Host of the cluster's own registry, where only tags such as builds and releases make exist."""
    pushed: Callable[[str, str], bool] | None = None
    """Tells whether the own registry has a tag of a repository; None: whatever looks like a build's tag."""
    present: set[str] = field(default_factory=set)
    """Images that need no pull."""
    missing: set[str] = field(default_factory=lambda: {"missing", "does-not-exist", "nope", "typo", "broken"})
    """Tags that exist nowhere."""
    behaviours: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """How the containers of an image behave, where not well, in the form of the annotation (see `behaviour`)."""

    def problem(self, image: str, policy: str) -> tuple[str, str] | None:
        """Return (reason, message) where a container cannot have its image, else None.

        `policy` is the imagePullPolicy; an image on the node is not asked for again.
        """
        if not _NAME.fullmatch(image):
            return "InvalidImageName", f'Failed to apply default image tag "{image}": couldn\'t parse image name'
        if policy == "Never":
            if image in self.present:
                return None
            return "ErrImageNeverPull", f'Container image "{image}" is not present with pull policy of Never'
        if image in self.present and policy != "Always":
            return None
        host, _, rest = image.partition("/")
        repository, _, tag = rest.rpartition(":")
        head = f'failed to pull and unpack image "{image}": failed to resolve image: '
        if host.partition(":")[0].endswith(".invalid"):
            ask = f'"https://{host}/v2/{repository}/manifests/{tag}"'
            return "ErrImagePull", f"{head}failed to do request: Head {ask}: dial tcp: lookup {host}: no such host"
        if tag in self.missing or (host == self.own_registry and tag and not self._has(repository, tag)):
            return "ErrImagePull", f"{head}{image}: not found"
        return None

    def _has(self, repository: str, tag: str) -> bool:
        return self.pushed(repository, tag) if self.pushed is not None else bool(_TAGGED.fullmatch(tag))

    def needs_pull(self, image: str, policy: str) -> bool:
        """Tell whether the kubelet asks a registry before it starts a container."""
        return policy != "Never" and (policy == "Always" or image not in self.present)

    def size(self, image: str) -> int:
        """Return the size of an image in bytes, between 20 and 420 MB, the same each time."""
        return 20_000_000 + int(digest("size", image)[:8], 16) % 400_000_000

    def image_id(self, image: str) -> str:
        """Return the imageID that a container's status carries."""
        name = image.rpartition("@")[0] or (image.rpartition(":")[0] if ":" in image.rpartition("/")[2] else image)
        return f"{name}@sha256:{digest('image', image)}"
