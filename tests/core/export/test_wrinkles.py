"""Wrinkle maps: halves, the keys' formula, the blend, its measure, and the visemes."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.export import fidelity, wrinkles
from dnpm.core.export.slopes import TangentFrames
from dnpm.core.export.visemes import VISEMES, viseme_mixtures
from dnpm.core.face_model.arkit import ARKIT_NAMES


@pytest.fixture(scope="module")
def frames(tiny_model) -> TangentFrames:
    return TangentFrames(tiny_model, tiny_model.neutral, 64)


@pytest.fixture(scope="module")
def masks(frames, tiny_model) -> np.ndarray:
    return wrinkles.half_masks(frames, tiny_model.neutral)


def fields(count: int, seed: int = 0) -> np.ndarray:
    """(count, 64, 64, 2) smooth random slopes."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, 64)
    waves = rng.normal(size=(count, 2, 6))
    return np.stack(
        [
            np.stack([sum(w * np.outer(np.sin((k + 2) * x + k), np.cos(3 * x + k)) for k, w in enumerate(one))
                      for one in pair], -1)
            for pair in waves
        ]
    ).astype(np.float32)  # fmt: skip


def test_halves_sum_to_one_and_left_is_the_subjects(frames, masks) -> None:
    np.testing.assert_allclose(masks.sum(-1), 1, atol=1e-6)
    left = frames.values(np.arange(169) % 13 > 7)  # the tiny face's vertices at +x
    assert masks[..., 0][left > 0.99].min() > 0.99


def test_a_group_at_full_strength_is_its_own_map(masks) -> None:
    rest, *groups = fields(3)
    weight = np.array([[0.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(wrinkles.blended(rest, np.stack(groups), masks, weight), groups[1], atol=1e-5)
    half = wrinkles.blended(rest, np.stack(groups), masks, np.array([[1.0, 0.0], [0.0, 0.0]]))
    left, right = masks[..., 0] > 0.999, masks[..., 1] > 0.999
    np.testing.assert_allclose(half[left], groups[0][left], atol=1e-2)
    np.testing.assert_allclose(half[right], rest[right], atol=1e-2)


def test_fidelity_tells_right_from_wrong(frames, masks) -> None:
    rest, *groups = fields(3)
    groups = np.stack(groups)
    names, keys = ("a", "b"), ("x", "y")
    alone = np.zeros((2, 2, 2), np.float32)
    right = wrinkles.Weights(names, keys, np.eye(2, dtype=np.float32)[:, None].repeat(2, 1), alone)
    wrong = wrinkles.Weights(names, keys, right.coefficients[::-1], alone)
    expression = np.array([0.8, 0.1], np.float32)
    truth = {"one": (expression, wrinkles.blended(rest, groups, masks, right.of(expression)))}
    good = fidelity.measure(frames, rest, groups, masks, right, truth)
    assert good["explained"] > 0.999
    assert good["median_correlation"] > 0.999
    assert good["one_map_explained"] < 0.95
    assert fidelity.measure(frames, rest, groups, masks, wrong, truth)["explained"] < 0.5
    assert fidelity.measure(frames, rest, groups, masks, right, {"still": (0 * expression, rest)}) == {}


def test_what_a_key_alone_makes_worse_is_named(frames, masks) -> None:
    rest, *groups = fields(3)
    groups = np.stack(groups)
    keys = {"good": groups[0], "bad": rest - (groups[1] - rest)}
    weights = wrinkles.Weights(
        ("a", "b"), ("good", "bad"), np.eye(2, dtype=np.float32)[:, None].repeat(2, 1), np.zeros((2, 2, 2), np.float32)
    )
    told = fidelity.of_keys(frames, rest, groups, masks, weights, keys)
    assert fidelity.harmful(told) == ["bad"]
    assert fidelity.brief(told)["least_of"] == "bad"
    mended = fidelity.of_keys(frames, rest, groups, masks, weights.without(["bad"]), keys)
    assert fidelity.harmful(mended) == []
    assert fidelity.brief(mended)["least"] == 0
    assert mended["expressions"]["good"]["explained"] > 0.999
    assert fidelity.harmful({}) == []
    assert fidelity.brief({}) == {}


def test_groups_give_way_to_each_other_on_one_side() -> None:
    """u / (1 + d u of the others), the clamp before."""
    damping = np.zeros((2, 2, 2), np.float32)
    damping[0, 0, 1] = 0.5  # on the left, the first gives way to the second
    coefficients = np.zeros((2, 2, 2), np.float32)
    coefficients[0, :, 0] = coefficients[1, :, 1] = 1.0
    weights = wrinkles.Weights(("a", "b"), ("x", "y"), coefficients, damping)
    np.testing.assert_allclose(weights.of(np.array([0.6, 3.0])), [[0.6 / 1.5, 0.6], [1, 1]], rtol=1e-6)
    np.testing.assert_allclose(weights.of(np.array([0.6, 0.0])), [[0.6, 0.6], [0, 0]], rtol=1e-6)


def test_groups_name_known_keys() -> None:
    assert 4 <= len(wrinkles.GROUPS) <= 8
    named = [key for keys in wrinkles.GROUPS.values() for key in keys]
    assert set(named) <= set(ARKIT_NAMES)
    assert len(named) == len(set(named)), "a key belongs to one group's map"


def test_groups_of_a_model_with_few_keys(tiny_model) -> None:
    assert wrinkles.groups_of(tiny_model) == {
        "brows_up": ("browInnerUp",), "smile": ("mouthSmileLeft", "mouthSmileRight")
    }  # fmt: skip


def test_visemes_are_mixtures_of_keys(tiny_model) -> None:
    assert len(VISEMES) == 15
    for mixture in VISEMES.values():
        assert set(mixture) <= set(ARKIT_NAMES)
        assert all(0 < value <= 1 for value in mixture.values())
    made = viseme_mixtures(tiny_model)
    assert made.shape == (15, 4)
    assert made[list(VISEMES).index("viseme_aa"), 0] == np.float32(VISEMES["viseme_aa"]["jawOpen"])
    assert not made[0].any(), "silence is the face at rest"
