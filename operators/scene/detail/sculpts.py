"""A face's smooth surface and another object's mesh, as core's arrays: what a bake needs of the scene."""

from __future__ import annotations

import bpy
import numpy as np

from ....core.dataset.bake import Surface
from ....core.face_model import units
from .. import names
from . import map_image


def smooth_surface(context: bpy.types.Context, face: bpy.types.Object) -> Surface:
    """The face as its Displace modifier gets it: posed and subdivided, without the map; mm in the face's own space.

    Its vertices and normals are those that the map will move; the scene is left as it was.
    """
    modifier = map_image.displace_modifier(face)
    was = modifier.show_viewport if modifier is not None else False
    try:
        if modifier is not None:
            modifier.show_viewport = False
        context.view_layer.update()
        evaluated = face.evaluated_get(context.evaluated_depsgraph_get())
        mesh = evaluated.to_mesh()
        points, faces = _polygons(mesh)
        normals = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertex_normals.foreach_get("vector", normals)
        uv = np.empty(len(mesh.loops) * 2, np.float32)
        mesh.uv_layers[names.DETAIL].uv.foreach_get("vector", uv)
        starts, totals = _loops(mesh)
        evaluated.to_mesh_clear()
    finally:
        if modifier is not None:
            modifier.show_viewport = was
            context.view_layer.update()
    uv = uv.reshape(-1, 2)
    corners = starts[:, None] + np.arange(4)
    faces_uv = np.where(np.arange(4) < totals[:, None], corners, -1)
    # Outside of the layer all corners of a face lie on one point of its border.
    spread = np.ptp(uv[np.maximum(faces_uv, corners[:, :1])], axis=1)
    faces_uv[(spread < 1e-7).any(1)] = -1
    scale = getattr(face, names.FACE).unit_scale
    turned = units.from_blender(normals.reshape(-1, 3)) / units.MM_PER_M
    return Surface(units.from_blender(points, scale), turned, faces, uv, faces_uv)


def sculpt_mesh(
    context: bpy.types.Context, sculpt: bpy.types.Object, face: bpy.types.Object
) -> tuple[np.ndarray, np.ndarray]:
    """Another object with its modifiers, in the face's space: vertices (N, 3) mm, faces (M, 4) with -1."""
    evaluated = sculpt.evaluated_get(context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    mesh.calc_loop_triangles()
    triangles = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    evaluated.to_mesh_clear()
    matrix = np.array(face.matrix_world.inverted_safe() @ sculpt.matrix_world)
    placed = points.reshape(-1, 3).astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    faces = np.full((len(triangles) // 3, 4), -1, np.int32)
    faces[:, :3] = triangles.reshape(-1, 3)
    if np.linalg.det(matrix[:3, :3]) < 0:
        # A mirrored object's polygons face inwards.
        faces[:, :3] = faces[:, 2::-1]
    return units.from_blender(placed, getattr(face, names.FACE).unit_scale), faces


def _polygons(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray]:
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    starts, totals = _loops(mesh)
    vertices = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", vertices)
    corners = np.minimum(starts[:, None] + np.arange(4), len(vertices) - 1)
    return points.reshape(-1, 3), np.where(np.arange(4) < totals[:, None], vertices[corners], -1)


def _loops(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray]:
    starts, totals = (np.empty(len(mesh.polygons), np.int32) for _ in range(2))
    mesh.polygons.foreach_get("loop_start", starts)
    mesh.polygons.foreach_get("loop_total", totals)
    return starts, totals
