"""The logs of a build: all tasks interleaved and labelled, or one step, full screen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work

from bakeryops.model.build import Build
from bakeryops.model.overview import ObjectRef
from bakeryops.read.build_index import KINDS
from screens.build_choice import Spot, log_of, resolve, sources_of_build
from screens.build_feed import build_in, build_namespace, build_selectors
from screens.choose import Choice, ChooseScreen
from screens.lines import Span
from screens.log_source import Source
from screens.logs import LogsScreen
from screens.rows_builds import build_number

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["BuildLogsScreen"]


class BuildLogsScreen(LogsScreen):
    """Steps of a build; those that begin later join by themselves."""

    KINDS: ClassVar[tuple[str, ...]] = KINDS

    def __init__(self, namespace: str, name: str, *, spot: Spot | None = None, build: Build | None = None) -> None:
        """Take the build, and which row or step of it; None for all of them."""
        super().__init__(ObjectRef("pipelineruns", namespace, name))
        self._spot = spot
        self._build = build
        self._seen = build is not None

    def feed_namespace(self) -> str | None:
        """Watch what the list of builds watches, or the build's own namespace."""
        return build_namespace(self.console, self.ref)

    def feed_selectors(self) -> Mapping[str, str]:
        """Watch the TaskRuns of this build only."""
        return build_selectors(self.ref.name)

    def refusals(self) -> dict[str, str]:
        """Steps are never started again."""
        return {"log.previous": "a step runs once; what was tried before is an attempt of its own: o chooses it"}

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Follow steps that began."""
        self._build = build_in(feed, self.ref.namespace, self.ref.name, self.console.now()) or self._build
        self._seen = feed.store("pipelineruns").state.settled
        self._follow_pods()
        self.draw_footer()

    def sources(self) -> Sequence[Source]:
        """Return the logs of the steps that began, in the order of the tasks."""
        found = sources_of_build(self._build, self._spot) if self._build is not None else []
        alone = self._spot is not None and len(found) == 1
        return [dataclasses.replace(source, label="") for source in found] if alone else found

    def whose(self) -> list[Span]:
        """Return the build, and which of it."""
        build = self._build
        what = "all tasks"
        if build is not None and self._spot is not None:
            chosen = resolve(build, self._spot)
            what = chosen.title if chosen is not None else self._spot.row
        name = build_number(build) if build is not None else self.ref.name
        return [("build ", "dim"), (name, "title"), (f"  {what}", "")]

    def nothing(self) -> str:
        """Return why there is no log yet."""
        build = self._build
        if build is None:
            return "there is no such build" if self._seen else "waiting for the cluster …"
        chosen = resolve(build, self._spot) if self._spot is not None else None
        why = log_of(build, chosen) if chosen is not None else build.why or "no step has begun"
        return why if isinstance(why, str) else ""

    @work(group="choice", exclusive=True, exit_on_error=False)
    async def do_log_container(self) -> None:
        """Choose a step, or all tasks."""
        if self._build is None:
            return
        sources = sources_of_build(self._build)
        choices = [Choice("\0".join(source.where), source.label, source.container) for source in sources]
        choices.insert(0, Choice("", "all tasks", "interleaved by time"))
        chosen = await self.app.push_screen_wait(ChooseScreen("Step", choices))
        if chosen is not None:
            self._spot = self._spot_of(chosen) if chosen else None
            self._begin()

    def _spot_of(self, where: str) -> Spot | None:
        """Return the spot of a log by where it is."""
        build = self._build
        for task in build.tasks if build is not None else ():
            for row, pod, steps in (
                *((f"{task.key}#{each.number}", each.pod, each.steps) for each in task.attempts),
                (task.key, task.pod, task.steps),
            ):
                for step in steps:
                    if where.split("\0")[1:] == [pod, step.container]:
                        return Spot(row, step.name)
        return None
