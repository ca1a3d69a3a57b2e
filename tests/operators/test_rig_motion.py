"""A rig that was measured drives the expressions of a head of another program; everything else is left alone."""

from __future__ import annotations

import numpy as np
import pytest

CENTRES = {"jawOpen": (0.5, 0.1), "browInnerUp": (0.5, 0.85)}


@pytest.fixture
def rigged(backend):
    """A bulged grid of the tiny model's size, and a rig: two bones bend it as two of its expressions do, `head`
    moves it whole, `ear` moves nothing of the face."""
    import bpy

    bpy.ops.mesh.primitive_grid_add(x_subdivisions=24, y_subdivisions=24, size=0.2)
    obj = bpy.context.object
    points = np.array([vertex.co for vertex in obj.data.vertices])
    uv = points[:, :2] / 0.2 + 0.5
    for vertex, (x, y, _) in zip(obj.data.vertices, points, strict=True):
        vertex.co.z = 0.06 * np.cos(x / 0.08 * 1.2) * np.cos(y / 0.1 * 1.2)
    bpy.ops.object.armature_add(enter_editmode=True)
    rig = bpy.context.object
    bones = rig.data.edit_bones
    bones.remove(bones[0])
    for name in ("head", "chin", "brow", "ear"):
        bone = bones.new(name)
        bone.head, bone.tail = (0.0, 0.0, 0.0), (0.0, 0.05, 0.0)
        bone.parent = bones.get("head") if name != "head" else None
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.rotation_euler = obj.rotation_euler = (np.pi / 2, 0, 0)
    rest = np.ones(len(points))
    for name, key in (("chin", "jawOpen"), ("brow", "browInnerUp")):
        near = 0.5 * np.maximum(0, 1 - np.linalg.norm(uv - CENTRES[key], axis=1) / 0.35)
        rest -= near
        group = obj.vertex_groups.new(name=name)
        for k, weight in enumerate(near):
            group.add([k], float(weight), "REPLACE")
    group = obj.vertex_groups.new(name="head")
    for k, weight in enumerate(rest):
        group.add([k], float(weight), "REPLACE")
    obj.modifiers.new("rig", "ARMATURE").object = rig
    bpy.context.view_layer.objects.active = obj
    bpy.context.view_layer.update()
    assert bpy.ops.dnpm.add_detail() == {"FINISHED"}
    return obj, rig


def test_a_rig_without_keys_is_told_what_to_press(rigged, capfd):
    import bpy

    assert bpy.ops.dnpm.add_detail() == {"FINISHED"}
    assert "press Measure Rig, or the detail stays at rest" in capfd.readouterr().out


def expression(obj) -> dict[str, float]:
    import bpy

    from dnpm.operators.scene.face import models, slider_values

    bpy.context.view_layer.update()
    model = models.model_of(obj)
    return dict(zip(model.expression_names, slider_values.expression_vector(obj, model), strict=True))


def pose_of(rig) -> list:
    return [[*bone.location, *bone.rotation_quaternion, *bone.scale] for bone in rig.pose.bones]


def test_its_controls_drive_the_map(rigged, backend, window):
    import bpy

    obj, rig = rigged
    before, shown = pose_of(rig), [m.show_viewport for m in obj.modifiers]
    assert bpy.ops.dnpm.measure_rig() == {"FINISHED"}
    assert np.allclose(pose_of(rig), before, atol=1e-7)
    assert [m.show_viewport for m in obj.modifiers] == shown
    moved = {item.name for item in obj.dnpm_face.rig_channels}
    assert {"chin move Y", "brow move Y"} <= moved
    assert not any(name.startswith(("ear", "head")) for name in moved)
    assert max(expression(obj).values()) == 0.0
    asked = len(backend.asked)
    rig.pose.bones["chin"].location[1] = -0.025  # half of it at these weights: jawOpen goes down by 25 mm
    found = expression(obj)
    assert found["jawOpen"] == pytest.approx(0.5, abs=0.1)
    assert found["browInnerUp"] < 0.05
    assert len(backend.asked) > asked
    rig.pose.bones["chin"].location[1] = 0.0
    rig.pose.bones["brow"].location[1] = 0.018
    found = expression(obj)
    assert found["browInnerUp"] == pytest.approx(0.9, abs=0.1)  # the layer is stretched over this head
    assert found["jawOpen"] < 0.05
    rig.pose.bones["head"].rotation_mode = "XYZ"
    rig.pose.bones["head"].rotation_euler = (0.3, 0.4, 0.2)
    assert expression(obj) == pytest.approx(found)


