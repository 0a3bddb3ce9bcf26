"""Makes every kind of step known: each module of this folder whose name ends with `_steps` registers some."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import bakeryops.actions

__all__ = ["load_steps"]


def load_steps() -> list[str]:
    """Import every module of steps and return their names."""
    names = [
        each.name for each in pkgutil.iter_modules(bakeryops.actions.__path__) if each.name.endswith("_steps")
    ]
    for name in names:
        import_module(f"bakeryops.actions.{name}")
    return names
