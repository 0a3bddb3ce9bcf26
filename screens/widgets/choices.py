"""A line of two or more words to press: the first is chosen until a person moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from screens.widgets.lineview import LineView
from screens.widgets.tones import component_classes, tone_css

__all__ = ["Choices"]

_GAP = 3


class Choices(LineView, can_focus=True):
    """Words in a row at the right edge; one that cannot be pressed is dim and never chosen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = component_classes("choice--at")
    DEFAULT_CSS = """
    Choices { height: 1; width: 1fr; overflow: hidden hidden; background: $panel; }
    Choices > .choice--at { text-style: bold reverse; }
    """ + tone_css("Choices")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,shift+tab", "step(-1)", "the word before", show=False),
        Binding("right,tab", "step(1)", "the next word", show=False),
        Binding("enter", "press", "press", show=False),
    ]

    class Pressed(Message):
        """A word was pressed."""

        def __init__(self, place: int) -> None:
            """Take its place, counted from 0."""
            super().__init__()
            self.place = place

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        """Begin without a word."""
        super().__init__(id=id)
        self._words: list[tuple[str, bool]] = []
        self._at = 0

    @property
    def at(self) -> int:
        """The place of the chosen word."""
        return self._at

    class Stuck(Message):
        """There is no other word to go to."""

    def set_words(self, words: Sequence[tuple[str, bool]], *, at: int | None = None) -> None:
        """Show words and whether each can be pressed; `at` chooses one, else the choice stays where it can."""
        self._words = list(words)
        wanted = self._at if at is None else at
        able = 0 <= wanted < len(self._words) and self._words[wanted][1]
        self._at = wanted if able else 0
        self.repaint()

    def action_step(self, by: int) -> None:
        """Choose another word, round the ends, past those that cannot be pressed."""
        for distance in range(1, len(self._words) + 1):
            place = (self._at + by * distance) % len(self._words)
            if self._words[place][1]:
                if place == self._at:
                    self.post_message(self.Stuck())
                self._at = place
                break
        self.repaint()

    def action_press(self) -> None:
        """Press the chosen word."""
        if self._at < len(self._words) and self._words[self._at][1]:
            self.post_message(self.Pressed(self._at))

    def on_click(self, event: events.Click) -> None:
        """Press the word that was clicked."""
        for place, (start, text) in enumerate(self._places()):
            if start <= event.x < start + cell_len(text) and self._words[place][1]:
                self._at = place
                self.repaint()
                self.action_press()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the one line."""
        return 1

    def _places(self) -> list[tuple[int, str]]:
        texts = [
            f"[ {word} ]" if place == self._at else f"  {word}  " for place, (word, _) in enumerate(self._words)
        ]
        x = max(0, self.size.width - sum(cell_len(text) + _GAP for text in texts))
        found = []
        for text in texts:
            found.append((x, text))
            x += cell_len(text) + _GAP
        return found

    def line_token(self, y: int) -> tuple[object, ...]:
        """Return what is shown."""
        return (*self._words, self._at, self.has_focus)

    def changed_regions(self, y: int, before: object, after: object) -> list[Region]:
        """Repaint the line."""
        return [Region(0, y, self.size.width, 1)]

    def on_focus(self) -> None:
        """Show that keys arrive here."""
        self.repaint()

    def on_blur(self) -> None:
        """Show that they do not."""
        self.repaint()

    def paint_line(self, y: int) -> Strip:
        """Return the words, drawn."""
        segments: list[Segment] = []
        end = 0
        for place, (start, text) in enumerate(self._places()):
            chosen = place == self._at and self.has_focus
            tone = "" if self._words[place][1] else "dim"
            style = self.part_style("choice--at") if chosen else self.tone_style(tone)
            segments += [Segment(" " * (start - end), self.tone_style("")), Segment(text, style)]
            end = start + cell_len(text)
        return Strip(segments).crop_extend(0, self.size.width, self.tone_style(""))
