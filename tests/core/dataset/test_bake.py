"""Rays against brute force; a known map becomes a mesh and is baked back; what cannot be baked is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.dataset.bake import Surface, bake, fill
from dnpm.core.dataset.rays import TriangleTree
from dnpm.core.detail.mesh import detailed_mesh, masked
from dnpm.core.errors import DnpmError
from dnpm.core.files.obj import read_obj

R = 128


def surface(model, expression=None) -> Surface:
    zero = np.zeros(model.n_id, np.float32)
    mesh = detailed_mesh(model, zero, np.zeros(model.n_exp) if expression is None else expression, None, levels=3)
    return Surface(mesh.vertices, mesh.normals, mesh.faces, mesh.detail_uv, mesh.faces_detail_uv)


@pytest.fixture(scope="module")
def wave() -> np.ndarray:
    x = (np.arange(R) + 0.5) / R
    return (0.6 * np.sin(11 * x)[:, None] * np.cos(8 * x)[None]).astype(np.float32)


@pytest.fixture(scope="module")
def sculpt(tiny_model, wave):
    zero = np.zeros(tiny_model.n_id, np.float32)
    mesh = detailed_mesh(tiny_model, zero, np.zeros(tiny_model.n_exp), masked(tiny_model, wave), levels=4)
    noise = np.random.default_rng(0).normal(0, 0.01, mesh.vertices.shape)
    return mesh.vertices + noise, mesh.faces


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(0.05, 2.0))
def test_rays_meet_what_brute_force_meets(seed, count, limit):
    rng = np.random.default_rng(seed)
    vertices = rng.normal(0, 1, (count * 3, 3))
    triangles = np.arange(count * 3).reshape(-1, 3)
    origins, directions = rng.normal(0, 1, (40, 3)), rng.normal(0, 1, (40, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    found = TriangleTree(vertices, triangles).along(origins, directions, limit)
    for o, d, got in zip(origins, directions, found, strict=True):
        best = np.nan
        for a, b, c in vertices[triangles]:
            normal = np.cross(b - a, c - a)
            if normal @ d <= 1e-12:
                continue
            t = normal @ (a - o) / (normal @ d)
            p = o + t * d
            sides = [np.cross(y - x, p - x) @ normal for x, y in ((a, b), (b, c), (c, a))]
            if min(sides) >= 0 and abs(t) <= limit and not abs(t) >= abs(best):
                best = t
        if np.isnan(best):
            # At an edge either may win.
            continue
        assert abs(got) <= abs(best) + 1e-4


def test_a_ray_meets_a_plane_from_either_side_at_the_signed_distance():
    vertices = np.array([[-5, -5, 1], [5, -5, 1], [0, 9, 1]], float)
    tree = TriangleTree(vertices, np.array([[0, 1, 2]]))
    origins = np.array([[0, 0, 0], [0, 0, 3], [0, 0, -9], [20, 0, 0]], float)
    up = np.tile([0.0, 0.0, 1.0], (4, 1))
    np.testing.assert_allclose(tree.along(origins, up, 4.0), [1, -2, np.nan, np.nan], atol=1e-6)
    # The plane's back is not what the rays look for.
    assert np.isnan(tree.along(origins, -up, 4.0)).all()


def test_a_known_map_comes_back(tiny_model, wave, sculpt):
    baked = bake(surface(tiny_model), *sculpt, tiny_model.detail_mask, R, 3.0)
    inside = masked(tiny_model, np.ones((R, R), np.float32)) > 0.9
    error = np.abs(baked.displacement - masked(tiny_model, wave))[inside]
    assert np.median(error) < 0.02
    assert np.quantile(error, 0.95) < 0.1
    assert baked.report.round_trip_mm < 0.03
    assert baked.report.problems() == []


def test_another_expression_does_not_fit(tiny_model, sculpt):
    baked = bake(surface(tiny_model, tiny_model.expression(browInnerUp=0.15)), *sculpt, tiny_model.detail_mask, R, 4.0)
    assert np.abs(baked.displacement).max() > 0.8


def test_a_hole_is_told_and_filled(tiny_model, sculpt):
    vertices, faces = sculpt
    centre = vertices[faces].mean(1)
    open_ = faces[np.linalg.norm(centre[:, :2], axis=1) > 15]
    baked = bake(surface(tiny_model), vertices, open_, tiny_model.detail_mask, R, 3.0)
    assert 0.02 < baked.report.holes < 0.2
    assert "holes" in baked.report.problems()[0]
    assert not baked.met[R // 2, R // 2]
    assert np.isfinite(baked.displacement).all()
    assert np.abs(baked.displacement).max() < 1


def test_a_small_cage_is_told(tiny_model, sculpt):
    baked = bake(surface(tiny_model), *sculpt, tiny_model.detail_mask, R, 0.45)
    assert baked.report.beyond > 0.005
    assert any("cage" in problem for problem in baked.report.problems())


def _moved(sculpt):
    return sculpt[0] + [0, 0, 40], sculpt[1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_moved, "does not lie on the face"),
        (lambda s: (s[0] + 5000, s[1]), "does not lie on the face"),
        (lambda s: (s[0] / 1000, s[1]), "does not lie on the face"),
        (lambda s: (s[0], s[1][:, ::-1]), "inside out"),
        (lambda s: (s[0], s[1][:0]), "no polygons"),
        (lambda s: (s[0] * np.nan, s[1]), "not finite"),
    ],
)
def test_what_cannot_be_baked_is_refused(tiny_model, sculpt, change, says):
    with pytest.raises(DnpmError, match=says):
        bake(surface(tiny_model), *change(sculpt), tiny_model.detail_mask, 32, 3.0)


def test_a_foreign_scan_has_to_be_aligned_first(shared_data, tiny_model):
    scan = read_obj(shared_data / "lee_perry_smith" / "LeePerrySmith.obj")
    with pytest.raises(DnpmError, match="align and scale it"):
        bake(surface(tiny_model), scan.vertices, scan.faces, tiny_model.detail_mask, 32, 3.0)


@given(st.integers(2, 33), st.integers(0, 1000))
def test_filling_keeps_what_is_known_and_stays_between(side, seed):
    rng = np.random.default_rng(seed)
    heights, known = rng.normal(size=(side, side)).astype(np.float32), rng.random((side, side)) < 0.3
    filled = fill(heights, known)
    assert np.array_equal(filled[known], heights[known])
    if known.any() and not known.all():
        assert filled[~known].min() >= heights[known].min() - 1e-5
        assert filled[~known].max() <= heights[known].max() + 1e-5
