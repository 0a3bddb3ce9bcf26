"""The logs of a pod, or of all pods of a workload interleaved: followed, searched, saved, copied."""

from __future__ import annotations

from typing import ClassVar

from textual import work

from screens.base import bindings
from screens.choose import Choice, ChooseScreen
from screens.log_source import LogChoice
from screens.log_streams import SINCE, LogStreamsScreen

__all__ = ["LogsScreen"]


class LogsScreen(LogStreamsScreen):
    """The log of one thing, full screen."""

    NAME: ClassVar[str] = "logs"
    CSS_PATH = "logs.tcss"
    BINDINGS = bindings("logs")

    def do_log_previous(self) -> None:
        """Change between this run and the one before."""
        self._change(previous=not self._choice.previous)

    @work(group="choice", exclusive=True, exit_on_error=False)
    async def do_log_container(self) -> None:
        """Choose a container, or all main ones."""
        names: dict[str, str] = {}
        for pod in self._pods():
            for each in pod.containers:
                role = "" if each.role == "main" else f"{each.role}, "
                names.setdefault(each.name, f"{role}{each.word or each.state}, {each.tag}")
        choices = [Choice("", "main containers", "interleaved by time")]
        choices += [Choice(name, name, note) for name, note in names.items()]
        chosen = await self.app.push_screen_wait(
            ChooseScreen("Container", choices, current=self._choice.container)
        )
        if chosen is not None:
            self._change(container=chosen)

    @work(group="choice", exclusive=True, exit_on_error=False)
    async def do_log_since(self) -> None:
        """Choose how far back the log begins."""
        choices = [Choice(seconds, label) for label, seconds in SINCE]
        current = "" if self._choice.since is None else str(self._choice.since)
        chosen = await self.app.push_screen_wait(ChooseScreen("Since", choices, current=current))
        if chosen is not None:
            self._change(since=int(chosen) if chosen else None)

    def _change(self, **changes: object) -> None:
        old = self._choice
        values = {"container": old.container, "previous": old.previous, "since": old.since, "tail": old.tail}
        self._choice = LogChoice(**(values | changes))  # type: ignore[arg-type]
        self._begin()
