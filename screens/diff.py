"""What Git says against what runs, for one Kustomization: what would the next apply change?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.message import Message

from bakeryops.errors import BakeryopsError
from bakeryops.model.sync import Sync
from bakeryops.text import clean
from screens.base import bindings
from screens.lines import Line, cut, wrap
from screens.panel import LinePanel, TextPanel
from screens.rows_chain import git_age, git_reason
from screens.rows_diff import drift_lines, drift_summary
from screens.text_screen import TextScreen

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.drift import Drift

__all__ = ["DiffScreen"]


class DiffScreen(TextScreen):
    """A text to scroll and to search in; `r` compares anew."""

    NAME: ClassVar[str] = "diff"
    CSS_PATH = "diff.tcss"
    BINDINGS = bindings("diff")

    class Found(Message):
        """The comparison is done, or why it could not be made."""

        def __init__(self, drift: Drift | None, lines: list[Line]) -> None:
            """Take the result, or the lines that say why there is none."""
            super().__init__()
            self.drift = drift
            self.lines = lines

    def __init__(self, key: str) -> None:
        """Take the key of the applier."""
        super().__init__()
        self._key = key
        self._found: tuple[Drift, float, str] | None = None
        """What was found, when, and which commit was the newest then."""

    def place(self) -> str:
        """Say what is compared."""
        return f"diff {self._key.rpartition('/')[2]}"

    def body(self) -> ComposeResult:
        """Put the summary above the text."""
        yield LinePanel(id="head", classes="data")
        yield TextPanel(id="text")

    def on_mount(self) -> None:
        """Compare at once."""
        super().on_mount()
        self.query_one("#text", TextPanel).focus()
        self._begin()

    def text_panel(self) -> TextPanel:
        """Return the differences."""
        return self.query_one("#text", TextPanel)

    def show_session(self) -> None:
        """Compare with the cluster there is now."""
        self._begin()

    def needs_retry(self) -> bool:
        """Comparing anew is always worth it: both sides move."""
        return True

    def do_console_retry(self) -> None:
        """Compare anew."""
        self.console.code.poke()
        self._begin()

    def _begin(self) -> None:
        if self.session is None:
            return
        self._found = None
        self.query_one("#head", LinePanel).set_lines(
            [((" ◐ building what Git says, asking the cluster …", "working"),)]
        )
        self._compare(self.session)

    @work(group="compare", exclusive=True, exit_on_error=False)
    async def _compare(self, session: Session) -> None:
        from bakeryops.drift import find_drift

        view = self.console.picture.delivery.flux_views().get(self._key)
        keeper = self.console.code.keeper
        try:
            if not isinstance(view, Sync):
                raise BakeryopsError(f"{self._key} is not there (any more)")
            code = self.console.code.view
            if keeper is None or keeper.repository is None or (code.state == "refused" and not code.head):
                raise BakeryopsError("Git cannot be read", why=git_reason(code), hint=code.hint)
            drift = await find_drift(session, keeper.repository, view)
        except BakeryopsError as error:
            lines: list[Line] = [((f" ✖ {clean(error.message)}", "bad"),)]
            width = max(20, self.size.width - 4)
            for each in filter(None, (error.why, error.hint)):
                lines += [(("   ", ""), *line) for line in wrap(clean(each), width, "dim")]
            self.post_message(self.Found(None, lines))
        else:
            self.post_message(self.Found(drift, drift_lines(drift.differences)))

    def on_diff_screen_found(self, event: DiffScreen.Found) -> None:
        """Show the result."""
        if event.drift is None:
            self.query_one("#head", LinePanel).set_lines(event.lines)
            self.text_panel().set_lines([])
            return
        self._found = (event.drift, self.console.now(), self.console.code.view.head)
        self.show_code()
        self.text_panel().set_lines(event.lines)

    def on_screen_resume(self) -> None:
        """Judge anew what was found: Git may have moved on while another screen was shown."""
        super().on_screen_resume()
        self.show_code()

    def show_code(self) -> None:
        """Say what was found, and of which commit: what was found before Git moved on says nothing of now."""
        if self._found is None or not self.is_mounted:
            return
        (drift, at, newest), code = self._found, self.console.code.view
        commit = code.find(drift.revision)
        told = f' "{commit.subject}" {commit.author}' if commit is not None else ""
        when = time.strftime("%H:%M:%S", time.gmtime(at))
        text = cut(f"Git at {drift.revision[:7]}{told}", max(10, self.size.width - 26))
        lines: list[Line] = [
            drift_summary(drift.differences, drift.same),
            ((f"   {text}", "dim"), (f"  compared {when} UTC", "dim")),
        ]
        if code.head != newest:
            said = cut(f" ○ of the past: Git has {code.head[:7]} by now; r compares anew", self.size.width - 1)
            lines[0] = ((said, "unknown"),)
        old, tone = git_age(code, self.console.now())
        if old:
            lines.append(((f"   {cut(old, self.size.width - 4)}", tone),))
        self.query_one("#head", LinePanel).set_lines(lines)
