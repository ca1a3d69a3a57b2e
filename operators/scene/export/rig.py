"""The exported objects: the coarse mesh with its keys and plain materials, under an armature of head and eyes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import compat, names
from .colours import Colours
from .parts import SKIN, corner_uv, finish, parts_of
from .snapshot import Snapshot
from .stage import Stage

MESH, ARMATURE, UV = "dnpm_face", "dnpm_face_rig", "UVMap"
_EXPORT_UV = "DNPM Export"
_BONE_M = {"head": 0.1, "eye_left": 0.02, "eye_right": 0.02}


def mesh_copy(stage: Stage, face: bpy.types.Object, snapshot: Snapshot) -> bpy.types.Object:
    """A plain object with the face's mesh at rest, its own materials, and the export's UV layer active; no keys."""
    mesh = stage.add(face.data.copy())
    mesh.name = MESH
    obj = bpy.data.objects.new(MESH, mesh)
    stage.add(obj)
    keys = mesh.shape_keys.name
    obj.shape_key_clear()
    # Before Blender 5.3 the copy of a mesh counts its keys twice, and they would stay in the file; from then on they
    # are gone by now, and a reference to them would be one to freed memory.
    if (left := bpy.data.shape_keys.get(keys)) is not None:
        bpy.data.batch_remove([left])
    obj.data.vertices.foreach_set("co", np.ascontiguousarray(snapshot.rest, np.float32).ravel())
    for key in list(mesh.keys()):
        del mesh[key]
    layer = mesh.uv_layers.new(name=_EXPORT_UV)
    layer.uv.foreach_set("vector", corner_uv(mesh, snapshot.model).ravel())
    mesh.uv_layers.active = mesh.uv_layers[_EXPORT_UV]
    mesh.uv_layers[_EXPORT_UV].active_render = True
    mesh.update()
    return obj


def finish_mesh(
    stage: Stage, obj: bpy.types.Object, snapshot: Snapshot, colours: Mapping[str, Colours],
    textures: Mapping[str, Mapping[str, Path]],
) -> dict[str, str]:  # fmt: skip
    """Give the baked mesh its final materials, its one UV layer and its keys. Returns part -> the material's name.

    textures: part -> {"base_colour": file, "normal": file}.
    """
    mesh, model = obj.data, snapshot.model
    for name in [layer.name for layer in mesh.uv_layers if layer.name != _EXPORT_UV]:
        mesh.uv_layers.remove(mesh.uv_layers[name])
    mesh.uv_layers[_EXPORT_UV].name = UV
    for name in [one.name for one in mesh.attributes if not one.is_internal and one.name.startswith("dnpm_")]:
        mesh.attributes.remove(mesh.attributes[name])
    parts, places = parts_of(model)
    mesh.materials.clear()
    used = {}
    for part in parts:
        material = stage.add(_material(stage, snapshot, part, colours[part], textures.get(part, {})))
        mesh.materials.append(material)
        used[part] = material.name
    mesh.polygons.foreach_set("material_index", places)
    obj.shape_key_add(name=names.BASIS, from_mix=False)
    for name, points in (snapshot.keys | snapshot.beside | snapshot.visemes).items():
        block = obj.shape_key_add(name=name, from_mix=False)
        block.slider_min, block.slider_max, block.value = 0.0, 1.0, 0.0
        block.data.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())
    mesh.update()
    return used


def add_joints(stage: Stage, obj: bpy.types.Object, snapshot: Snapshot) -> bpy.types.Object:
    """An armature whose joint `head` carries all but the eyeballs, which have joints of their own."""
    joints = snapshot.joints()
    data = stage.add(bpy.data.armatures.new(ARMATURE))
    armature = stage.add(bpy.data.objects.new(ARMATURE, data))
    with stage.selected(armature):
        bpy.ops.object.mode_set(mode="EDIT")
        head = None
        for name, place in joints.items():
            bone = data.edit_bones.new(name)
            bone.head = place.tolist()
            # Bones stand upright: their axes are then the head's, and not turned by the gaze.
            bone.tail = (place + np.array([0.0, 0.0, _BONE_M[name]])).tolist()
            if head is None:
                head = bone
            else:
                bone.parent = head
        bpy.ops.object.mode_set(mode="OBJECT")
    rest = np.ones(len(snapshot.rest), bool)
    obj.vertex_groups.clear()
    for name in list(joints)[1:]:
        group = snapshot.model.vertex_groups[name]
        rest[group] = False
        obj.vertex_groups.new(name=name).add(group.tolist(), 1.0, "REPLACE")
    obj.vertex_groups.new(name="head").add(np.flatnonzero(rest).tolist(), 1.0, "REPLACE")
    modifier: Any = obj.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    obj.parent = armature
    return armature


def _material(
    stage: Stage, snapshot: Snapshot, part: str, colours: Colours, textures: Mapping[str, Path]
) -> bpy.types.Material:
    """Plain and physically based: colour or texture, roughness, the skin's normal map."""
    how = finish(part, snapshot.model)
    material = bpy.data.materials.new(part)
    compat.use_nodes(material)
    tree = material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = how.roughness
    shader.inputs["Base Color"].default_value = (*colours.plain, 1.0)
    material.diffuse_color = (*colours.plain, 1.0)
    if how.alpha < 1.0:
        shader.inputs["Alpha"].default_value = how.alpha
    if "base_colour" in textures:
        node = _texture(stage, tree, textures["base_colour"], "sRGB")
        tree.links.new(_colour_of(node), shader.inputs["Base Color"])
    if "normal" in textures and part == SKIN:
        node = _texture(stage, tree, textures["normal"], "Non-Color")
        normal = tree.nodes.new("ShaderNodeNormalMap")
        normal.uv_map = UV
        tree.links.new(_colour_of(node), normal.inputs["Color"])
        tree.links.new(normal.outputs["Normal"], shader.inputs["Normal"])
    return material


def _colour_of(node: bpy.types.Node) -> bpy.types.NodeSocket:
    return node.outputs["Color"]


def _texture(stage: Stage, tree: bpy.types.NodeTree, file: Path, space: str) -> bpy.types.ShaderNodeTexImage:
    image = stage.add(bpy.data.images.load(str(file)))
    image.colorspace_settings.name = space
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    return node
