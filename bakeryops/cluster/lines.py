"""A stream cut into lines and applied, with a turn for everybody else in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from bakeryops.cluster.errors import KubeError

if TYPE_CHECKING:
    import aiohttp

__all__ = ["apply_lines"]

_LONGEST_LINE = 64 << 20
"""Bytes; etcd holds no object a tenth of that."""


async def apply_lines(
    content: aiohttp.StreamReader, hear: Callable[[int], None], apply: Callable[[bytes], int], work: float
) -> AsyncIterator[int]:
    """Apply every line of a stream as it comes and yield how many events each piece brought.

    `hear` is told the size of each piece, `apply` returns how many events a line counts for and may raise.
    Raises `KubeError` for a stream that ends in the middle of a line.
    The loop gets a turn after every `work` seconds of applying: reading what is buffered never gives it one.
    """
    loop = asyncio.get_running_loop()
    rest = b""
    slice_began = loop.time()
    while True:
        before = loop.time()
        piece = await content.readany()
        if not piece:
            break
        now = loop.time()
        if now - before > work / 4:
            slice_began = now
        hear(len(piece))
        lines = (rest + piece).split(b"\n") if rest else piece.split(b"\n")
        rest = lines.pop()
        if len(rest) > _LONGEST_LINE:
            raise KubeError("the watch sent a line without end", kind="protocol")
        events = 0
        for line in lines:
            if line and not line.isspace():
                events += apply(line)
            if loop.time() - slice_began > work:
                await asyncio.sleep(0)
                slice_began = loop.time()
        yield events
    if rest and not rest.isspace():
        raise KubeError("the watch was cut in the middle of a line", kind="unreachable", hint="it is tried again")
