"""A rig's controls read as expressions: known movements are named, turns of the head are not, noise is borne."""

from __future__ import annotations

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
    assert all(pull is not None for pull in pulls)
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
    reading = motion.reading([motion.seen(noise, 1.0)])
    assert reading.of(np.ones(1)).max() < 0.05


def test_a_mesh_without_places_is_refused(head):
    _, model, identity, _, points = head
    with pytest.raises(DnpmError, match="too few"):
        Motion(model, identity, model.detail_uv, np.zeros(len(points)), points)


def test_a_damaged_reading_is_refused():
    with pytest.raises(DnpmError, match="Measure Rig again"):
        Reading(("jawOpen",), np.eye(2), np.zeros((3, 1)))
    with pytest.raises(DnpmError, match="Measure Rig again"):
        Reading(("jawOpen",), np.eye(1), np.zeros((3, 2)))