def test_a_reading_that_was_measured_one_way_still_works(rigged, backend, window):
    import json

    import bpy

    obj, rig = rigged
    assert bpy.ops.dnpm.measure_rig() == {"FINISHED"}
    rig.pose.bones["chin"].location[1] = -0.025
    found = expression(obj)
    kept = json.loads(obj.dnpm_face.rig_reading)
    assert len(kept["pull"]) == 2
    kept["pull"] = kept["pull"][1]
    obj.dnpm_face.rig_reading = json.dumps(kept)
    assert expression(obj) == pytest.approx(found)


def test_a_control_that_is_held_one_way_counts(rigged, backend, window):
    """As lids and jaws are held, which cannot go into the head."""
    import bpy

    obj, rig = rigged
    limit = rig.pose.bones["chin"].constraints.new("LIMIT_LOCATION")
    limit.owner_space, limit.use_max_y = "LOCAL", True
    assert bpy.ops.dnpm.measure_rig() == {"FINISHED"}
    rig.pose.bones["chin"].location[1] = -0.025
    assert expression(obj)["jawOpen"] == pytest.approx(0.5, abs=0.1)
    rig.pose.bones["chin"].location[1] = 0.025
    assert max(expression(obj).values()) < 0.05


def test_sources_add_to_it_and_it_can_be_forgotten(rigged, backend, window):
    import bpy

    obj, rig = rigged
    assert bpy.ops.dnpm.measure_rig() == {"FINISHED"}
    assert bpy.ops.dnpm.add_source() == {"FINISHED"}
    item = obj.dnpm_face.sources[obj.dnpm_face.active_source]
    item.expression, item.data_path = "mouthSmileLeft", '["grin"]'
    obj["grin"] = 0.25
    rig.pose.bones["chin"].location[1] = -0.025
    found = expression(obj)
    assert found["mouthSmileLeft"] == pytest.approx(0.25, abs=0.05)
    assert found["jawOpen"] > 0.3
    assert bpy.ops.dnpm.forget_rig() == {"FINISHED"}
    assert expression(obj)["jawOpen"] == 0.0
    assert expression(obj)["mouthSmileLeft"] == pytest.approx(0.25)


def test_a_posed_rig_is_refused_and_left_as_it_was(rigged):
    import bpy

    obj, rig = rigged
    rig.pose.bones["chin"].location[1] = -0.025
    shown = [m.show_viewport for m in obj.modifiers]
    with pytest.raises(RuntimeError, match="put it at rest first"):
        bpy.ops.dnpm.measure_rig()
    assert [m.show_viewport for m in obj.modifiers] == shown
    assert rig.pose.bones["chin"].location[1] == pytest.approx(-0.025)
    assert not len(obj.dnpm_face.rig_channels)


def test_a_control_that_is_gone_is_named(rigged):
    import bpy

    from dnpm.core.errors import DnpmError

    obj, rig = rigged
    assert bpy.ops.dnpm.measure_rig() == {"FINISHED"}
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    rig.data.edit_bones.remove(rig.data.edit_bones["chin"])
    bpy.ops.object.mode_set(mode="OBJECT")
    with pytest.raises(DnpmError, match="Measure Rig again"):
        expression(obj)


def test_a_mesh_without_a_rig_is_told_so(rigged):
    import bpy

    obj, _ = rigged
    obj.modifiers.remove(obj.modifiers["rig"])
    with pytest.raises(RuntimeError, match="no armature"):
        bpy.ops.dnpm.measure_rig()


def test_locked_and_driven_channels_are_left_alone(rigged):
    from dnpm.operators.scene.face import rig_motion

    obj, rig = rigged
    bone = rig.pose.bones["chin"]
    bone.lock_location = (True, False, True)
    bone.driver_add("rotation_quaternion", 1)
    titles = [channel.title for channel in rig_motion.channels_of(rig, "chin")]
    assert titles == ["chin move Y", "chin turn Y", "chin turn Z"]
    bone.custom_shape = obj
    assert rig_motion.controls_of(rig) == ["chin"]
