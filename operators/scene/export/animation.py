"""An animated face as Alembic and USD, by Blender's own exporters, with the displacement maps of its frames beside.

Alembic holds every frame's vertices (a point cache), USD the keys as blend shapes with their values, or a point cache.
Both hold the coarse mesh: the maps go on it as displacement, as in Blender. Where the face shows baked maps, the cache
can be of the displaced mesh instead.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ....core.errors import DnpmError
from ....core.files.writing import folder as made_folder
from .. import names
from ..detail import map_image
from ..face import slider_values
from ..written import by_blender
from .meshes import selected_alone

FILES = {"abc": ".abc", "usd": ".usdc"}


@dataclass(frozen=True)
class Options:
    """What is written."""

    formats: tuple[str, ...] = ("abc", "usd")
    displaced: bool = False
    """The subdivided, displaced mesh, which is of one shape a frame: a point cache in both formats."""
    levels: int = 2
    """Subdivisions of the displaced mesh."""


def export(
    face: bpy.types.Object, scene: bpy.types.Scene, out: Path, stem: str, frames: range, options: Options
) -> Generator[tuple[float, str], None, list[Path]]:
    """Write the files of the face's frames. Yields the share done and what is going on; returns the files.

    Raises DnpmError: without animation there is nothing to export, displaced only what shows baked maps.
    """
    if options.displaced and not map_image.is_baked(face):
        raise DnpmError(
            f"{face.name}: a displaced cache needs the map of every frame: bake the sequence first (Detail > Baked "
            "Sequence, or `dnpm scene bake` and `collect`)"
        )
    missing = [kind for kind, there in _SUPPORTED.items() if kind in options.formats and not there()]
    if missing:
        raise DnpmError(f"this Blender was built without {' and '.join(missing)}; choose another format or Blender")
    made_folder(out)
    written, uid, name = [], face.session_uid, face.name
    for number, kind in enumerate(options.formats):
        yield number / len(options.formats), f"{stem}{FILES[kind]}, {len(frames)} frames"
        face = slider_values.still_there(uid, name)
        path = out / f"{stem}{FILES[kind]}"
        with _as_exported(face, scene, frames, options), selected_alone([face]), by_blender(path) as beside:
            _EXPORTERS[kind](str(beside), frames, options)
        written.append(path)
    return written


def _alembic(path: str, frames: range, options: Options) -> None:
    bpy.ops.wm.alembic_export(
        filepath=path, check_existing=False, start=frames[0], end=frames[-1], selected=True, flatten=False, uvs=True,
        normals=True, face_sets=True, apply_subdiv=False, export_hair=False, export_particles=False,
        as_background_job=False, evaluation_mode="VIEWPORT",
    )  # fmt: skip


def _usd(path: str, frames: range, options: Options) -> None:
    usd: Any = bpy.ops.wm.usd_export
    known = usd.get_rna_type().properties.keys()
    wanted = {
        "selected_objects_only": True, "export_animation": True, "export_hair": False, "export_uvmaps": True,
        "export_normals": True, "export_materials": False, "export_armatures": False,
        "export_shapekeys": not options.displaced, "export_subdivision": "IGNORE", "evaluation_mode": "VIEWPORT",
        "export_lights": False, "export_cameras": False, "convert_world_material": False,
    }  # fmt: skip
    # Blender 4.2 knows not all of them, and writes what they leave out by its own defaults.
    usd(filepath=path, check_existing=False, **{key: value for key, value in wanted.items() if key in known})


_EXPORTERS: dict[str, Callable[[str, range, Options], None]] = {"abc": _alembic, "usd": _usd}
_SUPPORTED: dict[str, Callable[[], bool]] = {
    "abc": lambda: bool(bpy.app.alembic.supported),
    "usd": lambda: bool(bpy.app.usd.supported),
}


@contextmanager
def _as_exported(face: bpy.types.Object, scene: bpy.types.Scene, frames: range, options: Options) -> Iterator[None]:
    """Inside, the scene has these frames, the face is drawn coarse or displaced, and no live map follows the frames."""
    shown = {modifier.name: modifier.show_viewport for modifier in face.modifiers}
    subdivision = face.modifiers.get(names.SUBDIVISION)
    levels = subdivision.levels if isinstance(subdivision, bpy.types.SubsurfModifier) else 0
    before = scene.frame_start, scene.frame_end, scene.frame_current, scene.frame_subframe
    scene.frame_start, scene.frame_end = frames[0], frames[-1]
    try:
        for modifier in face.modifiers:
            modifier.show_viewport = options.displaced and shown[modifier.name]
        if options.displaced and isinstance(subdivision, bpy.types.SubsurfModifier):
            subdivision.levels = options.levels
        with slider_values.suppress_frame_updates():
            yield
    finally:
        for modifier in face.modifiers:
            modifier.show_viewport = shown.get(modifier.name, modifier.show_viewport)
        if isinstance(subdivision, bpy.types.SubsurfModifier):
            subdivision.levels = levels
        scene.frame_start, scene.frame_end = before[:2]
        scene.frame_set(before[2], subframe=before[3])
