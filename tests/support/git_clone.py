"""A person's clone of an origin, with a working tree: what git itself makes of a revert."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from tests.support.git_origin import Origin

__all__ = ["Clone"]


class Clone:
    """A clone in which a person works."""

    def __init__(self, origin: Origin, path: Path) -> None:
        self.path = path
        self.origin = origin
        self.git("clone", "--quiet", origin.url, str(path), inside=False)

    def git(self, *arguments: str, inside: bool = True, codes: tuple[int, ...] = (0,)) -> str:
        return self._run(["git", *(["-C", str(self.path)] if inside else []), *arguments], codes)

    def shell(self, command: str) -> str:
        """Run a line as a person would type it."""
        return self._run(["sh", "-c", f"cd {shlex.quote(str(self.path))} && {command}"], (0,))

    def _run(self, command: list[str], codes: tuple[int, ...]) -> str:
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.path.parent), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "Ana", "GIT_AUTHOR_EMAIL": "ana@example.org",
            "GIT_COMMITTER_NAME": "Ana", "GIT_COMMITTER_EMAIL": "ana@example.org",
        }  # fmt: skip
        done = subprocess.run(command, capture_output=True, env=environment, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode in codes, done.stderr.decode()
        return done.stdout.decode("utf-8", "replace").strip()

    def reverted(self, *commits: str, merges: tuple[str, ...] = ()) -> str:
        """Return the tree after `git revert --no-commit` of these commits, "" where that ends in conflicts."""
        self.git("fetch", "--quiet", "origin")
        self.git("reset", "--quiet", "--hard", f"origin/{self.origin.branch}")
        for each in commits:
            self.git("revert", "--no-commit", *(["-m", "1"] if each in merges else []), each, codes=(0, 1))
            if self.git("ls-files", "--unmerged"):
                return ""
        return self.git("write-tree")
