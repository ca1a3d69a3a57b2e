"""Random, reset, mirror, copy and paste, presets: through Blender's operators, as buttons call them."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.core.face_model import presets
from dnpm.core.face_model.random_look import random_look
from dnpm.core.face_model.sampling import random_expression, random_identity
from dnpm.operators.scene import settings
from dnpm.operators.scene.face import create, identity, slider_values
from dnpm.operators.scene.look import looks


@pytest.fixture
def folder(backend, tmp_path):
    """Presets of this test's own."""
    settings.override(settings.Settings(presets=str(tmp_path / "presets")))
    yield tmp_path / "presets"
    settings.override(None)


def sliders(face, model):
    return slider_values.identity_vector(face), slider_values.expression_vector(face, model)


def test_random_is_the_seeds(face, tiny_model):
    bpy.ops.dnpm.random(part="ALL", seed=5)
    who, does = sliders(face, tiny_model)
    np.testing.assert_allclose(who, random_identity(tiny_model, 5), atol=1e-6)
    np.testing.assert_allclose(does, random_expression(tiny_model, 5), atol=1e-6)
    assert identity.is_applied(face, who)


def test_random_people_have_colours_that_suit_them_unless_they_are_to_stay(face, tiny_model):
    bpy.ops.dnpm.random(part="IDENTITY", seed=5)
    wanted = random_look(tiny_model, 5, random_identity(tiny_model, 5))
    found = looks.look_of(face)
    assert (found.tone, found.hair_colour) == (wanted.tone, wanted.hair_colour)
    assert (found.hair, found.brow_arch) == pytest.approx((wanted.hair, wanted.brow_arch), abs=1e-6)
    for seed in range(6, 12):
        bpy.ops.dnpm.random(part="IDENTITY", seed=seed, colours=False)
        bpy.ops.dnpm.random(part="EXPRESSION", seed=seed)
        assert looks.look_of(face) == found


@pytest.mark.parametrize(("part", "keeps_who", "keeps_does"), [("IDENTITY", False, True), ("EXPRESSION", True, False)])
def test_a_part_alone_is_reset(face, tiny_model, part, keeps_who, keeps_does):
    bpy.ops.dnpm.random(part="ALL", seed=3)
    before = sliders(face, tiny_model)
    assert before[0].any()
    assert before[1].any()
    bpy.ops.dnpm.reset(part=part)
    who, does = sliders(face, tiny_model)
    np.testing.assert_array_equal(who, before[0] if keeps_who else 0)
    np.testing.assert_array_equal(does, before[1] if keeps_does else 0)


def test_mirror_swaps_the_sides(face, tiny_model):
    slider_values.set_expression(
        face, tiny_model, tiny_model.expression(mouthSmileLeft=0.9, mouthSmileRight=0.1, jawOpen=0.3)
    )
    bpy.ops.dnpm.mirror()
    wanted = tiny_model.expression(mouthSmileLeft=0.1, mouthSmileRight=0.9, jawOpen=0.3)
    np.testing.assert_allclose(sliders(face, tiny_model)[1], wanted)


def test_one_linked_slider_moves_both_sides(face, tiny_model):
    pair = face.dnpm_face.linked["mouthSmileRight"]
    pair.value = 0.7
    np.testing.assert_allclose(
        sliders(face, tiny_model)[1], tiny_model.expression(mouthSmileLeft=0.7, mouthSmileRight=0.7)
    )
    assert pair.value == pytest.approx(0.7)


def test_linked_sides_do_not_touch_what_is_set_by_name(face, tiny_model):
    """A wink from a preset or a capture stays a wink."""
    assert face.dnpm_face.link_sides
    face.data.shape_keys.key_blocks["mouthSmileLeft"].value = 1.0
    bpy.context.view_layer.update()
    np.testing.assert_allclose(sliders(face, tiny_model)[1], tiny_model.expression(mouthSmileLeft=1.0))


