"""Export Mesh and Maps, Export Animation: a face for sculpting programs and for other scenes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from ..core.batch.sequence import open_sequence
from ..core.errors import DnpmError
from ..core.export import maps
from ..core.files.writing import folder as made_folder
from ..core.files.writing import write_text
from .bake_sequence import facts, write_maps
from .folder_options import FolderOperator
from .long import Work, scene_of
from .scene import names
from .scene.detail import baked, live, map_image
from .scene.export import animation, meshes
from .scene.face import slider_values

_MESHES = (
    ("obj", "OBJ", "Wavefront OBJ, y up"),
    ("ply", "PLY", "Stanford PLY, binary, with normals"),
)
_FORMATS = (
    ("abc", "Alembic", "Every frame's vertices: a point cache"),
    ("usd", "USD", "The keys as blend shapes with their values; of the displaced mesh a point cache"),
)
_UNITS = {"MM": 1000.0, "M": 1.0}


def _ordered(chosen: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    return tuple(one for one in known if one in set(chosen))


class DNPM_OT_export_mesh(FolderOperator, bpy.types.Operator):
    """Write the face as it looks now into a folder: the subdivided, displaced mesh, the coarse mesh, and the displacement map in the conventions of other programs. Esc stops; the scene stays as it is"""  # noqa: E501 -- what Blender shows

    bl_idname = "dnpm.export_mesh"
    bl_label = "Export Mesh and Maps"

    formats: bpy.props.EnumProperty(
        name="Meshes", description="The mesh files to write", items=_MESHES, options={"ENUM_FLAG"}, default={"obj"}
    )
    levels: bpy.props.IntProperty(
        name="Subdivision", description="Subdivisions of the displaced mesh; each makes four times as many faces",
        default=3, min=0, max=5,
    )  # fmt: skip
    unit: bpy.props.EnumProperty(
        name="Unit", description="What a 1 in the mesh files means", default="MM",
        items=[("MM", "Millimetres", "As the maps have them"), ("M", "Metres", "As Blender has them")],
    )  # fmt: skip
    maps: bpy.props.EnumProperty(
        name="Maps", description="The map files to write", options={"ENUM_FLAG"}, default={"exr"},
        items=[(form, form.upper(), f"{file}: {what}") for form, (file, what) in maps.FORMS.items()],
    )  # fmt: skip

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        """See `BackgroundOperator`."""
        out, uid, name = made_folder(self.chosen_folder()), face.session_uid, face.name
        kinds, forms = _ordered(self.formats, ("obj", "ply")), _ordered(self.maps, maps.FORMS)
        if not kinds and not forms:
            raise DnpmError("choose a mesh or a map to write")
        steps = 1 + 2 * len(kinds) + bool(forms)
        yield 0.0, "the displacement map"
        if live.follows(face):
            live.update_now(face)
        written: list[Path] = []
        if forms:
            yield 1 / steps, "maps"
            if map_image.is_baked(slider_values.still_there(uid, name)):
                raise DnpmError(f"{name}: shows baked maps, which are files already: choose no maps, or Back to Live")
            face = slider_values.still_there(uid, name)
            strength = float(getattr(face, names.FACE).strength)
            written += maps.write(out, map_image.read_map(face), forms, strength)
        for kind in kinds:
            for stem, levels in (("coarse", None), ("face", self.levels)):
                yield (steps - 2 * len(kinds) + 2 * kinds.index(kind) + (stem == "face")) / steps, f"{stem}.{kind}"
                face = slider_values.still_there(uid, name)
                layer = names.DETAIL if levels is None else ""
                with _drawn(face, levels):
                    path = out / f"{stem}.{kind}"
                    written.append(meshes.write_mesh([face], kind, path, scale=_UNITS[self.unit], layer=layer))
        return f"{len(written)} files in {out}"


@contextmanager
def _drawn(face: bpy.types.Object, levels: int | None) -> Iterator[None]:
    """Inside, the face is drawn with so many subdivisions; with None without subdivision and displacement."""
    found = face.modifiers.get(names.SUBDIVISION)
    subdivision = found if isinstance(found, bpy.types.SubsurfModifier) else None
    before = subdivision.levels if subdivision is not None else 0
    shown = {modifier.name: modifier.show_viewport for modifier in face.modifiers}
    try:
        for modifier in face.modifiers:
            modifier.show_viewport = levels is not None
        if subdivision is not None:
            subdivision.levels = levels or 0
        yield
    finally:
        if subdivision is not None:
            subdivision.levels = before
        for modifier in face.modifiers:
            modifier.show_viewport = shown.get(modifier.name, modifier.show_viewport)


class DNPM_OT_export_animation(FolderOperator, bpy.types.Operator):
    """Write the animated face into a folder, as Alembic and USD: its coarse mesh over the scene's frames, and the displacement map of every frame beside. Esc stops; the scene stays as it is"""  # noqa: E501 -- what Blender shows

    bl_idname = "dnpm.export_animation"
    bl_label = "Export Animation"

    formats: bpy.props.EnumProperty(
        name="Files", description="The files to write", items=_FORMATS, options={"ENUM_FLAG"}, default={"abc", "usd"}
    )
    displaced: bpy.props.BoolProperty(
        name="Displaced", default=False,
        description="Write the subdivided, displaced mesh of a face that shows a baked sequence, a point cache in both",
    )  # fmt: skip
    levels: bpy.props.IntProperty(
        name="Subdivision", description="Subdivisions of the displaced mesh", default=2, min=0, max=4
    )
    maps: bpy.props.BoolProperty(
        name="Maps", description="Also write the displacement map of every frame, as half float EXR", default=True
    )

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        """See `BackgroundOperator`."""
        formats = _ordered(self.formats, animation.FILES)
        if not formats:
            raise DnpmError("choose Alembic, USD or both")
        options = animation.Options(formats, self.displaced, self.levels)
        frames = range(context.scene.frame_start, context.scene.frame_end + 1)
        return (
            yield from export_animation(
                face, context.scene, made_folder(self.chosen_folder()), frames, options, self.maps
            )
        )


def export_animation(
    face: bpy.types.Object,
    scene: bpy.types.Scene,
    out: Path,
    frames: range,
    options: animation.Options,
    with_maps: bool,
    stem: str = "",
) -> Work:
    """The work of *Export Animation*, for `dnpm scene export` too. stem: of the files' names. Raises
    DnpmError."""
    uid, name, scene_uid = face.session_uid, face.name, scene.session_uid
    stem = stem or baked.stem(face, out)
    made, texture, changing = 0, map_image.FULL, False
    if with_maps and live.follows(face):
        sequence = open_sequence(out, "EXR16", stem)
        made_with = yield from facts(texture)
        others = baked.earlier(face, out, "EXR16")
        made, changing = yield from write_maps(face, scene, frames, sequence, others, texture, made_with)
        about = {"unit": "mm", "along": "vertex normal, outward positive", "uv": "detail",
                 "files": f"{stem}_####.exr", "person_changes": changing,
                 "strength": float(getattr(slider_values.still_there(uid, name), names.FACE).strength)}  # fmt: skip
        write_text(out / f"{stem}.maps.json", json.dumps(about, indent=2) + "\n")
    face = slider_values.still_there(uid, name)
    files = yield from animation.export(face, scene_of(scene_uid), out, stem, frames, options)
    told = "; the person changes over time, which these meshes do not follow" if changing else ""
    return f"{', '.join(file.name for file in files)} and {made} new maps in {out}{told}"


CLASSES = (DNPM_OT_export_mesh, DNPM_OT_export_animation)
