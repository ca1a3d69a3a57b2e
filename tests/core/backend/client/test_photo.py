"""A photo through a real worker: the same face as without it, stage by stage; bad pictures, options and tasks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core.backend.client.client import BackendClient
from dnpm.core.backend.client.task import PhotoTask
from dnpm.core.backend.requests import Photo, PhotoEnd, PhotoOpen, PhotoStep
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.camera import Camera
from dnpm.core.photo.fit.solve import Locks
from dnpm.core.photo.image_file import picture_of, write_png
from dnpm.core.photo.open import open_reconstructor
from dnpm.core.photo.render import Paint, render

RESOLUTION = 256


@pytest.fixture(scope="module")
def client():
    client = BackendClient(device="cpu")
    yield client
    client.stop()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    model = FaceModel.load(face_model_path(None))
    vertices = model.vertices(np.zeros(model.n_id), np.zeros(model.n_exp))
    image, _ = render(model, vertices, Camera.before((320, 400)), Paint.of(model, resolution=256))
    return image


def test_the_same_face_as_without_the_worker(client, pixels: np.ndarray) -> None:
    """Two photos, one of them smaller; a slider is kept, a point is pinned."""
    small = np.ascontiguousarray(pixels[::2, ::2])
    nose = (int(FaceModel.load(face_model_path(None)).landmarks68[30]), 165.0, 200.0)
    photos = [Photo(pixels=pixels, name="drawn", pins=(nose,)), Photo(pixels=small, name="small")]
    asked = PhotoOpen(pictures=tuple(photos), resolution=RESOLUTION, keep_identity=((2, 0.5),))
    task = PhotoTask(client, asked)
    told = []
    made = task.wait(lambda share: told.append((share, task.stage)))
    assert {stage for _, stage in told} >= {"fit", "texture", "detail"}
    assert [share for share, _ in told] == sorted(share for share, _ in told)

    from dnpm.core.photo.fit.solve import Pin
    from dnpm.core.photo.wanted_face import PictureOptions

    expected = open_reconstructor().run(
        [picture_of(pixels, "drawn"), picture_of(small, "small")],
        [PictureOptions(pins=(Pin(nose[0], nose[1:]),)), PictureOptions()], Locks({2: 0.5}), resolution=RESOLUTION,
    )  # fmt: skip
    assert made.identity[2] == pytest.approx(0.5)
    assert np.allclose(made.identity, expected[0].identity, atol=2e-3)
    assert np.allclose(made.expression, expected[0].expression, atol=2e-3)
    assert made.texture.shape == (RESOLUTION, RESOLUTION, 4)
    assert np.abs(made.texture[..., :3] - expected[0].texture.colour).mean() < 1e-3
    assert made.texture[0, 0, 3] == 0
    assert made.texture[RESOLUTION // 3 : RESOLUTION // 2, RESOLUTION // 3 : RESOLUTION // 2, 3].mean() > 0.9
    assert np.allclose(made.skin, expected[0].skin, atol=1e-2)
    assert made.w_offset is not None
    assert made.relief is not None
    assert np.allclose(made.relief, expected[0].relief, atol=0.02)
    assert np.allclose(made.w_offset, expected[0].w_offset, atol=0.02 * np.abs(expected[0].w_offset).max())
    for one, camera, wanted in zip(("drawn", "small"), made.cameras, expected, strict=True):
        assert (camera.name, camera.found, camera.size) == (one, 1, wanted.camera.size)
        assert np.allclose(camera.rotation, wanted.camera.rotation, atol=2e-3)
        assert camera.focal == pytest.approx(wanted.camera.focal, rel=2e-3)
        assert np.abs(camera.picture / 255.0 - wanted.picture.image).max() <= 0.5 / 255 + 1e-6


def test_no_face_is_told_and_the_run_is_over(client, tmp_path: Path) -> None:
    write_png(tmp_path / "grey.png", np.full((64, 64, 3), 0.5, np.float32))
    client.call(PhotoOpen(task="b", pictures=(Photo(path=str(tmp_path / "grey.png")),)))
    with pytest.raises(DnpmError, match=r"grey\.png: no face was found"):
        client.call(PhotoStep(task="b"))
    with pytest.raises(DnpmError, match="no such task"):
        client.call(PhotoStep(task="b"))


def test_a_run_that_is_ended_is_forgotten(client, pixels: np.ndarray) -> None:
    client.call(PhotoOpen(task="c", pictures=(Photo(pixels=pixels),)))
    client.call(PhotoEnd(task="c"))
    with pytest.raises(DnpmError, match="no such task"):
        client.call(PhotoStep(task="c"))


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        ({"path": "nowhere.png"}, r"nowhere\.png"),
        ({}, "either a path or pixels"),
        ({"path": 3}, r"photo: pictures\.0\.path 3 is not a valid text"),
        ({"path": "a.png", "box": [0, 0, 10]}, r"pictures\.0\.box must be a list of 4"),
        ({"path": "a.png", "box": [0, 0, 10, 0]}, "larger than 0"),
        ({"path": "a.png", "pins": [[0, 1]]}, r"pictures\.0\.pins\.0 must be a list of 3"),
        ({"path": "a.png", "which": -1}, "which -1"),
        ({"path": "a.png", "colour": 1}, r"pictures\.0: does not know the parameters colour"),
    ],
)
def test_bad_pictures_are_told(client, raw, picture: dict, told: str) -> None:
    with pytest.raises(DnpmError, match=told):
        client.call(raw("photo", {"task": "d", "pictures": [picture]}))


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({}, "the parameter pictures is missing"),
        ({"pictures": "a.png"}, "pictures must be a list"),
        ({"pictures": []}, "must be a list"),
        ({"pictures": [{"path": "a.png"}] * 13}, "too many"),
        ({"pictures": [{"path": "a.png"}], "trust": 2}, "trust must be 0 to 1"),
        ({"pictures": [{"path": "a.png"}], "keep_identity": [3]}, r"keep_identity\.0 must be a list"),
        ({"pictures": [{"path": "a.png"}], "colour": 1}, "colour"),
    ],
)
def test_bad_requests_are_told(client, raw, params: dict, told: str) -> None:
    with pytest.raises(DnpmError, match=told):
        client.call(raw("photo", {"task": "e", **params}))


def test_what_is_no_picture_is_told(client, tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("not a picture")
    with pytest.raises(DnpmError, match=r"note\.png"):
        client.call(PhotoOpen(task="f", pictures=(Photo(path=str(tmp_path / "note.png")),)))
