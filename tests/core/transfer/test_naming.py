"""ARKit's names fitted to somebody's modes: known modes are found again, jaws turn, what cannot be made is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.readers.head import ForeignHead
from dnpm.core.transfer.adopt import adopted
from dnpm.core.transfer.correspondence import Correspondence
from dnpm.core.transfer.naming import name_expressions
from dnpm.core.transfer.template import Template

NO_MARKS = np.full(68, -1, np.int32)


def exact(model: FaceModel) -> Correspondence:
    """The model's own mesh as the other head's, in metres: every vertex lies where it lies."""
    count = len(model.neutral)
    uv, weight = np.zeros((count, 2), np.float32), np.zeros(count, np.float32)
    inside = model.faces_detail_uv >= 0
    uv[model.faces[inside]] = model.detail_uv[model.faces_detail_uv[inside]]
    weight[model.faces[inside]] = 1
    zero = np.zeros(count, np.float32)
    return Correspondence(
        uv, weight, zero, np.zeros(model.n_id, np.float32), 1000.0, np.eye(3), np.array([0.0, 5.0, 0.0]),
        np.full((68, 3), np.nan), 0.0, 0.0, 1.0, True,
    )  # fmt: skip


def other(model: FaceModel, modes: np.ndarray, jaw: np.ndarray | None = None) -> ForeignHead:
    """The model's mesh with these modes (E, V, 3) in millimetres; jaw (V,): shares of a jaw that turns about x."""
    count = len(model.neutral)
    share = np.zeros(count) if jaw is None else jaw
    joints = np.array([[0, -80.0, 0], [0, -10.0, -20.0]])
    return ForeignHead(
        name="other", vertices=(model.neutral / 1000).astype(np.float32), faces=model.faces, kinds=("skin",),
        kind=np.zeros(len(model.faces), np.uint8), identity=(model.core[1:, 0] / 1000).astype(np.float32),
        modes=(modes / 1000).astype(np.float32), mode_names=tuple(f"mode {k}" for k in range(len(modes))),
        are_named=False, joints=(joints / 1000).astype(np.float32),
        joint_identity=np.zeros((model.n_id, 2, 3), np.float32), parents=(0, 0),
        skinning=np.stack([1 - share, share]).astype(np.float32), eyes={}, jaw=None if jaw is None else 1,
        unit_mm=1000.0, metadata={"licence": "none"},
    )  # fmt: skip


