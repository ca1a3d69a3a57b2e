"""Where the worker process begins: `core/module_main.py` runs it in any Python from 3.11 on that has torch and numpy.

It needs nothing but the standard library until the streams are its own.
"""

import os


def _take_over_streams() -> tuple[int, int]:
    """The pipes to the client, under other numbers: from now on whatever a library prints goes to standard error.

    Nothing may wait on descriptor 0 either: on Windows loading a library would wait along (its C runtime asks 0 to 2
    for their type)."""
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return incoming, outgoing


def _main() -> None:
    # Before numpy: a photo's fit is thousands of small products, and OpenBLAS's threads, waiting for each other, made
    # it fifteen times as long as soon as another program was busy. Torch has threads of its own.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    incoming, outgoing = _take_over_streams()
    from ... import logs
    from .allocator import keep_freed_memory
    from .process import Worker

    logs.configure("worker", strict=False)
    keep_freed_memory()

    Worker(incoming, outgoing).run()


if __name__ == "__main__":
    _main()
