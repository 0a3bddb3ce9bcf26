"""The drill of the embedded cluster, where one is on: its goal, the time taken, hints, and the verdict."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from bakeryops.errors import BakeryopsError
from bakeryops.text import clean
from bakeryops.units import format_duration
from screens.lines import Line, cut

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session

__all__ = ["PATH", "DrillWatch", "drill_line"]

PATH = "/_demo/drill"

EVERY = 2.0
"""Seconds between two looks."""


class DrillWatch:
    """Asks the embedded cluster how the drill stands."""

    def __init__(self) -> None:
        """Begin knowing of none."""
        self.drill: dict[str, Any] = {}
        """What the cluster says of the drill, empty where none is on."""

    async def run(self, session: Session, changed: Callable[[], None]) -> None:
        """Look as long as a drill is on and it is awaited."""
        while True:
            try:
                found = json.loads(await session.transport.get_bytes(PATH))
            except BakeryopsError as error:
                if getattr(error, "status", None) == 404:
                    return
                # A drill may take the API server away.
                found = self.drill
            except ValueError:
                return
            if isinstance(found, dict) and found != self.drill:
                self.drill = found
                changed()
            if self.drill.get("state") == "reached":
                return
            await asyncio.sleep(EVERY)

    def story(self) -> str:
        """Return what a person is told at the beginning."""
        return f"{clean(str(self.drill.get('story', '')))}\nGoal: {clean(str(self.drill.get('goal', '')))}"

    async def hint(self, session: Session) -> str:
        """Return the next hint; raises `BakeryopsError`."""
        found = json.loads(await session.transport.send_json("POST", f"{PATH}/hint"))
        before = len(self.drill.get("hints_given") or ())
        given = found.get("hints_given") if isinstance(found, dict) else None
        self.drill = found if isinstance(found, dict) else self.drill
        if not isinstance(given, list) or not given:
            return "this drill has no hints"
        last = clean(str(given[-1]))
        return last if len(given) > before else f"that was the last hint: {last}"


def drill_line(drill: dict[str, Any], width: int) -> list[Line]:
    """Return the drill in one line, nothing where none is on."""
    if not drill.get("name"):
        return []
    name, goal = clean(str(drill["name"])), clean(str(drill.get("goal", "")))
    if drill.get("state") == "reached":
        verdict = clean(str(drill.get("verdict") or "reached"))
        return [((f" ✔ drill {name} ", "title"), (cut(verdict, width - len(name) - 11), "added"))]
    seconds = drill.get("seconds")
    took = format_duration(float(seconds)) if isinstance(seconds, int | float) else ""
    left = drill.get("hints_left")
    tail = f" · {took}" + (f" · ctrl+t hint ({left} left)" if left else "") + " "
    head = f" drill {name}: "
    return [((head, "title"), (cut(goal, width - cell_len(head) - cell_len(tail)), ""), (tail, "dim"))]
