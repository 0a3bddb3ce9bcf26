"""The keys of a log on screen: follow, search, wrap, first error, copy, save; whatever else is on the screen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message
from textual.widgets import Input

from bakeryops.text import clean
from screens.copying import copy_text, free_file
from screens.log_follower import LinesCame, LogFollower
from screens.log_source import LogChoice, Source, whole_log
from screens.text_screen import TextScreen
from screens.widgets.logtail import LogTail

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session

__all__ = ["LogKeys"]


class LogKeys(TextScreen):
    """A screen with a log `#log`, filled by a follower."""

    class Saved(Message):
        """The whole log is in a file, or is not, and why."""

        def __init__(self, text: str, *, failed: bool = False) -> None:
            """Take what to say."""
            super().__init__()
            self.text = text
            self.failed = failed

    def __init__(self) -> None:
        """Begin with nothing read."""
        super().__init__()
        self._choice = LogChoice()
        self._streams = LogFollower(self, lambda: self.log_tail, self.lines_handed)

    @property
    def log_tail(self) -> LogTail:
        """The log."""
        return self.query_one("#log", LogTail)

    def log_name(self) -> str:
        """Return what a saved log is called."""
        return "log"

    def lines_handed(self) -> None:
        """Draw what is said of the log beside it."""

    @on(LinesCame)
    def _came(self) -> None:
        self._streams.came()

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
        if self.text_panel() is not None:
            super().do_text_next()
        else:
            self.log_tail.action_hit(1)

    def do_text_previous(self) -> None:
        """Go to the hit before."""
        if self.text_panel() is not None:
            super().do_text_previous()
        else:
            self.log_tail.action_hit(-1)

    @on(Input.Submitted, "#search")
    def _sought(self, event: Input.Submitted) -> None:
        if self.text_panel() is None:
            self.log_tail.search(event.value)
            self.log_tail.focus()

    def do_console_back(self) -> None:
        """End the search first; then go back."""
        line = self.query_one("#search", Input)
        if line.has_class("-open") and self.text_panel() is None:
            line.value = ""
            line.remove_class("-open")
            self.log_tail.search("")
            self.log_tail.focus()
        else:
            super().do_console_back()

    def do_text_copy(self) -> None:
        """Copy the lines on screen."""
        if self.text_panel() is not None:
            super().do_text_copy()
        else:
            copy_text(self, self.log_tail.visible_text())

    def do_log_save(self) -> None:
        """Save the whole log, as the cluster has it."""
        if self.session is not None and self._streams.followed:
            self.say("saving the whole log …")
            self._save(self.session, list(self._streams.followed))
        else:
            self.say("there is no log to save")

    @work(group="save", exclusive=True, exit_on_error=False)
    async def _save(self, session: Session, sources: Sequence[Source]) -> None:
        lines = 0
        troubles: list[str] = []
        try:
            path = free_file(self.log_name(), ".log")
            part = path.with_name(path.name + ".part")
            opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(opened, "w", encoding="utf-8") as out:
                for source in sources:
                    async for batch, trouble in whole_log(session, source, previous=self._choice.previous):
                        out.writelines(batch)
                        lines += len(batch) - len(trouble)
                        troubles += trouble
            if lines:
                part.rename(path)
            else:
                part.unlink()
        except OSError as error:
            self.post_message(self.Saved(f"the log was not saved: {error}", failed=True))
        else:
            self.post_message(_told(lines, path, troubles))

    @on(Saved)
    def _saved(self, event: Saved) -> None:
        self.say(event.text, severity="error" if event.failed else "information")


def _told(lines: int, path: Path, troubles: Sequence[str]) -> LogKeys.Saved:
    """Return what to say of a saved log; one that is not whole is never called saved without saying so."""
    why = (
        clean(troubles[0]) + (f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else "") if troubles else ""
    )
    if not lines:
        return LogKeys.Saved(f"nothing was saved: {why or 'the log is empty'}", failed=bool(why))
    counted = f"{lines:,} {'line' if lines == 1 else 'lines'}"
    if why:
        return LogKeys.Saved(f"NOT WHOLE: {counted} saved to {path}, but: {why}", failed=True)
    return LogKeys.Saved(f"{counted} saved to {path}")
