"""Face from Image with the real worker, face model and networks: a drawn person is found, pinned; bad files."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.core.backend.client.client import BackendClient
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.camera import Camera, angle_between, turned
from dnpm.core.photo.image_file import write_png
from dnpm.core.photo.render import Paint, render
from dnpm.operators.scene import session
from dnpm.operators.scene.detail import live
from dnpm.operators.scene.photo import photo_camera, point_handles

SIZE = (320, 400)


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(face_model_path(None))


@pytest.fixture(scope="module")
def client():
    import dnpm

    dnpm.register()
    made = BackendClient(device="cpu")
    yield made
    made.stop()


@pytest.fixture
def face(client, monkeypatch):
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    live.forget()
    monkeypatch.setattr(session, "_client", client)
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    return bpy.context.object


@pytest.fixture(scope="module")
def drawn(model: FaceModel, tmp_path_factory) -> tuple[Path, Camera]:
    """A person of the model in a PNG, the head turned, and the camera that saw it."""
    vertices = model.vertices(np.eye(model.n_id, dtype=np.float32)[1], np.zeros(model.n_exp))
    camera = Camera.before(SIZE, rotation=turned(12, 4, 3))
    image, _ = render(model, vertices, camera, Paint.of(model, resolution=256))
    path = tmp_path_factory.mktemp("photo") / "drawn.png"
    write_png(path, image)
    return path, camera


def test_the_drawn_person_is_found(face, model: FaceModel, drawn) -> None:
    path, camera = drawn
    assert bpy.ops.dnpm.face_from_image(filepath=str(path)) == {"FINISHED"}
    group = face.dnpm_photo
    assert group.photos[0].error < 0.03
    assert group.offset
    looked_at = np.array(group.photos[0].camera.matrix_basis)[:3, :3]
    # Columns right, up, back in Blender's axes -> core's camera rotation.
    rows = looked_at.T[:, [0, 2, 1]] * [1, 1, -1]
    assert angle_between(np.diag([1.0, -1.0, -1.0]) @ rows, camera.rotation) < 6
    live.update_now(face)
    # A point that is dragged 6 pixels down pulls the face with it; the rest of the points follow the face.
    assert bpy.ops.dnpm.photo_points() == {"FINISHED"}
    points = {p[point_handles.POINT]: p for p in point_handles.of(group.photos[0].camera)}
    assert sorted(points) == list(point_handles.SHOWN)
    before = np.array(points[8]["dnpm_home"])
    points[8].location.y += 6 * points[8].location.z / photo_camera._inner(group.photos[0].camera, SIZE)[0]
    assert bpy.ops.dnpm.fit_photo_again() == {"FINISHED"}
    points = {p[point_handles.POINT]: p for p in point_handles.of(group.photos[0].camera)}
    pinned = [k for k, point in points.items() if point.get(point_handles.PINNED)]
    assert pinned == [8]
    assert points[8]["dnpm_home"][1] == pytest.approx(before[1] + 6, abs=0.05)
    vertex = model.vertices(
        np.array([i.value for i in face.dnpm_face.identity], np.float32),
        np.array([face.data.shape_keys.key_blocks[n].value for n in model.expression_names], np.float32),
    )[model.landmarks68[8]]
    from dnpm.core.face_model.units import to_blender

    inside = np.linalg.inv(np.array(group.photos[0].camera.matrix_basis))
    place = inside[:3, :3] @ to_blender(vertex) + inside[:3, 3]
    pixel = photo_camera.project(group.photos[0].camera, place[None], SIZE)[0]
    assert 2 < pixel[1] - before[1] < 9, "the chin came along"
    assert bpy.ops.dnpm.photo_points() == {"FINISHED"}
    assert not point_handles.are_shown(face)


@pytest.mark.parametrize(
    ("name", "told"),
    [("nowhere.png", "no such file"), ("note.png", "not a picture"), ("grey.png", "no face was found")],
)
def test_bad_pictures_leave_the_scene(face, tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "note.png").write_text("not a picture")
    write_png(tmp_path / "grey.png", np.full((64, 64, 3), 0.5, np.float32))
    images = len(bpy.data.images)
    with pytest.raises(RuntimeError, match=told):
        bpy.ops.dnpm.face_from_image(filepath=str(tmp_path / name))
    assert not face.dnpm_photo.offset
    assert not bpy.data.cameras
    assert len(bpy.data.images) == images
