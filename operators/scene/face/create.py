"""Makes a face: mesh, two UV layers, vertex groups, shape keys, modifiers, materials, a flat map."""

from __future__ import annotations

import bpy
import numpy as np

from ....core.face_model.looks import DEFAULT_LOOK, Look
from ....core.face_model.model import FaceModel
from .. import names
from ..detail import map_image
from ..look import looks, materials, skin_material
from . import identity, models, pairs, registry, slider_values, vertex_groups

VIEWPORT_LEVELS, RENDER_LEVELS = 2, 3
"""At 1 a vertex stands every 1.5 mm, which hides wrinkles; at 2 a step of a drag takes a tenth of a second on eight
cores and a third on two; 3 is about as fine as the map."""


def new_face(
    scene: bpy.types.Scene,
    identity_values: np.ndarray | None = None,
    expression_values: np.ndarray | None = None,
    strength: float = 1.0,
    name: str = names.OBJECT,
    look: Look = DEFAULT_LOOK,
    collection: bpy.types.Collection | None = None,
) -> bpy.types.Object:
    """A face at the origin, in the given collection (else the scene's), with the sliders given (else the mean face at
    rest).

    Its map is flat until `live` fills it. Raises DnpmError when there is no face model or the sliders do not fit it.
    """
    table = models.current_table()
    model = table.model
    scale = scene.unit_settings.scale_length
    start = np.zeros(model.n_id, np.float32) if identity_values is None else np.asarray(identity_values, np.float32)
    mesh = _mesh(model, name, table.rest(start, scale))
    obj = bpy.data.objects.new(name, mesh)
    try:
        materials.set_up(mesh, model, scale)
        vertex_groups.add(obj, model)
        _fill_properties(obj, table, scale)
        obj.shape_key_add(name=names.BASIS, from_mix=False)
        for key in table.names:
            add_key(obj, key)
        add_subdivision(obj)
        add_displacement(obj)
        identity.set_sliders(obj, identity=start, expression=expression_values, strength=strength)
        looks.set_look(obj, look, later=True)
        materials.link_map(obj)
    except BaseException:
        bpy.data.objects.remove(obj)
        bpy.data.meshes.remove(mesh)
        raise
    (collection or scene.collection).objects.link(obj)
    registry.add(obj)
    return obj


def _mesh(model: FaceModel, name: str, points: np.ndarray) -> bpy.types.Mesh:
    """Vertices, polygons and both UV layers, smooth."""
    corners = model.faces >= 0
    counts = corners.sum(1)
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(points))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())
    mesh.loops.add(int(counts.sum()))
    mesh.loops.foreach_set("vertex_index", model.faces[corners].astype(np.int32))
    mesh.polygons.add(len(counts))
    mesh.polygons.foreach_set("loop_start", (np.cumsum(counts) - counts).astype(np.int32))
    mesh.update(calc_edges=True)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(counts), bool))
    mesh.uv_layers.new(name=names.UV).uv.foreach_set("vector", _corner_uv(model.uv, model.faces_uv[corners]))
    add_detail_layer(mesh, model)
    mesh.uv_layers.active = mesh.uv_layers[names.UV]
    mesh.uv_layers[names.UV].active_render = True
    mesh.validate()
    return mesh


def add_key(obj: bpy.types.Object, name: str) -> None:
    """A shape key at rest. (Blender 5 adds keys at 1.)"""
    block = obj.shape_key_add(name=name, from_mix=False)
    block.slider_min, block.slider_max, block.value = 0.0, 1.0, 0.0


def add_detail_layer(mesh: bpy.types.Mesh, model: FaceModel) -> None:
    """The UV layer of the displacement map."""
    layer = mesh.uv_layers.new(name=names.DETAIL)
    layer.uv.foreach_set("vector", _detail_corners(model)[model.faces >= 0].ravel())


def _corner_uv(uv: np.ndarray, corners: np.ndarray) -> np.ndarray:
    values = np.zeros((len(corners), 2), np.float32)
    values[corners >= 0] = uv[corners[corners >= 0]]
    return values.ravel()


def _detail_corners(model: FaceModel) -> np.ndarray:
    """(F, 4, 2): the detail layer's coordinates of every corner.

    The modifier reads one coordinate a vertex and does not say whose, so a face outside of the layer takes those that
    its vertices have inside; its other corners take a neighbour's, at the layer's border, where the map is 0. (The
    square's corner there would draw the whole map across such a face.) A face without any lies on the square's corner.
    """
    known = np.zeros((len(model.neutral), 2), np.float32)
    is_known = np.zeros(len(model.neutral), bool)
    inside = model.faces_detail_uv >= 0
    known[model.faces[inside]] = model.detail_uv[model.faces_detail_uv[inside]]
    is_known[model.faces[inside]] = True
    vertices = model.faces.clip(0)
    result = known[vertices]
    has = is_known[vertices] & (model.faces >= 0)
    first = result[np.arange(len(result)), has.argmax(1)]
    result = np.where(has[..., None], result, np.where(has.any(1)[:, None, None], first[:, None], 0.0))
    result[inside] = model.detail_uv[model.faces_detail_uv[inside]]
    return result.astype(np.float32)


def _fill_properties(obj: bpy.types.Object, table: models.KeyTable, scale: float) -> None:
    face = getattr(obj, names.FACE)
    face.is_face, face.unit_scale = True, scale
    fill_sliders(obj, table)


def fill_sliders(obj: bpy.types.Object, table: models.KeyTable) -> None:
    """The sliders that the face model has; values of components with the same label are kept."""
    face = getattr(obj, names.FACE)
    kept = {item.name: item.value for item in face.identity}
    face.model, face.fingerprint = table.model.name, table.fingerprint
    # On a library override such a list can only stay as it is.
    if list(kept) != list(table.model.identity_labels):
        face.identity.clear()
        with slider_values.suppress_updates():
            for label in table.model.identity_labels:
                item = face.identity.add()
                item.name, item.value = label, kept.get(label, 0.0)
    both = list(pairs.linked(table.model.expression_names))
    if face.linked.keys() != both:
        face.linked.clear()
        for name in both:
            face.linked.add().name = name


def add_subdivision(obj: bpy.types.Object) -> None:
    """The modifier that makes the mesh fine enough for the map."""
    subdivision = obj.modifiers.new(names.SUBDIVISION, "SUBSURF")
    subdivision.levels, subdivision.render_levels = VIEWPORT_LEVELS, RENDER_LEVELS
    subdivision.uv_smooth = "NONE"
    subdivision.use_limit_surface = False


def set_levels(obj: bpy.types.Object, levels: int) -> None:
    """How fine a new face's mesh is, shown and rendered; the skin's bump shows the rest."""
    subdivision = obj.modifiers[names.SUBDIVISION]
    assert isinstance(subdivision, bpy.types.SubsurfModifier)
    subdivision.levels = subdivision.render_levels = levels
    for material in materials.own(obj):
        skin_material.set_levels(material.node_tree, levels)


def add_displacement(obj: bpy.types.Object) -> None:
    """The modifier that lifts the mesh by a new, flat map."""
    give_map(obj, obj.modifiers.new(names.DETAIL, "DISPLACE"))


def give_map(obj: bpy.types.Object, modifier: bpy.types.DisplaceModifier) -> None:
    """A new, flat map for the modifier."""
    name = f"{names.DETAIL} {obj.name}"
    map_image.set_up_modifier(obj, modifier, map_image.new_texture(name, map_image.new_image(name)))
