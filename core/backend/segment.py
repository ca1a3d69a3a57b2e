"""Shared memory that never outlives both processes.

The client makes a segment, the worker attaches to it, and the client removes the name as soon as it knows that the
worker has: from then on the system frees the memory when both have let go of it or died, however they die. Should the
client die before, the worker removes the name.

Python's `multiprocessing.shared_memory` is not used directly: before 3.13 merely attaching hands the segment to a
`resource_tracker`, a process of its own that Blender would have to start, and that removes segments which others still
use (https://github.com/python/cpython/issues/82300). The calls below are the ones that the class makes itself.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
import sys

if sys.platform != "win32":
    import _posixshmem  # type: ignore[import-not-found]


class Segment:
    """A piece of memory with a name, seen by both processes through `buffer`."""

    def __init__(self, name: str, size: int, *, create: bool) -> None:
        """Raises OSError when it cannot be had, ValueError when it is smaller than `size`."""
        self.name, self.size, self._named = name, size, create
        if sys.platform == "win32":
            # Windows' named mappings need no file, and vanish with the last handle.
            self._map = mmap.mmap(-1, size, tagname=name)
        else:
            flags = os.O_RDWR | (os.O_CREAT | os.O_EXCL if create else 0)
            descriptor = _posixshmem.shm_open(f"/{name}", flags, 0o600)
            try:
                if create:
                    os.ftruncate(descriptor, size)
                    if hasattr(os, "posix_fallocate"):
                        # Else a full /dev/shm would show when the memory is written to, by SIGBUS: the end of Blender.
                        os.posix_fallocate(descriptor, 0, size)
                self._map = mmap.mmap(descriptor, size)
            except BaseException:
                if create:
                    unlink(name)
                raise
            finally:
                os.close(descriptor)

    @classmethod
    def create(cls, size: int) -> Segment:
        """A new segment of at least `size` bytes. Raises OSError when there is no memory for it."""
        pages = max(-(-size // mmap.PAGESIZE), 1)
        # Short, because macOS allows 31 characters: dnpm, the maker's process id, a random part.
        return cls(f"dnpm-{os.getpid()}-{secrets.token_hex(4)}", pages * mmap.PAGESIZE, create=True)

    @classmethod
    def attach(cls, name: str, size: int) -> Segment:
        """The other side's segment."""
        return cls(name, size, create=False)

    @property
    def buffer(self) -> memoryview:
        return memoryview(self._map)

    @property
    def description(self) -> dict[str, object]:
        """What `attach` needs, as JSON values."""
        return {"name": self.name, "size": self.size}

    def remove_name(self) -> None:
        """Nobody can attach any more; the memory stays until everyone has let go of it. For the side that made it."""
        if self._named:
            unlink(self.name)
            self._named = False

    def close(self) -> None:
        """Let go of the memory, and remove the name when this side made it."""
        self.remove_name()
        # An array that still looks into the memory keeps it alive; the memory goes with the array.
        with contextlib.suppress(BufferError):
            self._map.close()


def unlink(name: str) -> None:
    """Remove the name; the memory is freed when the last process lets go of it. Nothing happens when it is gone
    already."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(FileNotFoundError):
        _posixshmem.shm_unlink(f"/{name}")
