"""Face from Image: what a photo leaves on a face, that sliders work on top of it, undone and taken away, bad input."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from dnpm.core.backend.client.task import PhotoTask
from dnpm.core.backend.requests import Photo, PhotoOpen
from dnpm.core.face_model import w_offset
from dnpm.core.face_model.looks import nearest_tone
from dnpm.core.face_model.units import to_blender
from dnpm.operators.scene.detail import live, map_state
from dnpm.operators.scene.look import materials
from dnpm.operators.scene.photo import photo_camera, photo_colour, photos, pictures

PHOTO = "/somewhere/ann.jpg"


def make(**options) -> set[str]:
    return bpy.ops.dnpm.face_from_image(**({"filepath": PHOTO} | options))


def scene_state() -> tuple:
    """What must not change when nothing was made."""
    face, scene = bpy.context.object, bpy.context.scene
    counts = tuple(len(getattr(bpy.data, kind)) for kind in ("objects", "images", "cameras", "materials", "textures"))
    sliders = [item.value for item in face.dnpm_face.identity] + [b.value for b in face.data.shape_keys.key_blocks]
    trees = [len(m.node_tree.nodes) for m in materials.own(face)]
    kept = face.dnpm_photo.offset, face.dnpm_photo.relief
    return counts, sliders, trees, kept, scene.camera, scene.render.resolution_x


def colour_source(material) -> bpy.types.Node:
    """What colours the material's shader."""
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    return shader.inputs["Base Color"].links[0].from_node


def test_sliders_detail_colours_and_camera(backend, face):
    before = {m.name: colour_source(m) for m in materials.own(face) if m["dnpm_kind"] in ("skin", "lips")}
    assert make() == {"FINISHED"}
    expected = backend.photo_answer(1)
    assert [item.value for item in face.dnpm_face.identity] == pytest.approx(expected.identity.tolist())
    assert face.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(0.5)
    assert np.array_equal(w_offset.from_text(face.dnpm_photo.offset), expected.w_offset)
    assert face.dnpm_face.tone == nearest_tone(expected.skin) == "brown"
    assert list(face.dnpm_face.iris) == pytest.approx(expected.iris.tolist())
    texture = face.dnpm_photo.texture
    pixels = np.empty(64 * 64 * 4, np.float32)
    texture.pixels.foreach_get(pixels)
    assert np.abs(pixels.reshape(64, 64, 4)[::-1] - expected.texture).max() <= 0.51 / 255
    assert texture.packed_file is not None
    for material in materials.own(face):
        if material["dnpm_kind"] in ("skin", "lips"):
            tree = material.node_tree
            assert tree.nodes[photo_colour.COLOUR].image == texture
            assert colour_source(material) != before[material.name]
            tint = tree.nodes[photo_colour.TINT].inputs["Color2"].default_value
            assert 0.8 < tint[0] < 1.2, "the chosen tone is near"
    scene = bpy.context.scene
    assert scene.camera == face.dnpm_photo.photos[0].camera
    assert scene.camera.data.background_images[0].image == face.dnpm_photo.photos[0].image
    assert (scene.render.resolution_x, scene.render.resolution_y) == (810, 1080)
    assert backend.photo.trust == 1.0
    assert backend.photo.pictures == (Photo(path=PHOTO),)


@pytest.mark.parametrize("unit_scale", [1.0, 0.01])
def test_the_camera_sees_the_face_where_the_photo_has_it(backend, registered, unit_scale: float):
    bpy.context.scene.unit_settings.scale_length = unit_scale
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    face = bpy.context.object
    face.location, face.rotation_euler = (1.0, 2.0, 3.0), (0.2, -0.4, 0.7)
    assert make() == {"FINISHED"}
    scene, camera = bpy.context.scene, backend.photo_answer(1).cameras[0]
    scene.render.resolution_x, scene.render.resolution_y = 120, 160
    bpy.context.view_layer.update()
    points = np.array([[0, 0, 60], [40, 30, 20], [-60, -80, 10]], float)
    seen = points @ camera.rotation.T + camera.translation
    wanted = 400.0 * seen[:, :2] / seen[:, 2:] + camera.centre
    for point, pixel in zip(to_blender(points, unit_scale), wanted, strict=True):
        x, y, _ = world_to_camera_view(scene, scene.camera, face.matrix_world @ Vector(point))
        assert (x * 120, (1 - y) * 160) == pytest.approx(pixel.tolist(), abs=0.05)
    inside = np.linalg.inv(np.array(scene.camera.matrix_basis))
    local = to_blender(points, unit_scale) @ inside[:3, :3].T + inside[:3, 3]
    assert np.allclose(photo_camera.project(scene.camera, local, (120, 160)), wanted, atol=0.05)
    back = photo_camera.unproject(scene.camera, wanted[1], local[1, 2], (120, 160))
    assert np.allclose(back, local[1], rtol=1e-3)


