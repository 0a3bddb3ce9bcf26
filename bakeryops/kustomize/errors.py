"""The one error of a build."""

from __future__ import annotations

from bakeryops.errors import BakeryopsError

__all__ = ["KustomizeError"]


class KustomizeError(BakeryopsError):
    """A folder cannot be built; the message is kustomize's own where it has one.

    `reported` is the message as Flux shows it in a Kustomization's condition `BuildFailed`.
    """

    def __init__(self, message: str, *, reported: str | None = None) -> None:
        """Take the message, and how Flux puts it where that is not the message after its usual prefix."""
        super().__init__(message)
        self.reported = reported if reported is not None else f"kustomize build failed: {message}"