def mixture(model: FaceModel, seed: int = 0) -> np.ndarray:
    """The model's expressions turned into modes without a meaning, and as many that have nothing to do with them."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(model.n_exp, model.n_exp)))
    mixed = np.tensordot(turn, model.core[0, 1:].astype(float), 1)
    waves = np.sin(model.neutral @ rng.normal(0, 0.05, (3, 3)) + rng.uniform(0, 6, (model.n_exp, 1, 3)))
    return np.concatenate([mixed * 0.6, waves])


def test_the_expressions_are_found_in_a_mixture(tiny_model: FaceModel) -> None:
    found = exact(tiny_model)
    head = other(tiny_model, mixture(tiny_model))
    model = adopted(head, tiny_model, found)
    assert set(model.expression_names) == set(tiny_model.expression_names)
    assert model.metadata["licence"] == "none"
    inside, baseline = found.weight > 0, []
    for name in tiny_model.expression_names:
        ours = tiny_model.core[0, tiny_model.expression_index[name] + 1].astype(float)[inside]
        theirs = model.core[0, model.expression_index[name] + 1].astype(float)[inside]
        left = ((theirs - ours) ** 2).sum() / (ours**2).sum()
        single = min(_left(mode[inside], ours) for mode in mixture(tiny_model))
        assert left < min(0.05, single), (name, left, single)
        baseline.append(single)
    assert np.median(baseline) > 0.3
    # In its own size and axes; the identity goes with it.
    np.testing.assert_allclose(
        model.neutral - model.neutral.mean(0), tiny_model.neutral - tiny_model.neutral.mean(0), atol=1e-2
    )
    assert (model.faces_detail_uv[:, 0] >= 0).sum() == (tiny_model.faces_detail_uv[:, 0] >= 0).sum()


def _left(mode: np.ndarray, wanted: np.ndarray) -> float:
    """Share of a field that the best multiple of one mode leaves: the baseline."""
    amount = (mode * wanted).sum() / (mode**2).sum()
    return float(((amount * mode - wanted) ** 2).sum() / (wanted**2).sum())


def test_a_jaw_turns_as_far_as_the_field_says(tiny_model: FaceModel) -> None:
    """The field is a turn of the jaw; the modes alone cannot make it."""
    low = np.clip(-tiny_model.neutral[:, 1] / 60, 0, 1)
    head = other(tiny_model, mixture(tiny_model)[tiny_model.n_exp :], low)
    placed = head.placed(1000.0, np.eye(3), np.zeros(3))
    turn = np.array([0.35, 0.0, 0.0])
    field = placed.skin().posed(np.zeros(len(head.modes)), {1: turn}) - tiny_model.neutral
    core = np.zeros_like(tiny_model.core)
    core[0, 1 + tiny_model.expression_index["jawOpen"]] = field
    ours = replace(tiny_model, core=core)
    found = exact(ours)
    made = name_expressions(placed, Template.of(ours), found, NO_MARKS)["jawOpen"]
    np.testing.assert_allclose(made.turns[1], turn, atol=0.03)
    assert made.explained > 0.98
    stiff = replace(placed, jaw=None)
    without = name_expressions(stiff, Template.of(ours), found, NO_MARKS)
    assert "jawOpen" not in without or without["jawOpen"].explained < 0.9


def test_what_the_head_cannot_make_is_left_out_with_a_warning(
    tiny_model: FaceModel, caplog: pytest.LogCaptureFixture
) -> None:
    """Modes of the forehead alone."""
    high = (tiny_model.neutral[:, 1] > 20)[:, None]
    head = other(tiny_model, mixture(tiny_model)[: tiny_model.n_exp] * high)
    model = adopted(head, tiny_model, exact(tiny_model))
    assert "browInnerUp" in model.expression_names
    assert "jawOpen" not in model.expression_names
    assert "cannot make" in caplog.text
    assert "jawOpen" in caplog.text


def test_eyes_that_turn_are_an_expression_though_no_mode_moves_the_lids(tiny_model: FaceModel) -> None:
    from scipy.spatial.transform import Rotation

    found = exact(tiny_model)
    ball = np.flatnonzero(found.weight == 0)
    core, turn = np.zeros_like(tiny_model.core), np.array([-0.3, 0.0, 0.0])
    middle = tiny_model.neutral[ball].mean(0)
    away = tiny_model.neutral[ball] - middle
    core[0, 1, ball] = away @ Rotation.from_rotvec(turn).as_matrix().T - away
    core[0, 1, found.weight > 0] = np.random.default_rng(0).normal(0, 2, (int((found.weight > 0).sum()), 3))
    names = ("eyeLookUpLeft", *tiny_model.expression_names[1:])
    groups = {"eye_left": ball.astype(np.int32)}
    ours = replace(tiny_model, core=core, expression_names=names, vertex_groups=groups)
    share = np.isin(np.arange(len(tiny_model.neutral)), ball).astype(float)
    head = replace(other(tiny_model, mixture(tiny_model)[tiny_model.n_exp :], share), jaw=None, eyes={"left": 1})
    placed = head.placed(1000.0, np.eye(3), np.zeros(3))
    made = name_expressions(placed, Template.of(ours), found, NO_MARKS)["eyeLookUpLeft"]
    assert made.explained < 0.1
    np.testing.assert_allclose(made.turns[1], turn, atol=1e-2)


def test_modes_stay_within_three_deviations(tiny_model: FaceModel) -> None:
    head = other(tiny_model, mixture(tiny_model) * 0.02)
    placed = head.placed(1000.0, np.eye(3), np.zeros(3))
    made = name_expressions(placed, Template.of(tiny_model), exact(tiny_model), NO_MARKS)
    assert all(np.abs(one.values).max() <= 3.0 + 1e-6 for one in made.values())
