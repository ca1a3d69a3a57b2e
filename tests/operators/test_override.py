"""Faces of a library: an override is a face like any other, and stays so; a linked face says why buttons are grey."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import bpy
import numpy as np
import pytest
from PIL import Image

from dnpm.core.errors import DnpmError
from dnpm.operators.scene import names
from dnpm.operators.scene.detail import controls, live, map_image, map_state
from dnpm.operators.scene.face import identity, models, registry, slider_values
from dnpm.operators.scene.look import looks, materials
from dnpm.tests.overriding import overridden


@pytest.fixture
def library(face, backend, tmp_path) -> Path:
    """A face with some sliders and its map, in a collection `asset` of its own."""
    face.dnpm_face.identity[0].value = 1.0
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.25
    live.update_now(face)
    asset = bpy.data.collections.new("asset")
    asset.objects.link(face)
    bpy.context.scene.collection.children.link(asset)
    bpy.context.scene.collection.objects.unlink(face)
    path = tmp_path / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return path


def linked(library, collection=False):
    with bpy.data.libraries.load(str(library), link=True) as (source, target):
        target.objects = source.objects
        target.collections = source.collections if collection else []
    return target.collections[0] if collection else target.objects[0]


def activate(face):
    bpy.context.view_layer.objects.active = face
    face.select_set(True)
    bpy.context.view_layer.update()
    return face


def of_object(library):
    override = overridden(linked(library), remap_local_usages=True)
    bpy.context.scene.collection.objects.link(override)
    return activate(override)


def of_collection(library):
    """As Object > Library Override > Make does with an instanced collection: the face is a system override."""
    collection = linked(library, collection=True)
    bpy.context.scene.collection.children.link(collection)
    collection.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    bpy.context.scene.collection.children.unlink(collection)
    return activate(next(obj for obj in bpy.context.scene.objects if obj.override_library))


def rigged(library):
    """The shape keys are driven by an empty of the same collection, so that Blender overrides the mesh as well."""
    bpy.ops.wm.open_mainfile(filepath=str(library))
    face, rig = bpy.data.objects[names.OBJECT], bpy.data.objects.new("rig", None)
    bpy.data.collections["asset"].objects.link(rig)
    driver = face.data.shape_keys.key_blocks["browInnerUp"].driver_add("value").driver
    variable = driver.variables.new()
    variable.type = "TRANSFORMS"
    variable.targets[0].id, variable.targets[0].transform_type = rig, "LOC_X"
    driver.expression = variable.name
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    face = of_collection(library)
    assert next(o for o in bpy.context.scene.objects if o.type == "EMPTY").override_library
    return face


KINDS = pytest.mark.parametrize("kind", [of_object, of_collection, rigged], ids=lambda kind: kind.__name__)


def reloaded(tmp_path):
    """The override after saving and opening: what a colleague gets."""
    path = str(tmp_path / "shot.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    live.forget()
    bpy.ops.wm.open_mainfile(filepath=path)
    return activate(next(face for face in registry.faces() if face.override_library))


def coordinates(face) -> np.ndarray:
    found = np.empty(len(face.data.vertices) * 3, np.float32)
    face.data.shape_keys.reference_key.points.foreach_get("co", found)
    return found


def expected(face, backend, model):
    return backend.map_of(slider_values.identity_vector(face), slider_values.expression_vector(face, model), None)


@KINDS
def test_an_override_has_parts_of_its_own_and_shows_what_the_library_shows(
    library, backend, tiny_model, tmp_path, kind
):
    before = len(backend.calls)
    face = kind(library)
    parts = [face.data, face.data.shape_keys, map_image.live_texture(face), map_image.find_image(face)]
    parts += list(materials.own(face))
    assert all(part.library is None and part.override_library is None for part in parts)
    np.testing.assert_array_equal(slider_values.identity_vector(face), [1, 0, 0])
    assert slider_values.expression_vector(face, tiny_model)[0] == pytest.approx(0.25)
    live.update_now(face)
    np.testing.assert_array_equal(map_image.read_map(face), expected(face, backend, tiny_model))
    assert len(backend.calls) == before, "it shows what was copied: nothing has to be computed"
    face = reloaded(tmp_path)
    assert face.data.library is None
    assert map_image.find_image(face).library is None


@KINDS
def test_sliders_of_an_override_stay(library, backend, tiny_model, tmp_path, kind):
    face = kind(library)
    face.dnpm_face.identity[1].value = -1.5
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.75
    face.dnpm_face.linked[0].value = 0.5
    face.dnpm_face.strength = 0.5
    face.dnpm_controls.age = 20
    live.update_now(face)
    wanted, places = map_image.read_map(face), coordinates(face)
    face = reloaded(tmp_path)
    np.testing.assert_array_equal(slider_values.identity_vector(face), [1, -1.5, 0])
    np.testing.assert_allclose(slider_values.expression_vector(face, tiny_model), [0.75, 0.5, 0.5, 0])
    assert (face.dnpm_face.strength, face.dnpm_controls.age) == (0.5, 20)
    np.testing.assert_array_equal(identity.applied(face), [1, -1.5, 0])
    np.testing.assert_array_equal(coordinates(face), places)
    np.testing.assert_array_equal(map_image.read_map(face), wanted)
    np.testing.assert_array_equal(wanted, expected(face, backend, tiny_model))
    assert map_state.of(face).shows(controls.digest(face, map_state.of(face).request))
    # The library's own face is as it was.
    other = next(one for one in bpy.data.objects if slider_values.is_face(one) and one.library)
    np.testing.assert_array_equal(slider_values.identity_vector(other), [1, 0, 0])
    assert map_image.displace_modifier(other).strength == pytest.approx(0.001)


@KINDS
def test_operators_work_on_an_override(library, backend, tiny_model, tmp_path, kind):
    face = kind(library)
    assert bpy.ops.dnpm.random(seed=5) == {"FINISHED"}
    assert not face.override_library.is_system_override
    person, does = slider_values.identity_vector(face), slider_values.expression_vector(face, tiny_model)
    assert person.any()
    assert bpy.ops.dnpm.mirror() == {"FINISHED"}
    assert bpy.ops.dnpm.copy() == {"FINISHED"}
    assert bpy.ops.dnpm.paste() == {"FINISHED"}
    assert bpy.ops.dnpm.update_detail() == {"FINISHED"}
    assert bpy.ops.dnpm.save_preset(name=f"override {kind.__name__}") == {"FINISHED"}
    assert bpy.ops.dnpm.repair() == {"FINISHED"}
    assert bpy.ops.dnpm.key_expression() == {"FINISHED"}
    wanted = map_image.read_map(face)
    np.testing.assert_array_equal(wanted, expected(face, backend, tiny_model))
    face = reloaded(tmp_path)
    np.testing.assert_allclose(slider_values.identity_vector(face), person, rtol=1e-5)  # Paste rounds
    assert not np.array_equal(does, np.zeros_like(does))
    np.testing.assert_array_equal(map_image.read_map(face), wanted)
    assert bpy.ops.dnpm.reset() == {"FINISHED"}
    assert not slider_values.identity_vector(face).any()


@KINDS
def test_looks_of_an_override_are_its_own(library, backend, tmp_path, kind):
    other = registry.faces()
    face = kind(library)
    other = next(one for one in bpy.data.objects if slider_values.is_face(one) and one.library)
    before = looks.look_of(other)
    face.dnpm_face.tone, face.dnpm_face.iris = "deep", (0.1, 0.5, 0.2)
    tree = next(material.node_tree for material in materials.own(face))
    colour = tuple(tree.nodes["DNPM Base"].outputs[0].default_value)
    face = reloaded(tmp_path)
    tree = next(material.node_tree for material in materials.own(face))
    assert tuple(tree.nodes["DNPM Base"].outputs[0].default_value) == pytest.approx(colour)
    assert looks.look_of(face).tone == "deep"
    other = next(one for one in bpy.data.objects if slider_values.is_face(one) and one.library)
    assert looks.look_of(other) == before
    theirs = next(material.node_tree for material in materials.own(other))
    assert tuple(theirs.nodes["DNPM Base"].outputs[0].default_value) != pytest.approx(colour)


@KINDS
def test_an_override_speaks(library, backend, tiny_model, tmp_path, kind):
    face = kind(library)
    face.dnpm_speech.head = "OBJECT"
    (tmp_path / "a.wav").write_bytes(b"any: the backend is not a real one")
    face.dnpm_speech.add_sound = False
    assert bpy.ops.dnpm.animate_from_audio(filepath=str(tmp_path / "a.wav")) == {"FINISHED"}

    def at(frame):
        bpy.context.scene.frame_set(frame)
        return slider_values.expression_vector(face, tiny_model)[0], tuple(face.rotation_euler)

    spoken = [at(frame) for frame in (1, 10, 20)]
    assert len({jaw for jaw, _ in spoken}) == 3
    assert len({turn for _, turn in spoken}) == 3
    face = reloaded(tmp_path)
    for frame, (jaw, turn) in zip((1, 10, 20), spoken, strict=True):
        found = at(frame)
        assert found[0] == pytest.approx(jaw)
        assert found[1] == pytest.approx(turn)


@KINDS
def test_an_override_is_made_from_photos_and_back(library, backend, tmp_path, kind):
    face = kind(library)
    Image.new("RGB", (120, 160), (90, 80, 70)).save(tmp_path / "a.png")
    Image.new("RGB", (120, 160), (90, 80, 70)).save(tmp_path / "b.png")
    files = [{"name": "a.png"}, {"name": "b.png"}]
    assert bpy.ops.dnpm.face_from_image(directory=str(tmp_path), files=files) == {"FINISHED"}
    live.update_now(face)
    face = reloaded(tmp_path)
    group = face.dnpm_photo
    assert [item.name for item in group.photos] == ["a.png", "b.png"]
    assert all(
        item.camera is not None and item.camera.parent == face and item.image is not None for item in group.photos
    )
    assert group.offset
    assert group.texture is not None
    np.testing.assert_allclose(slider_values.identity_vector(face), [0.5, -1.0, 0.25])
    # One photo in place of two, and then none: an override's lists never get shorter.
    assert bpy.ops.dnpm.face_from_image(filepath=str(tmp_path / "b.png")) == {"FINISHED"}
    face = reloaded(tmp_path)
    assert [item.name for item in face.dnpm_photo.photos if item.name] == ["b.png"]
    assert len([obj for obj in bpy.data.objects if obj.type == "CAMERA"]) == 1
    assert bpy.ops.dnpm.remove_photo() == {"FINISHED"}
    face = reloaded(tmp_path)
    assert not [item.name for item in face.dnpm_photo.photos if item.name or item.image or item.camera]
    assert not face.dnpm_photo.offset


@KINDS
def test_an_override_is_baked_and_goes_back(library, backend, tiny_model, tmp_path, kind):
    face = kind(library)
    key = face.data.shape_keys.key_blocks["jawOpen"]
    for frame, value in ((1, 0.0), (3, 1.0)):
        key.value = value
        key.keyframe_insert("value", frame=frame)
    group = face.dnpm_sequence
    group.folder, group.frames, group.first, group.last, group.size = str(tmp_path / "maps"), "RANGE", 1, 3, "256"
    assert bpy.ops.dnpm.bake_sequence() == {"FINISHED"}
    assert len(list((tmp_path / "maps").glob("*.exr"))) == 3
    face = reloaded(tmp_path)
    assert map_image.is_baked(face)
    assert map_image.shown_image(face).source == "SEQUENCE"
    assert bpy.ops.dnpm.live_detail() == {"FINISHED"}
    face = reloaded(tmp_path)
    assert not map_image.is_baked(face)
    live.update_now(face)
    np.testing.assert_array_equal(map_image.read_map(face), expected(face, backend, tiny_model))


def test_two_overrides_of_one_face_each_have_their_own(library, backend, tiny_model, tmp_path):
    source = linked(library)
    overrides = [overridden(source) for _ in range(2)]
    for k, override in enumerate(overrides):
        bpy.context.scene.collection.objects.link(override)
        bpy.context.view_layer.update()
        override.data.shape_keys.key_blocks["jawOpen"].value = 0.5 + 0.5 * k
        live.update_now(override)
    for override in overrides:
        np.testing.assert_array_equal(map_image.read_map(override), expected(override, backend, tiny_model))
    assert len({map_image.find_image(one).session_uid for one in overrides}) == 2
    assert len({one.data.session_uid for one in overrides}) == 2


def test_undo_on_an_override(window, library, backend, tiny_model):
    face = of_object(library)
    while live.tick() is not None:
        pass
    bpy.ops.ed.undo_push(message="before")
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.9
    bpy.context.view_layer.update()
    bpy.ops.ed.undo_push(message="after")
    for step, jaw in ((bpy.ops.ed.undo, 0.25), (bpy.ops.ed.redo, 0.9)):
        step()
        while live.tick() is not None:
            pass
        face = next(one for one in registry.faces() if one.override_library)
        assert slider_values.expression_vector(face, tiny_model)[0] == pytest.approx(jaw)
        np.testing.assert_array_equal(map_image.read_map(face), expected(face, backend, tiny_model))


@pytest.mark.parametrize("kind", [linked, of_object], ids=lambda kind: kind.__name__)
def test_a_library_of_fewer_components_counts_them_as_0(library, backend, tiny_model, tmp_path, monkeypatch, kind):
    """Sliders that came with a later version cannot be added to what is the library's."""
    core = np.concatenate([tiny_model.core, np.zeros((2, *tiny_model.core.shape[1:]), np.float32)])
    newer = dataclasses.replace(
        tiny_model, core=core, identity_labels=(*tiny_model.identity_labels, "Forehead lines", "Moles")
    )
    table = models.KeyTable(newer)
    monkeypatch.setattr(models, "current_table", lambda: table)
    face = kind(library)
    if kind == linked:
        bpy.context.scene.collection.objects.link(face)
        bpy.context.view_layer.update()
    live.update_now(face)
    np.testing.assert_array_equal(slider_values.identity_vector(face), [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(map_image.read_map(face), expected(face, backend, newer))
    if kind == of_object:
        identity.set_sliders(face, identity=np.array([2, 0, 0, 0, 0], np.float32))
        with pytest.raises(DnpmError, match="open the library and save it"):
            identity.set_sliders(face, identity=np.array([2, 0, 0, 1, 0], np.float32))
        face = reloaded(tmp_path)
        np.testing.assert_array_equal(slider_values.identity_vector(face), [2, 0, 0, 0, 0])
        assert [item.name for item in face.dnpm_face.identity] == list(tiny_model.identity_labels)


EDITING = [
    "random", "reset", "mirror", "key_expression", "paste", "load_preset", "update_detail", "freeze", "unfreeze",
    "repair", "animate_from_audio", "bake_sequence", "live_detail", "import_live_link", "face_from_image",
    "fit_photo_again", "photo_points", "remove_photo",
]  # fmt: skip


@pytest.mark.parametrize("name", EDITING)
def test_a_linked_face_says_why_a_button_is_grey(library, backend, name):
    face = linked(library)
    bpy.context.scene.collection.objects.link(face)
    activate(face)
    operator = getattr(bpy.ops.dnpm, name)
    assert not operator.poll()
    with pytest.raises(RuntimeError, match=r"linked from library\.blend.*make a library override"):
        operator()


def test_a_linked_face_can_be_read(library, backend, tmp_path):
    face = linked(library)
    bpy.context.scene.collection.objects.link(face)
    activate(face)
    assert bpy.ops.dnpm.copy() == {"FINISHED"}
    assert bpy.ops.dnpm.save_preset(name="of a linked face") == {"FINISHED"}
    assert bpy.ops.dnpm.save_map(filepath=str(tmp_path / "map.exr")) == {"FINISHED"}
    assert bpy.ops.dnpm.export_live_link(filepath=str(tmp_path / "a.csv")) == {"FINISHED"}


def test_a_linked_face_follows_its_library_on_the_screen(window, library, backend, tiny_model):
    bpy.ops.wm.open_mainfile(filepath=str(library))
    key = bpy.data.objects[names.OBJECT].data.shape_keys.key_blocks["jawOpen"]
    for frame, value in ((1, 0.0), (3, 1.0)):
        key.value = value
        key.keyframe_insert("value", frame=frame)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    face = linked(library)
    bpy.context.scene.collection.objects.link(face)
    bpy.context.scene.frame_set(3)
    while live.tick() is not None:
        pass
    np.testing.assert_array_equal(map_image.read_map(face), expected(face, backend, tiny_model))
    assert slider_values.expression_vector(face, tiny_model)[0] == 1.0
