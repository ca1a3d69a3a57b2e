"""Saving, loading, appending and rendering give the same face, with and without a backend."""

from __future__ import annotations

import dataclasses
import time

import bpy
import numpy as np
import pytest

from dnpm.core.backend.types import BackendStatus
from dnpm.operators.scene import names, settings
from dnpm.operators.scene.detail import controls, live, map_image, map_state, waiting
from dnpm.operators.scene.face import identity, models, slider_values


def with_map(face, tiny_model) -> np.ndarray:
    """A face with sliders and the map that belongs to them."""
    does = tiny_model.expression(jawOpen=0.4, browInnerUp=1)
    identity.set_sliders(face, identity=np.array([1.5, -1, 0.5], np.float32), expression=does, strength=0.8)
    live.update_now(face)
    return map_image.read_map(face)


def check_same(face, tiny_model, pixels):
    np.testing.assert_array_equal(slider_values.identity_vector(face), np.array([1.5, -1, 0.5], np.float32))
    np.testing.assert_allclose(slider_values.expression_vector(face, tiny_model), [0.4, 0, 0, 1])
    assert face.dnpm_face.strength == pytest.approx(0.8)
    np.testing.assert_array_equal(map_image.read_map(face), pixels)
    assert map_image.displace_modifier(face).strength == pytest.approx(0.0008)


def test_save_and_reload_without_a_backend(face, backend, tiny_model, tmp_path, monkeypatch):
    pixels = with_map(face, tiny_model)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    backend.stop()
    backend.status = BackendStatus(state="failed", message="gone")
    calls = len(backend.calls)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "face.blend"))
    face = bpy.data.objects[names.OBJECT]
    check_same(face, tiny_model, pixels)
    assert map_state.of(face).shows(controls.digest(face, map_state.of(face).request))
    assert len(backend.calls) == calls


def test_a_loaded_face_whose_map_fits_asks_nothing(window, face, backend, tiny_model, tmp_path):
    with_map(face, tiny_model)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    asked = len(backend.asked) + len(backend.calls)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "face.blend"))
    live.tick()
    assert len(backend.asked) + len(backend.calls) == asked


def test_saving_half_way_through_a_drag_saves_the_whole_map(window, face, backend, tiny_model, tmp_path, monkeypatch):
    with_map(face, tiny_model)
    monkeypatch.setattr(live, "QUIET_S", 1e9)
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.9
    bpy.context.view_layer.update()
    live.tick()
    assert map_image.find_image(face).size[0] == 256
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "face.blend"))
    face = bpy.data.objects[names.OBJECT]
    wanted = backend.map_of(
        slider_values.identity_vector(face), slider_values.expression_vector(face, tiny_model), None
    )
    np.testing.assert_array_equal(map_image.read_map(face), wanted)


@pytest.mark.parametrize("faces", [1, 3])
def test_saving_does_not_wait_for_a_stuck_worker_and_the_file_asks_again(
    window, backend, tiny_model, tmp_path, monkeypatch, caplog, faces
):
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.2)
    for _ in range(faces):
        bpy.ops.dnpm.add_face()
        face = bpy.context.object
        with_map(face, tiny_model)
        face.data.shape_keys.key_blocks["jawOpen"].value = 0.9
    bpy.context.view_layer.update()
    backend.held = True
    start = time.monotonic()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    assert time.monotonic() - start < 0.2 + 0.5 * faces, "the faces share one second"
    assert caplog.text.count("saved with an older map") == faces
    # Going on in the same session the answer is taken as ever.
    backend.held = False
    while live.tick() is not None:
        pass
    wanted = backend.map_of(
        slider_values.identity_vector(face), slider_values.expression_vector(face, tiny_model), None
    )
    np.testing.assert_array_equal(map_image.read_map(face), wanted)
    # The file has the older map, knows that it is older, and asks for the right one.
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "face.blend"))
    loaded = slider_values.faces()
    assert len(loaded) == faces
    assert not any(map_state.of(one).shows(map_state.of(one).wanted) for one in loaded)
    while live.tick() is not None:
        pass
    for one in loaded:
        np.testing.assert_array_equal(map_image.read_map(one), wanted)


def test_an_error_of_the_worker_while_saving_is_told(face, backend, tiny_model, tmp_path, caplog):
    with_map(face, tiny_model)
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.9
    backend.error = "out of memory"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    assert "saved with an older map, which is updated when the file is opened: out of memory" in caplog.text


