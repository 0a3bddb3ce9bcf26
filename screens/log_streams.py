"""The streams behind a log view: those of a pod, or of all pods of a workload interleaved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from bakeryops.cluster.kinds import KINDS as CATALOGUE
from bakeryops.model.overview import ObjectRef
from bakeryops.model.workload import PodView
from bakeryops.read.index import KINDS
from screens.console import ref_text
from screens.lines import Span
from screens.log_keys import LogKeys
from screens.log_source import LogChoice, Source, sources_of
from screens.panel import LinePanel
from screens.widgets.logtail import LogTail

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["LogStreamsScreen"]

SINCE = (
    ("the last lines", ""), ("1 minute", "60"), ("5 minutes", "300"), ("15 minutes", "900"), ("1 hour", "3600"),
    ("6 hours", "21600"), ("1 day", "86400"), ("everything there is", "315360000"),
)  # fmt: skip
"""How far back a log may begin: words, and seconds as text ("" for the configured number of lines)."""

WRAPPED = 100
"""Columns below which long lines are wrapped from the beginning."""

SLOW_HZ = 2.0


class LogStreamsScreen(LogKeys):
    """Follows logs from the moment it is opened; it goes on while another screen lies over it."""

    KINDS: ClassVar[tuple[str, ...]] = KINDS

    def __init__(self, ref: ObjectRef, *, container: str = "", previous: bool = False) -> None:
        """Take whose log, and which of it."""
        super().__init__()
        self.ref = ref
        self._wanted = (container, previous)
        self._choice = LogChoice(container, previous)

    def body(self) -> ComposeResult:
        """Put a heading above the log."""
        limits = self.console.config.logs
        yield LinePanel(id="heading")
        yield LogTail(max_lines=limits.lines, max_bytes=int(limits.memory), id="log")

    def on_mount(self) -> None:
        """Begin."""
        super().on_mount()
        container, previous = self._wanted
        self._choice = LogChoice(container, previous, tail=self.console.config.logs.tail)
        if self.app.size.width < WRAPPED:
            self.log_tail.action_toggle_wrap()
        self.log_tail.focus()
        self._draw_heading()

    def selected(self) -> ObjectRef:
        """Return whose log it is."""
        return self.ref

    def refusals(self) -> dict[str, str]:
        """Offer the run before only where there was one."""
        containers = [each for pod in self._pods() for each in pod.containers]
        again = any(each.restarts or each.last_reason for each in containers)
        if again or not containers or self._choice.previous:
            return {}
        return {"log.previous": "there was no run before: nothing here was started again"}

    def feed_namespace(self) -> str | None:
        """Watch the namespaces chosen."""
        chosen = self.console.namespace
        return None if not chosen else self.ref.namespace or chosen

    def show_session(self) -> None:
        """Read again from the session there is."""
        self._begin()

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Follow pods that came, such as those of a rollout."""
        await self.console.picture.take(feed, changes, first=first)
        self._follow_pods()
        self.draw_footer()

    def show_ticks(self) -> None:
        """Paint less often over a slow link."""
        slow = self.console.pace.slow or self.console.config.low_bandwidth
        self.log_tail.repaint_hz = SLOW_HZ if slow else 15.0
        self._draw_heading()

    def _pods(self) -> Sequence[PodView]:
        kind = CATALOGUE.get(self.ref.plural)
        name = kind.kind if kind is not None else self.ref.plural
        return self.console.picture.pods_of(name, self.ref.namespace, self.ref.name)

    def sources(self) -> Sequence[Source]:
        """Return the logs that are wanted now, in their order."""
        pods = self._pods()
        known = self.feed is not None and self.feed.store("pods").state.settled
        if not pods and known and self.ref.plural == "pods":
            # The list does not have it: ask for its log all the same, the answer says why there is none.
            return [Source(self.ref.namespace, self.ref.name, self._choice.container)]
        return sources_of(pods, self._choice)

    def nothing(self) -> str:
        """Return what is waited for while there is no log."""
        return "waiting for pods …" if self.ref.plural != "pods" else "waiting for the cluster …"

    def whose(self) -> list[Span]:
        """Return whose log it is, for the heading."""
        return [(ref_text(self.ref), "title"), (f"  {self._choice.container or 'main containers'}", "")]

    def _begin(self) -> None:
        """Read from the beginning what is chosen now."""
        self._streams.begin(self._choice)
        self._follow_pods()

    def _follow_pods(self) -> None:
        if self.session is not None:
            self._streams.follow(self.session, self.sources())
            self._draw_heading()

    def lines_handed(self) -> None:
        """Say how many logs have ended."""
        self._draw_heading()

    def log_name(self) -> str:
        """Return what a saved log is called."""
        return f"{self.ref.namespace}-{self.ref.name}"

    def _draw_heading(self) -> None:
        if not self.is_mounted:
            return
        choice, ended = self._choice, self._streams.ended
        spans: list[Span] = [(" log of ", "dim"), *self.whose()]
        if choice.previous:
            spans.append(("  of the run before", "soon"))
        if choice.since is not None:
            label = next((text for text, seconds in SINCE if seconds == str(choice.since)), "")
            spans.append((f"  since {label}", "dim"))
        streams = len(self._streams.followed)
        if streams > 1:
            spans.append((f"  {streams} logs, {ended} ended", "dim"))
        elif streams and ended:
            spans.append(("  ended", "dim"))
        elif not streams:
            spans.append((f"  {self.nothing()}", "working"))
        if self._streams.left_out:
            spans.append((f"  {self._streams.left_out} more are read when these end", "soon"))
        self.query_one("#heading", LinePanel).set_lines([tuple(spans)])
