"""The detail layout: on bulged sheets with holes, and as built into the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.detail_layout import border_mask, boundary_loops, detail_layout
from dnpm.core.face_model.model import FaceModel
from dnpm.core.geometry.uv_map import UVMap, triangles


def _bulge(side: int = 17, depth: float = 60.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A symmetric bulged sheet, 160 x 200 mm, with two holes as for eyes and one for a mouth; and its chart."""
    rng = np.random.default_rng(seed)
    v, u = (a.ravel() for a in np.mgrid[0:side, 0:side] / (side - 1))
    x, y = (u - 0.5) * 160, (v - 0.5) * 200
    z = depth * np.cos(x / 80 * 1.3) * np.cos(y / 100 * 1.3)
    bumps = sum(
        rng.normal(0, 4) * np.exp(-((np.abs(x) - rng.uniform(0, 70)) ** 2 + (y - rng.uniform(-80, 80)) ** 2) / 500)
        for _ in range(6)
    )
    vertices = np.stack([x, y, z + bumps], 1)
    row, column = (a.ravel() for a in np.mgrid[0 : side - 1, 0 : side - 1])
    corner = row * side + column
    faces = np.stack([corner, corner + 1, corner + side + 1, corner + side], 1).astype(np.int32)
    middle = (side - 1) // 2
    hole = (row >= 10) & (row <= 11) & ((abs(column - 4) <= 1) | (abs(column - (side - 2 - 4)) <= 1))
    hole |= (row == 4) & (column >= middle - 2) & (column < middle + 2)
    return vertices, faces, ~hole


def _areas(uv: np.ndarray, corners: np.ndarray) -> np.ndarray:
    p = uv[corners].astype(np.float64)
    a, b = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
    return (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2


def _overlap(uv: np.ndarray, faces: np.ndarray, faces_uv: np.ndarray) -> float:
    """Share by which the triangles' areas exceed what they cover together (rasterised, so up to the rim's texels)."""
    _, corners = triangles(faces, faces_uv)
    return float(np.abs(_areas(uv, corners)).sum() - UVMap(faces, uv, faces_uv, 1024).covered.mean())


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.floats(10, 110))
def test_no_flips_overlaps_or_asymmetry(seed, depth):
    vertices, faces, chart = _bulge(seed=seed, depth=depth)
    uv, faces_uv, mask = detail_layout(vertices, faces, chart)
    assert np.array_equal(faces_uv[:, 0] >= 0, chart)
    for corners in ([0, 1, 2], [0, 2, 3], [0, 1, 3], [1, 2, 3]):
        assert (_areas(uv, faces_uv[chart][:, corners]) > 0).all()
    assert abs(_overlap(uv, faces, faces_uv)) < 2e-3
    used = np.unique(faces[chart])
    mirrored = {(round(-x, 6), round(y, 6)): k for k, (x, y) in enumerate(vertices[used][:, :2])}
    partner = np.array([mirrored[(round(x, 6), round(y, 6))] for x, y in vertices[used][:, :2]])
    np.testing.assert_allclose(uv, np.stack([1 - uv[partner][:, 0], uv[partner][:, 1]], 1), atol=1e-6)
    assert uv.min() >= 0
    assert uv.max() <= 1
    assert mask.shape == (512, 512)


def test_upright_with_the_left_side_at_high_u():
    vertices, faces, chart = _bulge()
    uv, faces_uv, _ = detail_layout(vertices, faces, chart)
    place = np.zeros((len(vertices), 2))
    place[faces[chart]] = uv[faces_uv[chart]]
    used = np.unique(faces[chart])
    assert np.corrcoef(vertices[used, 0], place[used, 0])[0, 1] > 0.95
    assert np.corrcoef(vertices[used, 1], place[used, 1])[0, 1] > 0.95


def test_unrolling_keeps_texels_square_on_the_skin():
    """Ratio of a texel's two widths on the skin: what makes pores round."""
    vertices, faces, chart = _bulge(depth=100)

    def stretch(iterations: int) -> np.ndarray:
        uv, faces_uv, _ = detail_layout(vertices, faces, chart, iterations)
        uv_map = UVMap(faces, uv, faces_uv, 64)
        e, f, g = np.moveaxis(uv_map.metric(vertices.astype(np.float32))[uv_map.covered], -1, 0)
        spread = np.sqrt((e - g) ** 2 + 4 * f * f)
        return np.sqrt((e + g + spread) / (e + g - spread))

    assert np.median(stretch(200)) < 1.3
    assert np.percentile(stretch(200), 95) < 0.9 * np.percentile(stretch(0), 95)