def test_key_expression_keys_every_slider(face, tiny_model):
    bpy.ops.dnpm.key_expression()
    action = face.data.shape_keys.animation_data.action
    assert action is not None
    face.data.shape_keys.key_blocks["jawOpen"].value = 1.0
    bpy.context.scene.frame_set(bpy.context.scene.frame_current)
    assert sliders(face, tiny_model)[1].max() == 0


def test_copy_and_paste_between_faces(backend, tiny_model):
    first, second = (create.new_face(bpy.context.scene) for _ in range(2))
    bpy.context.view_layer.objects.active = first
    bpy.ops.dnpm.random(part="ALL", seed=11)
    first.dnpm_face.strength = 1.7
    bpy.ops.dnpm.copy()
    bpy.context.view_layer.objects.active = second
    bpy.ops.dnpm.paste()
    for a, b in zip(sliders(first, tiny_model), sliders(second, tiny_model), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert second.dnpm_face.strength == pytest.approx(1.7)


def test_a_preset_comes_back(face, tiny_model, folder):
    bpy.ops.dnpm.random(part="ALL", seed=2)
    before = sliders(face, tiny_model)
    assert bpy.ops.dnpm.save_preset(name="Old Man") == {"FINISHED"}
    bpy.ops.dnpm.reset(part="ALL")
    file = folder / "Old Man.json"
    assert json.loads(file.read_text())["format"] == presets.FORMAT
    assert bpy.ops.dnpm.load_preset(filepath=str(file)) == {"FINISHED"}
    for found, wanted in zip(sliders(face, tiny_model), before, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert bpy.ops.dnpm.delete_preset(filepath=str(file)) == {"FINISHED"}
    assert not file.exists()


@pytest.mark.parametrize("again", ["Old Man", "old MAN", "Old Man."])
def test_a_preset_is_not_overwritten_unasked(face, tiny_model, folder, again):
    assert bpy.ops.dnpm.save_preset(name="Old Man") == {"FINISHED"}
    before = (folder / "Old Man.json").read_bytes()
    bpy.ops.dnpm.random(part="ALL", seed=3)
    with pytest.raises(RuntimeError, match=r"Old Man\.json: a preset of this name exists: choose another name"):
        bpy.ops.dnpm.save_preset(name=again)
    assert (folder / "Old Man.json").read_bytes() == before
    assert bpy.ops.dnpm.save_preset(name=again, overwrite=True) == {"FINISHED"}
    assert [file.name for file in folder.iterdir()] == ["Old Man.json"]
    assert (folder / "Old Man.json").read_bytes() != before
    # The property is not remembered.
    with pytest.raises(RuntimeError, match="a preset of this name exists"):
        bpy.ops.dnpm.save_preset(name=again)


def test_with_a_window_it_asks(face, folder, monkeypatch):
    """The dialog's button leads to a second question, and only a yes to that saves."""
    from types import SimpleNamespace

    from dnpm.operators import presets as operators
    from dnpm.operators.base import FaceOperator

    asked, told = [], []

    class Manager:
        def invoke_props_dialog(self, operator):
            asked.append("name")
            return {"RUNNING_MODAL"}

        def invoke_confirm(self, operator, event, *, title, message, confirm_text):
            asked.append(message)
            return {"RUNNING_MODAL"}

    class Bare(FaceOperator):
        overwrite, has_dialog = False, False
        invoke, apply = operators.DNPM_OT_save_preset.invoke, operators.DNPM_OT_save_preset.apply
        execute = operators.DNPM_OT_save_preset.execute

        def __init__(self, name):
            self.name = name

        def report(self, kind, text):
            told.append(text)

    monkeypatch.setattr(operators, "_ask", lambda name: asked.append(f"again {name}"))
    context = SimpleNamespace(window_manager=Manager(), active_object=face)
    first = Bare("Anna")
    first.invoke(context, None)
    assert first.execute(context) == {"FINISHED"}
    before = (folder / "Anna.json").stat().st_mtime_ns
    second = Bare("Anna")
    second.invoke(context, None)
    assert second.execute(context) == {"CANCELLED"}
    assert (folder / "Anna.json").stat().st_mtime_ns == before
    third = Bare("Anna")
    third.overwrite = True
    third.invoke(context, None)
    assert third.execute(context) == {"FINISHED"}
    assert asked == ["name", "name", "again Anna", "Replace the preset Anna?"]


@pytest.mark.parametrize("name", ["con", "NUL", "aux.old"])
def test_a_preset_is_not_named_as_a_device(face, folder, name):
    with pytest.raises(RuntimeError, match="Windows reserves it"):
        bpy.ops.dnpm.save_preset(name=name)


def test_delete_deletes_presets_alone(face, tmp_path):
    other = tmp_path / "diary.json"
    other.write_text("{}")
    with pytest.raises(RuntimeError, match=r"is not a preset"):
        bpy.ops.dnpm.delete_preset(filepath=str(other))
    assert other.exists()


def test_a_preset_with_unknown_names_sets_the_rest(face, tiny_model, folder):
    presets.write_preset(
        folder / "p.json", presets.Preset("other", {"Age": 1.0, "Tail": 2.0}, {"jawOpen": 0.5, "bark": 1})
    )
    assert bpy.ops.dnpm.load_preset(filepath=str(folder / "p.json")) == {"FINISHED"}
    who, does = sliders(face, tiny_model)
    np.testing.assert_allclose(who, [1, 0, 0])
    np.testing.assert_allclose(does, tiny_model.expression(jawOpen=0.5))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "give a preset"),
        ('{"format": "dnpm-preset-1", "expression": {"jawOpen": NaN}}', "NaN is not a number"),
        ('{"format": "dnpm-preset-1", "identity": {"Tail": 2.0}}', "another model's"),
    ],
)
def test_a_damaged_or_foreign_preset_changes_nothing(face, tiny_model, folder, text, said):
    bpy.ops.dnpm.random(part="ALL", seed=2)
    before = sliders(face, tiny_model)
    folder.mkdir()
    (folder / "bad.json").write_text(text)
    with pytest.raises(RuntimeError, match=said):
        bpy.ops.dnpm.load_preset(filepath=str(folder / "bad.json"))
    for found, wanted in zip(sliders(face, tiny_model), before, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_folder_that_cannot_be_written_is_reported(face, folder, tmp_path):
    # A file where the folder should be: refused for every user, the superuser too.
    folder.write_text("in the way")
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.dnpm.save_preset(name="mine")
    assert folder.read_text() == "in the way"


def test_a_map_is_saved_as_it_is(face, backend, tmp_path):
    from dnpm.operators.scene.detail import map_image

    map_image.write_map(face, backend.map_of(np.ones(3), np.ones(4), 64))
    assert bpy.ops.dnpm.save_map(filepath=str(tmp_path / "map")) == {"FINISHED"}
    image = bpy.data.images.load(str(tmp_path / "map.exr"))
    image.colorspace_settings.name = "Non-Color"
    pixels = np.array(image.pixels[:], np.float32).reshape(64, 64, 4)[::-1, :, 0]
    np.testing.assert_allclose(pixels, map_image.read_map(face), atol=1e-6)
    (tmp_path / "none").write_text("a file where a folder should be")
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.dnpm.save_map(filepath=str(tmp_path / "none" / "map.exr"))


@pytest.mark.parametrize(
    "operator", ["random", "reset", "mirror", "copy", "paste", "update_detail", "freeze", "repair"]
)
def test_without_a_face_nothing_can_be_pressed(backend, operator):
    bpy.ops.mesh.primitive_cube_add()
    assert not getattr(bpy.ops.dnpm, operator).poll()


def test_the_presets_folder_lies_in_the_users_profile(backend):
    assert str(settings.presets_folder()).startswith(bpy.utils.resource_path("USER"))
    assert isinstance(settings.presets_folder(), Path)
