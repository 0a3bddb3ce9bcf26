"""The one place where read-only stops every change, below the screens and the command line."""

from __future__ import annotations

from bakeryops.cluster.errors import KubeError
from bakeryops.text import clean

__all__ = ["refuse_change"]

_QUESTIONS = ("/apis/authorization.k8s.io/", "/apis/authentication.k8s.io/v1/selfsubjectreviews")
_DOORS = ("exec", "attach", "portforward", "proxy")


def refuse_change(method: str, path: str, query: list[tuple[str, str]], *, upgrade: bool = False) -> None:
    """Raise `KubeError` of kind `forbidden` unless the request only reads, only asks, or is a dry run."""
    if not upgrade and method in ("GET", "HEAD", "OPTIONS"):
        return
    if not upgrade and (path.startswith(_QUESTIONS) or ("dryRun", "All") in query):
        return
    if upgrade and path.rpartition("/")[2] not in _DOORS:
        return
    raise KubeError(
        f"read-only: {clean(method)} {clean(path)} was not sent",
        kind="forbidden",
        reason="ReadOnly",
        why="the console was started with --read-only, or read_only is set in its configuration",
        hint="start it without --read-only to change things",
    )
