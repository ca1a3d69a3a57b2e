"""The map between mesh and UV, on small sheets and on the built model's own layout."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.model import FaceModel
from dnpm.core.geometry.uv_map import UVMap, mask_at, sample, triangles


def _sheet(side: int = 7, seed: int = 0, margin: float = 0.06) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A square of jittered quads and triangles: uv (V, 2) within the margin, faces (F, 4), u and v of a vertex."""
    rng = np.random.default_rng(seed)
    v, u = (a.ravel() for a in np.mgrid[0:side, 0:side] / (side - 1))
    uv = np.stack([u, v], 1)
    within = ((uv > 0) & (uv < 1)).all(1)
    uv[within] += rng.uniform(-0.25, 0.25, (within.sum(), 2)) / (side - 1)
    row, column = (a.ravel() for a in np.mgrid[0 : side - 1, 0 : side - 1])
    corner = row * side + column
    quads = np.stack([corner, corner + 1, corner + side + 1, corner + side], 1).astype(np.int32)
    none = np.full((len(quads[::3]), 1), -1, np.int32)
    halves = [np.concatenate([quads[::3][:, order], none], 1) for order in ([0, 1, 2], [0, 2, 3])]
    rest = np.delete(quads, np.s_[::3], 0)
    return margin + (1 - 2 * margin) * uv, np.concatenate([rest, *halves]), uv


def _centres(resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """u and v of the texels' centres, row 0 at the top."""
    c = (np.arange(resolution) + 0.5) / resolution
    u, v = np.meshgrid(c, 1 - c)
    return u, v


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1000), st.sampled_from([32, 64, 100]), st.tuples(*[st.floats(-50, 50) for _ in range(3)])
)  # fmt: skip
def test_linear_functions_are_reproduced_exactly(seed, resolution, plane):
    uv, faces, _ = _sheet(seed=seed)
    a, b, c = plane
    uv_map = UVMap(faces, uv, faces, resolution)
    texels = uv_map.to_texels(a + b * uv[:, 0] + c * uv[:, 1])
    u, v = _centres(resolution)
    np.testing.assert_allclose(texels[uv_map.covered], (a + b * u + c * v)[uv_map.covered], atol=2e-4)
    expected = (u > 0.06) & (u < 0.94) & (v > 0.06) & (v < 0.94)
    near = np.minimum.reduce([abs(u - 0.06), abs(u - 0.94), abs(v - 0.06), abs(v - 0.94)]) < 1e-6
    assert np.array_equal(uv_map.covered[~near], expected[~near])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_vertex_to_texel_to_vertex(seed):
    uv, faces, plain = _sheet(seed=seed)
    smooth = np.sin(3 * plain[:, 0]) + np.cos(2 * plain[:, 1])
    uv_map = UVMap(faces, uv, faces, 256)
    np.testing.assert_allclose(sample(uv_map.to_texels(smooth), uv), smooth, atol=0.02)


def test_several_channels_are_the_same_as_one_by_one():
    uv, faces, _ = _sheet()
    values = np.random.default_rng(0).normal(size=(len(uv), 3))
    uv_map = UVMap(faces, uv, faces, 40)
    together = uv_map.to_texels(values)
    for k in range(3):
        assert np.array_equal(together[..., k], uv_map.to_texels(values[:, k]))


def test_texels_outside_take_the_nearest_covered_value():
    uv, faces, _ = _sheet(margin=0.25)
    uv_map = UVMap(faces, uv, faces, 64)
    texels = uv_map.to_texels(uv[:, 0])
    assert not uv_map.covered[:, 2].any()
    inside = np.flatnonzero(uv_map.covered[32])
    np.testing.assert_allclose(texels[32, : inside[0]], texels[32, inside[0]], atol=1e-6)
    assert np.isfinite(texels).all()


def test_row_zero_is_the_top():
    uv, faces, plain = _sheet()
    texels = UVMap(faces, uv, faces, 32).to_texels(plain)
    assert texels[2, 16, 1] > 0.9
    assert texels[16, 29, 0] > 0.9


