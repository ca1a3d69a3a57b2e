"""Entry point of `dnpm` and `python -m dnpm`.

A subcommand's module has `add_arguments(parser)` and `run(args) -> int`; it is imported only when it is asked for,
so that `dnpm --help` is quick and a missing optional package hurts its own subcommand alone.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

from .. import logs, processes, programs
from ..errors import DnpmError
from ..files.inputs import without_controls
from .streams import accept_any_text

log = logs.logger(__name__)

# name -> (module in this package, what it is for)
COMMANDS: dict[str, tuple[str, str]] = {
    "info": ("info", "versions, device, face model and weights that would be used"),
    "build": ("build", "build the face model from the pinned CC0 data, or convert another model"),
    "face": ("face", "identity and expression sliders to displacement map, meshes and a picture"),
    "reconstruct": ("reconstruct", "photos to faces: sliders, camera, colours, displacement map"),
    "transfer": ("transfer", "detail for a mesh of another program: a head (OBJ) to maps in its own UVs"),
    "animate": ("animate", "a sound file to the ARKit curves of a speaking face"),
    "capture": ("capture", "a captured performance of many programs, or a video of a person, to our CSV"),
    "export": ("export", "a face for game engines: GLB, FBX, colours, normal and wrinkle maps"),
    "batch": ("batch", "render many faces headless from a JSON job file"),
    "scene": ("scene", "render or bake frames of a .blend headless, a part of them if others make the rest"),
    "farm": ("farm", "a batch, a render or a bake for a render farm: an Open Job Description bundle"),
    "demo": ("demo", "render the demonstration's pictures, map and .blend"),
    "figures": ("figures", "render the paper's Figures 3 and 4 with these weights"),
    "data": ("data", "make and inspect training samples"),
    "convert": ("convert_generator", "a StyleGAN2 generator trained elsewhere to this project's files"),
    "train": ("train", "train the detail networks"),
    "finetune": ("finetune", "make the detail networks your own, on 10 to 100 maps that you baked"),
    "evaluate": ("evaluate", "measure the face model and the weights"),
    "bench": ("bench", "time every stage, write build/bench.json"),
}

DESCRIPTION = """\
DNPM Face: detailed faces from sliders.

  dnpm build face-model                         once, a few minutes: the bilinear face
  dnpm face --seed 3 --expression jawOpen=.5    one face: map (EXR, PNG), meshes, picture
  dnpm info                                     what is installed and would be used
"""


def _parser(command: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dnpm", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module_name, purpose) in COMMANDS.items():
        # The subparser of the wanted command alone is filled: importing all of them would import torch.
        sub = subparsers.add_parser(
            name, help=purpose, description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == command:
            module = importlib.import_module(f".{module_name}", __package__)
            sub.description = module.__doc__
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    _add_verbose(parser)
    return parser


def _add_verbose(parser: argparse.ArgumentParser) -> None:
    """`--verbose` for the parser and all parsers below it, so that it may stand anywhere in the command."""
    parser.add_argument(
        "--verbose", action="store_true", default=argparse.SUPPRESS,
        help=f"tell on stderr what is done ({logs.LEVEL_VARIABLE}=debug tells more)",
    )  # fmt: skip
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in {id(sub): sub for sub in action.choices.values()}.values():
                _add_verbose(sub)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; return the exit code (0 done, 1 some items failed, 2 bad input)."""
    accept_any_text()
    arguments = list(sys.argv[1:] if argv is None else argv)
    words = [a for a in arguments if not a.startswith("-")]
    command = words[0] if words else None
    fits = [["evaluate", kind] for kind in ("photo", "fit", "likeness", "photo-lines", "capture")]
    if command in ("reconstruct", "bench", "capture") or words[:2] in fits:
        # A fit is thousands of small products. Threads that wait for each other made it take 9 s in place of .6 s as
        # soon as another program was busy. (OpenBLAS reads this once, when numpy is imported.)
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    programs.leave_working_directory()
    try:
        with processes.stop_on_signals():
            logs.configure()
            args = _parser(command).parse_args(arguments)
            if vars(args).pop("verbose", False):
                # The environment, too: Blender, the worker and helpers are processes of their own.
                os.environ[logs.LEVEL_VARIABLE] = logs.at_least_info(os.environ.get(logs.LEVEL_VARIABLE))
                logs.configure()
            log.debug("dnpm %s", " ".join(arguments))
            return int(args.run(args))
    except DnpmError as error:
        print(f"error: {without_controls(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print("stopped", file=sys.stderr, flush=True)
        status = int(getattr(stop, "status", 130))
        if argv is None:
            # Everything is put away by now. Taking torch down takes Python seconds on a busy machine, and whoever
            # stopped this waits for them.
            with contextlib.suppress(OSError):
                sys.stdout.flush()
            processes.end_at_once(status)
        return status
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
