"""Age, mixing, regions and painted masks travel with the request, and change the map's digest."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
import pytest

from dnpm.core.backend.requests import MapRequest
from dnpm.core.errors import DnpmError
from dnpm.operators.scene.detail import controls, live, map_state
from dnpm.operators.scene.face import models


def asked_by(face) -> MapRequest:
    sliders = MapRequest(identity=np.zeros(3, np.float32), expression=np.zeros(4, np.float32))
    return controls.added_to(sliders, face)


@pytest.fixture
def group(face, monkeypatch):
    # The tiny model's landmarks lie anywhere; regions need a face's.
    rows = np.full((controls.GAIN_SIZE,) * 2, 1, np.float32)
    rows[:64] = 0.25
    monkeypatch.setattr(controls, "region_gain", lambda uv68, factors, size: rows)
    monkeypatch.setattr(controls, "landmark_uv", lambda model: None)
    return face.dnpm_controls


def test_defaults_ask_for_nothing(face):
    request = asked_by(face)
    assert set(request.pack()[0]) == {"identity", "expression"}
    assert request.pack()[1] == {}
    assert controls.extras_digest(request) == b""


def test_a_files_digest_stays_what_it_was():
    """Files of earlier versions name the sliders of their maps by it."""
    plain = MapRequest(identity=np.zeros(3, np.float32), expression=np.zeros(4, np.float32))
    assert controls.extras_digest(replace(plain, age=12.0, truncation=0.5)).hex() == "ed232359d1d2f33a3fa9ae140e720ec0"
    mixed = replace(plain, mix_identity=np.arange(3, dtype=np.float32), gain=np.ones((2, 2), np.float32))
    assert controls.extras_digest(mixed).hex() == "9bb583d075a2cc0ebcafd005e982173f"
    assert controls.extras_digest(replace(plain, mix_from=64, resolution=64, final=True)) == b""


def test_what_is_set_is_asked_for(window, face, group, backend):
    before = map_state.of(face).wanted
    group.age = 12
    group.truncation = 0.5
    group.region_forehead = 0.25
    live.tick()
    asked = backend.asked[-1]
    assert asked["params"]["age"] == 12
    assert asked["params"]["truncation"] == 0.5
    assert asked["gain"].shape == (256, 256)
    assert map_state.of(face).wanted != before
    group.age, group.truncation, group.region_forehead = 0, 1, 1
    assert map_state.of(face).wanted == before


def test_skin_from_another_face(window, face, group, backend):
    bpy.ops.dnpm.add_face()
    other = bpy.context.object
    other.dnpm_face.identity[0].value = 1.5
    group.mix_with = other
    group.mix_from = "64"
    asked = backend.asked[-1]
    assert asked["channel"] == str(face.session_uid)
    assert asked["params"]["mix_from"] == 64
    np.testing.assert_array_equal(asked["mix_identity"], [1.5, 0, 0])
    other.dnpm_face.identity[1].value = -0.5
    bpy.context.view_layer.update()
    asked = [a for a in backend.asked if a["channel"] == str(face.session_uid)][-1]
    np.testing.assert_array_equal(asked["mix_identity"], [1.5, -0.5, 0])
    other.dnpm_face.fingerprint = "another"
    with pytest.raises(DnpmError, match="another face model"):
        asked_by(face)


@pytest.mark.parametrize("kind", ["FLOAT", "FLOAT_COLOR"])
def test_a_painted_mask(face, group, kind):
    count = len(face.data.vertices)
    attribute = face.data.attributes.new("weak", kind, "POINT")
    values = (np.arange(count) % 2).astype(np.float32)
    if kind == "FLOAT":
        attribute.data.foreach_set("value", values)
    else:
        attribute.data.foreach_set("color", np.repeat(values, 4))
    group.mask = "weak"
    group.mask_low, group.mask_high = 0.5, 2.0
    gain = asked_by(face).gain
    assert gain.min() >= 0.5 - 1e-6
    assert gain.max() > 1.5
    covered = models.model_of(face)
    assert covered.n_id == len(face.dnpm_face.identity)
    group.mask = "gone"
    with pytest.raises(DnpmError, match="neither a vertex group nor an attribute"):
        asked_by(face)


def test_a_vertex_group_is_a_mask(face, group):
    face.vertex_groups.new(name="all").add(list(range(len(face.data.vertices))), 0.5, "REPLACE")
    group.mask = "all"
    gain = asked_by(face).gain
    assert 0.5 in np.round(np.unique(gain), 4)
    assert set(np.round(np.unique(gain), 4)) <= {0.5, 1.0}


def test_the_problem_is_shown_in_the_panel(window, face, group):
    group.mask = "gone"
    assert "neither a vertex group" in map_state.of(face).problem
    group.mask = ""
    assert not map_state.of(face).problem
