"""The last step from the networks' map to the skin that is shown."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.detail import finish
from dnpm.core.detail.card import read_card, weights_dir
from dnpm.core.detail.finish import Finish
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.locate import BUILT
from dnpm.core.face_model.model import FaceModel
from dnpm.core.training.teacher import folds

WHOLE = ((0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98))
LEFT = ((0.1, 0.3), (0.3, 0.3), (0.3, 0.7), (0.1, 0.7))
FREE = (100.0, 100.0, 100.0)
FILTER = Finish((WHOLE,), 214.0, 0.35, 2.2, 6.0, 0.35, 2.0, *FREE)


def wave(length_mm: float, size: int = 512) -> torch.Tensor:
    """(1, 1, R, R) of height 1, slanted so that both axes count."""
    x = torch.arange(size) * (FILTER.side_mm / size)
    phase = 2 * np.pi * (0.6 * x[None, :] + 0.8 * x[:, None]) / length_mm
    return torch.sin(phase)[None, None]


def kept(length_mm: float, size: int = 512) -> float:
    """How much of a wave is left in the region's middle."""
    before, middle = wave(length_mm, size), slice(size // 4, 3 * size // 4)
    after = FILTER(before)[..., middle, middle]
    return float((after * before[..., middle, middle]).mean() / before[..., middle, middle].square().mean())


def test_grooves_become_weaker_folds_stronger_and_the_rest_stays():
    assert kept(0.9, 1024) == pytest.approx(1, abs=0.08)  # pores
    assert kept(4.5) < 0.55  # a groove of two millimetres
    assert kept(20.0) > 1.35  # where the cheek rolls over
    assert kept(150.0) == pytest.approx(1, abs=0.05)  # the face's form


def test_a_filter_of_ones_changes_nothing():
    nothing = replace(FILTER, groove_factor=1.0, fold_factor=1.0)
    image = wave(5.0)
    torch.testing.assert_close(nothing(image), image, atol=1e-3, rtol=0)


def test_a_slit_becomes_a_fold_however_deep_it_is():
    limited = replace(FILTER, pore_limit_mm=0.05, groove_limit_mm=0.12, fold_limit_mm=0.7)
    slit = torch.zeros(1, 1, 512, 512)
    slit[..., 255:258] = -2.0  # 1.3 mm wide
    middle = limited(slit)[0, 0, 256]
    assert -0.9 < middle.min() < -0.2
    assert (middle[1:] - middle[:-1]).abs().max() < 0.25, "its sides are no walls"
    twice = limited(2 * slit)[0, 0, 256]
    assert twice.min() > -1.2, "of 4 mm"
    assert (limited(0.01 * slit) - FILTER(0.01 * slit)).abs().max() < 1e-3, "shallow ones are in proportion"


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-3, 3))
def test_without_limits_it_is_linear_and_it_stays_within_its_regions(seed, factor):
    some = replace(FILTER, regions=(LEFT,))
    rng = torch.Generator().manual_seed(seed)
    one, other = torch.randn(2, 1, 1, 128, 128, generator=rng)
    both = some(one + factor * other)
    torch.testing.assert_close(both, some(one) + factor * some(other), atol=1e-2, rtol=1e-3)
    torch.testing.assert_close(both[..., 90:], (one + factor * other)[..., 90:])
    assert (some(one) - one).abs().max() > 0.1


def test_sizes_agree_and_a_batch_is_its_members():
    image = torch.nn.functional.interpolate(torch.randn(2, 1, 64, 64), scale_factor=8, mode="bicubic")
    small = torch.nn.functional.avg_pool2d(image, 2)
    wanted = torch.nn.functional.avg_pool2d(FILTER(image), 2)
    found = FILTER(small)
    assert (found - wanted).square().mean().sqrt() < 0.05 * (wanted - small).square().mean().sqrt()
    torch.testing.assert_close(FILTER(image)[1:], FILTER(image[1:]))


def test_the_argument_stays():
    image = wave(5.0)
    before = image.clone()
    FILTER(image)
    torch.testing.assert_close(image, before)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"regions": []}, "three points"),
        ({"regions": [[[0.1, 0.1], [0.2, 0.2]]]}, "three points"),
        ({"regions": [[[0.1, 0.1], [0.2, 0.2], [1.2, 0.3]]]}, "0 to 1"),
        ({"groove_mm": 3.0}, "grow from 0"),
        ({"side_mm": 20.0}, "eight times"),
        ({"fold_factor": -1.0}, "factors"),
        ({"pore_limit_mm": 0.0}, "limits"),
        ({"fold_factor": "2"}, "fold_factor must be a number"),
        ({"colour": 1}, "unknown entries"),
    ],
)
def test_a_damaged_entry_is_told_of(change, says):
    entry = json.loads(json.dumps(asdict(FILTER))) | change
    with pytest.raises(DnpmError, match=says):
        finish.of_card({finish.ENTRY: entry})


def test_weights_without_the_entry_are_shown_as_they_are():
    assert finish.of_card({}) is None


@pytest.mark.skipif(not BUILT.is_file(), reason="the default face model is not built")
def test_the_shipped_card_has_the_teachers_folds():
    card = read_card(weights_dir())
    wanted = json.loads(json.dumps(folds.finish(FaceModel.load(BUILT))))
    assert card[finish.ENTRY] == wanted
