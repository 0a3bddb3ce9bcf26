"""The webhooks of the repository: a push is told to the EventListener and to Flux' Receiver."""

from __future__ import annotations

from bakeryops.demo.bakery.delivery import FLUX_NAMESPACE, RECEIVER
from bakeryops.demo.bakery.tasks import CI
from bakeryops.demo.bakery.triggering import LISTENER
from bakeryops.demo.flux import webhook_path
from bakeryops.demo.gitea.accounts import ADMIN, secret_of
from bakeryops.demo.gitea.server import Gitea
from bakeryops.demo.triggers import host_of

__all__ = ["RECEIVER_HOST", "add_hooks"]

RECEIVER_HOST = f"webhook-receiver.{FLUX_NAMESPACE}.svc.cluster.local"


def add_hooks(gitea: Gitea, seed: int) -> None:
    """Give the repository its two webhooks, with the secrets that the cluster's Secrets hold."""
    url = f"http://{host_of(CI, LISTENER)}"
    gitea.add_hook(ADMIN, "bakery-ia", url, secret=secret_of(seed, "webhook"))
    token = secret_of(seed, "receiver")
    path = webhook_path(token, RECEIVER, FLUX_NAMESPACE)
    gitea.add_hook(ADMIN, "bakery-ia", f"http://{RECEIVER_HOST}{path}", secret=token)
