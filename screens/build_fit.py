"""How the height of a build's screen is shared: the log never gets less than it needs to show an error."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Fit", "fit_build"]

AXIS = 1
TITLE = 1
STATUS = 1


class Fit(NamedTuple):
    """Lines for the graph at most, and for the time line with its axis."""

    dag: int
    timeline: int


def fit_build(height: int, rows: int) -> Fit:
    """Share `height` lines between graph, time line of `rows` rows, and log.

    The graph has up to two lines at the height of a common terminal and more on a high one; the log has six lines
    and its status at least, and a good half of a high screen.
    """
    dag = 1 if height < 14 else 2 if height < 28 else max(2, min(12, height // 6))
    log = max(6, min(height * 2 // 5, 20)) + STATUS + TITLE
    room = height - dag - log
    return Fit(dag, max(2, min(rows + AXIS, room)))
