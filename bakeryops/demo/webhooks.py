"""Admission webhooks: what an extension installed in the cluster adds to its kinds' defaults and validation."""

from __future__ import annotations

from typing import Protocol

from bakeryops.demo.contracts import Object
from bakeryops.demo.resources import Resource

__all__ = ["Webhook"]


class Webhook(Protocol):
    """Is asked about every write of the kinds of one API group."""

    def complete(self, resource: Resource, obj: Object, old: Object | None) -> None:
        """Fill in defaults, in place; `old` is the object before an update."""

    def check(self, resource: Resource, obj: Object, old: Object | None, subresource: str) -> None:
        """Refuse what is not valid; raises `StatusError` 400."""
