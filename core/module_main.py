"""Runs a module of this package in a Python that is started with -I:

    python -I module_main.py [--path FOLDER ...] MODULE [ARGUMENT ...]

MODULE is a name inside the package ("core.backend.worker.main"), FOLDER one more place for packages. It works from
wherever the project lies: as a clone, or as an extension that Blender installed under a module name of its own.
Therefore it makes its own package `dnpm` first. `programs.module_command` writes the command.
"""

import os
import sys

# Python puts a script's folder first; its modules are not top-level ones, and must not hide any. Before any import that
# may be the first of its kind in this process: sys and os are there from the start.
if not sys.flags.safe_path:
    del sys.path[0]

import importlib.util
import runpy


def _add_paths(folders: list[str]) -> None:
    """Behind Python's own library, before its other packages: as Blender does with the wheels of extensions."""
    place = next((k for k, path in enumerate(sys.path) if path.endswith("-packages")), len(sys.path))
    sys.path[place:place] = [folder for folder in folders if folder not in sys.path]


def _make_package() -> None:
    """Import the project's root folder as the package `dnpm`."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 -- quicker than pathlib
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
    words, folders = sys.argv[1:], []
    while words[:1] == ["--path"]:
        folders.append(words[1])
        words = words[2:]
    _add_paths(folders)
    _make_package()
    if os.environ.get("DNPM_LIFELINE"):
        from dnpm.core.processes import hold_lifeline

        hold_lifeline()
    sys.argv = [sys.argv[0], *words[1:]]
    runpy.run_module(f"dnpm.{words[0]}", run_name="__main__")


if __name__ == "__main__":
    _main()
