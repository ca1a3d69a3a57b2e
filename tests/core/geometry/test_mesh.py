"""Normals, triangles as quads, and a UV layer's corners as weights of its vertices, on meshes small enough to check."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.geometry.mesh import as_quads, corner_sampler, vertex_normals

CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
SIDES = np.array(
    [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]], np.int32
)  # fmt: skip


def test_a_cubes_normals_point_out_of_its_corners() -> None:
    normals = vertex_normals(CUBE, SIDES)
    assert normals.dtype == np.float32
    np.testing.assert_allclose(normals, CUBE / np.sqrt(3), atol=1e-6)
    np.testing.assert_allclose(vertex_normals(CUBE, SIDES[:, ::-1]), -CUBE / np.sqrt(3), atol=1e-6)


@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_normals_weigh_faces_by_their_area_and_have_length_one(scale: float, seed: int) -> None:
    """A roof: a large and a small triangle at an edge. The sum of cross products is the definition."""
    rng = np.random.default_rng(seed)
    points = rng.normal(0, scale, (4, 3))
    faces = np.array([[0, 1, 2, -1], [1, 0, 3, -1]], np.int32)
    normals = vertex_normals(points, faces)
    crosses = [np.cross(points[b] - points[a], points[c] - points[a]) for a, b, c, _ in faces]
    both = crosses[0] + crosses[1]
    for vertex, expected in enumerate((both, both, crosses[0], crosses[1])):
        np.testing.assert_allclose(normals[vertex], expected / np.linalg.norm(expected), atol=1e-4)


def test_a_vertex_without_a_face_or_area_has_no_normal() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5], [2, 2, 2], [2, 2, 2], [2, 2, 2]], float)
    faces = np.array([[0, 1, 2, -1], [4, 5, 6, -1]], np.int32)
    normals = vertex_normals(points, faces)
    np.testing.assert_array_equal(normals[:3], [[0, 0, 1]] * 3)
    np.testing.assert_array_equal(normals[3:], 0)


def test_triangles_as_quads() -> None:
    faces = np.array([[4, 5, 6, -1], [0, 1, 2, 3]])
    np.testing.assert_array_equal(as_quads(faces), [[4, 5, 6, 6], [0, 1, 2, 3]])
    np.testing.assert_array_equal(faces[0], [4, 5, 6, -1], "the argument is left alone")


def test_corners_of_a_seam_are_averaged_and_what_is_outside_of_the_layer_gets_nothing() -> None:
    """Two triangles with a seam along their edge, and one that is not in the layer."""
    faces = np.array([[0, 1, 2, -1], [2, 1, 3, -1], [3, 4, 0, -1]])
    corners = np.array([[0, 1, 2, -1], [3, 4, 5, -1], [-1, -1, -1, -1]])
    sampler = corner_sampler(faces, corners, 5, 6)
    assert sampler.shape == (5, 6)
    assert sampler.dtype == np.float32
    values = np.array([10, 20, 30, 50, 80, 7], np.float32)
    # Vertex 2 lies at corners 2 and 3, vertex 1 at 1 and 4.
    np.testing.assert_allclose(sampler @ values, [10, 50, 40, 7, 0])
    # A corner that several faces use counts once.
    again = corner_sampler(np.vstack([faces, faces[:1]]), np.vstack([corners, corners[:1]]), 5, 6)
    np.testing.assert_allclose((again - sampler).toarray(), 0)
