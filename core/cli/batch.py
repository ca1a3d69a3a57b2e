"""Render many faces headless: sliders to pictures, displacement maps and meshes, in one Blender process.

Blender runs as the Python module `bpy` of this very Python, or as the program that --blender names.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import TextIO

from .. import processes, programs
from ..batch import arguments
from ..errors import DnpmError

RUN = Path(__file__).resolve().parents[2] / "operators" / "headless" / "run.py"
_BLENDER = ("--background", "--factory-startup", "--python-exit-code", "1", "--python")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The batch's own arguments, and which Blender makes it."""
    arguments.add_arguments(parser)
    parser.add_argument("--blender", metavar="PROGRAM", help="a Blender program (default: the bpy module)")


def run(args: argparse.Namespace) -> int:
    """Check the job here, where a mistake costs no start of Blender; then let Blender make it."""
    job = arguments.read_job(args)
    if args.dry_run:
        for item in job.items:
            settings = item.settings
            print(f"{item.name}: {', '.join(settings.outputs)} from {', '.join(view.name for view in settings.views)}")
        print(f"{len(job.items)} items")
        return 0
    return start_blender(forwarded(args), args.blender, args.python)


def forwarded(args: argparse.Namespace) -> list[str]:
    """The arguments as the headless module wants them: all but which Blender, paths made absolute."""
    words: list[str] = [] if args.job is None else [str(args.job.absolute())]
    for key in ("seeds", "random_expressions", "size", "views", "outputs", "engine", "samples", "detail", "map_size",
                "subdivision", "background", "device", "chunk"):  # fmt: skip
        value = getattr(args, key)
        if value is not None:
            words.append(f"--{key.replace('_', '-')}={value}")
    paths = ("out", "face_model", "weights", "path_mapping")
    words += [f"--{key.replace('_', '-')}={getattr(args, key).absolute()}"
              for key in paths if getattr(args, key) is not None]  # fmt: skip
    words += [f"--preset={Path(file).absolute()}" for file in args.preset]
    words += [f"--expression={text}" for text in args.expression]
    return words + [f"--{key}" for key in ("force", "openjd") if getattr(args, key)]


def start_blender(words: list[str], blender: str | None, python: str | None, output: TextIO | None = None) -> int:
    """Run the headless module in a process of its own, its lines to `output` (None: stdout). Returns its exit code."""
    # The backend's Python: this one, which runs the package already, unless another is asked for.
    words = [*words, f"--python={python or sys.executable}"]
    if not blender:
        if importlib.util.find_spec("bpy") is None:
            raise DnpmError(
                "no Blender: install its Python module (`pip install bpy==4.5.15`) or name a program with --blender"
            )
        command = [sys.executable, *programs.ISOLATED, str(RUN), "--", *words]
    else:
        program = programs.program(blender, "name Blender's program with --blender")
        command = [program, *_BLENDER, str(RUN), "--", *words]
    status = processes.attend(command, output)
    if status < 0 or status > 2:
        raise DnpmError(
            f"Blender ended by itself with {status}: see blender.log in the output folder; "
            "run the command again to go on where it stopped"
        )
    return status
