"""What the console itself costs, on demand."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from bakeryops.cluster.cost import Cost
from bakeryops.units import format_bytes
from screens.console import Console
from screens.lines import Line
from screens.panel import TextPanel

if TYPE_CHECKING:
    from screens.pace import Pace

__all__ = ["CostScreen", "cost_lines", "resident_bytes"]


class CostScreen(ModalScreen[None]):
    """A small panel, brought up to date every two seconds while it is open."""

    CSS_PATH = "cost.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,C,q", "leave", "back", show=False)]

    def compose(self) -> ComposeResult:
        """Show one text."""
        with Vertical(id="box"):
            yield TextPanel(id="text")

    def on_mount(self) -> None:
        """Begin to measure."""
        self._draw()
        self.set_interval(2, self._draw)

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss()

    def _draw(self) -> None:
        console = cast("Console", self.app)
        cost = console.session.cost if console.session is not None else None
        self.query_one(TextPanel).set_lines(cost_lines(cost, console.pace, resident_bytes(), _cpu_seconds()))


def cost_lines(cost: Cost | None, pace: Pace, resident: int, cpu: float) -> list[Line]:
    """Return the costs as lines; `resident` is bytes, `cpu` seconds of processor time since the start."""
    lines: list[Line] = [(("What the console costs", "title"), ("    esc closes this", "dim")), ()]

    def say(label: str, text: str, tone: str = "") -> None:
        lines.append(((f"  {label:<26}", "dim"), (text, tone)))

    if cost is None:
        say("cluster", "not connected", "unknown")
    else:
        say("watches open", str(cost.open_watches))
        say("log streams open", str(cost.open_logs))
        say("requests, last minute", f"{cost.requests_per_minute()}   since the start {cost.requests}")
        say(
            "received",
            f"{format_bytes(cost.bytes_per_second())}/s   since the start {format_bytes(cost.bytes_in)}",
        )
        say("lists, of them repeated", f"{cost.lists}, {cost.relists}")
        busy = sorted(cost.events_per_second().items(), key=lambda pair: -pair[1])[:4]
        said = ", ".join(f"{kind} {rate:.1f}" for kind, rate in busy)
        say("watch events", f"{cost.events}" + (f"   a second: {said}" if said else ""))
    if pace.measured:
        say(
            "to the terminal",
            f"{pace.bytes_per_second():.0f} B/s   since the start {format_bytes(pace.bytes_written)}",
        )
        say("painting", "held: the terminal is slow" if pace.slow else "at once", "soon" if pace.slow else "")
    else:
        say("to the terminal", "not measured here", "unknown")
    say("memory", format_bytes(resident))
    say("processor time", f"{cpu:.1f} s")
    return lines


def resident_bytes() -> int:
    """Return the memory this process holds, in bytes; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * resource.getpagesize()


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
