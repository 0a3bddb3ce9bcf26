"""The files of a repository as kustomize sees a disk."""

from __future__ import annotations

from collections.abc import Mapping

from bakeryops.kustomize.errors import KustomizeError

__all__ = ["NAMES", "Tree"]

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""What the file that describes a folder may be called."""

_MOST_VISITS = 2000
"""Folders that include each other twice, over some levels, would never end."""


class Tree:
    """Files by path relative to the root of the repository; paths cannot leave it."""

    def __init__(self, files: Mapping[str, bytes], root: str = "") -> None:
        """Take the files, and the absolute path that messages show before theirs."""
        self._files = files
        self._root = root.rstrip("/")
        self._folders = {""}
        self._visits = 0
        for path in files:
            while "/" in path:
                path = path.rpartition("/")[0]
                if path in self._folders:
                    break
                self._folders.add(path)

    def join(self, folder: str, path: str) -> str:
        """Return `path`, taken from `folder`, relative to the root; raises `KustomizeError` when it leaves it."""
        if path.startswith("/"):
            raise KustomizeError(f"new root '{path}' cannot be absolute")
        steps: list[str] = folder.split("/") if folder else []
        for step in path.split("/"):
            if step == "..":
                if not steps:
                    raise KustomizeError(f"security; '{path}' leaves the repository from '{self.shown(folder)}'")
                steps.pop()
            elif step not in ("", "."):
                steps.append(step)
        return "/".join(steps)

    def shown(self, path: str) -> str:
        """Return a path as messages show it."""
        return f"{self._root}/{path}" if path else self._root or "/"

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder with files is there."""
        return path in self._folders

    def is_file(self, path: str) -> bool:
        """Tell whether a file is there."""
        return path in self._files

    def read(self, path: str) -> bytes:
        """Return a file; raises `KustomizeError` in the words of a file system where it is missing."""
        try:
            return self._files[path]
        except KeyError:
            what = "is a directory" if self.is_folder(path) else "no such file or directory"
            raise KustomizeError(f"open {self.shown(path)}: {what}") from None

    def kustomization(self, folder: str) -> str:
        """Return the path of the file that describes a folder; raises `KustomizeError`."""
        self._visits += 1
        if self._visits > _MOST_VISITS:
            raise KustomizeError(f"folders are included more than {_MOST_VISITS} times")
        found = [path for name in NAMES if self.is_file(path := f"{folder}/{name}" if folder else name)]
        if not self.is_folder(folder):
            why = f"evalsymlink failure on '{self.shown(folder)}' : lstat {self.shown(folder)}"
            why = f"must build at directory: not a valid directory: {why}: no such file or directory"
            raise KustomizeError(
                why, reported=f"kustomization path not found: stat {self.shown(folder)}: no such file or directory"
            )
        if not found:
            raise KustomizeError(
                "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory "
                f"'{self.shown(folder)}'"
            )
        if len(found) > 1:
            raise KustomizeError(f"Found multiple kustomization files under: {self.shown(folder)}")
        return found[0]
