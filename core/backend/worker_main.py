"""Where the worker process begins; run by its path: `python -E -P worker_main.py [--path FOLDER ...]`.

It runs in any Python from 3.11 on that has torch and numpy, and from wherever the project lies: as a clone, or as an
extension that Blender installed under a module name of its own. Therefore it makes its own package `dnpm` first.
"""

import os
import sys

# Python puts a script's folder first; its modules are no top-level ones, and must not hide any (types, for one). Before
# any import that may be the first of its kind in this process: sys and os are there from the start.
if not sys.flags.safe_path:
    del sys.path[0]

import importlib.util


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


def _add_paths(folders: list[str]) -> None:
    """Behind Python's own library, before its other packages: as Blender does with the wheels of extensions."""
    place = next((k for k, path in enumerate(sys.path) if path.endswith("-packages")), len(sys.path))
    sys.path[place:place] = [folder for folder in folders if folder not in sys.path]


def _make_package() -> None:
    """Import the project's root folder as the package `dnpm`."""
    script = os.path.abspath(__file__)  # noqa: PTH100 -- quicker than pathlib, which nothing else here needs
    root = os.path.dirname(os.path.dirname(os.path.dirname(script)))  # noqa: PTH120
    spec = importlib.util.spec_from_file_location(
        "dnpm",
        os.path.join(root, "__init__.py"),  # noqa: PTH118
        submodule_search_locations=[root],
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["dnpm"] = module
    spec.loader.exec_module(module)


def _main() -> None:
    # Before numpy: a photo's fit is thousands of small products, and OpenBLAS's threads, waiting for each other, made
    # it fifteen times as long as soon as another program was busy. Torch has threads of its own.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    incoming, outgoing = _take_over_streams()
    arguments = sys.argv[1:]
    _add_paths([folder for option, folder in zip(arguments[::2], arguments[1::2], strict=True) if option == "--path"])
    _make_package()
    from dnpm.core.backend.worker import Worker

    Worker(incoming, outgoing).run()


if __name__ == "__main__":
    _main()
