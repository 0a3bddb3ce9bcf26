"""Files that come with bakeryops: the manifests, found in an installed package and in a checkout."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

__all__ = ["manifests"]


def manifests() -> Traversable:
    """Return the folder of manifests.

    Raises `FileNotFoundError` where neither the installed package nor a checkout has one.
    """
    packaged = files("bakeryops") / "manifests"
    if packaged.is_dir():
        return packaged
    checkout = Path(__file__).resolve().parent.parent / "manifests"
    if checkout.is_dir():
        return checkout
    raise FileNotFoundError(f"no manifests in the package nor at {checkout}: install bakeryops again")
