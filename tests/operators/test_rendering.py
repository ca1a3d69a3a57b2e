"""Whatever way a face takes into the picture, a rendered frame shows the map of that frame, or says what is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import bpy
import numpy as np
import pytest

from dnpm.core.backend.types import BackendStatus
from dnpm.operators.scene import names, rendering, settings
from dnpm.operators.scene.detail import live, map_image
from dnpm.operators.scene.face import registry, slider_values
from dnpm.tests.overriding import overridden

FRAME = 3
"""The frame that is rendered. Libraries are saved at frame 1, with the map of that."""


def animated(face):
    """The person and the jaw keyed, so that the map of frame 3 is another than that of frame 1; high enough to see."""
    face.dnpm_face.strength = 4.0
    key, item = face.data.shape_keys.key_blocks["jawOpen"], face.dnpm_face.identity[0]
    for frame, value in ((1, 0.0), (FRAME, 1.0)):
        key.value, item.value = value, 2 * value
        key.keyframe_insert("value", frame=frame)
        item.keyframe_insert("value", frame=frame)


def studio():
    """A camera and a light; as small as shows the relief."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.seed = 4, False, 0
    scene.render.resolution_x, scene.render.resolution_y = 160, 120
    scene.render.image_settings.file_format = "PNG"
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.location, camera.rotation_euler = (0, -0.5, 0), (np.pi / 2, 0, 0)
    light = bpy.data.objects.new("light", bpy.data.lights.new("light", "SUN"))
    light.rotation_euler, light.data.energy = (1.2, 0.6, 0), 3.0
    for obj in (camera, light):
        scene.collection.objects.link(obj)
    scene.camera = camera
    scene.frame_set(1)
    scene.frame_start = scene.frame_end = FRAME


def picture(tmp_path) -> np.ndarray:
    """The frame, as blender -a renders it: the scene itself stays at frame 1."""
    scene = bpy.context.scene
    scene.render.filepath = str(tmp_path / "frame")
    bpy.ops.render.render(animation=True)
    return loaded(tmp_path / f"frame{FRAME:04d}.png")


def loaded(path: Path) -> np.ndarray:
    image = bpy.data.images.load(str(path))
    pixels = np.array(image.pixels[:])
    bpy.data.images.remove(image)
    return pixels


def empty_file(backend):
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


@pytest.fixture
def library(face, backend, tmp_path) -> Path:
    """A file with one animated face in the collection `asset`, that in `nest`, and both unlinked from the scene's own
    collection."""
    animated(face)
    scene = bpy.context.scene
    asset, nest = bpy.data.collections.new("asset"), bpy.data.collections.new("nest")
    asset.objects.link(face)
    inner = bpy.data.objects.new("inner", None)
    inner.instance_type, inner.instance_collection = "COLLECTION", asset
    nest.objects.link(inner)
    scene.collection.children.link(asset)
    nest.use_fake_user = True
    scene.collection.objects.unlink(face)
    scene.frame_set(1)
    live.update_now(face)
    scene.name = "library scene"
    path = tmp_path / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def linked(library, *, objects=(), collections=(), scenes=(), link=True):
    with bpy.data.libraries.load(str(library), link=link) as (source, target):
        target.objects = [name for name in source.objects if name in objects]
        target.collections = [name for name in source.collections if name in collections]
        target.scenes = [name for name in source.scenes if name in scenes]
    return target


def instance(collection, scene=None):
    holder = bpy.data.objects.new("holder", None)
    holder.instance_type, holder.instance_collection = "COLLECTION", collection
    (scene or bpy.context.scene).collection.objects.link(holder)


def appended_background(library):
    (scene,) = linked(library, scenes=["library scene"], link=False).scenes
    bpy.context.scene.background_set = scene


def linked_background(library):
    (scene,) = linked(library, scenes=["library scene"]).scenes
    bpy.context.scene.background_set = scene


def appended_instance(library):
    instance(linked(library, collections=["asset"], link=False).collections[0])


def nested_instance(library):
    instance(linked(library, collections=["nest"], link=False).collections[0])


def linked_object(library):
    bpy.context.scene.collection.objects.link(linked(library, objects=[names.OBJECT]).objects[0])


def linked_collection(library):
    bpy.context.scene.collection.children.link(linked(library, collections=["asset"]).collections[0])


def linked_instance(library):
    instance(linked(library, collections=["asset"]).collections[0])


def linked_nested_instance(library):
    instance(linked(library, collections=["nest"]).collections[0])


