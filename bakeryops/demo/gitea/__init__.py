"""Gitea on the embedded cluster: repositories over HTTP, the REST API, webhooks and the container registry."""

from __future__ import annotations

from bakeryops.demo.gitea.faults import GiteaFaults
from bakeryops.demo.gitea.push import GitRefusedError, Push
from bakeryops.demo.gitea.registry import Registry
from bakeryops.demo.gitea.server import HOST, Gitea
from bakeryops.demo.gitea.webhooks import Delivery, Hook

__all__ = ["HOST", "Delivery", "GitRefusedError", "Gitea", "GiteaFaults", "Hook", "Push", "Registry"]
