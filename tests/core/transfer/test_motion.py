"""A rig's controls read as expressions: known movements are named, turns of the head are not, noise is borne."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.transfer.motion import Motion, Reading
from dnpm.tests.tiny_face import tiny_face_model

SCALE, SHIFT = 0.004, np.array([1.0, -2.0, 3.0])


def turn(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


@pytest.fixture(scope="module")
def head():
    """A person of the tiny model as another head: turned by 70 degrees, in a unit of its own; what it is made of."""
    model = tiny_face_model()
    identity = np.array([0.4, -0.3, 0.8], np.float32)
    matrix = SCALE * turn(70.0)
    points = model.neutral_of(identity) @ matrix.T + SHIFT
    inside = np.zeros(len(points))
    inside[np.unique(model.faces[model.faces_detail_uv[:, 0] >= 0])] = 1.0
    motion = Motion(model, identity, model.detail_uv, inside, points)
    return motion, model, identity, matrix, points


def test_the_head_is_measured_in_its_own_unit(head):
    motion, model, identity, matrix, _ = head
    assert motion.unit == pytest.approx(SCALE, rel=0.02)
    delta = model.expression_deltas(identity)[0][motion.used]
    assert motion.fields[0] @ turn(70.0) == pytest.approx(delta, abs=1.0)  # mm; half a texel of the layer off
    assert motion.moved_mm(0.01 * delta @ matrix.T) == pytest.approx(0.25, rel=0.3)  # 25 mm at its centre


def test_a_pose_of_several_controls_is_read_as_its_expressions(head):
    """Controls that make half of two expressions each, and one that moves the whole head, in another order."""
    motion, model, identity, matrix, points = head
    jaw, left, right, brow = (delta[motion.used] @ matrix.T for delta in model.expression_deltas(identity))
    step = 0.05
    pulls = [motion.seen(step * field, step) for field in (jaw / 2, left + right, -brow)]
    back = [motion.seen(-step * field, -step) for field in (jaw / 2, left + right, -brow)]
    assert np.allclose(pulls, back)
    pulls = list(zip(pulls, back, strict=True))
    turned = points @ (turn(3.0) - np.eye(3)).T
    assert motion.seen(turned[motion.used], step) is None
    reading = motion.reading(pulls)
    assert reading.names == model.expression_names
    assert reading.of(np.array([1.0, 0.0, 0.0])) == pytest.approx([0.5, 0, 0, 0], abs=0.06)
    assert reading.of(np.array([0.6, 0.8, -0.7])) == pytest.approx([0.3, 0.8, 0.8, 0.7], abs=0.1)
    # Brows that are pulled down make none of these four: the others take a little of it, for a whole face's part of it
    # looks like a turn of the head.
    assert reading.of(np.array([0.6, 0.0, 1.0])) == pytest.approx([0.3, 0, 0, 0], abs=0.16)
    assert reading.of(np.array([9.0, 0.0, 0.0])).max() == 1.0
    assert not reading.of(np.zeros(3)).any()


def test_small_movements_that_no_expression_makes_are_not_named(head):
    motion, *_ = head
    noise = np.random.default_rng(1).normal(size=(len(motion.used), 3)) * SCALE * 0.3
    reading = motion.reading([(motion.seen(noise, 1.0),) * 2])
    assert reading.of(np.ones(1)).max() < 0.05


def test_corners_up_and_apart_are_a_smile_before_they_are_dimples():
    """Halfway between two expressions the frequent one is taken; where that explains nothing, the rare one is."""
    smile, dimple = np.array([0.0, 1.0]), np.array([1.0, 0.4])
    fields = 10.0 * np.stack([smile, dimple])
    between, sideways = 10.0 * np.array([0.5, 0.7]), 10.0 * np.array([1.0, 0.2])
    pulls = np.stack([[fields @ between, fields @ sideways]] * 2)
    found = Reading(("mouthSmileLeft", "mouthDimpleLeft"), fields @ fields.T, pulls)
    as_equals = Reading(("mouthSmileLeft", "mouthFrownLeft"), fields @ fields.T, pulls)
    assert found.of(np.array([1.0, 0.0]))[0] > as_equals.of(np.array([1.0, 0.0]))[0] + 0.02
    assert found.of(np.array([1.0, 0.0]))[1] < as_equals.of(np.array([1.0, 0.0]))[1] - 0.02
    assert found.of(np.array([0.0, 1.0]))[1] > 0.7


def test_a_mouth_does_not_go_left_and_right_at_once():
    fields = 10.0 * np.array([[1.0, 1.0, 0.3], [-1.0, 1.0, 0.3]])
    both, left = fields.sum(0) / 2, fields[0]
    pulls = np.stack([[fields @ both, fields @ left]] * 2)
    opposed = Reading(("mouthLeft", "mouthRight"), fields @ fields.T, pulls)
    others = Reading(("mouthPressLeft", "mouthPressRight"), fields @ fields.T, pulls)
    assert opposed.of(np.array([1.0, 0.0])) == pytest.approx(others.of(np.array([1.0, 0.0])) - 0.05, abs=0.04)
    assert opposed.of(np.array([0.0, 1.0]))[0] > 0.75


def test_an_expression_that_moves_little_skin_is_read_as_a_jaw_that_moves_much():
    """A hundredth of the other's energy, as brows have beside the jaw."""
    gram = np.diag([10000.0, 100.0])
    reading = Reading(("jawOpen", "browOuterUpLeft"), gram, np.stack([gram, gram]))
    assert reading.of(np.array([0.0, 1.0])) == pytest.approx([0.0, 0.75], abs=0.04)
    assert reading.of(np.array([1.0, 1.0])) == pytest.approx([1.0, 0.75], abs=0.04)
    assert not reading.of(np.array([0.0, 0.15])).any(), "noise is not named"


