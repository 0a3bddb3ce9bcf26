"""One build read from a feed of PipelineRuns and its own TaskRuns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bakeryops.model.build import Build
from bakeryops.model.overview import ObjectRef
from bakeryops.read.build_tasks import RUN_LABEL
from bakeryops.read.builds import build_of

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Feed
    from screens.console import Console

__all__ = ["build_in", "build_namespace", "build_selectors"]

LONGEST_LABEL = 63
"""Characters of a label's value at most; Tekton shortens the name of a run that is longer."""


def build_selectors(name: str) -> Mapping[str, str]:
    """Return the selectors that narrow a feed to one build's TaskRuns."""
    return {"taskruns": f"{RUN_LABEL}={name}"} if len(name) <= LONGEST_LABEL else {}


def build_namespace(console: Console, ref: ObjectRef) -> str | None:
    """Return the namespace to watch for a build, None for all.

    A build that is in the list is watched with the list's own watch, so that no run is listed twice; any other in
    its own namespace, since a person may be allowed to read that one alone.
    """
    listed = console.picture.builds.get(f"{ref.namespace}/{ref.name}") is not None
    return console.namespace or None if listed else ref.namespace


def build_in(feed: Feed, namespace: str, name: str, now: float) -> Build | None:
    """Return the build as the feed has it now, None where its run is not there."""
    run = feed.store("pipelineruns").get(namespace, name)
    return build_of(run, feed.store("taskruns").in_namespace(namespace), now=now) if run is not None else None
