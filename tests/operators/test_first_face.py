"""The first face of a session is there at once; what can wait is done after it was drawn."""

from __future__ import annotations

import threading
import time

import bpy
import numpy as np
import pytest

from dnpm.core.face_model import locate
from dnpm.core.face_model.bilinear import IdentityTables
from dnpm.core.face_model.model import FaceModel
from dnpm.operators.scene.face import models
from dnpm.operators.scene.look import looks, skin_material


def paints(face):
    return [
        slot.material.node_tree.nodes[skin_material.PAINT].image
        for slot in face.material_slots
        if slot.material.node_tree.nodes.get(skin_material.PAINT) is not None
    ]


def test_with_a_window_the_paint_comes_after_the_first_redraw(window, backend, tiny_model):
    bpy.ops.dnpm.add_face()
    face = bpy.context.object
    waiting = looks._changed.get(face.session_uid)
    assert waiting is not None
    assert not any(paints(face))
    looks.finish()  # as before saving and rendering
    assert face.session_uid not in looks._changed
    assert all(paints(face))


def test_without_a_window_it_is_there_at_once(backend, tiny_model):
    bpy.ops.dnpm.add_face()
    assert all(paints(bpy.context.object))


def test_few_sliders_give_the_same_keys_with_and_without_the_table(tiny_model):
    core = tiny_model.core[: tiny_model.n_shape + 1]
    quick = IdentityTables(tiny_model.neutral, core, tiny_model.moved, lambda v: v[..., ::-1] * 2)
    table = IdentityTables(tiny_model.neutral, core, tiny_model.moved, lambda v: v[..., ::-1] * 2)
    table.prepare()
    for values in np.random.default_rng(0).standard_normal((4, tiny_model.n_shape)).astype(np.float32):
        values[0] = 0
        found, wanted = quick.deltas(values), table.deltas(values)
        assert found.dtype == wanted.dtype == np.float32
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def loading_threads():
    return [thread for thread in threading.enumerate() if thread.name == "dnpm-face-model"]


def test_what_shows_the_button_loads_the_model_beforehand(window, backend, monkeypatch):
    models.forget()
    loads = []
    whole = FaceModel.load
    monkeypatch.setattr(FaceModel, "load", lambda path: (loads.append(path), whole(path))[1])
    for _ in range(3):  # a panel is drawn again and again
        models.load_soon()
    for thread in loading_threads():
        thread.join(60)
    table = models.current_table()
    assert len(loads) == 1
    assert "_deltas" in table._tables.__dict__
    models.load_soon()
    assert not loading_threads()


def test_who_presses_at_once_waits_for_the_load_that_has_begun(window, backend, monkeypatch):
    models.forget()
    loads, begun = [], threading.Event()
    whole = FaceModel.load

    def slow(path):
        loads.append(path)
        begun.set()
        time.sleep(0.3)
        return whole(path)

    monkeypatch.setattr(FaceModel, "load", slow)
    models.load_soon()
    assert begun.wait(60)
    bpy.ops.dnpm.add_face()
    assert len(loads) == 1


def test_a_model_that_cannot_be_loaded_is_told_when_the_button_is_pressed(window, backend, monkeypatch, tmp_path):
    models.forget()
    broken = tmp_path / "face_model.safetensors"
    broken.write_bytes(b"no model")
    monkeypatch.setenv(locate.VARIABLE, str(broken))
    models.load_soon()
    for thread in loading_threads():
        thread.join(60)
    with pytest.raises(RuntimeError, match="face_model"):
        bpy.ops.dnpm.add_face()
    models.forget()