def test_sliders_work_on_top_of_it(backend, face, window):
    face.dnpm_photo.filepath = PHOTO
    assert bpy.ops.dnpm.face_from_image("EXEC_DEFAULT") == {"FINISHED"}
    offset = backend.photo_answer(1).w_offset
    assert np.allclose(backend.asked[-1]["w_offset"], 0.4 * offset)
    first = map_state.of(face).wanted
    face.dnpm_face.identity[0].value = 2.0
    assert np.allclose(backend.asked[-1]["w_offset"], 0.4 * offset)
    assert backend.asked[-1]["identity"][0] == 2.0
    face.dnpm_face.identity[0].value = 0.5
    assert map_state.of(face).wanted == first
    face.dnpm_photo.amount = 1.0
    assert np.allclose(backend.asked[-1]["w_offset"], offset)
    assert map_state.of(face).wanted != first
    face.dnpm_photo.amount = 0.0
    assert "w_offset" not in backend.asked[-1]


def test_its_wrinkles_are_in_every_request(backend, face, window):
    face.dnpm_photo.filepath = PHOTO
    assert bpy.ops.dnpm.face_from_image("EXEC_DEFAULT") == {"FINISHED"}
    relief = backend.photo_answer(1).relief
    assert np.allclose(backend.asked[-1]["relief"], relief, atol=1e-6)
    first = map_state.of(face).wanted
    face.dnpm_face.identity[0].value = 2.0
    assert np.allclose(backend.asked[-1]["relief"], relief, atol=1e-6)
    face.dnpm_face.identity[0].value = 0.5
    assert map_state.of(face).wanted == first
    face.dnpm_photo.wrinkles = 2.0
    assert np.allclose(backend.asked[-1]["relief"], 2 * relief, atol=1e-6)
    assert map_state.of(face).wanted != first
    face.dnpm_photo.wrinkles = 0.0
    assert "relief" not in backend.asked[-1]
    face.dnpm_photo.wrinkles = 1.0
    assert map_state.of(face).wanted == first
    assert bpy.ops.dnpm.remove_photo() == {"FINISHED"}
    assert "relief" not in backend.asked[-1]


def test_a_photo_without_wrinkles_asks_for_the_same_map_as_before(backend, face):
    """Files from before have no relief: what names their map is unchanged."""
    from dnpm.core.backend.requests import MapRequest
    from dnpm.operators.scene.detail import controls

    sliders = {"identity": np.zeros(3, np.float32), "expression": np.zeros(4, np.float32)}
    offset = np.ones((18, 512), np.float32)
    assert controls.extras_digest(MapRequest(**sliders)) == b""
    old = controls.extras_digest(MapRequest(**sliders, w_offset=offset))
    assert old.hex() == "8e265f41ae3b0ff9e6fc2d5640855ddd"
    relief = np.ones((8, 8), np.float32)
    assert controls.extras_digest(MapRequest(**sliders, w_offset=offset, relief=relief)) != old
    assert controls.extras_digest(MapRequest(**sliders, relief=relief)) != controls.extras_digest(
        MapRequest(**sliders, relief=2 * relief)
    )


def test_a_render_has_it(backend, face):
    assert make() == {"FINISHED"}
    live.update_now(face)
    assert np.allclose(backend.calls[-1]["w_offset"], 0.4 * backend.photo_answer(1).w_offset)
    assert np.allclose(backend.calls[-1]["relief"], backend.photo_answer(1).relief, atol=1e-6)


