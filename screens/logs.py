"""The logs of a pod, or of all pods of a workload interleaved: followed, searched, saved, copied."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from bakeryops.cluster.kinds import KINDS as CATALOGUE
from bakeryops.model.overview import ObjectRef
from bakeryops.model.workload import PodView
from bakeryops.read.index import KINDS
from screens.base import bindings
from screens.choose import Choice, ChooseScreen
from screens.console import ref_text
from screens.copying import copy_text, free_file
from screens.lines import Span
from screens.log_source import STREAMS, Gatherer, LogChoice, Source, sources_of, whole_log
from screens.panel import LinePanel
from screens.text_screen import TextScreen
from screens.widgets.logtail import LogTail

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.cluster.session import Session

__all__ = ["LogsScreen"]

SINCE = (
    ("the last lines", ""), ("1 minute", "60"), ("5 minutes", "300"), ("15 minutes", "900"), ("1 hour", "3600"),
    ("6 hours", "21600"), ("1 day", "86400"), ("everything there is", "315360000"),
)  # fmt: skip
"""How far back a log may begin: words, and seconds as text ("" for the configured number of lines)."""

FLUSH = 0.1
"""Seconds between two hand-overs of lines to the picture."""

WRAPPED = 100
"""Columns below which long lines are wrapped from the beginning."""

SLOW_HZ = 2.0


class LogsScreen(TextScreen):
    """One log view; it goes on reading while another screen lies over it."""

    NAME: ClassVar[str] = "logs"
    CSS_PATH = "logs.tcss"
    BINDINGS = bindings("logs")
    KINDS: ClassVar[tuple[str, ...]] = KINDS

    class LinesCame(Message):
        """There is something to draw."""

        def can_replace(self, message: Message) -> bool:
            """Let a later message stand for an earlier one."""
            return isinstance(message, LogsScreen.LinesCame)

    class Saved(Message):
        """The whole log is in a file, or is not, and why."""

        def __init__(self, text: str, *, failed: bool = False) -> None:
            """Take what to say."""
            super().__init__()
            self.text = text
            self.failed = failed

    def __init__(self, ref: ObjectRef, *, container: str = "", previous: bool = False) -> None:
        """Take whose log, and which of it."""
        super().__init__()
        self.ref = ref
        self._wanted = (container, previous)
        self._choice = LogChoice(container, previous)
        self._gatherer = Gatherer(self._lines_came)
        self._followed: dict[Source, bool] = {}
        self._left_out = 0
        self._flush: Timer | None = None
        self._blind = False

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

    @property
    def log_tail(self) -> LogTail:
        """The log."""
        return self.query_one("#log", LogTail)

    def selected(self) -> ObjectRef:
        """Return whose log it is."""
        return self.ref

    def feed_namespace(self) -> str | None:
        """Watch the namespaces chosen."""
        chosen = self.console.namespace
        return None if not chosen else self.ref.namespace or chosen

    def show_session(self) -> None:
        """Read again from the session there is."""
        self._begin()

    def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Follow pods that came, such as those of a rollout."""
        self.console.picture.take(feed, changes, first=first)
        self._follow_pods()

    def show_ticks(self) -> None:
        """Paint less often over a slow link."""
        slow = self.console.pace.slow or self.console.config.low_bandwidth
        self.log_tail.repaint_hz = SLOW_HZ if slow else 15.0
        self._draw_heading()

    # Streams.

    def _pods(self) -> Sequence[PodView]:
        kind = CATALOGUE.get(self.ref.plural)
        name = kind.kind if kind is not None else self.ref.plural
        return self.console.picture.pods_of(name, self.ref.namespace, self.ref.name)

    def _begin(self) -> None:
        """Read from the beginning what is chosen now."""
        self.workers.cancel_group(self, "logs")
        self._gatherer = Gatherer(self._lines_came)
        self._followed = {}
        self._blind = False
        self.log_tail.clear()
        self._follow_pods()

    def _follow_pods(self) -> None:
        session = self.session
        if session is None:
            return
        pods = self._pods()
        known = self.feed is not None and self.feed.store("pods").state.settled
        if not pods and known and not self._blind and self.ref.plural == "pods":
            # The list does not have it: ask for its log all the same, the answer says why there is none.
            self._blind = True
            self._read(session, Source(self.ref.namespace, self.ref.name, self._choice.container))
        wanted = sources_of(pods, self._choice)
        started = [source for source in wanted if _same(source, self._followed) is None]
        self._left_out = max(0, len(self._followed) + len(started) - STREAMS)
        for source in started[: max(0, STREAMS - len(self._followed))]:
            self._read(session, source)
        self._draw_heading()

    def _read(self, session: Session, source: Source) -> None:
        self._followed[source] = True
        self.run_worker(
            self._gatherer.follow(session, source, self._choice),
            name=f"log {source.pod}/{source.container}", group="logs", exit_on_error=False,
        )  # fmt: skip

    def _lines_came(self) -> None:
        self.post_message(self.LinesCame())

    @on(LinesCame)
    def _came(self) -> None:
        if self._flush is None:
            self._flush = self.set_timer(FLUSH, self._hand_over)

    def _hand_over(self) -> None:
        self._flush = None
        self.log_tail.feed(self._gatherer.take())
        self._draw_heading()

    def _draw_heading(self) -> None:
        if not self.is_mounted:
            return
        choice, ended = self._choice, len(self._gatherer.ended)
        spans: list[Span] = [(" log of ", "dim"), (ref_text(self.ref), "title")]
        spans.append((f"  {choice.container or 'main containers'}", ""))
        if choice.previous:
            spans.append(("  of the run before", "soon"))
        if choice.since is not None:
            label = next((text for text, seconds in SINCE if seconds == str(choice.since)), "")
            spans.append((f"  since {label}", "dim"))
        streams = len(self._followed)
        if streams > 1:
            spans.append((f"  {streams} logs, {ended} ended", "dim"))
        elif streams and ended:
            spans.append(("  ended", "dim"))
        elif not streams:
            text = "waiting for pods" if self.ref.plural != "pods" else "waiting for the cluster"
            spans.append((f"  {text} …", "working"))
        if self._left_out:
            spans.append((f"  {self._left_out} more are not read", "soon"))
        self.query_one("#heading", LinePanel).set_lines([tuple(spans)])

    # Keys.

    def do_log_follow(self) -> None:
        """Follow, or hold."""
        self.log_tail.action_toggle_follow()

    do_log_pause = do_log_follow

    def do_log_error(self) -> None:
        """Go to the first line that sounds bad."""
        if self.log_tail.status.first_error is None:
            self.say("no line sounds like an error")
        self.log_tail.action_error(1)

    def do_log_wrap(self) -> None:
        """Wrap or cut."""
        self.log_tail.action_toggle_wrap()

    def do_log_times(self) -> None:
        """Show or hide times."""
        self.log_tail.action_toggle_times()

    def do_text_next(self) -> None:
        """Go to the next hit."""
        self.log_tail.action_hit(1)

    def do_text_previous(self) -> None:
        """Go to the hit before."""
        self.log_tail.action_hit(-1)

    @on(Input.Submitted, "#search")
    def _searched(self, event: Input.Submitted) -> None:
        self.log_tail.search(event.value)
        self.log_tail.focus()

    def do_console_back(self) -> None:
        """End the search first; then go back."""
        line = self.query_one("#search", Input)
        if line.has_class("-open"):
            line.value = ""
            line.remove_class("-open")
            self.log_tail.search("")
            self.log_tail.focus()
        else:
            super().do_console_back()

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

    def do_text_copy(self) -> None:
        """Copy the lines on screen."""
        copy_text(self, self.log_tail.visible_text())

    def do_log_save(self) -> None:
        """Save the whole log, as the cluster has it."""
        if self.session is not None and self._followed:
            self.say("saving the whole log …")
            self._save(self.session, list(self._followed))
        else:
            self.say("there is no log to save")

    @work(group="save", exclusive=True, exit_on_error=False)
    async def _save(self, session: Session, sources: Sequence[Source]) -> None:
        lines = 0
        try:
            path = free_file(f"{self.ref.namespace}-{self.ref.name}", ".log")
            part = path.with_name(path.name + ".part")
            opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(opened, "w", encoding="utf-8") as out:
                for source in sources:
                    async for batch in whole_log(session, source, previous=self._choice.previous):
                        out.writelines(batch)
                        lines += len(batch)
            part.rename(path)
        except OSError as error:
            self.post_message(self.Saved(f"the log was not saved: {error}", failed=True))
        else:
            self.post_message(self.Saved(f"{lines:,} lines saved to {path}"))

    @on(Saved)
    def _saved(self, event: Saved) -> None:
        self.say(event.text, severity="error" if event.failed else "information")


def _same(source: Source, others: dict[Source, bool]) -> Source | None:
    """Return the stream of the same container, whatever its label: a second pod changes only that."""
    wanted = (source.namespace, source.pod, source.container)
    return next((each for each in others if (each.namespace, each.pod, each.container) == wanted), None)
