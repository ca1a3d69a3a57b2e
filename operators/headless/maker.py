"""Makes one item of a batch: a fresh scene, the face with its map, the files that are asked for."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import bpy
import numpy as np

from ...core.batch.job import Item
from ...core.batch.sliders import corrective_of, look_of, photo_of, relief_of, resolve, skin_of, tongue_of, w_offset_of
from ...core.detail.card import read_card, weights_dir
from ...core.errors import DnpmError
from ...core.face_model.locate import face_model_path
from ...core.files import tensor_file
from ...core.files.displacement_maps import write_exr, write_png
from ...core.version import __version__
from ..scene import names, session, settings
from ..scene.detail import live, map_image, map_state, skin_settings
from ..scene.export import meshes
from ..scene.face import create, models, slider_values
from ..scene.photo import code_offset, corrective_shape, photos, wrinkles
from . import camera, export, studio


class Maker:
    """Holds what is common to a batch: the face model, the backend, what the results were made with."""

    def __init__(self, args: argparse.Namespace) -> None:
        """Raises DnpmError when the face model or the weights that were asked for are not there."""
        self._registered = not hasattr(bpy.types.Object, names.FACE)
        if self._registered:
            sys.modules[__package__.rsplit(".", 2)[0]].register()
        settings.override(
            settings.Settings(
                python=args.python or "",
                device=args.device or "auto",
                weights=str(args.weights or ""),
                face_model=str(args.face_model or ""),
                stop_render=False,  # an item fails, and the others go on
            )
        )
        self.model = models.current_model()
        self.made_with = {
            "dnpm": __version__,
            "blender": bpy.app.version_string,
            "face_model": tensor_file.sha256(face_model_path(args.face_model)),
            "weights": self._weights(args.weights),
        }

    def __enter__(self) -> Maker:
        return self

    def __exit__(self, *_: object) -> None:
        session.stop()
        settings.override(None)

    @staticmethod
    def _weights(folder: Path | None) -> str:
        """What tells one set of weights from another; without weights the smooth face can still be made."""
        try:
            card = read_card(weights_dir(folder))
        except DnpmError:
            if folder is not None:
                raise
            return "none"
        return " ".join(str(entry.get("sha256", "")) for _, entry in sorted(card["files"].items()))

    def sliders(self, item: Item) -> tuple[np.ndarray, np.ndarray, float]:
        """Identity, expression and detail strength. Raises DnpmError on what this model does not have."""
        return resolve(item, self.model)

    def make(self, item: Item, identity: np.ndarray, expression: np.ndarray, detail: float, folder: Path) -> list[Path]:
        """Write the item's files into the folder; returns them. Raises DnpmError or what Blender raises."""
        wanted = item.settings
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        scene = bpy.context.scene
        face = create.new_face(scene, identity, expression, detail, item.name, look_of(item, self.model))
        code_offset.write(face, w_offset_of(item), amount=1.0)
        wrinkles.write(face, relief_of(item), amount=1.0)
        skin_settings.write(face, skin_of(item))
        corrective_shape.write(face, corrective_of(item))
        photos.set_colours(face, photo_of(item))
        slider_values.set_tip_up(face, tongue_of(item))
        create.set_levels(face, wanted.subdivision)
        if detail > 0 or {"exr", "map_png"} & set(wanted.outputs):
            resolution = None if wanted.map_size == map_image.FULL else wanted.map_size
            live.update_now(face, resolution=resolution)
        files = self._maps(item, face, folder)
        files += [
            meshes.write_mesh([face], kind, folder / file)
            for kind, file in meshes.MESH_FILES.items()
            if kind in wanted.outputs
        ]
        if "png" in wanted.outputs or "blend" in wanted.outputs:
            lens = studio.build(scene)
            studio.set_up_render(scene, wanted)
            vertices = self.model.vertices(identity, expression)
            for view in wanted.views:
                camera.aim(lens, view, self.model, vertices, wanted.size)
                if "png" in wanted.outputs:
                    files.append(export.render(scene, folder / f"{view.name}.png"))
        if "blend" in wanted.outputs:
            if detail > 0:
                map_state.pack(face)
            files.append(export.save_blend(folder / "face.blend"))
        return files

    @staticmethod
    def _maps(item: Item, face: bpy.types.Object, folder: Path) -> list[Path]:
        files = []
        if "exr" in item.settings.outputs:
            files.append(write_exr(folder / "displacement.exr", map_image.read_map(face), channels="RGB"))
        if "map_png" in item.settings.outputs:
            files.append(write_png(folder / "displacement.png", map_image.read_map(face)))
        return files
