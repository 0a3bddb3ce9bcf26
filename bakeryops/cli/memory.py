"""Memory given back: how the allocators of the process are set for a program that lists much and keeps little."""

from __future__ import annotations

import gc
import sys

__all__ = ["set_allocators"]

_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_ARENA_MAX = -8

_LARGE = 256 << 10
"""Bytes from which a piece of memory is taken from, and given back to, the system by itself: pages of lists."""


def set_allocators() -> None:
    """Set the garbage collector and, where it is glibc, the C library's allocator, once at the start."""
    # Objects of the stores live long and come in tens of thousands: with the default thresholds the collector
    # would walk all of them again and again.
    gc.set_threshold(50_000, 50, 1000)
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        set_option = ctypes.CDLL(None).mallopt
    except (ImportError, OSError, AttributeError):
        # Another C library: it keeps some more than it needs.
        return
    # By default glibc raises the threshold with every large piece that is freed, and keeps what comes after.
    for option, value in ((_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _LARGE), (_ARENA_MAX, 2)):
        set_option(option, value)
