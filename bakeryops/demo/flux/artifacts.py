"""What source-controller stores: the files of a commit that a source does not ignore, their digest and size."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

__all__ = ["Artifact", "Ignore", "commit_of", "pack"]

_DEFAULT_IGNORE = (
    ".git/", ".gitignore", ".gitmodules", ".gitattributes", "*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv",
    "*.tar.gz", "*.zip", ".github/", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml", ".drone.yml",
    "cloudbuild.yaml", "codeship-services.yml", "codeship-steps.yml", "**/.goreleaser.yml", "**/.sops.yaml",
    "**/.flux.yaml",
)  # fmt: skip
"""What a source leaves out when `spec.ignore` says nothing (documentation of GitRepository)."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What is stored of a revision."""

    files: Mapping[str, bytes]
    digest: str
    """`sha256:` and 64 digits; the same files give the same digest."""
    size: int
    """Bytes, packed."""


def pack(files: Mapping[str, bytes]) -> Artifact:
    """Return the artifact of files that have been chosen."""
    whole = hashlib.sha256()
    size = 512
    packer = zlib.compressobj(1)
    for path in sorted(files):
        head = f"{path}\0{len(files[path])}\0".encode()
        whole.update(head)
        whole.update(files[path])
        size += len(packer.compress(head)) + len(packer.compress(files[path]))
    size += len(packer.flush())
    return Artifact(files, f"sha256:{whole.hexdigest()}", size)


def commit_of(revision: str) -> str:
    """Return the commit that a revision such as `main@sha1:<hash>` names, or ""."""
    return revision.rpartition("@")[2].rpartition(":")[2]


class Ignore:
    """Rules in the form of .gitignore: the last one that matches a file decides."""

    def __init__(self, text: str | None) -> None:
        """Take the text of `spec.ignore`; None stands for Flux' own rules."""
        lines = _DEFAULT_IGNORE if text is None else [line.strip() for line in text.splitlines()]
        self._rules = [(line.removeprefix("!"), line.startswith("!")) for line in lines
                       if line and not line.startswith("#")]  # fmt: skip

    def folder(self) -> str:
        """Return the only folder that any file is kept of, or "" when there is no single one."""
        kept = [pattern for pattern, keep in self._rules if keep]
        everything = any(pattern in ("/*", "*", "/**", "**") for pattern, keep in self._rules if not keep)
        plain = [pattern for pattern in kept if pattern.startswith("/") and not set("*?[") & set(pattern)]
        if not everything or not kept or len(plain) != len(kept):
            return ""
        folders = sorted(pattern.strip("/") for pattern in plain)
        root = folders[0]
        return root if all(each == root or each.startswith(f"{root}/") for each in folders) else ""

    def keeps(self, path: str) -> bool:
        """Tell whether a file is part of the artifact."""
        kept = True
        for pattern, keep in self._rules:
            if keep != kept and _matches(pattern, path):
                kept = keep
        return kept


def _matches(pattern: str, path: str) -> bool:
    """Tell whether a pattern names a file or a folder above it."""
    parts = path.split("/")
    heads = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    if pattern.endswith("/"):
        heads.pop()
    pattern = pattern.rstrip("/")
    anchored = "/" in pattern
    pattern = pattern.removeprefix("/")
    if pattern.startswith("**/"):
        anchored, pattern = False, pattern[3:]
    for head in heads:
        if anchored:
            if head.count("/") == pattern.count("/") and fnmatchcase(head, pattern):
                return True
            if pattern.endswith("/**") and head.startswith(pattern[:-2]):
                return True
        elif fnmatchcase(head.rpartition("/")[2], pattern) or fnmatchcase(head, pattern):
            return True
    return False
