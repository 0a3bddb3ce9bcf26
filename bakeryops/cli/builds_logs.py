"""The logs of a build: of all its tasks together, or of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bakeryops.cli.builds_find import KINDS, OneBuild, find_build
from bakeryops.cli.logs_names import Source
from bakeryops.cli.logs_print import Follower, Printer, Wanted, ask_leave, read_once
from bakeryops.cli.output import say
from bakeryops.errors import UsageError
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.cli.options import Call
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.model.build import Build, BuildTask, Step

__all__ = ["print_logs"]


async def print_logs(
    call: Call, name: str, *, task: str | None, step: str | None, follow: bool, timestamps: bool,
    prefix: bool | None,
) -> int:  # fmt: skip
    """Print the logs of a build; return the exit code."""
    from bakeryops.cli.cluster import connected
    from bakeryops.cluster.feed import Changes

    async with connected(call) as session:
        one = await find_build(call, session, name)
        await ask_leave(session, one.namespace)
        feed = await one.look(session)
        choice = _Choice(one, task, step)
        choice.update(feed, Changes())
        running = choice.view is not None and not choice.view.finished
        if follow and running:
            feed = session.feed(KINDS, namespace=one.namespace, selectors=one.selectors)
            await feed.settled(10.0)
            choice.update(feed, Changes())
        choice.check()
        sources = choice.startable()
        wanted = Wanted(name=one.name, follow=follow and running, timestamps=timestamps, tail=None, prefix=prefix)
        printer = Printer(call.out(), wanted, prefix=len(sources) != 1 or wanted.follow)
        if wanted.follow:
            await Follower(session, feed, choice, printer, wanted).run()
            return 0
        if not sources:
            say(f"{one.name} has no log: {choice.nothing()}")
            return 1
        await read_once(session, list(sources), printer, wanted)
        return 1 if printer.notices and not printer.lines else 0


class _Choice:
    """The steps whose logs are meant."""

    def __init__(self, one: OneBuild, task: str | None, step: str | None) -> None:
        self.one = one
        self.task = task
        self.step = step
        self.view: Build | None = None

    @property
    def ends(self) -> bool:
        """Whether no further step can begin."""
        return self.view is None or self.view.finished

    def update(self, feed: Feed, changes: Changes) -> None:
        """Read the build anew."""
        self.view = self.one.read(feed)

    def startable(self) -> Sequence[Source]:
        """Return the logs of the steps that have begun, in the order of the pipeline."""
        if self.view is None:
            return []
        return [source for task in self._tasks() for source in self._of_task(task)]

    def check(self) -> None:
        """Raise `UsageError` where a task or step is asked for that this build does not have."""
        view = self.view
        if view is None:
            return
        if self.task is not None and not self._tasks():
            known = ", ".join(dict.fromkeys(each.title for each in view.tasks))
            raise UsageError(
                f"{view.name} has no task {clean(self.task)}", hint=f"Its tasks: {known or 'none yet'}."
            )
        steps = dict.fromkeys(step.name for task in self._tasks() for step in task.steps)
        if self.step is not None and view.finished and self.step not in steps:
            raise UsageError(f"no step {clean(self.step)} there", hint=f"Its steps: {', '.join(steps) or 'none'}.")

    def nothing(self) -> str:
        """Return why there is no log."""
        if self.view is None:
            return "it is gone"
        unread = any(task.state in ("unknown", "succeeded") for task in self.view.tasks)
        return self.view.why or ("what its tasks did cannot be read" if unread else "no step has begun")

    def _tasks(self) -> list[BuildTask]:
        assert self.view is not None
        if self.task is None:
            return list(self.view.tasks)
        return [each for each in self.view.tasks if self.task in (each.task, each.title, each.matrix_title)]

    def _of_task(self, task: BuildTask) -> list[Source]:
        pods = [(attempt.pod, attempt.steps, f" #{attempt.number}") for attempt in task.attempts]
        pods.append((task.pod, task.steps, f" #{len(task.attempts) + 1}" if task.attempts else ""))
        return [
            Source(self.one.namespace, pod, step.container, label=f"{task.title}{mark} {step.name}")
            for pod, steps, mark in pods
            for step in steps
            if pod and self._has_begun(step)
        ]

    def _has_begun(self, step: Step) -> bool:
        return step.started is not None and self.step in (None, step.name) and step.state != "skipped"
