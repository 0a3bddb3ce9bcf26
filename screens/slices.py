"""Long work cut into slices, so that keys and the clock are never kept waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import islice
from typing import TypeVar

__all__ = ["sliced"]

T = TypeVar("T")

SLICE = 0.008
"""Seconds of work after which the event loop gets a turn."""


async def sliced(items: Iterable[T], size: int = 64) -> AsyncIterator[Sequence[T]]:
    """Yield `items` in batches of `size`, with a turn for the event loop whenever the work on them took long."""
    source = iter(items)
    began = time.perf_counter()
    while batch := list(islice(source, size)):
        yield batch
        if time.perf_counter() - began > SLICE:
            await asyncio.sleep(0)
            began = time.perf_counter()
