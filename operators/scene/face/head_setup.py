"""Detail on a head of another program: what is sent of it to the worker, what it is given, and all of it away again."""

from __future__ import annotations

import bpy
import numpy as np

from ....core.backend.transfer_requests import TransferFace, TransferOpen
from ....core.errors import DnpmError
from ....core.face_model import units
from .. import names
from ..detail import map_image, map_state
from ..look import materials, own_material, skin_material
from . import create, models, own_heads, registry, slider_values, split_seams

PLAUSIBLE = (0.75, 1.33)
"""A head of 1 / this of the average size has millimetres of its own; any other was made in another unit."""
_SPACING_MM, _MOST_SHOWN = 0.6, 400_000
_LEVELS, _MOST_LEVELS, _MOST_RENDERED = 3, 5, 1_600_000
"""Levels that any mesh may have, and a coarse one as long as it has at most so many vertices when it is rendered:
heights that are taken at points farther apart than lines are wide show a grid."""
_RED_MM = 4.0


def why_not(obj: bpy.types.Object | None) -> str:
    """Why detail cannot be added to this object; empty when it can."""
    if obj is None or obj.type != "MESH":
        return "Select a mesh with a human face first"
    group = getattr(obj, names.FACE)
    if group.is_face and not group.detail_only:
        return f"{obj.name} is a DNPM face: it has its detail"
    if obj.library is not None or obj.data.library is not None:
        return f"{obj.name} is linked from another file: make it local first (Object > Relations > Make Local)"
    if obj.override_library is not None or obj.data.override_library is not None:
        return f"{obj.name} is a library override, whose mesh cannot be given a UV layer: make it local first"
    if obj.mode == "EDIT":
        return "Leave Edit Mode first"
    return ""


def mesh_request(obj: bpy.types.Object, scene: bpy.types.Scene) -> TransferOpen:
    """The head at rest as the scene shows it, without modifiers and poses. Raises DnpmError when it has no face."""
    mesh = obj.data
    if any(isinstance(m, bpy.types.MirrorModifier) and m.show_viewport for m in obj.modifiers):
        raise DnpmError(f"{obj.name}: its Mirror modifier makes half of the face, which detail cannot lie on: apply it")
    triangles = _triangles(mesh)
    if not len(triangles):
        raise DnpmError(f"{obj.name}: has no faces")
    if np.linalg.det(np.array(obj.matrix_world, np.float64)[:3, :3]) < 0:
        triangles = triangles[:, ::-1]  # A negative scale turns them inside out, which Blender makes up for.
    points = in_core(obj, scene, rest_points(obj))
    pins = [
        [float(other[names.POINT]), *in_core(obj, scene, None, other.matrix_world.translation)]
        for other in point_handles(obj) if other.get("dnpm_start") is None or _was_moved(other)
    ]  # fmt: skip
    return TransferOpen(
        vertices=points.astype(np.float32), triangles=np.ascontiguousarray(triangles),
        pins=np.array(pins, np.float32) if pins else None,
    )  # fmt: skip


def _triangles(mesh: bpy.types.Mesh) -> np.ndarray:
    """(T, 3) int32."""
    mesh.calc_loop_triangles()
    triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    return triangles.reshape(-1, 3)


def rest_points(obj: bpy.types.Object) -> np.ndarray:
    """(V, 3) float64, the object's own space: the shape keys that make the person at their values, expressions at 0."""
    mesh, keys = obj.data, obj.data.shape_keys
    count = len(mesh.vertices)
    flat = np.empty(3 * count, np.float32)
    if keys is None or keys.reference_key is None:
        mesh.vertices.foreach_get("co", flat)
        return flat.reshape(-1, 3).astype(np.float64)

    def of(block: bpy.types.ShapeKey) -> np.ndarray:
        block.points.foreach_get("co", flat)
        return flat.reshape(-1, 3).astype(np.float64)

    expressions = own_heads.expression_names(obj)
    points = of(keys.reference_key)
    for block in keys.key_blocks:
        if block == keys.reference_key or block.mute or not block.value or block.name in expressions:
            continue
        points = points + block.value * (of(block) - of(block.relative_key))
    return points


