"""The tongue's tip rises to the upper teeth, of anybody, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model import board, presets, tongue
from dnpm.core.face_model.arkit import ARKIT_NAMES, TIP_UP


def people(model):
    rng = np.random.default_rng(3)
    return [np.zeros(model.n_id, np.float32), *rng.normal(size=(4, model.n_id)).astype(np.float32)]


def test_the_tip_meets_the_upper_teeth(face_model):
    assert tongue.names(face_model) == (TIP_UP,)
    jaw, group = face_model.expression_index["jawOpen"], face_model.vertex_groups
    for identity in people(face_model):
        rest, opened = face_model.neutral_of(identity), face_model.expression_deltas(identity)[jaw]
        (raised,) = tongue.deltas(face_model, rest, opened)
        assert not np.delete(raised, group["tongue"], 0).any(), "nothing but the tongue moves"
        tip = group["tongue"][rest[group["tongue"], 2] > rest[group["tongue"], 2].max() - 3]
        back = group["tongue"][rest[group["tongue"], 2] < rest[group["tongue"], 2].min() + 20]
        assert not raised[back].any()
        upper = rest[group["teeth_upper"]]
        front = upper[np.abs(upper[:, 0]) < 7]
        edge, root = front[:, 1].min(), front[:, 1].max()
        crown = front[front[:, 1] < edge + 0.65 * (root - edge)]
        for opening in (0.06, 0.15, 0.3):
            value = float(tongue.reach(opening))
            at = rest[tip] + opening * opened[tip] + value * raised[tip]
            assert abs(at[:, 1].mean() - edge) < 2.0, "the middle of the tip is at the edge of the teeth"
            assert -3.0 < at[:, 2].max() - crown[:, 2].min() < 3.0, "at their back"
        still = rest[tip] + 0.3 * opened[tip]
        assert still[:, 1].mean() < edge - 6, "without it the tip lies low"
        length = np.linalg.norm(raised, axis=1)
        assert length.max() < 25


def test_reach_grows_with_the_jaw():
    np.testing.assert_allclose(tongue.reach(np.array([0.0, tongue.FULL_JAW, 1.0])), [tongue.REACH, 1, 1])


def test_models_without_a_tongue_have_none(tiny_model):
    assert tongue.names(tiny_model) == ()
    assert tongue.of(tiny_model, np.zeros(tiny_model.n_id, np.float32), {TIP_UP: 1.0}) is None
    assert tongue.deltas(tiny_model, tiny_model.neutral, tiny_model.neutral).shape == (0, *tiny_model.neutral.shape)


def test_what_knows_arkit_alone_shows_a_little():
    curves = np.zeros((3, 52), np.float32)
    out = ARKIT_NAMES.index("tongueOut")
    curves[2, out] = 0.4
    made = tongue.arkit_alone(curves, np.array([0.0, 1.0, 1.0]))
    np.testing.assert_allclose(made[:, out], [0, 0.22, 0.4])
    assert not curves[1].any()


def test_the_board_has_a_control_of_its_own():
    values = np.zeros((2, 53))
    values[1, 52] = 0.7
    channels = board.channels_of(values)
    np.testing.assert_allclose(channels["tongue_tip", "y"], [0, 0.7])
    assert not board.expression_of(channels).any()


def test_presets_carry_it(face_model, tiny_model):
    preset = presets.preset_of(face_model, expression=face_model.expression(jawOpen=0.2), tip_up=0.6)
    again = presets.from_text(presets.to_text(preset), "a")
    assert presets.tip_up_of(again) == pytest.approx(0.6)
    _, expression, unknown = presets.vectors(again, face_model)
    assert not unknown
    assert expression[face_model.expression_index["jawOpen"]] == pytest.approx(0.2)
    assert presets.vectors(again, tiny_model)[2] == [TIP_UP], "said where a model cannot"
    with pytest.raises(DnpmError, match="0 to 1"):
        presets.from_text(presets.to_text(preset).replace("0.6", "1.6"), "a")
