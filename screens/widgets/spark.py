"""Curves and bars small enough for a table cell."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["bar", "sparkline"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = "_.-:=+*#"


def sparkline(
    values: Sequence[float | None], width: int, *, top: float | None = None, ascii_only: bool = False
) -> str:
    """Return the newest values as `width` block characters, from zero to `top` or else to the largest value.

    Values that are unknown (None, NaN) leave a gap. When there are more values than cells each cell shows the
    largest of its share, so that a short peak is not lost.
    """
    blocks = _ASCII_BLOCKS if ascii_only else _BLOCKS
    known = [value if value is not None and math.isfinite(value) else None for value in values]
    cells = _shares(known, width)
    highest = top if top else max((value for value in cells if value is not None), default=0.0)
    text = ""
    for value in cells:
        if value is None:
            text += " "
        elif highest <= 0:
            text += blocks[0]
        else:
            share = min(1.0, max(0.0, value / highest))
            text += blocks[min(len(blocks) - 1, int(share * len(blocks)))]
    return text.rjust(width)


def bar(
    used: float | None,
    limit: float | None,
    width: int,
    *,
    request: float | None = None,
    ascii_only: bool = False,
) -> str:
    """Return a bar of `width` cells: how much of the limit is used, with a mark where the request lies.

    Without a limit the request is the full width. What is above the end of the bar ends it with an arrow; what
    is unknown is empty.
    """
    full, empty, mark, over = "#.|>" if ascii_only else "▓░┃▶"
    whole = limit or request
    if used is None or not whole or width <= 0 or not (math.isfinite(used) and math.isfinite(whole)):
        return " " * max(0, width)
    share = min(2.0, used / whole)
    filled = min(width, round(share * width)) if share > 0 else 0
    if share > 0 and not filled:
        filled = 1
    if share < 1 and filled == width:
        # A bar that looks full has to mean it.
        filled = width - 1 if width > 1 else width
    cells = [full] * filled + [empty] * (width - filled)
    if limit and request and 0 < request < limit:
        cells[min(width - 1, int(request / limit * width))] = mark
    if share > 1:
        cells[-1] = over
    return "".join(cells)


def _shares(values: list[float | None], width: int) -> list[float | None]:
    if len(values) <= width:
        return values
    cells: list[float | None] = []
    for cell in range(width):
        share = values[cell * len(values) // width : (cell + 1) * len(values) // width]
        cells.append(max((value for value in share if value is not None), default=None))
    return cells