def in_core(
    obj: bpy.types.Object, scene: bpy.types.Scene, points: np.ndarray | None, place: object = None
) -> np.ndarray:
    """Points (V, 3) of the object, or a place (3,) of the world, in core's axes and the scene's millimetres."""
    scale = scene.unit_settings.scale_length
    if points is None:
        return units.from_blender(np.array(place, np.float64), scale)
    matrix = np.array(obj.matrix_world, np.float64)
    return units.from_blender(points @ matrix[:3, :3].T + matrix[:3, 3], scale)


def to_world(scene: bpy.types.Scene, points: np.ndarray) -> np.ndarray:
    """Core's axes and the scene's millimetres -> the world."""
    return units.to_blender(points, scene.unit_settings.scale_length)


def set_up(obj: bpy.types.Object, scene: bpy.types.Scene, made: TransferFace) -> list[str]:
    """Give the mesh its layer, weights, modifiers, bump and sliders; returns what the artist should know.

    Raises DnpmError when the mesh was changed meanwhile or none of its skin was reached, with it as it was.
    """
    mesh = obj.data
    if len(mesh.vertices) != len(made.weight):
        raise DnpmError(f"{obj.name}: the mesh was changed meanwhile: try again")
    if names.DETAIL not in mesh.uv_layers and len(mesh.uv_layers) >= 8:
        raise DnpmError(f"{obj.name}: has 8 UV layers, and Blender knows no more: remove one for the detail's")
    own_scale = abs(np.linalg.det(np.array(obj.matrix_world)[:3, :3])) ** (1 / 3)
    true_size = PLAUSIBLE[0] <= made.scale <= PLAUSIBLE[1]
    unit = scene.unit_settings.scale_length * own_scale * (1.0 if true_size else made.scale)
    points = rest_points(obj)
    spacing = _spacing_mm(mesh, made.weight, points * unit * 1000.0)
    table = models.current_table()
    face = getattr(obj, names.FACE)
    again = face.is_face
    notes = []
    _write_layer(mesh, made)
    _write_group(obj, made.weight)
    _write_fit(mesh, made)
    face.detail_only, face.is_face = True, True
    face.unit_scale, face.bump_scale = unit, own_scale
    create.fill_sliders(obj, table)
    with slider_values.suppress_updates():
        for item, value in zip(face.identity, made.identity, strict=True):
            if not item.locked and not (again and item.name not in table.model.identity_labels[: table.model.n_shape]):
                item.value = float(value)
    if not own_heads.find_sources(obj):
        remedy = "press Measure Rig" if obj.find_armature() is not None else "add sources"
        notes.append(f"no shape key was recognised as an expression: {remedy}, or the detail stays at rest")
    split_seams.join(obj, made.weight, points)
    left = _modifiers(obj, spacing)
    reach = max(left, 0.4) / 0.4 * skin_material.REACH_UV
    refused = own_material.add_bump(obj, _materials_used(mesh, made.weight), reach)
    if refused:
        notes.append(f"no shader for fine pores in {', '.join(refused[:3])}")
    materials.link_map(obj)
    registry.add(obj)
    how = "MakeHuman's mesh, exact" if made.exact else f"{made.median_mm:.1f} mm off, 95 % within {made.p95_mm:.1f} mm"
    size = "its millimetres are kept" if true_size else "made in another unit, so heights follow the head's size"
    eyes = float(np.linalg.norm(made.landmarks[36] - made.landmarks[45]))  # the outer corners, 90 mm on average
    found = f"outer eye corners {eyes:.0f} mm apart in the scene: " if np.isfinite(eyes) else ""
    face.fit_report = f"{how}; {found}{size}"
    if made.problem:
        notes.append(made.problem)
    return notes