def test_colours_are_mixed_in_and_follow_the_tone(backend, face):
    assert make() == {"FINISHED"}
    skin = next(m for m in materials.own(face) if m["dnpm_kind"] == "skin")
    face.dnpm_photo.colour = 0.25
    assert skin.node_tree.nodes[photo_colour.AMOUNT].outputs[0].default_value == pytest.approx(0.25)
    before = tuple(skin.node_tree.nodes[photo_colour.TINT].inputs["Color2"].default_value)
    face.dnpm_face.tone = "porcelain"
    after = tuple(skin.node_tree.nodes[photo_colour.TINT].inputs["Color2"].default_value)
    assert all(a < b for a, b in zip(after[:3], before[:3], strict=True)), "a light head is tinted darker"


def test_taken_away(backend, face):
    before = scene_state()
    sources = {m.name: colour_source(m).name for m in materials.own(face) if m["dnpm_kind"] in ("skin", "lips")}
    face.dnpm_photo.match_tone = face.dnpm_photo.match_render = False
    assert make() == {"FINISHED"}
    assert bpy.ops.dnpm.remove_photo() == {"FINISHED"}
    after = scene_state()
    assert after[0] == before[0]
    assert after[2:] == before[2:]
    assert {m.name: colour_source(m).name for m in materials.own(face) if m.name in sources} == sources
    assert not face.dnpm_photo.photos
    assert face.dnpm_face.identity[0].value == 0.5, "the sliders stay"


def test_one_undo_step(backend, face):
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    name = face.name
    assert make() == {"FINISHED"}
    bpy.ops.ed.undo()
    face = bpy.data.objects[name]
    assert not face.dnpm_photo.offset
    assert face.dnpm_face.identity[0].value == 0.0
    assert not bpy.data.cameras
    bpy.ops.ed.redo()
    face = bpy.data.objects[name]
    assert face.dnpm_photo.offset
    assert face.dnpm_photo.relief
    assert face.dnpm_photo.photos[0].camera is not None


def test_locked_sliders_stay(backend, face):
    items, blocks = face.dnpm_face.identity, face.data.shape_keys.key_blocks
    items[1].value, items[1].locked = 0.75, True
    blocks["browInnerUp"].value, blocks["browInnerUp"].lock_shape = 0.9, True
    assert make() == {"FINISHED"}
    assert backend.photo.keep_identity == ((1, 0.75),)
    assert items[1].value == 0.75
    assert blocks["browInnerUp"].value == pytest.approx(0.9)
    assert blocks["jawOpen"].value == pytest.approx(0.5)
    face.dnpm_photo.keep_identity = face.dnpm_photo.keep_expression = True
    assert make() == {"FINISHED"}
    assert len(backend.photo.keep_identity) == len(items)
    assert len(backend.photo.keep_expression) == len(blocks) - 1
    assert bpy.ops.dnpm.random(part="IDENTITY", seed=7) == {"FINISHED"}
    assert items[1].value == 0.75
    assert items[0].value != 0.5


