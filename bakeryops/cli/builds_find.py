"""One build by the name that a person gives, read whole from a feed of runs and their TaskRuns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.cli.options import Call
    from bakeryops.cluster.feed import Feed
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.wire.tekton import PipelineRun, TaskRun
    from bakeryops.model.build import Build

__all__ = ["KINDS", "OneBuild", "find_build"]

KINDS = ("pipelineruns", "taskruns")
_LABEL = "tekton.dev/pipelineRun"
_LONGEST_LABEL = 63


class OneBuild:
    """Which build is meant, and how it is read."""

    def __init__(self, namespace: str, name: str) -> None:
        """Take the names of its PipelineRun."""
        self.namespace = namespace
        self.name = name

    @property
    def selectors(self) -> dict[str, str]:
        """The label selectors with which only its own TaskRuns are listed."""
        return {"taskruns": f"{_LABEL}={self.name}"} if len(self.name) <= _LONGEST_LABEL else {}

    async def look(self, session: Session) -> Feed:
        """List the run and its TaskRuns once, and say on standard error where they cannot be seen."""
        from bakeryops.cli.cluster import mention

        feed = await session.snapshot(KINDS, namespace=self.namespace, selectors=self.selectors)
        mention(feed)
        return feed

    def read(self, feed: Feed) -> Build | None:
        """Return the build as a feed has it, None where its run is gone."""
        from bakeryops.read.builds import build_of

        for run in feed.store("pipelineruns").items.values():
            if run.metadata.name == self.name and run.metadata.namespace == self.namespace:
                return build_of(run, self._taskruns(feed, run), now=time.time())
        return None

    def _taskruns(self, feed: Feed, run: PipelineRun) -> list[TaskRun]:
        return [
            each
            for each in feed.store("taskruns").items.values()
            if (each.metadata.labels or {}).get(_LABEL) == self.name
            or any(owner.uid == run.metadata.uid for owner in each.metadata.ownerReferences or ())
        ]


async def find_build(call: Call, session: Session, wanted: str) -> OneBuild:
    """Return the build that a name stands for: a whole name, the part after its last dash, or `last`.

    Raises `BakeryopsError` where there is none, `UsageError` where there are several.
    """
    from bakeryops.cli.cluster import look

    feed = await look(session, ("pipelineruns",), namespace=call.namespace, needed=("pipelineruns",))
    runs = sorted(
        feed.store("pipelineruns").items.values(),
        key=lambda run: (run.metadata.creationTimestamp or "", run.metadata.name),
        reverse=True,
    )
    if wanted == "last" and runs:
        runs = runs[:1]
    elif wanted != "last":
        given = wanted.rpartition("/")[2]
        exact = [run for run in runs if run.metadata.name == given]
        runs = exact or [run for run in runs if run.metadata.name.rpartition("-")[2] == given]
    if not runs:
        raise BakeryopsError(
            "there is no build yet" if wanted == "last" else f"there is no build {clean(wanted)}",
            why="" if wanted == "last" else "it never was, or it was pruned",
            hint="See: bakeryops builds",
        )
    if len(runs) > 1:
        raise UsageError(
            f"{clean(wanted)} may be any of {', '.join(clean(run.metadata.name) for run in runs[:5])}",
            hint="Give the whole name, and -n NAME where it is in several namespaces.",
        )
    return OneBuild(runs[0].metadata.namespace, runs[0].metadata.name)
