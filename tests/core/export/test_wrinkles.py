"""Keys' weights on the wrinkle maps: least squares, halves, the blend, its measure, and the visemes."""

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


@pytest.mark.parametrize("seed", range(5))
def test_least_squares_in_a_box(seed: int) -> None:
    """Against SciPy's; bounds of both ends are met."""
    from scipy.optimize import lsq_linear

    rng = np.random.default_rng(seed)
    table, right = rng.normal(size=(30, 6)), rng.normal(size=30)
    right += table @ np.array([3.0, 0.4, 0.0, -1.0, 0.7, 0.0])
    found = wrinkles.in_box(table.T @ table, table.T @ right)
    np.testing.assert_allclose(found, lsq_linear(table, right, (0, 1)).x, atol=1e-4)
    assert found.min() == 0
    assert found.max() == 1


def test_no_key_is_described_worse_than_by_no_map(frames, masks) -> None:
    """Groups that nearly cancel: dropping the small coefficient of one alone would leave the other's full map."""
    rest, first, odd, other = fields(4)
    step = first - rest
    second = rest - 20 * step + (odd - rest)
    keys = {
        "cancelled": rest + step + 0.045 * (second - rest), "beyond": rest + 4 * step, "else": other,
        "against": rest - step,
    }  # fmt: skip
    groups = {"a": first, "b": second}
    found = wrinkles.key_weights(frames, rest, groups, keys, masks)
    assert found.coefficients.max() <= 1
    kept = found.coefficients[found.coefficients > 0]
    assert (kept >= wrinkles.LEAST - 1e-3).all()
    stacked = np.stack(list(groups.values()))
    told = fidelity.of_keys(frames, rest, stacked, masks, found, keys)
    assert told["least"] > -1e-3
    naive = wrinkles.Weights(found.groups, found.keys, np.zeros_like(found.coefficients))
    naive.coefficients[0, :, 0] = 1.0  # what is left of (1, .045) when the small one is dropped
    assert fidelity.of_keys(frames, rest, stacked, masks, naive, keys)["least"] < -10


def test_weights_are_found_again(frames, masks) -> None:
    """Keys that are made of the groups by known weights on each half."""
    rest, *groups = fields(4)
    steps = np.stack(groups) - rest
    known = np.array([[[1.0, 0.0], [0.3, 0.0]], [[0.0, 0.6], [0.0, 0.6]], [[0.0, 0.02], [0.0, 0.02]]])  # (K, side, key)
    keys = {f"key{k}": rest + sum((masks @ known[g, :, k])[..., None] * steps[g] for g in range(3)) for k in range(2)}
    names = {f"group{g}": one for g, one in enumerate(groups)}
    found = wrinkles.key_weights(frames, rest, names, keys, masks)
    # The smooth step over the midline mixes the halves a little; .02 is too little to be kept.
    np.testing.assert_allclose(found.coefficients[:2], known[:2], atol=0.05)
    assert (found.coefficients[2] == 0).all()
    np.testing.assert_array_equal(found.of(np.array([1.0, 1.0])) <= 1, True)
    assert found.of(np.array([3.0, 0.0]))[0, 0] == 1, "clamped"


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
    right = wrinkles.Weights(names, keys, np.eye(2, dtype=np.float32)[:, None].repeat(2, 1))
    wrong = wrinkles.Weights(names, keys, right.coefficients[::-1])
    expression = np.array([0.8, 0.1], np.float32)
    truth = {"one": (expression, wrinkles.blended(rest, groups, masks, right.of(expression)))}
    good = fidelity.measure(frames, rest, groups, masks, right, truth)
    assert good["explained"] > 0.999
    assert good["median_correlation"] > 0.999
    assert good["one_map_explained"] < 0.95
    assert fidelity.measure(frames, rest, groups, masks, wrong, truth)["explained"] < 0.5
    assert fidelity.measure(frames, rest, groups, masks, right, {"still": (0 * expression, rest)}) == {}


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
