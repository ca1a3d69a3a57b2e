"""`dnpm export --compare` inside Blender: an exported file, imported again and drawn beside the face that it came from.

The imported face has what an engine has: its file's materials and keys, and the normal map that `wrinkles.json`'s
formula makes of its textures.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, TextIO

import bpy
import numpy as np

from ...core import logs
from ...core.batch.job import Item, Settings
from ...core.batch.sliders import look_of, relief_of, skin_of, w_offset_of
from ...core.batch.views import read_view
from ...core.errors import DnpmError
from ...core.export import slopes
from ...core.face_model.presets import read_preset, shipped, vectors
from ...core.files import json_file
from ..scene.detail import live, map_image, skin_settings
from ..scene.export import files
from ..scene.export.parts import SKIN
from ..scene.face import create, slider_values
from ..scene.photo import code_offset, wrinkles
from . import camera, export, studio
from .batch import quiet
from .maker import Maker

log = logs.logger(__name__)


def main(words: list[str]) -> int:
    """Parse the words, draw the pictures; returns the exit code."""
    parser = argparse.ArgumentParser(prog="dnpm export")
    for name in ("preset", "exported", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("face_model", "weights"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path)
    for name in ("python", "device"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--formats", required=True)
    parser.add_argument("--expressions", required=True)
    parser.add_argument("--view", default="closeup")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--samples", type=int, default=32)
    args = parser.parse_args(words)
    try:
        with quiet(args.exported / "blender.log") as progress, Maker(args) as maker:
            compare(args, maker, progress)
        return 0
    except (DnpmError, OSError) as error:
        log.error("%s", error)
        return 2
    except KeyboardInterrupt:
        log.error("stopped")
        return 130


def compare(args: argparse.Namespace, maker: Maker, progress: TextIO) -> None:
    """Draw OUT/EXPRESSION_face.png, and OUT/EXPRESSION_FORMAT.png of every format. Raises DnpmError."""
    model = maker.model
    expressions = {name: _expression(name, maker) for name in args.expressions.split(",")}
    item = Item("face", None, None, args.preset, Settings(size=(args.size, args.size), samples=args.samples))
    identity, _, strength = maker.sliders(item)
    vertices = model.vertices(identity, np.zeros(model.n_exp, np.float32))

    def drawn(name: str) -> None:
        lens = bpy.context.scene.camera
        assert lens is not None, "the studio has one"
        # One place for all: the face's own size at rest.
        camera.aim(lens, read_view(args.view), model, vertices, item.settings.size)
        export.render(bpy.context.scene, args.out / f"{name}.png")
        print(args.out / f"{name}.png", file=progress, flush=True)

    _studio(item)
    face = create.new_face(bpy.context.scene, identity, None, strength, look=look_of(item, maker.model))
    code_offset.write(face, w_offset_of(item), amount=1.0)
    wrinkles.write(face, relief_of(item), amount=1.0)
    skin_settings.write(face, skin_of(item))
    for name, expression in expressions.items():
        slider_values.set_expression(face, model, expression)
        live.update_now(face)
        drawn(f"{name}_face")
    about = json_file.read(args.exported / "wrinkles.json")
    for kind in args.formats.split(","):
        _studio(item)
        imported = load(args.exported / files.FILES[kind])
        for name, expression in expressions.items():
            values = dict(zip(model.expression_names, expression.tolist(), strict=True))
            pose(imported, values, about["wrinkles"], args.exported)
            drawn(f"{name}_{kind}")


def _studio(item: Item) -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    studio.build(scene)
    studio.set_up_render(scene, item.settings)


def _expression(name: str, maker: Maker) -> np.ndarray:
    if name == "rest":
        return np.zeros(maker.model.n_exp, np.float32)
    path = next((path for path in shipped("expressions") if path.stem == name), None)
    if path is None:
        raise DnpmError(f"{name}: no such shipped expression")
    expression = vectors(read_preset(path), maker.model)[1]
    assert expression is not None, "a shipped expression has one"
    return expression


def load(path: Path) -> bpy.types.Object:
    """Import the file; returns its mesh, its keys at 0. Raises DnpmError when it has none."""
    importer: Any = bpy.ops.import_scene.gltf if path.suffix == ".glb" else bpy.ops.import_scene.fbx
    importer(filepath=str(path))
    meshes = [one for one in bpy.context.scene.objects if one.type == "MESH" and one.data.shape_keys]
    if len(meshes) != 1:
        raise DnpmError(f"{path}: {len(meshes)} meshes with keys came back, where one was written")
    for block in slider_values.key_blocks(meshes[0]):
        block.value = 0.0
    return meshes[0]


def pose(imported: bpy.types.Object, values: dict[str, float], about: dict[str, Any], folder: Path) -> None:
    """Set the keys, and give the skin the normal map that the wrinkle maps make of them."""
    blocks = slider_values.key_blocks(imported)
    for name, value in values.items():
        if name in blocks:
            blocks[name].value = value
    if not about:
        return
    result = rest = slopes.decode(_texture(folder / about["rest"]))
    mask = _texture(folder / about["mask"])[..., :2] / 255.0
    for group, weight in zip(about["groups"], group_weights(about["groups"], values), strict=True):
        if weight.any():
            there = slopes.decode(_texture(folder / group["normal"]))
            result = result + (mask @ weight)[..., None] * (there - rest)
    pixels = slopes.encode(result)[::-1].astype(np.float32) / 255.0
    side = len(pixels)
    image = bpy.data.images.new("wrinkled", side, side, is_data=True)
    image.colorspace_settings.name = "Non-Color"
    image.pixels.foreach_set(np.concatenate([pixels, np.ones((side, side, 1), np.float32)], -1).ravel())
    for slot in imported.material_slots:
        tree = slot.material.node_tree if slot.material is not None else None
        if tree is not None and slot.name == SKIN:
            for node in tree.nodes:
                if node.type == "NORMAL_MAP" and node.inputs["Color"].is_linked:
                    node.inputs["Color"].links[0].from_node.image = image


def group_weights(groups: list[dict[str, Any]], values: dict[str, float]) -> np.ndarray:
    """(groups, 2) float32: the formula of `wrinkles.json`, left and right."""
    sides = ("left", "right")
    called = {
        (group["name"], side): min(max(sum(a * values.get(key, 0.0) for key, a in group[side].items()), 0.0), 1.0)
        for group in groups
        for side in sides
    }
    found = [
        [
            called[group["name"], side]
            / (1 + sum(d * called[other, side] for other, d in group["gives_way"][side].items()))
            for side in sides
        ]
        for group in groups
    ]
    return np.array(found, np.float32)


def _texture(path: Path) -> np.ndarray:
    """(H, W, 3) float32 0 to 255, row 0 at the top."""
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    width, height = image.size
    pixels = map_image.raw_pixels(image).reshape(height, width, image.channels)[::-1, :, :3]
    bpy.data.images.remove(image)
    return 255.0 * pixels
