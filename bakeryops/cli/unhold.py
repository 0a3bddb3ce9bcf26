"""`bakeryops unhold`; see `bakeryops.cli.hold`."""

from __future__ import annotations

from bakeryops.cli.hold import unhold as command

__all__ = ["command"]
