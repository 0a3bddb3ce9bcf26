"""A developer's clone of the repository of an embedded cluster that runs in another process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.cli_child import Serving

__all__ = ["Clone"]


class Clone:
    """A clone in which Carla works."""

    def __init__(self, demo: Serving, folder: Path) -> None:
        self.folder = folder
        self._store = f"credential.helper=store --file={demo.folder / 'git-credentials'}"
        url = next(line.split()[1] for line in demo.said if line.startswith("git "))
        self.git("clone", "--quiet", url, str(folder), inside=False)
        self.git("config", "user.name", "Carla")
        self.git("config", "user.email", "carla@example.org")

    def git(self, *arguments: str, inside: bool = True, fails: bool = False) -> str:
        """Run git as she does and return what it says; "" where it fails and may."""
        where = ["-C", str(self.folder)] if inside else []
        done = subprocess.run(
            ["git", "-c", self._store, *where, *arguments], capture_output=True, text=True, check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder.parent), "GIT_CONFIG_GLOBAL": os.devnull,
                 "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"},
        )  # fmt: skip
        assert fails or done.returncode == 0, done.stderr
        return done.stdout.strip() if done.returncode == 0 else ""

    def fetched(self) -> None:
        """Go to the tip of the branch."""
        self.git("fetch", "--quiet", "origin", "main")
        self.git("reset", "--quiet", "--hard", "origin/main")

    def pushed(self, path: str, text: str, message: str = "") -> str:
        """Commit a file on the tip and push; return the commit once it has arrived, "" where another was quicker."""
        self.fetched()
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message or f"Change {path}")
        commit = self.git("rev-parse", "HEAD")
        done = self.git("push", "--porcelain", "origin", "HEAD:main", fails=True)
        return commit if done else ""
