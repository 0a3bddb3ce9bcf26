"""Where bakeryops keeps its files: the XDG folders, private to the user."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import PlatformDirs

from bakeryops.errors import BakeryopsError

__all__ = ["FolderError", "config_file", "expanded", "private_folder", "state_folder"]

_DIRS = PlatformDirs("bakeryops", appauthor=False)


class FolderError(BakeryopsError, OSError):
    """A folder that is needed cannot be had; whoever can do without catches it as the `OSError` that it is."""


def config_file() -> Path:
    """Return the configuration file's path, `$BAKERYOPS_CONFIG` or `$XDG_CONFIG_HOME/bakeryops/config.yaml`."""
    named = os.environ.get("BAKERYOPS_CONFIG")
    if named:
        return expanded(named)
    try:
        return Path(_DIRS.user_config_dir) / "config.yaml"
    except RuntimeError:
        # Without a home folder there is none, and the defaults hold.
        return Path("~/.config/bakeryops/config.yaml")


def expanded(path: str | Path) -> Path:
    """Return a path with a leading `~` replaced by the home folder, or as it is where that is not known."""
    # Path.expanduser raises there, as in a container with a user id of its own.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def state_folder() -> Path:
    """Return the folder of state and journals, `$XDG_STATE_HOME/bakeryops`, made 0700 when absent.

    Raises `FolderError` where it cannot be made, or no home folder is known.
    """
    try:
        path = Path(_DIRS.user_state_dir)
    except RuntimeError:
        raise FolderError(
            "there is no folder to keep jobs and mirrors in: this user has no home folder",
            hint="Set XDG_STATE_HOME, or HOME, to an absolute path.",
        ) from None
    return private_folder(path)


def private_folder(path: Path) -> Path:
    """Return `path` as a folder that only its owner can enter, making it when absent; raises `FolderError`."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        found = FolderError(
            f"nothing can be kept in {path}: {error.strerror or error}",
            hint="Make it writable for this user, or set XDG_STATE_HOME to a folder that is.",
        )
        found.errno, found.strerror = error.errno, error.strerror
        raise found from None
    return path
