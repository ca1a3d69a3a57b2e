"""Export for Engine: the face as GLB and FBX with keys, joints, baked colours, normal and wrinkle maps."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from ..core.errors import DnpmError
from .folder_options import FolderOperator
from .long import Work
from .scene.export import engine, files, snapshot

_FORMATS = (
    ("glb", "GLB", "glTF 2.0 in one file: Unity, Unreal, Godot, the web"),
    ("fbx", "FBX", "With its textures in a folder beside it: Unity, Unreal, Maya"),
)


class DNPM_OT_export_engine(FolderOperator, bpy.types.Operator):
    """Write the face for game engines into a folder: its mesh with keys and joints, baked colours, normal map and wrinkle maps with the weights that drive them. Subdivision and displacement are not in the mesh: the normal maps stand for them. Esc stops; the scene stays as it is"""  # noqa: E501 -- what Blender shows

    bl_idname = "dnpm.export_engine"
    bl_label = "Export for Engine"

    formats: bpy.props.EnumProperty(
        name="Files", description="The files to write", items=_FORMATS, options={"ENUM_FLAG"}, default={"glb", "fbx"}
    )
    visemes: bpy.props.BoolProperty(
        name="Oculus Visemes", default=False,
        description="Add 15 keys for speech, each a fixed mixture of the face's own: a rule, not learnt",
    )  # fmt: skip
    size: bpy.props.EnumProperty(
        name="Colour Texture", description="Texels a side of the skin's baked colours", default="2048",
        items=[(str(side), str(side), f"{side} texels a side") for side in engine.SIZES],
    )  # fmt: skip

    def work(self, context: bpy.types.Context, face: bpy.types.Object) -> Work:
        """See `BackgroundOperator`."""
        folder = self.chosen_folder()
        if not self.formats:
            raise DnpmError("choose GLB, FBX or both")
        options = engine.Options(_ordered(self.formats), self.visemes, int(self.size))
        return (yield from engine.export(snapshot.take(face, visemes=self.visemes), folder, options))


def _ordered(chosen: Iterable[str]) -> tuple[str, ...]:
    return tuple(kind for kind in files.FILES if kind in set(chosen))


CLASSES = (DNPM_OT_export_engine,)
