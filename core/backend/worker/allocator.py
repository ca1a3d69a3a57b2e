"""What becomes of the memory of features between two maps: the worker keeps some of it."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h of the GNU C library
_KEPT, _LARGEST = 256 << 20, 32 << 20
"""Bytes that stay with the process after they are freed, and of the largest piece among them (glibc allows no more)."""


def keep_freed_memory() -> bool:
    """Ask the C library not to give freed memory back to the system at once; True where it knows how to (glibc).

    Else every map gets its features' memory anew, page by page, each zeroed by the kernel: a quarter of the time that
    a generator with convolutions takes for a map, and more on two threads. It holds for the whole process.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_MMAP_THRESHOLD, _LARGEST) == 1 and mallopt(_TRIM_THRESHOLD, _KEPT) == 1
