"""Age, truncation, style mixing and gain, on small networks and on the default face model's age direction."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.detail import controls
from dnpm.core.detail.controls import MIX_RESOLUTIONS, Controls, age_direction, apply_gain, check, first_row, w_plus
from dnpm.core.detail.encoder import Encoder
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.weights import Detail
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.landmark_uv import landmark_uv
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.regions import region_gain, region_masks

from .networks import SMALL, SMALL_ENCODER, fill, tiny_face_model


@pytest.fixture(scope="module")
def detail() -> Detail:
    generator, encoder = Generator(SMALL), Encoder(replace(SMALL_ENCODER, batch_norm=False))
    fill(generator, 1)
    fill(encoder, 2)
    return Detail(generator.eval(), encoder.eval(), torch.zeros(32), {})


def _people(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(2, 6, generator=g), torch.randn(2, 6, generator=g), torch.rand(2, 4, generator=g)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_nothing_asked_for_changes_nothing(detail, seed):
    one, other, expression = _people(seed)
    plain = detail.w_plus(one, expression)
    torch.testing.assert_close(w_plus(detail, one, expression, Controls(), None), plain)
    same = Controls(mix_identity=one, mix_from=32)
    torch.testing.assert_close(w_plus(detail, one, expression, same, None), plain)
    del other


def test_mixing_takes_the_coarse_from_one_and_the_fine_from_the_other(detail):
    one, other, expression = _people(0)
    mixed = w_plus(detail, one, expression, Controls(mix_identity=other, mix_from=64), None)
    row = first_row(64)
    torch.testing.assert_close(mixed[:, :row], detail.w_plus(one, expression)[:, :row])
    torch.testing.assert_close(mixed[:, row:], detail.w_plus(other, expression)[:, row:])
    skips = detail.generator.synthesis.skips
    for ours, theirs in zip(skips(mixed)[:4], skips(detail.w_plus(one, expression))[:4], strict=True):
        torch.testing.assert_close(ours, theirs)  # 4, 8, 16 and 32 come from the first person alone


def test_rows_of_the_paper():
    assert [first_row(r) for r in (8, 16, 1024)] == [2, 4, 16]
    assert all(0 < first_row(r) < 18 for r in MIX_RESOLUTIONS)


def test_age_moves_the_person_that_the_encoder_sees(detail):
    one, _, expression = _people(1)
    direction = torch.randn(6, generator=torch.Generator().manual_seed(3))
    older = w_plus(detail, one, expression, Controls(age=10.0), direction)
    torch.testing.assert_close(older, detail.w_plus(one + 10 * direction, expression))
    with pytest.raises(DnpmError, match="does not say what age is"):
        w_plus(detail, one, expression, Controls(age=10.0), None)


def test_age_moves_both_people_whose_skins_are_mixed(detail):
    one, other, expression = _people(2)
    direction = torch.randn(6, generator=torch.Generator().manual_seed(4))
    mixed = w_plus(detail, one, expression, Controls(age=-8.0, mix_identity=other, mix_from=64), direction)
    row = first_row(64)
    torch.testing.assert_close(mixed[:, :row], detail.w_plus(one - 8 * direction, expression)[:, :row])
    torch.testing.assert_close(mixed[:, row:], detail.w_plus(other - 8 * direction, expression)[:, row:])


def test_offset_and_truncation_reach_both_people(detail):
    one, other, expression = _people(3)
    plain = detail.w_plus(one, expression)
    offset = torch.randn(plain.shape, generator=torch.Generator().manual_seed(5))
    controls = Controls(truncation=0.6, mix_identity=other, mix_from=64)
    mixed, row = w_plus(detail, one, expression, controls, None, offset), first_row(64)
    torch.testing.assert_close(mixed[:, :row], detail.w_plus(one, expression, offset, 0.6)[:, :row])
    torch.testing.assert_close(mixed[:, row:], detail.w_plus(other, expression, offset, 0.6)[:, row:])
    assert not torch.allclose(mixed[:, row:], detail.w_plus(other, expression)[:, row:], atol=1e-3)


def test_the_age_direction_is_a_year_long(face_model: FaceModel):
    direction = age_direction(face_model)
    semantics = json.loads(face_model.metadata["semantics"])["age_years"]
    shape = direction[: len(semantics["weights"])]
    assert not direction[len(shape) :].any()
    assert float(np.dot(semantics["weights"], shape)) == pytest.approx(1.0, abs=1e-4)
    with pytest.raises(DnpmError, match="does not say what age is"):
        age_direction(tiny_face_model())


def test_gain_scales_regions_smoothly(face_model: FaceModel):
    uv68 = landmark_uv(face_model)
    gain = region_gain(uv68, {"forehead": 0.0, "chin": 2.0})
    masks = region_masks(uv68, 256)
    assert gain[masks["forehead"] == 1].max() < 1e-6
    assert gain[masks["chin"] == 1].min() == pytest.approx(2.0)
    assert np.array_equal(gain[(masks["forehead"] == 0) & (masks["chin"] == 0)], np.ones_like(gain)[
        (masks["forehead"] == 0) & (masks["chin"] == 0)])  # fmt: skip
    image = torch.ones(1, 1, 64, 64)
    scaled = apply_gain(image, torch.from_numpy(gain))
    assert scaled.min() < 0.05
    assert scaled.max() > 1.9
    assert torch.equal(apply_gain(image, None), image)
    with pytest.raises(DnpmError, match="no region elbow"):
        region_gain(uv68, {"elbow": 1.0})


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        (Controls(age=90.0), "age 90"),
        (Controls(age=float("nan")), "age nan"),
        (Controls(truncation=float("inf")), "truncation"),
        (Controls(mix_from=100), "mix_from 100"),
        (Controls(gain=torch.ones(3, 4)), "square"),
    ],
)
def test_what_cannot_be_is_refused(controls: Controls, message: str):
    with pytest.raises(DnpmError, match=message):
        check(controls)


@pytest.mark.parametrize("size", [32, 64, 128])
def test_relief_is_added_at_any_size(size: int) -> None:
    rows = torch.linspace(-1, 1, 64)[:, None].expand(64, 64).contiguous()
    flat = torch.full((2, 1, size, size), 0.25)
    assert controls.add_relief(flat, None) is flat
    found = controls.add_relief(flat, rows)
    assert found.shape == flat.shape
    assert torch.allclose(found.mean(), flat.mean(), atol=1e-5)
    middle = found[0, 0, :, size // 2]
    assert (middle.diff() >= 0).all()
    assert torch.allclose(middle - 0.25, torch.linspace(-1, 1, size), atol=0.05)
    with pytest.raises(DnpmError, match="relief: must be a square map"):
        controls.check(controls.Controls(relief=torch.zeros(4, 6)))
