"""A face's vertex groups: the face model's, and one of the vertices that the displacement map lifts.

A vertex group must not bear the name of a UV layer. From Blender 5.1 on both are looked up as attributes of the mesh by
their name, a modifier that wants the layer finds the group first, and the detail lies at wrong places. The first
version of this extension made such a group; `migrate` renames it.
"""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np

from ....core.face_model.model import FaceModel
from .. import names


def add(obj: bpy.types.Object, model: FaceModel) -> bool:
    """Add the groups that are missing; returns whether there were any."""
    wanted = dict(sorted(model.vertex_groups.items()))
    wanted[names.REGION] = np.unique(model.faces[model.faces_detail_uv >= 0])
    missing = [name for name in wanted if name not in obj.vertex_groups]
    for name in missing:
        obj.vertex_groups.new(name=name).add(wanted[name].tolist(), 1.0, "REPLACE")
    return bool(missing)


def migrate(obj: bpy.types.Object) -> bool:
    """Rename the detail region's group where it has the UV layer's name, as older versions wrote it.

    What refers to it by name follows. Returns whether there was something to do. On linked data the change lasts for
    the session, as everything there, and is repeated whenever the library is read.
    """
    group = obj.vertex_groups.get(names.DETAIL)
    if group is None or names.REGION in obj.vertex_groups:
        return False
    group.name = names.REGION
    for owner, attribute in _references(obj):
        if getattr(owner, attribute) == names.DETAIL:
            setattr(owner, attribute, names.REGION)
    # A new name alone evaluates nothing.
    obj.data.update_tag()
    return True


def migrate_all() -> None:
    """The same for every face of the file, linked ones too."""
    for obj in bpy.data.objects:
        # Whether it is a face is looked up last: few meshes have a group of this name.
        if obj.type == "MESH" and names.DETAIL in obj.vertex_groups and getattr(obj, names.FACE).is_face:
            migrate(obj)


def _references(obj: bpy.types.Object) -> Iterator[tuple[bpy.types.bpy_struct, str]]:
    """(owner, attribute) of everything that names a vertex group of this mesh; Blender renames none of it.

    Inputs of geometry nodes are left out: they name an attribute, which may as well be the UV layer.
    """
    # The names belong to the mesh, so every object that shares it is concerned.
    for user in [other for other in bpy.data.objects if other.data == obj.data]:
        yield getattr(user, names.CONTROLS), "mask"
        owners: list[bpy.types.bpy_struct] = [*user.modifiers, *user.particle_systems]
        inner = [getattr(modifier, "settings", None) for modifier in user.modifiers]
        owners += [settings for settings in inner if isinstance(settings, bpy.types.bpy_struct)]
        for owner in owners:
            for entry in owner.bl_rna.properties:
                if entry.type == "STRING" and "vertex_group" in entry.identifier and not entry.is_readonly:
                    yield owner, entry.identifier
    if obj.data.shape_keys is not None:
        for block in obj.data.shape_keys.key_blocks:
            yield block, "vertex_group"
    for other in bpy.data.objects:
        bones = other.pose.bones if other.pose is not None else ()
        for constraint in [c for owner in (other, *bones) for c in owner.constraints]:
            target = getattr(constraint, "target", None)
            if target is not None and target.data == obj.data and hasattr(constraint, "subtarget"):
                yield constraint, "subtarget"


def clashing(obj: bpy.types.Object) -> list[str]:
    """Names that both a vertex group and a UV layer of this mesh bear, whoever gave them."""
    return [layer.name for layer in obj.data.uv_layers if layer.name in obj.vertex_groups]
