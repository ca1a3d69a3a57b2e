"""The keys' weights on the wrinkle maps: least squares in a box, and the fit to keys alone and to mixtures."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.export import fidelity, weight_fit, wrinkles
from dnpm.core.export.slopes import TangentFrames
from dnpm.core.face_model.presets import read_preset, shipped, vectors

from .test_wrinkles import fields


@pytest.fixture(scope="module")
def frames(tiny_model) -> TangentFrames:
    return TangentFrames(tiny_model, tiny_model.neutral, 64)


@pytest.fixture(scope="module")
def masks(frames, tiny_model) -> np.ndarray:
    return wrinkles.half_masks(frames, tiny_model.neutral)


@pytest.fixture(scope="module")
def made(masks):
    """Rest, three groups, and slopes that known weights make of them."""
    rest, *groups = fields(4)
    steps = np.stack(groups)
    coefficients = np.zeros((3, 2, 3), np.float32)
    coefficients[0, :, 0], coefficients[1, :, 1] = 1.0, 0.6
    coefficients[0, :, 2], coefficients[2, 0, 2] = 0.8, 0.3
    damping = np.zeros((3, 2, 3), np.float32)
    damping[0, :, 1], damping[1, 1, 0] = 0.7, 0.4
    truth = wrinkles.Weights(("a", "b", "c"), ("x", "y", "z"), coefficients, damping)

    def slopes(expression: np.ndarray) -> np.ndarray:
        return wrinkles.blended(rest, steps, masks, truth.of(expression))

    return rest, dict(zip("abc", groups, strict=True)), truth, slopes


def drawn(seed: int, count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).uniform(0, 1, (count, 3)).astype(np.float32))


def test_known_weights_are_found_again(frames, masks, made) -> None:
    rest, groups, truth, slopes = made
    keys = {name: slopes(one) for name, one in zip("xyz", np.eye(3, dtype=np.float32), strict=True)}
    mixed = [(one, slopes(one)) for one in drawn(0, 40)]
    found = weight_fit.key_weights(frames, rest, groups, keys, mixed, masks)
    np.testing.assert_allclose(found.coefficients, truth.coefficients, atol=0.05)
    np.testing.assert_allclose(found.damping, truth.damping, atol=0.12)
    assert found.coefficients.max() <= 1
    for table in (found.coefficients, found.damping):
        assert (table[table > 0] >= weight_fit.LEAST - 1e-3).all()


def test_mixtures_tell_what_keys_alone_do_not(frames, masks, made) -> None:
    """On mixtures that were not fitted to: groups that bring the same fold come out too deep where they only add up."""
    rest, groups, _, slopes = made
    keys = {name: slopes(one) for name, one in zip("xyz", np.eye(3, dtype=np.float32), strict=True)}
    stacked = np.stack(list(groups.values()))
    test = {str(k): (one, slopes(one)) for k, one in enumerate(drawn(1, 20))}
    share = []
    for mixed in ([], [(one, slopes(one)) for one in drawn(0, 40)]):
        found = weight_fit.key_weights(frames, rest, groups, keys, mixed, masks)
        share.append(fidelity.measure(frames, rest, stacked, masks, found, test)["explained"])
    assert share[1] > 0.99
    assert share[1] > share[0] + 0.01


def test_a_key_that_no_map_describes_calls_for_nothing(frames, masks, made) -> None:
    rest, groups, _, slopes = made
    against = rest - (groups["a"] - rest)
    keys = {"x": slopes(np.array([1.0, 0, 0])), "y": slopes(np.array([0, 1.0, 0])), "z": against}
    found = weight_fit.key_weights(frames, rest, groups, keys, [], masks)
    assert (found.coefficients[0, :, 2] == 0).all()
    told = fidelity.of_keys(frames, rest, np.stack(list(groups.values())), masks, found, keys)
    assert told["expressions"]["x"]["explained"] > 0.99


def test_mixtures_are_none_of_the_measured_expressions(tiny_model) -> None:
    made = weight_fit.mixtures(tiny_model, 30)
    assert len(made) == 30
    assert all(((one >= 0) & (one <= 1)).all() for one in made)
    np.testing.assert_array_equal(made[7], weight_fit.mixtures(tiny_model, 8)[7])
    for path in shipped("expressions"):
        expression = vectors(read_preset(path), tiny_model)[1]
        if expression is not None and expression.any():
            assert not any(np.allclose(expression, one) for one in made)


@pytest.mark.parametrize("seed", range(5))
def test_least_squares_in_a_box(seed: int) -> None:
    """Against SciPy's; bounds of both ends are met."""
    from scipy.optimize import lsq_linear

    rng = np.random.default_rng(seed)
    table, right = rng.normal(size=(30, 6)), rng.normal(size=30)
    right += table @ np.array([3.0, 0.4, 0.0, -1.0, 0.7, 0.0])
    found = weight_fit.in_box(table.T @ table, table.T @ right)
    np.testing.assert_allclose(found, lsq_linear(table, right, (0, 1)).x, atol=1e-4)
    assert found.min() == 0
    assert found.max() == 1
