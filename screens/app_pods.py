"""Shells in pods and forwarded ports: what is no job, since a person is there while it lasts."""

from __future__ import annotations

from screens.app_acting import ActingApp

__all__ = ["PodsApp"]


class PodsApp(ActingApp):
    """Gives the terminal away and takes it back; keeps the ports that are forwarded."""
