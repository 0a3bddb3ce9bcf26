"""Where bakeryops keeps its files: the XDG folders, private to the user."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import PlatformDirs

__all__ = ["config_file", "expanded", "private_folder", "state_folder"]

_DIRS = PlatformDirs("bakeryops", appauthor=False)


def config_file() -> Path:
    """Return the configuration file's path, `$BAKERYOPS_CONFIG` or `$XDG_CONFIG_HOME/bakeryops/config.yaml`."""
    named = os.environ.get("BAKERYOPS_CONFIG")
    return expanded(named) if named else Path(_DIRS.user_config_dir) / "config.yaml"


def expanded(path: str | Path) -> Path:
    """Return a path with a leading `~` replaced by the home folder, or as it is where that is not known."""
    # Path.expanduser raises there, as in a container with a user id of its own.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def state_folder() -> Path:
    """Return the folder of state and journals, `$XDG_STATE_HOME/bakeryops`, made 0700 when absent."""
    return private_folder(Path(_DIRS.user_state_dir))


def private_folder(path: Path) -> Path:
    """Return `path` as a folder that only its owner can enter, making it when absent."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path
