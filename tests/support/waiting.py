"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Return when `condition` holds; TimeoutError (with its source) after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  conditions here are not events
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise TimeoutError(f"still not true after {seconds} s: line {condition.__code__.co_firstlineno}") from None


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Return when `condition` holds, outside an event loop; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still not true after {seconds} s"
        time.sleep(0.02)
