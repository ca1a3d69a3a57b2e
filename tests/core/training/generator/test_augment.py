"""Each change does what it says and nothing at p = 0; p follows D; nothing mirrors or flips signs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from dnpm.core.training.generator import augment
from dnpm.core.training.generator.augment import AdaptiveP, AugmentParams

SIDE = 64


def quiet(count: int = 1) -> AugmentParams:
    return augment.draw(np.random.default_rng(0), count, 0.0)


def no_noise(_: int) -> torch.Tensor:
    raise AssertionError("no noise was asked for")


def bump(x: float, y: float) -> torch.Tensor:
    at = (torch.arange(SIDE) + 0.5) * 2 / SIDE - 1
    return torch.exp(-((at - x) ** 2 + (at[:, None] - y) ** 2) / 0.02)[None, None]


def test_nothing_happens_at_p_0():
    maps = torch.randn(3, 1, SIDE, SIDE)
    assert augment.apply(maps, quiet(3), no_noise) is maps


def test_draws_are_small_and_keep_orientation_and_sign():
    changes = augment.draw(np.random.default_rng(1), 4000, 1.0)
    turns = changes.affine[:, :, :2]
    assert np.allclose(np.linalg.det(turns), 1, atol=0.12), "no mirror, no zoom"
    assert np.abs(turns - np.eye(2)).max() < 0.1
    assert np.abs(changes.affine[:, :, 2]).max() < 0.05
    assert changes.affine[:, :, 2].std() == pytest.approx(2 / 256, rel=0.1)
    assert changes.gain.min() > 0.4
    assert changes.gain.max() < 2
    assert changes.bands.min() > 0
    assert (changes.bands[:, -1] == 1).all()
    assert changes.noise.min() >= 0
    assert changes.noise.max() <= 0.1
    assert changes.cutout[:, 2].max() <= 0.5


def test_a_turn_keeps_angles_and_lengths():
    """What is not the scale is a rotation: columns of one length at right angles, no shear, no stretch."""
    turns = augment.draw(np.random.default_rng(1), 4000, 1.0).affine[:, :, :2]
    squares = turns.transpose(0, 2, 1) @ turns
    scales = np.sqrt(squares[:, 0, 0])
    np.testing.assert_allclose(squares, scales[:, None, None] ** 2 * np.eye(2), atol=1e-12)
    assert np.log(scales).std() == pytest.approx(augment.SCALE, rel=0.1)
    angles = np.degrees(np.arctan2(turns[:, 1, 0], turns[:, 0, 0]))
    assert angles.std() == pytest.approx(augment.TURN_DEGREES, rel=0.1)
    assert abs(angles.mean()) < 0.05


def test_probability_is_p_for_each_kind():
    changes = augment.draw(np.random.default_rng(2), 4000, 0.3)
    moved = (changes.affine != np.eye(2, 3)).any((1, 2))
    for happened in (
        moved,
        changes.gain != 1,
        (changes.bands != 1).any(1),
        changes.noise > 0,
        changes.cutout[:, 2] > 0,
    ):
        assert happened.mean() == pytest.approx(0.3, abs=0.03)


def test_shift_moves_by_fractions_of_a_texel():
    affine = np.eye(2, 3)[None].copy()
    affine[0, :, 2] = [0.5 * 2 / SIDE, -1.5 * 2 / SIDE]
    moved = augment.apply(bump(0, 0), replace(quiet(), affine=affine), no_noise)
    weights = moved[0, 0] / moved.sum()
    at = torch.arange(SIDE) + 0.5 - SIDE / 2
    assert float((weights.sum(0) * at).sum()) == pytest.approx(-0.5, abs=0.02)
    assert float((weights.sum(1) * at).sum()) == pytest.approx(1.5, abs=0.02)


def test_bands_of_1_change_nothing_and_each_reaches_its_octave():
    maps = torch.randn(2, 1, SIDE, SIDE)
    same = augment.weigh_bands(maps, torch.ones(2, augment.BANDS))
    assert torch.allclose(same, maps, atol=1e-5)
    x = torch.arange(SIDE) * 2 * np.pi / SIDE
    fine, coarse = torch.sin(28 * x).expand(1, 1, SIDE, SIDE), torch.sin(x).expand(1, 1, SIDE, SIDE)
    mute = torch.tensor([[0.0, 1.0, 1.0, 1.0]])
    assert augment.weigh_bands(fine, mute).std() < 0.25 * fine.std()
    assert torch.allclose(augment.weigh_bands(coarse, mute), coarse, atol=0.05)
    assert augment.weigh_bands(torch.randn(1, 1, 16, 16), mute).shape == (1, 1, 16, 16)


def test_gain_noise_and_cutout():
    maps = torch.ones(1, 1, SIDE, SIDE)
    maps[..., :8] = 0
    assert torch.equal(augment.apply(maps, replace(quiet(), gain=np.array([1.2])), no_noise), maps * 1.2)
    noisy = augment.apply(maps, replace(quiet(), noise=np.array([0.1])), lambda k: torch.full((1, SIDE, SIDE), 2.0))
    assert torch.allclose(noisy[..., 8:], torch.tensor(1.2))
    assert (noisy[..., :8] == 0).all(), "outside of the mask nothing is measured"
    cut = augment.apply(maps, replace(quiet(), cutout=np.array([[0.5, -0.5, 0.25]])), no_noise)
    gone = (cut == 0) & (maps != 0)
    assert int(gone.sum()) == 16 * 16
    assert gone[0, 0, 8:24, 40:56].all()


def test_gradients_go_through():
    changes = augment.draw(np.random.default_rng(3), 2, 1.0)
    maps = torch.randn(2, 1, SIDE, SIDE, requires_grad=True)
    augment.apply(maps, changes, lambda k: torch.randn(1, SIDE, SIDE)).square().sum().backward()
    assert maps.grad is not None
    assert float(maps.grad.abs().sum()) > 0


def test_parts_of_a_batch_are_changed_as_the_batch_is():
    changes = augment.draw(np.random.default_rng(4), 4, 0.7)
    maps = torch.randn(4, 1, SIDE, SIDE)
    noise = torch.randn(4, 1, SIDE, SIDE)
    whole = augment.apply(maps, changes, lambda k: noise[k])
    later = augment.apply(maps[2:], changes[2:], lambda k: noise[2 + k])
    assert torch.allclose(whole[2:], later, atol=1e-6)


def test_p_rises_when_d_is_sure_falls_when_not_and_comes_back_from_disk():
    ada = AdaptiveP(0.6, images=320, every=2)
    for step in range(4):
        ada.update_statistics(8, 8)
        ada.update(step, 8)
    assert ada.p == pytest.approx(2 * 16 / 320)
    assert ada.measured == 1.0
    ada.update_statistics(4, 8)
    kept = AdaptiveP(0.6, images=320, every=2)
    kept.restore(ada.state())
    for a in (ada, kept):
        a.update_statistics(0, 8)
        a.update(5, 8)
        assert a.measured == pytest.approx(0.25)
        assert a.p == pytest.approx(16 / 320)
    for step in range(1000):
        ada.update_statistics(8, 8)
        ada.update(step, 8)
    assert ada.p == augment.HIGHEST_P
    off = AdaptiveP(None, 100)
    off.update_statistics(8, 8)
    off.update(3, 8)
    assert off.p == 0
