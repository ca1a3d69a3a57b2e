"""Maps in a mesh's own UVs: tiles, heights, borders."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.transfer.resample import PADDING, resampled


def square(offset: tuple[float, float], size: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Two triangles over the whole detail layer, and their own UVs: a square at `offset`, turned by a quarter."""
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    own = np.array([[0, 1], [0, 0], [1, 0], [1, 1]]) * size + offset
    return triangles, own[triangles]


DETAIL = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
RAMP = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))  # grows with u


def test_heights_arrive_where_the_mesh_has_them() -> None:
    triangles, own = square((0.25, 0.25))
    tiles = resampled(RAMP, DETAIL, np.ones(4), triangles, own, 128)
    assert set(tiles) == {1001}
    inside = tiles[1001][33:95, 33:95]
    # Turned by a quarter: u of the layer grows downwards on the tile.
    assert (np.diff(inside.mean(1)) > 0).all()
    assert np.ptp(inside, axis=1).max() < 1e-3
    assert tiles[1001][64, 64] == pytest.approx(0.5, abs=0.02)


def test_an_island_is_padded_and_the_rest_is_flat() -> None:
    triangles, own = square((0.25, 0.25))
    tile = resampled(np.ones((8, 8), np.float32), DETAIL, np.ones(4), triangles, own, 128)[1001]
    assert tile[64, 32 - PADDING] == pytest.approx(1.0)
    assert tile[64, 32 - PADDING - 2] == 0


def test_udim_tiles_are_told_apart() -> None:
    triangles, first = square((0.25, 0.25))
    _, second = square((1.25, 2.25))
    both, uv = np.concatenate([triangles, triangles + 4]), np.concatenate([first, second])
    detail, weight = np.concatenate([DETAIL, DETAIL]), np.r_[np.ones(4), np.full(4, 0.5)]
    tiles = resampled(np.ones((8, 8), np.float32), detail, weight, both, uv, 64)
    assert set(tiles) == {1001, 1022}
    assert tiles[1001][32, 32] == pytest.approx(1.0)
    assert tiles[1022][32, 32] == pytest.approx(0.5)


def test_a_mesh_without_coordinates_is_refused() -> None:
    triangles, own = square((0.25, 0.25))
    with pytest.raises(DnpmError, match="no texture coordinates"):
        resampled(RAMP, DETAIL, np.ones(4), triangles, own * 0, 64)
    with pytest.raises(DnpmError, match="UDIM"):
        resampled(RAMP, DETAIL, np.ones(4), triangles, own - 3, 64)
