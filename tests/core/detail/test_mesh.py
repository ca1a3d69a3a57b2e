"""Subdivision and the displaced mesh."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.detail import mesh
from dnpm.core.errors import DnpmError
from dnpm.core.geometry import uv_map
from dnpm.core.geometry.subdivision import subdivide
from dnpm.tests.core.detail.networks import tiny_face_model

CUBE = np.array(
    [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]], np.int32
)  # fmt: skip
CUBE_POINTS = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)], float)[:, [2, 1, 0]]
TETRAHEDRON = np.array([[0, 2, 1, -1], [0, 1, 3, -1], [1, 2, 3, -1], [0, 3, 2, -1]], np.int32)
GRID = np.array(
    [[r * 4 + c, r * 4 + c + 1, r * 4 + c + 5, r * 4 + c + 4] for r in range(3) for c in range(3)], np.int32
)


def test_the_cube_of_catmull_and_clark():
    step = subdivide(CUBE, 8, hold_border=False)
    points = step.matrix @ CUBE_POINTS
    assert step.matrix.shape == (8 + 12 + 6, 8)
    assert np.allclose(points[:8], CUBE_POINTS * 5 / 9, atol=1e-6)
    assert np.allclose(np.sort(np.abs(points[8:20]), 1), [0, 0.75, 0.75], atol=1e-6)
    assert np.allclose(np.sort(np.abs(points[20:]), 1), [0, 0, 1], atol=1e-6)
    assert step.faces.shape == (24, 4)
    assert np.array_equal(step.faces[:, 0], CUBE.ravel()), "each new face begins at its old corner"
    assert np.array_equal(step.parents, np.repeat(np.arange(6), 4))


@pytest.mark.parametrize(("faces", "n"), [(CUBE, 8), (TETRAHEDRON, 4), (GRID, 16), (tiny_face_model().faces, 81)])
@pytest.mark.parametrize("hold_border", [False, True])
def test_laws_of_subdivision(faces, n, hold_border):
    """Affine (rows sum to 1), orientation and closedness stay, twice as fine: V - E + F does not change."""
    step = subdivide(faces, n, hold_border=hold_border)
    assert np.allclose(np.asarray(step.matrix.sum(1)).ravel(), 1, atol=1e-6)
    rng = np.random.default_rng(0)
    points, turn, shift = rng.standard_normal((n, 3)), rng.standard_normal((3, 3)), rng.standard_normal(3)
    assert np.allclose(step.matrix @ (points @ turn + shift), (step.matrix @ points) @ turn + shift, atol=1e-5)

    def directed(table):
        return {
            (int(f[k]), int(f[(k + 1) % size])) for f in table for size in [int((f >= 0).sum())] for k in range(size)
        }

    def euler(table):
        edges = {tuple(sorted(e)) for e in directed(table)}
        return len(np.unique(table[table >= 0])) - len(edges) + len(table)

    assert euler(step.faces) == euler(faces)
    assert len(directed(step.faces)) == 4 * len(step.faces), "no edge is walked twice in one direction"
    assert step.faces.max() == step.matrix.shape[0] - 1


def test_the_border_of_a_grid():
    points = np.array([[c, -r, 0] for r in range(4) for c in range(4)], float)
    held = subdivide(GRID, 16, hold_border=True).matrix @ points
    assert np.allclose(held[:16], points), "a regular grid's layer does not move at all"
    smooth = subdivide(GRID, 16, hold_border=False).matrix @ points
    assert np.allclose(smooth[[1, 2, 5]], points[[1, 2, 5]]), "a straight border stays straight"
    assert np.allclose(smooth[0], [1 / 8, -1 / 8, 0]), "a corner is rounded as a cubic spline"


def test_a_subdivided_cube_becomes_round():
    faces, points = CUBE, CUBE_POINTS
    for _ in range(4):
        step = subdivide(faces, len(points), hold_border=False)
        faces, points = step.faces, step.matrix @ points
    radius = np.linalg.norm(points, axis=1)
    assert radius.max() / radius.min() < 1.15
    normals = mesh.vertex_normals(points, faces)
    assert ((normals * points).sum(1) / radius > 0.97).all(), "normals point outward"


def test_loose_points_stay():
    step = subdivide(CUBE + 1, 10, hold_border=False)
    points = np.random.default_rng(0).standard_normal((10, 3))
    assert np.allclose((step.matrix @ points)[[0, 9]], points[[0, 9]])


def test_normals_of_a_triangle_and_of_nothing():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]], np.float32)
    normals = mesh.vertex_normals(points, np.array([[0, 1, 2, -1]]))
    assert np.allclose(normals, [[0, 0, 1]] * 3 + [[0, 0, 0]])
    assert np.isfinite(normals).all()


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
def test_tables_of_the_displaced_mesh(tiny_model, levels):
    made = mesh.detailed_mesh(tiny_model, np.zeros(6), np.zeros(4), None, levels=levels)
    corners = np.where(tiny_model.faces[:, 3] < 0, 3, 4).sum()
    expected = len(tiny_model.faces) if levels == 0 else corners * 4 ** (levels - 1)
    assert {len(t) for t in (made.faces, made.faces_uv, made.faces_detail_uv, made.face_material)} == {expected}
    assert made.faces.max() < len(made.vertices) == len(made.normals)
    assert made.faces_uv.max() < len(made.uv)
    assert made.faces_detail_uv.max() < len(made.detail_uv)
    inside, before = made.faces_detail_uv[:, 0] >= 0, tiny_model.faces_detail_uv[:, 0] >= 0
    share = np.where(tiny_model.faces[:, 3] < 0, 3, 4) if levels else np.ones(len(before))
    assert inside.sum() == (before * share).sum() * 4 ** max(levels - 1, 0)
    # The sheet's layer is its own x and y: whatever the level, both must say the same.
    place = made.uv[made.faces_uv[inside]] - made.detail_uv[made.faces_detail_uv[inside]]
    assert np.abs(place).max() < 0.02
    assert made.uv.min() >= 0
    assert made.uv.max() <= 1


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2), st.lists(st.floats(-3, 3), min_size=6, max_size=6),
    st.lists(st.floats(0, 1), min_size=4, max_size=4), st.sampled_from([16, 64, 100]),
)  # fmt: skip
def test_no_displacement_gives_the_smooth_face(levels, identity, expression, resolution):
    model = tiny_face_model()
    identity, expression = np.float32(identity), np.float32(expression)
    smooth = mesh.detailed_mesh(model, identity, expression, None, levels=levels)
    zero = mesh.detailed_mesh(model, identity, expression, np.zeros((resolution, resolution)), levels=levels)
    off = mesh.detailed_mesh(model, identity, expression, np.ones((resolution, resolution)), s=0, levels=levels)
    assert np.array_equal(smooth.vertices, zero.vertices)
    assert np.array_equal(smooth.vertices, off.vertices)
    if levels == 0:
        assert np.allclose(smooth.vertices, model.vertices(identity, expression))


@pytest.mark.parametrize("levels", [0, 2])
def test_displacement_moves_along_the_normals_by_so_many_millimetres(tiny_model, levels):
    smooth = mesh.detailed_mesh(tiny_model, np.zeros(6), np.zeros(4), None, levels=levels)
    moved = mesh.detailed_mesh(tiny_model, np.zeros(6), np.zeros(4), np.full((32, 32), 0.8), s=0.5, levels=levels)
    step = moved.vertices - smooth.vertices
    inside = np.zeros(len(step), bool)
    inside[smooth.faces[smooth.faces_detail_uv[:, 0] >= 0]] = True
    assert inside.any()
    assert not inside.all()
    assert np.allclose(step[inside], 0.4 * smooth.normals[inside], atol=1e-5)
    assert (step[~inside] == 0).all()
    assert (step[inside][:, 2] > 0).all(), "outward is towards the viewer"


def test_row_0_of_the_map_is_the_top(tiny_model):
    top = np.zeros((32, 32))
    top[8] = 1
    smooth = mesh.detailed_mesh(tiny_model, np.zeros(6), np.zeros(4), None, levels=2)
    moved = mesh.detailed_mesh(tiny_model, np.zeros(6), np.zeros(4), top, levels=2)
    height = smooth.vertices[np.linalg.norm(moved.vertices - smooth.vertices, axis=1) > 0.5, 1]
    assert np.allclose(height, (0.5 - 8.5 / 32) * 90, atol=2)


def test_the_mask_at_every_size(tiny_model):
    assert np.array_equal(uv_map.mask_at(tiny_model.detail_mask, 64), tiny_model.detail_mask)
    for size in (16, 50, 128):
        made = uv_map.mask_at(tiny_model.detail_mask, size)
        assert made.shape == (size, size)
        assert made.dtype == np.float32
        assert made.min() >= 0
        assert made.max() <= 1
        assert abs(made.mean() - tiny_model.detail_mask.mean()) < 0.01
    assert np.allclose(mesh.masked(tiny_model, np.full((64, 64), 2.0)), 2 * tiny_model.detail_mask)


def test_matrices_are_made_once_and_go_with_their_model():
    model = tiny_face_model()
    before = len(mesh._cache)
    mesh.detailed_mesh(model, np.zeros(6), np.zeros(4), levels=1)
    first = mesh._cache[(id(model), 1)]
    mesh.detailed_mesh(model, np.ones(6), np.zeros(4), levels=1)
    assert mesh._cache[(id(model), 1)] is first
    del model
    gc.collect()
    assert len(mesh._cache) == before


@pytest.mark.parametrize(
    ("displacement", "levels", "says"),
    [
        (np.zeros((4, 5)), 1, "square"), (np.zeros(4), 1, "square"), (np.full((4, 4), np.nan), 1, "not finite"),
        (None, -1, "levels"), (None, 5, "levels"),
    ],
)  # fmt: skip
def test_bad_input_is_named(tiny_model, displacement, levels, says):
    with pytest.raises(DnpmError, match=says):
        mesh.detailed_mesh(tiny_model, np.zeros(6), np.zeros(4), displacement, levels=levels)