def _write_layer(mesh: bpy.types.Mesh, made: TransferFace) -> None:
    """Every corner has its vertex's place; faces without detail lie on the square's corner, where the map is 0."""
    active = mesh.uv_layers.active_index
    rendered = next((layer.name for layer in mesh.uv_layers if layer.active_render), "")
    layer = mesh.uv_layers.get(names.DETAIL) or mesh.uv_layers.new(name=names.DETAIL, do_init=False)
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    starts = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("loop_start", starts)
    order = np.argsort(starts)
    most = np.maximum.reduceat(made.weight[corners], starts[order])
    counts = np.diff(np.append(starts[order], len(corners)))
    coordinates = made.detail_uv[corners].astype(np.float32)
    coordinates[np.repeat(most, counts) == 0] = 0.0
    layer.uv.foreach_set("vector", coordinates.ravel())
    if rendered:
        mesh.uv_layers.active_index = active
        mesh.uv_layers[rendered].active_render = True


def _write_group(obj: bpy.types.Object, weight: np.ndarray) -> None:
    old = obj.vertex_groups.get(names.REGION)
    if old is not None:
        obj.vertex_groups.remove(old)
    group = obj.vertex_groups.new(name=names.REGION)
    steps = np.round(weight * 50).astype(int)  # A call for every weight that occurs, not for every vertex.
    for step in np.unique(steps[steps > 0]):
        group.add(np.flatnonzero(steps == step).tolist(), step / 50, "REPLACE")


def _write_fit(mesh: bpy.types.Mesh, made: TransferFace) -> None:
    old = mesh.attributes.get(names.FIT)
    if old is not None:
        mesh.attributes.remove(old)
    share = np.clip(made.distance / _RED_MM, 0, 1)
    colour = np.full((len(share), 4), 0.5, np.float32)
    inside = made.weight > 0
    colour[inside] = np.stack([share, 1 - share, 0 * share, 1 + 0 * share], 1)[inside]
    colour[:, 3] = 1.0
    mesh.attributes.new(names.FIT, "FLOAT_COLOR", "POINT").data.foreach_set("color", colour.ravel())


def _spacing_mm(mesh: bpy.types.Mesh, weight: np.ndarray, points_mm: np.ndarray) -> float:
    """Median length of the edges of the face."""
    edges = np.empty(2 * len(mesh.edges), np.int32)
    mesh.edges.foreach_get("vertices", edges)
    edges = edges.reshape(-1, 2)
    edges = edges[(weight[edges] > 0).all(1)]
    if not len(edges):
        raise DnpmError("the face model lies nowhere near the mesh's skin: no detail was added")
    return float(np.median(np.linalg.norm(points_mm[edges[:, 0]] - points_mm[edges[:, 1]], axis=1)))


def _modifiers(obj: bpy.types.Object, spacing: float) -> float:
    """Subdivision where the mesh is too coarse, and the displacement; returns the spacing (mm) that renders have."""
    others = [m for m in obj.modifiers if isinstance(m, bpy.types.SubsurfModifier) and m.name != names.SUBDIVISION]
    has = sum(m.render_levels for m in others)
    room = int(np.log(_MOST_RENDERED / max(len(obj.data.vertices), 1)) / np.log(4.0)) - has
    most = int(np.clip(room, _LEVELS, _MOST_LEVELS))
    wanted = int(np.clip(np.ceil(np.log2(max(spacing / 2**has / _SPACING_MM, 1.0))), 0, most))
    subdivision = obj.modifiers.get(names.SUBDIVISION)
    if wanted and subdivision is None:
        subdivision = obj.modifiers.new(names.SUBDIVISION, "SUBSURF")
        subdivision.uv_smooth, subdivision.use_limit_surface = "NONE", False
        fits = int(np.log(max(_MOST_SHOWN / max(len(obj.data.vertices), 1), 1.0)) / np.log(4.0))
        subdivision.levels, subdivision.render_levels = min(wanted, fits), wanted
    modifier = map_image.displace_modifier(obj)
    if modifier is None:
        create.add_displacement(obj)
        modifier = map_image.displace_modifier(obj)
    assert modifier is not None
    modifier.vertex_group = names.REGION
    map_image.update_strength(obj)
    levels = subdivision.render_levels if subdivision is not None else 0
    return spacing / 2 ** (has + levels)


