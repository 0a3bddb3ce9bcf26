"""Tekton Triggers on the embedded cluster: EventListeners that answer over HTTP and create runs."""

from __future__ import annotations

from bakeryops.demo.triggers.front import Front, HostNames
from bakeryops.demo.triggers.journal import Journal
from bakeryops.demo.triggers.listeners import Listeners, host_of

__all__ = ["Front", "HostNames", "Journal", "Listeners", "host_of"]
