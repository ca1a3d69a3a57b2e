"""The first face of a session is there at once; what can wait is done after it was drawn."""

from __future__ import annotations

import bpy
import numpy as np

from dnpm.core.face_model.bilinear import IdentityTables
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