def test_append_gives_the_same_face(face, backend, tiny_model, tmp_path):
    pixels = with_map(face, tiny_model)
    file = str(tmp_path / "face.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.dnpm.add_face()
    with bpy.data.libraries.load(file) as (source, target):
        target.objects = source.objects
    (appended,) = target.objects
    bpy.context.scene.collection.objects.link(appended)
    bpy.context.view_layer.update()
    check_same(appended, tiny_model, pixels)
    # It is a face like any other.
    appended.dnpm_face.identity[0].value = 0.0
    live.update_now(appended)
    assert not np.array_equal(map_image.read_map(appended), pixels)


def test_a_linked_face_cannot_be_edited(face, backend, tiny_model, tmp_path):
    with_map(face, tiny_model)
    file = str(tmp_path / "face.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(file, link=True) as (source, target):
        target.objects = source.objects
    (linked,) = target.objects
    bpy.context.scene.collection.objects.link(linked)
    bpy.context.view_layer.objects.active = linked
    bpy.context.view_layer.update()
    with pytest.raises(RuntimeError, match=r"is linked from face\.blend"):
        bpy.ops.dnpm.reset()


def animated(face, tiny_model):
    """Identity and expression keyed: nothing at frame 1, much at frame 3."""
    key, item = face.data.shape_keys.key_blocks["jawOpen"], face.dnpm_face.identity[0]
    for frame, value in ((1, 0.0), (3, 1.0)):
        key.value, item.value = value, 2 * value
        key.keyframe_insert("value", frame=frame)
        item.keyframe_insert("value", frame=frame)
    for action in bpy.data.actions:
        for curve in curves(action):
            for point in curve.keyframe_points:
                point.interpolation = "LINEAR"


def curves(action):
    if hasattr(action, "fcurves"):
        return list(action.fcurves)
    return [c for layer in action.layers for strip in layer.strips for bag in strip.channelbags for c in bag.fcurves]


def studio(tmp_path):
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.seed = 1, False, 0
    scene.render.resolution_x = scene.render.resolution_y = 48
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(tmp_path / "frame")
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.location, camera.rotation_euler = (0, -0.5, 0), (np.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    light = bpy.data.objects.new("light", bpy.data.lights.new("light", "SUN"))
    light.rotation_euler = (1.2, 0.6, 0)
    light.data.energy = 3.0
    scene.collection.objects.link(light)
    scene.camera = camera
    return scene


def test_every_rendered_frame_has_the_map_of_its_sliders(face, backend, tiny_model, tmp_path):
    animated(face, tiny_model)
    scene = studio(tmp_path)
    scene.frame_set(1)
    scene.frame_start, scene.frame_end = 1, 3
    backend.calls.clear()
    bpy.ops.render.render(animation=True)
    by_jaw = {round(float(call["expression"][0]), 3): call for call in backend.calls}
    assert sorted(by_jaw) == [0.0, 0.5, 1.0]
    for jaw, call in by_jaw.items():
        np.testing.assert_allclose(call["identity"], [2 * jaw, 0, 0], atol=1e-6)
        assert call["params"]["resolution"] is None


def test_the_rendered_picture_shows_the_map(face, backend, tiny_model, tmp_path, monkeypatch):
    animated(face, tiny_model)
    face.dnpm_face.strength = 4.0
    face.data.shape_keys.key_blocks["browInnerUp"].value = 1.0  # the map of the fake backend is high now
    scene = studio(tmp_path)
    scene.frame_set(1)
    scene.frame_start = scene.frame_end = 3

    def picture():
        bpy.ops.render.render(animation=True)
        image = bpy.data.images.load(str(tmp_path / "frame0003.png"))
        pixels = np.array(image.pixels[:])
        bpy.data.images.remove(image)
        return pixels

    with_detail = picture()
    assert np.array_equal(picture(), with_detail)
    face.dnpm_face.frozen = True
    map_image.write_map(face, np.zeros((64, 64), np.float32))
    assert np.abs(picture() - with_detail).max() > 0.05


def test_a_render_without_a_backend_keeps_the_old_map_and_says_so(
    face, backend, tiny_model, tmp_path, caplog, monkeypatch
):
    pixels = with_map(face, tiny_model)
    backend.status = BackendStatus(state="failed", message="no torch here")
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.9
    studio(tmp_path)
    monkeypatch.setattr(settings, "_override", settings.Settings(stop_render=False))
    bpy.ops.render.render()
    np.testing.assert_array_equal(map_image.read_map(face), pixels)
    assert "no torch here" in caplog.text


def test_a_smaller_map_made_on_purpose_is_rendered_as_it_is(face, backend, tiny_model, tmp_path):
    live.update_now(face, resolution=128)
    calls = len(backend.calls)
    studio(tmp_path)
    bpy.ops.render.render()
    assert len(backend.calls) == calls
    assert map_image.find_image(face).size[0] == 128


@pytest.mark.parametrize("follow", [False, True])
def test_played_frames_follow_where_the_face_says_so(face, backend, tiny_model, follow):
    animated(face, tiny_model)
    face.dnpm_face.on_playback = follow
    backend.asked.clear()
    for frame in (1, 2, 3):
        bpy.context.scene.frame_set(frame)
    assert len(backend.asked) == (3 if follow else 0)
    if follow:
        assert backend.asked[-1]["params"]["resolution"] == 256
        assert backend.asked[-1]["expression"][0] == pytest.approx(1.0)
        wanted = backend.map_of(np.array([2, 0, 0]), tiny_model.expression(jawOpen=1), 256)
        np.testing.assert_allclose(map_image.read_map(face), wanted, atol=1e-6)
    # The mesh follows the identity in any case.
    np.testing.assert_allclose(identity.applied(face), [2, 0, 0], atol=1e-6)


def test_a_stuck_worker_costs_a_playback_one_wait(face, backend, tiny_model, monkeypatch, caplog):
    animated(face, tiny_model)
    face.dnpm_face.on_playback = True
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.3)
    backend.held = True
    start = time.monotonic()
    for frame in (1, 2, 3, 2, 3, 2):
        bpy.context.scene.frame_set(frame)
    assert 0.3 < time.monotonic() - start < 0.8
    assert caplog.text.count("the map was not updated: the backend did not answer within") == 1
    backend.held = False
    bpy.context.scene.frame_set(3)
    wanted = backend.map_of(np.array([2, 0, 0]), tiny_model.expression(jawOpen=1), 256)
    np.testing.assert_allclose(map_image.read_map(face), wanted, atol=1e-6)


def test_scrubbing_does_not_wait(window, face, backend, tiny_model):
    animated(face, tiny_model)
    while live.tick() is not None:
        pass
    backend.calls.clear()
    bpy.context.scene.frame_set(2)
    while live.tick() is not None:
        pass
    assert not backend.calls
    wanted = backend.map_of(np.array([1, 0, 0]), tiny_model.expression(jawOpen=0.5), None)
    np.testing.assert_allclose(map_image.read_map(face), wanted, atol=1e-6)


def test_a_driven_slider_moves_the_map(window, face, backend, tiny_model):
    driver = face.data.shape_keys.key_blocks["browInnerUp"].driver_add("value").driver
    driver.expression = "frame * 0.1"
    bpy.context.scene.frame_set(7)
    while live.tick() is not None:
        pass
    assert backend.asked[-1]["expression"][3] == pytest.approx(0.7)


def test_a_face_of_fewer_components_gets_the_skins_sliders(face, backend, tiny_model, tmp_path, monkeypatch):
    """A file saved before the model had skin components: values, shape and what was sculpted stay, skin is at 0."""
    identity.set_sliders(face, identity=np.array([1.5, -1, 0.5], np.float32))
    face.data.shape_keys.reference_key.points[5].co.z += 0.01
    sculpted = face.data.shape_keys.reference_key.points[5].co.copy()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "old.blend"))
    core = np.concatenate([tiny_model.core, np.zeros((2, *tiny_model.core.shape[1:]), np.float32)])
    newer = dataclasses.replace(
        tiny_model, core=core, identity_labels=(*tiny_model.identity_labels, "Forehead lines", "Moles")
    )
    table = models.KeyTable(newer)
    assert table.fingerprint == models.KeyTable(tiny_model).fingerprint
    monkeypatch.setattr(models, "current_table", lambda: table)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "old.blend"))
    face = bpy.data.objects[names.OBJECT]
    np.testing.assert_array_equal(slider_values.identity_vector(face), np.array([1.5, -1, 0.5, 0, 0], np.float32))
    assert [item.name for item in face.dnpm_face.identity][-2:] == ["Forehead lines", "Moles"]
    identity.apply(face, np.array([1.5, -1, 0.5, 2, 1], np.float32))
    assert (face.data.shape_keys.reference_key.points[5].co - sculpted).length < 1e-6
