"""The last touches on the default face model: the neck's hem, the ears, teeth closed behind."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.face_model.build.face_model import Builder
from dnpm.core.face_model.build.finish import Finish


@pytest.fixture(scope="module")
def builder() -> Builder:
    return Builder()


@pytest.fixture(scope="module")
def mean(builder):
    return builder.carrier.whole(builder.carrier.mean)


@pytest.fixture(scope="module")
def finish(builder, mean):
    return Finish(builder.head, mean)


def test_the_neck_ends_in_a_round_hem(mean, finish):
    done = finish.rest(mean)
    cut, above = finish.loops[0], finish.loops[1]
    middle = done[cut].mean(0)
    # Seen along the neck, the edge lies within the loop above it; before, it stood off.
    away = lambda points, loop: np.linalg.norm((points[loop] - middle)[:, [0, 2]], axis=1)  # noqa: E731
    assert (away(done, cut) < away(done, above) - 2).all()
    assert (away(mean, cut) > away(mean, above) - 2).mean() > 0.8
    untouched = np.setdiff1d(np.flatnonzero(mean[:, 1] < -60), finish.loops)
    np.testing.assert_allclose((done - mean)[untouched], finish.shift[untouched], atol=1e-4)


def test_what_expressions_add_is_mixed_as_the_mesh_is(mean, finish):
    added = np.random.default_rng(0).normal(size=(2, *mean.shape)).astype(np.float32)
    both = finish.rest(mean + added[1])
    np.testing.assert_allclose(both, finish.rest(mean) + finish.mixed(added)[1], atol=1e-4)
    assert finish.mixed(added.astype(np.float16)).dtype == np.float16, "the file is twice as large otherwise"
    everywhere = np.broadcast_to(np.array([1.0, 2.0, 3.0], np.float32), mean.shape)
    low = mean[:, 1] < -60
    np.testing.assert_allclose(finish.mixed(everywhere)[low], everywhere[low], atol=1e-5)


def test_the_skull_is_as_broad_and_long_as_peoples(builder, mean, finish):
    """Against 3,997 heads (Zhuang and Bradtmiller 2005), with the pupils' distance as the unit."""
    marks = builder.head.landmarks68
    done, skin = finish.rest(mean), slice(builder.head.n_skin)
    pupils = np.linalg.norm(mean[marks[36:42]].mean(0) - mean[marks[42:48]].mean(0))

    def head(vertices: np.ndarray) -> tuple[float, float]:
        over = vertices[skin][vertices[skin, 1] > vertices[marks[17:27], 1].max() + 12]  # and over the ears
        return np.ptp(over[:, 0]) / pupils, np.ptp(over[:, 2]) / pupils

    assert head(done) == pytest.approx((2.37, 3.04), abs=0.05)
    assert head(mean)[0] < head(done)[0] - 0.04
    assert head(mean)[1] > 3.1
    assert np.abs((done - mean)[marks]).max() < 0.5, "the face stays"
    moved = np.linalg.norm(done - mean - finish.shift, axis=1)
    edges = np.concatenate([builder.head.faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 3), (3, 0))])
    edges = edges[(edges < builder.head.n_skin).all(1) & (mean[edges, 1] > -60).all(1)]
    length = np.linalg.norm(mean[edges[:, 0]] - mean[edges[:, 1]], axis=1)
    assert (np.abs(np.diff(moved[edges], axis=1)[:, 0]) < 0.25 * length + 0.02).all(), "smoothly"


def test_ears_are_rounded_and_the_face_stays(builder, mean, finish):
    ears = np.flatnonzero(np.abs(finish.shift).max(1) > 1)
    assert 60 < len(ears) < 600
    assert np.abs(mean[ears, 0]).min() > 66
    assert (finish.shift[ears, 0] * mean[ears, 0] < 0).all(), "towards the head"
    assert np.abs(finish.shift[builder.head.landmarks68]).max() < 0.3
    lobes = ears[mean[ears, 1] < -30]
    assert np.abs(finish.shift[lobes, 0]).max() > 4


def test_teeth_stand_side_by_side_behind_as_before(builder, mean):
    """Their sides are open: where a neighbour was thinner, one looked into a tooth."""
    start = builder.head.n_mesh
    for jaw in ("upper", "lower"):
        group = builder.carrier.parts.groups[f"teeth_{jaw}"] + start
        teeth = mean[group[: 14 * 24]].reshape(14, 6, 4, 3)
        gap = np.linalg.norm(teeth[:-1, :, 3] - teeth[1:, :, 0], axis=-1)
        assert gap.max() < 1.0
        depth = np.linalg.norm(teeth[:, 4] - teeth[:, 2], axis=-1).mean(1)
        assert depth[0] > 2 * depth[6], "molars are thicker than incisors"