def override(library, *, update=True):
    bpy.context.scene.collection.objects.link(
        overridden(linked(library, objects=[names.OBJECT]).objects[0], remap_local_usages=True)
    )
    if update:
        bpy.context.view_layer.update()


def override_never_shown(library):
    override(library, update=False)


def override_of_collection(library):
    collection = linked(library, collections=["asset"]).collections[0]
    bpy.context.scene.collection.children.link(collection)
    collection.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    bpy.context.scene.collection.children.unlink(collection)


def hidden_in_the_viewport(library):
    linked_object(library)
    bpy.data.objects[names.OBJECT].hide_viewport = True


def local_object_with_linked_mesh(library):
    obj = linked(library, objects=[names.OBJECT]).objects[0]
    bpy.context.scene.collection.objects.link(obj.make_local())


WAYS = [
    appended_background, linked_background, appended_instance, nested_instance, linked_object, linked_collection,
    linked_instance, linked_nested_instance, override, override_never_shown, override_of_collection,
    hidden_in_the_viewport, local_object_with_linked_mesh,
]  # fmt: skip


@pytest.fixture
def wanted(library, backend, tmp_path) -> np.ndarray:
    """The frame as it must look: the library's own scene stands at it, and its map was made before the render."""
    studio()
    scene = bpy.context.scene
    scene.frame_set(FRAME)
    live.update_now(registry.faces()[0])
    with slider_values.suppress_frame_updates():
        scene.render.filepath = str(tmp_path / "wanted.png")
        bpy.ops.render.render(write_still=True)
    scene.frame_set(1)
    return loaded(tmp_path / "wanted.png")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_face_shows_the_map_of_its_frame(library, wanted, backend, tmp_path, way):
    empty_file(backend)
    way(library)
    studio()
    np.testing.assert_allclose(picture(tmp_path), wanted, atol=2 / 255)
    assert not rendering.failures()
    with slider_values.suppress_frame_updates():  # what a render would show without the extension's help
        empty_file(backend)
        way(library)
        studio()
        assert np.abs(picture(tmp_path) - wanted).max() > 0.05, "this test would see no difference"


class Probe(bpy.types.RenderEngine):
    """Renders nothing, and keeps where the faces' points are in the depsgraph that a picture would be made of."""

    bl_idname = "DNPM_TEST_PROBE"
    bl_label = "Probe"
    seen: ClassVar[list[np.ndarray]] = []

    def render(self, depsgraph):
        for data in depsgraph.ids:
            if registry.is_face(data):
                self.seen.append(points(data))
        self.end_result(self.begin_result(0, 0, 16, 16))


def points(evaluated) -> np.ndarray:
    """(V, 3) in the world."""
    found = np.empty(len(evaluated.data.vertices) * 3, np.float32)
    evaluated.data.vertices.foreach_get("co", found)
    world = np.array(evaluated.matrix_world)
    return found.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


@pytest.fixture
def probe():
    bpy.utils.register_class(Probe)
    Probe.seen.clear()
    yield Probe
    bpy.utils.unregister_class(Probe)


def by_curves(face):
    for frame, value in ((1, 0.0), (FRAME, 1.0)):
        keyed(face, value, frame)


def keyed(face, value, frame):
    face.location.x = 0.02 * value
    face.keyframe_insert("location", frame=frame)
    key = face.data.shape_keys.key_blocks["mouthSmileLeft"]
    key.value = value
    key.keyframe_insert("value", frame=frame)


def by_drivers(face):
    face.driver_add("location", 0).driver.expression = "0.01 * (frame - 1)"
    face.data.shape_keys.key_blocks["mouthSmileLeft"].driver_add("value").driver.expression = "0.5 * (frame - 1)"


def by_strips(face):
    by_curves(face)
    for owner in (face, face.data.shape_keys):
        data = owner.animation_data
        strip = data.nla_tracks.new().strips.new("strip", 1, data.action)
        if hasattr(strip, "action_slot"):
            strip.action_slot = data.action_slot
        data.action = None


