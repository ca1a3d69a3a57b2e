"""Slopes of a displacement map against the normals of the displaced mesh itself, and the normal map's coding."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.detail.mesh import detailed_mesh, surface_mesh
from dnpm.core.errors import DnpmError
from dnpm.core.export import slopes
from dnpm.core.export.slopes import TangentFrames
from dnpm.core.geometry.uv_map import UVMap


def bumps(side: int) -> np.ndarray:
    """Smooth waves of up to 1 mm across and along the face."""
    x = (np.arange(side) + 0.5) / side
    u, v = np.meshgrid(x, 1 - x)
    edge = np.clip(np.minimum.reduce([u, 1 - u, v, 1 - v]) / 0.15, 0, 1)
    return (np.sin(31 * u + 4 * v) * np.cos(23 * v) * edge).astype(np.float32)


def test_slopes_are_those_of_the_displaced_mesh(tiny_model) -> None:
    """Brute force: subdivide the face four times, displace it, and read its normals in the smooth face's frames."""
    side, identity, rest = 128, np.array([0.5, 1.0, -1.0], np.float32), np.zeros(4, np.float32)
    smooth, displaced = (detailed_mesh(tiny_model, identity, rest, m, levels=4) for m in (None, bumps(side)))
    # The frames of the subdivided face, so that only what the map does is compared.
    frames = TangentFrames(tiny_model, tiny_model.neutral_of(identity), side)
    chart = UVMap(displaced.faces, displaced.detail_uv, displaced.faces_detail_uv, side)
    at = frames.covered & chart.covered
    corners, weights = chart.vertex_triangles[chart.triangle[at]], chart.weights[at]
    normal = np.einsum("tk,tkc->tc", weights, displaced.normals[corners])
    base = np.einsum("tk,tkc->tc", weights, smooth.normals[corners])
    within = at[frames.covered]
    tangent, bitangent = frames.tangent[within], frames.bitangent[within]

    def tilt(n: np.ndarray) -> np.ndarray:
        up = (n * frames.normal[within]).sum(1)
        return -np.stack([(n * tangent).sum(1), (n * bitangent).sum(1)], 1) / up[:, None]

    expected = tilt(normal) - tilt(base)
    found = frames.slopes(bumps(side))[at]
    inner = np.zeros((side, side), bool)
    inner[8:-8, 8:-8] = True
    inner = inner[at]
    error = np.linalg.norm(found[inner] - expected[inner], axis=1)
    size = np.linalg.norm(expected[inner], axis=1)
    assert size.max() > 0.15, "there is something to be seen"
    assert np.sqrt((error**2).mean() / (size**2).mean()) < 0.12
    # What a wrong sign or a turned frame would give.
    for wrong in (found[:, ::-1], found * [1, -1], found * [-1, 1]):
        assert np.linalg.norm(wrong[inner] - expected[inner], axis=1).mean() > 3 * error.mean()


def test_a_tilted_plane_has_its_gradient(tiny_model) -> None:
    """A flat face 100 mm wide: h = .1 x + .05 y has the slopes .1 and .05, whatever the layer's scale."""
    points = tiny_model.neutral.copy()
    points[:, 2] = 0.0
    frames = TangentFrames(tiny_model, points, 64)
    height = 0.1 * frames.values(points[:, 0]) + 0.05 * frames.values(points[:, 1])
    inner = frames.slopes(height)[8:-8, 8:-8]
    np.testing.assert_allclose(inner[..., 0], 0.1, atol=1e-3)
    np.testing.assert_allclose(inner[..., 1], 0.05, atol=1e-3)


def test_the_bitangent_follows_a_mirrored_layer(tiny_model) -> None:
    from dataclasses import replace

    mirrored = replace(tiny_model, detail_uv=(tiny_model.detail_uv * [-1, 1] + [1, 0]).astype(np.float32))
    frames = TangentFrames(mirrored, tiny_model.neutral, 32)
    assert (frames.bitangent[:, 1] > 0).mean() > 0.9, "v still points up the face"
    assert (frames.tangent[:, 0] < 0).mean() > 0.9, "and u to the other side"


def test_normals_are_weighted_by_angles() -> None:
    """A cube's corner: however its faces are cut, its normal is the diagonal."""
    points = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    # One face as two triangles, which an unweighted mean would count twice.
    faces = np.array([[0, 1, 3, -1], [0, 3, 2, -1], [0, 4, 5, 1], [0, 2, 6, 4]])
    normal = slopes.corner_weighted_normals(points, faces)[0]
    np.testing.assert_allclose(np.abs(normal), 3**-0.5, atol=1e-12)


def test_coding_keeps_slopes_and_flatness() -> None:
    rng = np.random.default_rng(0)
    some = rng.normal(0, 0.3, (16, 16, 2)).astype(np.float32)
    np.testing.assert_allclose(slopes.decode(slopes.encode(some)), some, atol=0.02)
    flat = slopes.encode(np.zeros((2, 2, 2), np.float32))
    assert (flat == [128, 128, 255]).all()
    assert (slopes.decode(flat) == 0).all()
    up = slopes.encode(np.array([[[0.0, 1.0]]]))[0, 0]
    assert up[1] < 128, "a surface that rises upward looks down: green falls (OpenGL)"


def test_texels_outside_take_those_of_a_neighbour(tiny_model) -> None:
    covered = np.zeros((32, 32), bool)
    covered[5, 7] = covered[20, 25] = True
    nearest = slopes._nearest_covered(covered)
    assert nearest[5, 7] == 0
    assert nearest[0, 0] == 0
    assert nearest[31, 31] == 1
    assert nearest[5, 6] == 0


def test_a_map_of_another_size_is_refused(tiny_model) -> None:
    frames = TangentFrames(tiny_model, surface_mesh(tiny_model, tiny_model.neutral, 0).vertices, 64)
    with pytest.raises(DnpmError, match="64 texels"):
        frames.slopes(np.zeros((32, 32), np.float32))