def _materials_used(mesh: bpy.types.Mesh, weight: np.ndarray) -> np.ndarray:
    """Slots of the faces that have detail."""
    corners, starts = np.empty(len(mesh.loops), np.int32), np.empty(len(mesh.polygons), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    mesh.polygons.foreach_get("loop_start", starts)
    slots = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("material_index", slots)
    return np.unique(slots[weight[corners[starts]] > 0])


def remove(obj: bpy.types.Object) -> None:
    """Take everything away that `set_up` gave; the mesh is as it was."""
    mesh = obj.data
    own_material.remove_bump(obj)
    modifier = map_image.displace_modifier(obj)
    texture, image = map_image.live_texture(obj), map_image.find_image(obj)
    if map_image.is_baked(obj):
        map_image.leave_sequence(obj)
    for found in (modifier, obj.modifiers.get(names.SUBDIVISION), obj.modifiers.get(names.WELD)):
        if found is not None:
            obj.modifiers.remove(found)
    if texture is not None and not texture.users:
        bpy.data.textures.remove(texture)
    if image is not None and not image.users:
        bpy.data.images.remove(image)
    group = obj.vertex_groups.get(names.REGION)
    if group is not None:
        obj.vertex_groups.remove(group)
    layer = mesh.uv_layers.get(names.DETAIL)
    if layer is not None:
        mesh.uv_layers.remove(layer)
    attribute = mesh.attributes.get(names.FIT)
    if attribute is not None:
        mesh.attributes.remove(attribute)
    remove_points(obj)
    map_state.drop(obj.session_uid)
    obj.property_unset(names.FACE)
    # Fetched anew: in Blender 5.3 a reference from before points to freed memory by now.
    getattr(obj, names.FACE).is_face = False
    registry.forget()


def point_handles(obj: bpy.types.Object) -> list[bpy.types.Object]:
    """The empties that hold landmarks of this head."""
    return [other for other in obj.children if other.type == "EMPTY" and other.get(names.POINT) is not None]


def _was_moved(handle: bpy.types.Object) -> bool:
    return float(np.linalg.norm(np.array(handle.location) - np.array(handle["dnpm_start"]))) > 1e-6


def add_points(obj: bpy.types.Object, scene: bpy.types.Scene, landmarks: np.ndarray, size_mm: float) -> None:
    """Empties on the landmarks (68, 3), core's axes in the scene's millimetres; those that were moved stay."""
    kept = {int(other[names.POINT]) for other in point_handles(obj) if _was_moved(other)}
    remove_points(obj, keep=kept)
    inverse = obj.matrix_world.inverted()
    to_units = size_mm / (1000.0 * scene.unit_settings.scale_length)
    for number, place in enumerate(to_world(scene, landmarks)):
        if number in kept or not np.isfinite(place).all():
            continue
        empty = bpy.data.objects.new(f"DNPM Point {number}", None)
        empty.empty_display_type, empty.empty_display_size = "SPHERE", to_units
        empty.parent = obj
        empty.location = inverse @ type(empty.location)(place)
        empty[names.POINT], empty["dnpm_start"] = number, list(empty.location[:])
        for collection in obj.users_collection:
            collection.objects.link(empty)


def remove_points(obj: bpy.types.Object, keep: frozenset[int] | set[int] = frozenset()) -> None:
    """Remove the empties."""
    for other in point_handles(obj):
        if int(other[names.POINT]) not in keep:
            bpy.data.objects.remove(other)