def test_several_photos(backend, face, tmp_path: Path):
    files = [{"name": "a.jpg"}, {"name": "b.jpg"}]
    assert bpy.ops.dnpm.face_from_image(directory=str(tmp_path), files=files) == {"FINISHED"}
    assert [one.path for one in backend.photo.pictures] == [str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")]
    items = face.dnpm_photo.photos
    assert [item.name for item in items] == ["a.jpg", "b.jpg"]
    assert len({item.camera.name for item in items}) == 2
    assert bpy.ops.dnpm.look_through(photo=1) == {"FINISHED"}
    assert bpy.context.scene.camera == items[1].camera
    cameras = len(bpy.data.cameras)
    assert make() == {"FINISHED"}
    assert len(items) == 1
    assert len(bpy.data.cameras) == cameras - 1


def test_an_image_of_the_file(backend, face):
    image = bpy.data.images.new("mine", 6, 4, alpha=True)
    picture = np.random.default_rng(0).integers(0, 256, (4, 6, 4)) / 255.0
    image.pixels.foreach_set(picture.astype(np.float32)[::-1].ravel())
    group = face.dnpm_photo
    group.source, group.image = "IMAGE", image
    assert bpy.ops.dnpm.face_from_image() == {"FINISHED"}
    assert np.allclose(backend.photo.pictures[0].pixels, picture, atol=1e-6)
    assert group.photos[0].image == image
    assert bpy.ops.dnpm.remove_photo() == {"FINISHED"}
    assert "mine" in bpy.data.images


def test_float_images_become_srgb(backend, face):
    image = bpy.data.images.new("light", 2, 2, float_buffer=True)
    image.pixels.foreach_set(np.full(16, 0.21404, np.float32))
    assert pictures.pixels_of(image)[..., 0] == pytest.approx(0.5, abs=1e-3)


def test_fitted_again_with_what_is_there(backend, face):
    assert make() == {"FINISHED"}
    image, camera = face.dnpm_photo.photos[0].image, face.dnpm_photo.photos[0].camera
    shown = backend.photo_answer(1).cameras[0].picture
    assert bpy.ops.dnpm.fit_photo_again() == {"FINISHED"}
    assert np.abs(backend.photo.pictures[0].pixels[..., :3] * 255 - shown).max() < 0.51
    assert face.dnpm_photo.photos[0].image == image
    assert face.dnpm_photo.photos[0].camera == camera
    assert len([i for i in bpy.data.images if i.name.startswith(photos.LABEL)]) == 2


def test_a_duplicate_keeps_what_it_was_copied_from(backend, face):
    assert make() == {"FINISHED"}
    bpy.ops.object.duplicate()
    copy = bpy.context.object
    live.own_data(copy)
    assert copy.dnpm_photo.offset == face.dnpm_photo.offset
    assert bpy.ops.dnpm.remove_photo() == {"FINISHED"}
    assert face.dnpm_photo.photos[0].camera is not None
    assert face.dnpm_photo.texture is not None
    assert photo_colour.is_shown(face)
    assert not photo_colour.is_shown(copy)


def test_saved_and_loaded(backend, face, tmp_path: Path):
    assert make() == {"FINISHED"}
    name, text = face.name, face.dnpm_photo.offset
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    face = bpy.data.objects[name]
    assert face.dnpm_photo.offset == text
    assert face.dnpm_photo.texture.size[0] == 64
    assert face.dnpm_photo.photos[0].image.size[0] == 120


def test_repaired_materials_have_the_colours(backend, face):
    assert make() == {"FINISHED"}
    bpy.data.materials.remove(next(m for m in materials.own(face) if m["dnpm_kind"] == "skin"))
    assert bpy.ops.dnpm.repair() == {"FINISHED"}
    skin = next(m for m in materials.own(face) if m["dnpm_kind"] == "skin")
    assert skin.node_tree.nodes[photo_colour.COLOUR].image == face.dnpm_photo.texture


@pytest.mark.parametrize(
    ("settings", "options", "told"),
    [
        ({}, {"filepath": ""}, "choose a photo"),
        ({"source": "IMAGE"}, {"filepath": ""}, "choose an image"),
    ],
)
def test_nothing_chosen_is_told(backend, face, settings: dict, options: dict, told: str):
    for name, value in settings.items():
        setattr(face.dnpm_photo, name, value)
    before = scene_state()
    with pytest.raises(RuntimeError, match=told):
        make(**options)
    assert scene_state() == before


def test_what_the_worker_says_is_told(backend, face):
    before = scene_state()
    backend.error = "ann.jpg: no face was found"
    with pytest.raises(RuntimeError, match="no face was found"):
        make()
    assert scene_state() == before


def test_given_up_half_way(backend, face):
    """Esc: the worker is told, the scene is as it was."""
    from dnpm.operators.photo import DNPM_OT_face_from_image

    before = scene_state()

    class Operator:
        filepath, directory, files, box = PHOTO, "", (), (0, 0, 0, 0)
        photos = DNPM_OT_face_from_image.photos

    work = DNPM_OT_face_from_image.work(Operator(), bpy.context, face)
    next(work)
    next(work)
    work.close()
    assert backend.ended
    assert scene_state() == before


def test_a_worker_that_was_replaced_is_asked_again(backend):
    task = PhotoTask(backend, PhotoOpen(pictures=(Photo(path=PHOTO),)))
    task.advance()
    backend.error = "no such task: 1"
    task.advance()
    task.advance()
    backend.error = None
    assert task.wait().identity[0] == 0.5


@pytest.mark.parametrize("kept", ["offset", "relief"])
def test_a_damaged_step_is_told(backend, face, kept: str):
    setattr(face.dnpm_photo, kept, "18 512 nonsense")
    with pytest.raises(RuntimeError, match="Remove Photo"):
        bpy.ops.dnpm.update_detail()
    assert bpy.ops.dnpm.remove_photo() == {"FINISHED"}
    assert bpy.ops.dnpm.update_detail() == {"FINISHED"}