def test_loops_of_a_disc_with_holes():
    _, faces, chart = _bulge()
    loops = boundary_loops(faces[chart])
    assert sorted(map(len, loops)) == sorted([2 * (3 + 2), 2 * (3 + 2), 2 * (4 + 1), 4 * 16])


def test_a_chart_that_touches_itself_or_is_lopsided_is_refused():
    vertices, faces, chart = _bulge()
    corner = chart.copy()
    corner[[0, 17]] = False  # two quads that meet in one vertex
    with pytest.raises(DnpmError, match="touches itself"):
        boundary_loops(faces[corner])
    with pytest.raises(DnpmError, match="not symmetric"):
        detail_layout(vertices + np.array([3.0, 0, 0]), faces, chart)


def test_the_mask_is_one_inside_and_nought_at_every_rim():
    vertices, faces, chart = _bulge()
    uv, faces_uv, mask = detail_layout(vertices, faces, chart)
    covered = UVMap(faces, uv, faces_uv, 512).covered
    assert not mask[~covered].any()
    assert mask.max() == 1
    assert (mask == 1).mean() > 0.5
    # Nowhere a step that would show as an edge in the surface.
    step = max(np.abs(np.diff(mask, axis=0)).max(), np.abs(np.diff(mask, axis=1)).max())
    assert step < 0.5
    assert np.array_equal(mask, border_mask(faces, uv, faces_uv))


def test_the_built_layout(face_model_file: Path):
    model = FaceModel.load(face_model_file)
    inside = model.faces_detail_uv[:, 0] >= 0
    vertex, corner = triangles(model.faces, model.faces_detail_uv)
    assert (_areas(model.detail_uv, corner) > 0).all()
    assert abs(_overlap(model.detail_uv, model.faces, model.faces_detail_uv)) < 2e-3
    uv_map = UVMap(model.faces, model.detail_uv, model.faces_detail_uv, 1024)
    assert uv_map.covered.mean() >= 0.8
    p = model.neutral[vertex].astype(np.float64)
    area = np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1) / 2
    texel = np.sqrt(area / _areas(model.detail_uv, corner)) / 1024
    assert np.median(texel[uv_map.triangle[uv_map.covered]]) <= 0.35
    distance = np.linalg.norm(model.detail_uv[:, None] - (model.detail_uv * [-1, 1] + [1, 0])[None], axis=-1).min(1)
    assert distance.max() < 1e-5
    assert not model.detail_mask[[0, -1]].any()
    assert not model.detail_mask[:, [0, -1]].any()
    # The face, not its insides: no eyeball, tooth or tongue lies in the layer.
    names = np.array(model.material_names)[model.face_material]
    assert set(names[inside]) <= {"skin", "lips"}


def test_landmarks_lie_where_they_should(face_model_file: Path):
    model = FaceModel.load(face_model_file)
    p = model.neutral[model.landmarks68]
    jaw_and_brows = [*range(16, -1, -1), *range(26, 16, -1)]
    nose_and_eyes = [27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    mouth = [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
    mirror = jaw_and_brows + nose_and_eyes + mouth
    np.testing.assert_allclose(p, p[mirror] * [-1, 1, 1], atol=2.0)
    assert len(set(model.landmarks68.tolist())) == 68
    x, y, z = p.T
    assert (np.diff(x[:17]) > 0).all(), "the jaw runs from the subject's right to the left"
    assert y[8] < y[:17].min() + 2, "the chin is its lowest point"
    assert (np.diff(x[17:27]) > 0).all()
    assert (np.diff(y[27:31]) < 0).all()
    assert z[30] == z.max(), "the tip of the nose is foremost"
    assert (np.diff(x[31:36]) > 0).all()
    for corner, upper, lower in ((36, (37, 38), (41, 40)), (42, (43, 44), (47, 46))):
        assert x[corner] < x[list(upper)].min()
        assert x[corner + 3] > x[list(upper)].max()
        assert (y[list(upper)] > y[list(lower)]).all()
    assert (y[[49, 50, 51, 52, 53]] > y[[59, 58, 57, 56, 55]]).all()
    assert y[17:27].min() > y[36:48].max(), "brows above the eyes"
    assert y[27:36].min() > y[48:68].max(), "nose above the mouth"
    assert 25 < x[42] - x[39] < 45, "inner eye corners, mm"
