"""`dnpm export` inside Blender: one face in an empty scene, exported for game engines."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TextIO

import bpy

from ...core import logs
from ...core.batch.job import Item, Settings
from ...core.batch.sliders import corrective_of, look_of, photo_of, relief_of, skin_of, w_offset_of
from ...core.errors import DnpmError
from ...core.files.writing import folder as made_folder
from ..scene.detail import skin_settings
from ..scene.export import engine, snapshot
from ..scene.face import create
from ..scene.photo import code_offset, corrective_shape, photos, wrinkles
from .batch import quiet
from .maker import Maker

log = logs.logger(__name__)


def main(words: list[str]) -> int:
    """Parse the words, export the face; returns the exit code."""
    parser = argparse.ArgumentParser(prog="dnpm export")
    for name in ("preset", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("face_model", "weights"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path)
    for name in ("python", "device", "formats"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--visemes", action="store_true")
    args = parser.parse_args(words)
    try:
        made_folder(args.out)
        with quiet(args.out / "blender.log") as progress, Maker(args) as maker:
            return make(args, maker, progress)
    except (DnpmError, OSError) as error:
        log.error("%s", error)
        return 2
    except KeyboardInterrupt:
        log.error("stopped")
        return 130


def make(args: argparse.Namespace, maker: Maker, progress: TextIO) -> int:
    """The face, then its files. Raises DnpmError or what Blender raises."""
    item = Item("face", None, None, args.preset, Settings())
    identity, _, strength = maker.sliders(item)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    face = create.new_face(bpy.context.scene, identity, None, strength, look=look_of(item, maker.model))
    code_offset.write(face, w_offset_of(item), amount=1.0)
    wrinkles.write(face, relief_of(item), amount=1.0)
    skin_settings.write(face, skin_of(item))
    corrective_shape.write(face, corrective_of(item))
    photos.set_colours(face, photo_of(item))
    options = engine.Options(tuple(args.formats.split(",")), args.visemes, args.size)
    work = engine.export(snapshot.take(face, visemes=options.visemes), args.out, options)
    said = ""
    try:
        while True:
            share, text = next(work)
            if text != said:
                print(f"{100 * share:3.0f} % {text}", file=progress, flush=True)
            said = text
    except StopIteration as end:
        print(end.value, file=progress, flush=True)
    return 0