def test_sample_reads_texel_centres_and_holds_the_border():
    image = np.arange(16, dtype=np.float32).reshape(4, 4)
    u, v = _centres(4)
    assert np.array_equal(sample(image, np.stack([u, v], -1)), image)
    assert sample(image, np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])).tolist() == [0.0, 15.0, 7.5]
    assert sample(image, np.array([[-3.0, 9.0]])).tolist() == [0.0]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_sample_stays_between_the_values(points):
    image = np.random.default_rng(0).normal(size=(9, 9)).astype(np.float32)
    got = sample(image, np.array(points))
    assert got.min() >= image.min() - 1e-5
    assert got.max() <= image.max() + 1e-5


def test_metric_of_a_stretched_sheared_sheet():
    uv, faces, _ = _sheet()
    # x = 100 u + 20 v, y = 50 v: E = 100^2, F = 100 * 20, G = 20^2 + 50^2 mm^2.
    vertices = np.stack([100 * uv[:, 0] + 20 * uv[:, 1], 50 * uv[:, 1], 0 * uv[:, 0]], 1)
    metric = UVMap(faces, uv, faces, 48).metric(vertices)
    np.testing.assert_allclose(metric, np.broadcast_to([10000, 2000, 2900], metric.shape), rtol=1e-4)


def test_metric_scales_with_the_mesh_and_not_with_its_pose():
    uv, faces, _ = _sheet()
    rng = np.random.default_rng(0)
    vertices = np.concatenate([100 * uv, rng.normal(0, 3, (len(uv), 1))], 1)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    uv_map = UVMap(faces, uv, faces, 48)
    np.testing.assert_allclose(uv_map.metric(vertices @ turn + 7), uv_map.metric(vertices), rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(uv_map.metric(2 * vertices), 4 * uv_map.metric(vertices), rtol=1e-3, atol=1e-2)


def test_faces_outside_of_the_layer_are_left_out():
    uv, faces, _ = _sheet()
    table = faces.copy()
    table[: len(faces) // 2] = -1
    vertex, corner = triangles(faces, table)
    kept = faces[len(faces) // 2 :]
    assert len(vertex) == len(corner) == (kept[:, 3] >= 0).sum() + len(kept)
    assert UVMap(faces, uv, table, 64).covered.mean() < UVMap(faces, uv, faces, 64).covered.mean()
    with pytest.raises(DnpmError, match="no face in its detail UV"):
        UVMap(faces, uv, np.full_like(faces, -1), 64)


def test_mask_at_keeps_its_mean():
    mask = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    assert mask_at(mask, 16).mean() == pytest.approx(mask.mean(), abs=1e-6)
    assert mask_at(mask, 128).shape == (128, 128)
    assert np.array_equal(mask_at(mask, 64), mask)


def test_the_built_layout_at_full_size(face_model_file: Path):
    model = FaceModel.load(face_model_file)
    start = time.perf_counter()
    uv_map = UVMap(model.faces, model.detail_uv, model.faces_detail_uv, 1024)
    assert time.perf_counter() - start < 10  # 0.8 s on an idle core of 2020
    positions = uv_map.to_texels(model.neutral)
    # Symmetric up to the split of a quad: a texel's mirror image is the mirror image's texel.
    mirrored = positions[:, ::-1] * np.array([-1, 1, 1])
    both = uv_map.covered & uv_map.covered[:, ::-1]
    assert both.sum() > 0.99 * uv_map.covered.sum()
    assert np.percentile(np.linalg.norm(positions - mirrored, axis=-1)[both], 99) < 1.5
    inside = model.faces_detail_uv >= 0
    vertex, corner = model.faces[inside], model.faces_detail_uv[inside]
    back = np.stack([sample(positions[..., k], model.detail_uv[corner]) for k in range(3)], 1)
    # A vertex on a fold lies off the texels' plane by a part of a texel, on the border by a little more.
    assert np.median(np.linalg.norm(back - model.neutral[vertex], axis=1)) < 0.1