@pytest.mark.parametrize("moved", [by_curves, by_drivers, by_strips], ids=lambda way: way.__name__)
@pytest.mark.parametrize("person", [False, True], ids=["same person", "another person"])
def test_writing_a_map_takes_no_motion_away(face, backend, tmp_path, probe, moved, person):
    """What is tagged while a frame is set is evaluated once more: with the values of that frame, not of the scene's."""
    moved(face)
    if person:
        animated(face)
    scene = bpy.context.scene
    studio()
    scene.frame_start = 1
    face.modifiers[names.SUBDIVISION].levels = face.modifiers[names.SUBDIVISION].render_levels
    scene.render.engine = probe.bl_idname
    scene.render.resolution_x = scene.render.resolution_y = 16
    scene.render.filepath = str(tmp_path / "frame")
    bpy.ops.render.render(animation=True)
    found = list(probe.seen)
    assert len(found) == FRAME
    for frame, places in zip(range(1, FRAME + 1), found, strict=True):
        scene.frame_set(frame)
        live.update_now(face)
        bpy.context.view_layer.update()
        wanted = points(face.evaluated_get(bpy.context.evaluated_depsgraph_get()))
        np.testing.assert_allclose(places, wanted, atol=2e-6)
    assert np.abs(found[0] - found[-1]).max() > 0.01


def test_two_instances_of_different_faces_show_their_own(library, backend, tmp_path):
    """The same library twice, under two names: two faces with images of the same name."""
    other = tmp_path / "other.blend"
    face = registry.faces()[0]
    face.data.shape_keys.key_blocks["browInnerUp"].value = 1.0
    bpy.ops.wm.save_as_mainfile(filepath=str(other))
    empty_file(backend)
    for path in (library, other):
        linked_instance(path)
    studio()
    picture(tmp_path)
    first, second = registry.faces()
    assert first.library != second.library
    maps = [map_image.read_map(one) for one in (first, second)]
    for one, found in zip((first, second), maps, strict=True):
        brow = one.data.shape_keys.key_blocks["browInnerUp"].value
        expression = np.array([1, 0, 0, brow], np.float32)
        np.testing.assert_array_equal(found, backend.map_of(np.array([2, 0, 0]), expression, None))
    assert not np.array_equal(*maps)


def sharing(tmp_path) -> Path:
    """A library in which two faces have one mesh and one map, as Blender without this extension makes them."""
    face = registry.faces()[0]
    with slider_values.suppress_frame_updates():
        copy = face.copy()
        copy.name = "Twin"
        bpy.data.collections["asset"].objects.link(copy)
        path = tmp_path / "sharing.blend"
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def test_linked_faces_that_share_a_map_are_told_when_they_differ(library, backend, tmp_path, caplog):
    path = sharing(tmp_path)
    empty_file(backend)
    linked_collection(path)
    studio()
    picture(tmp_path)
    assert not rendering.failures(), "they share it and do the same"
    for face in registry.faces():
        if face.name == "Twin":
            face.dnpm_controls.age = 30
    for _ in range(2):
        caplog.clear()
        picture(tmp_path)
        out = caplog.text
        assert "shares its image" in out
        assert out.count("the map was not updated") == 2, "once at the frame, once at the end"
        assert len(rendering.failures()) == 1


def test_a_face_that_cannot_be_followed_is_named_once(library, backend, tmp_path, caplog):
    empty_file(backend)
    linked_object(library)
    bpy.data.objects[names.OBJECT].data.shape_keys.key_blocks["jawOpen"].name = "renamed"
    studio()
    bpy.context.scene.frame_start = 1
    picture(tmp_path)
    (failure,) = rendering.failures()
    assert failure.startswith("DNPM Face (linked from library.blend), frame 1: the map was not updated: ")
    assert "jawOpen is missing or was renamed" in failure
    assert caplog.text.count(failure) == 2, "once at the frame, once at the end"
    registry.faces()[0].data.shape_keys.key_blocks["renamed"].name = "jawOpen"
    picture(tmp_path)
    assert not rendering.failures()


def test_without_a_backend_a_map_that_fits_is_rendered(library, backend, tmp_path, wanted):
    """Nothing is asked for, so nothing is missing."""
    bpy.context.scene.frame_set(FRAME)
    live.update_now(registry.faces()[0])
    bpy.ops.wm.save_as_mainfile(filepath=str(library))
    empty_file(backend)
    live.forget()
    backend.status = BackendStatus(state="failed", message="no torch here")
    linked_object(library)
    studio()
    found = picture(tmp_path)
    assert not rendering.failures()
    np.testing.assert_allclose(found, wanted, atol=2 / 255)


def test_a_batch_goes_on_and_fails_the_item(face, backend, tmp_path):
    from dnpm.core.errors import DnpmError
    from dnpm.operators.headless import export

    settings.override(settings.Settings(stop_render=False, face_model=os.environ["DNPM_FACE_MODEL"]))
    try:
        studio()
        backend.status = BackendStatus(state="failed", message="no torch here")
        with pytest.raises(DnpmError, match="no torch here"):
            export.render(bpy.context.scene, tmp_path / "front.png")
        assert not list(tmp_path.iterdir())
    finally:
        settings.override(None)
