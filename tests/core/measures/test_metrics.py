"""The figures' conventions on maps whose scores are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.measures.metrics import Score, high_pass, ssim_map

MASK = np.ones((32, 32))


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((32, 32)) * 0.1


def test_the_truth_scores_full_and_the_mean_map_zero():
    mean = noise(0)
    exact, blind = Score(MASK, mean), Score(MASK, mean)
    for seed in range(1, 9):
        exact.add(noise(seed), noise(seed))
        blind.add(mean, noise(seed))
    assert exact.result()["r2"] == 1.0
    assert exact.result()["ssim"] == pytest.approx(1.0)
    assert exact.result()["mae_mm"] == 0
    assert blind.result()["r2"] == pytest.approx(0.0, abs=1e-9)


def test_psnr_of_a_known_error():
    score = Score(MASK, np.zeros((32, 32)))
    score.add(noise(1) + 0.02, noise(1))
    # Range 2 mm: 20 log10(2 / .02) = 40 dB.
    assert score.result()["psnr_db"] == pytest.approx(40.0, abs=0.01)
    assert score.result()["mae_mm"] == pytest.approx(0.02)


def test_what_lies_outside_of_the_mask_does_not_count():
    mask = MASK.copy()
    mask[:16] = 0
    score = Score(mask, np.zeros((32, 32)))
    ours = noise(1).copy()
    ours[:10] += 5.0
    score.add(ours, noise(1))
    assert score.result()["r2"] == 1.0
    assert score.result()["mae_mm"] == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 1.0))
def test_ssim_is_symmetric_and_at_most_one(seed: int, size: float):
    a, b = noise(seed), noise(seed + 1) * size
    assert np.allclose(ssim_map(a, b), ssim_map(b, a))
    assert ssim_map(a, b).max() <= 1 + 1e-9


def test_high_pass_removes_what_is_smooth():
    x = np.linspace(0, 1, 64)
    slope = np.tile(x, (64, 1))
    assert np.abs(high_pass(slope, 2.0)[8:-8, 8:-8]).max() < 1e-9


@pytest.mark.parametrize("size_mm", [0.02, 0.1, 0.4])
def test_ssim_of_a_pattern_against_its_opposite(size_mm: float):
    """Wang et al. 2004 with K .01 and .03 on heights of -1 to 1 mm as 0 to 1: a chequered map's means are alike, its
    variance is the square of half the size, the covariance the negative of it."""
    pattern = size_mm * (np.indices((64, 64)).sum(0) % 2 * 2 - 1.0)
    variance = (size_mm / 2) ** 2
    expected = (-2 * variance + 0.03**2) / (2 * variance + 0.03**2)
    assert ssim_map(pattern, -pattern)[16:-16, 16:-16].mean() == pytest.approx(expected, abs=2e-3)


def test_ssim_of_two_flat_maps():
    flat = ssim_map(np.full((32, 32), 0.1), np.full((32, 32), 0.5))
    expected = (2 * 0.55 * 0.75 + 0.01**2) / (0.55**2 + 0.75**2 + 0.01**2)
    np.testing.assert_allclose(flat, expected, rtol=1e-9)


def test_ssim_looks_at_11_x_11_texels():
    """A Gaussian of 1.5 texels, cut off at 5: one texel that differs is seen in a square of 11 around it."""
    a = noise(3)
    b = a.copy()
    b[16, 16] += 0.3
    seen = np.argwhere(ssim_map(a, b) < 1 - 1e-12)
    assert seen.min(0).tolist() == [11, 11]
    assert seen.max(0).tolist() == [21, 21]