@pytest.mark.parametrize("name", ["eyeBlinkLeft", "eyeWideLeft", "noseSneerLeft"])
def test_lids_and_wings_of_the_nose_are_read_where_their_edges_go(name):
    """A control that moves half of what a blink does, but all the way where it goes farthest, is nearly a whole one."""
    model = tiny_face_model()
    lids = dataclasses.replace(model, expression_names=(name, *model.expression_names[1:]))
    found = []
    for made in (model, lids):
        inside = np.zeros(len(model.neutral))
        inside[np.unique(model.faces[model.faces_detail_uv[:, 0] >= 0])] = 1.0
        motion = Motion(made, np.zeros(3, np.float32), made.detail_uv, inside, made.neutral)
        rim = motion.fields[0] * (np.linalg.norm(motion.fields[0], axis=1) > 8.0)[:, None]
        found.append(motion.reading([(motion.seen(rim, 1.0),) * 2]).of(np.ones(1))[0])
    assert found[0] + 0.04 < found[1] <= 1.0


def test_a_mesh_without_places_is_refused(head):
    _, model, identity, _, points = head
    with pytest.raises(DnpmError, match="too few"):
        Motion(model, identity, model.detail_uv, np.zeros(len(points)), points)


def test_a_damaged_reading_is_refused():
    with pytest.raises(DnpmError, match="Measure Rig again"):
        Reading(("jawOpen",), np.eye(2), np.zeros((2, 3, 1)))
    with pytest.raises(DnpmError, match="Measure Rig again"):
        Reading(("jawOpen",), np.eye(1), np.zeros((2, 3, 2)))
    with pytest.raises(DnpmError, match="Measure Rig again"):
        Reading(("jawOpen",), np.eye(1), np.zeros((3, 1)))


def test_a_control_may_do_another_thing_backwards():
    """A lid's: down it closes, up it opens, by other amounts."""
    reading = Reading(("eyeBlinkLeft", "eyeWideLeft"), 9.0 * np.eye(2), np.array([[[0.0, 9.0]], [[-4.5, 0.0]]]))
    assert reading.of(np.array([0.6])) == pytest.approx([0.0, 0.6], abs=0.05)
    assert reading.of(np.array([-1.0])) == pytest.approx([0.5, 0.0], abs=0.05)
