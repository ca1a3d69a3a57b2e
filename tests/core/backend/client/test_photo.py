"""A photo through a real worker: the same face as without it, stage by stage; bad pictures, wishes and runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core.backend.client.client import BackendClient
from dnpm.core.backend.client.photo import Photo, PhotoJob
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
    job = PhotoJob(client, photos, resolution=RESOLUTION, keep_identity=[[2, 0.5]])
    told = []
    made = job.wait(lambda share: told.append((share, job.stage)))
    assert {stage for _, stage in told} >= {"fit", "texture", "detail"}
    assert [share for share, _ in told] == sorted(share for share, _ in told)

    from dnpm.core.photo.fit.solve import Pin
    from dnpm.core.photo.reconstruct import Wish

    expected = open_reconstructor().run(
        [picture_of(pixels, "drawn"), picture_of(small, "small")],
        [Wish(pins=(Pin(nose[0], nose[1:]),)), Wish()], Locks({2: 0.5}), resolution=RESOLUTION,
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
    assert np.allclose(made.w_offset, expected[0].w_offset, atol=0.02 * np.abs(expected[0].w_offset).max())
    for one, camera, wanted in zip(("drawn", "small"), made.cameras, expected, strict=True):
        assert (camera.name, camera.found, camera.size) == (one, 1, wanted.camera.size)
        assert np.allclose(camera.rotation, wanted.camera.rotation, atol=2e-3)
        assert camera.focal == pytest.approx(wanted.camera.focal, rel=2e-3)
        assert np.abs(camera.picture / 255.0 - wanted.picture.image).max() <= 0.5 / 255 + 1e-6


def test_no_face_is_told_and_the_run_is_over(client, tmp_path: Path) -> None:
    write_png(tmp_path / "grey.png", np.full((64, 64, 3), 0.5, np.float32))
    client.call("photo", params={"run": "b", "pictures": [{"path": str(tmp_path / "grey.png")}]})
    with pytest.raises(DnpmError, match=r"grey\.png: no face was found"):
        client.call("photo_step", params={"run": "b"})
    with pytest.raises(DnpmError, match="no such run"):
        client.call("photo_step", params={"run": "b"})


def test_a_run_that_is_ended_is_forgotten(client, pixels: np.ndarray) -> None:
    asked = {"run": "c", "pictures": [{"array": "a"}]}
    client.call("photo", arrays={"a": pixels}, params=asked)
    client.call("photo_end", params={"run": "c"})
    with pytest.raises(DnpmError, match="no such run"):
        client.call("photo_step", params={"run": "c"})


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        ({"path": "nowhere.png"}, r"nowhere\.png"),
        ({}, "either a path or an array"),
        ({"array": "b"}, "'b' is missing"),
        ({"path": "a.png", "box": [0, 0, 10]}, "rows of 4 numbers"),
        ({"path": "a.png", "box": [0, 0, 10, 0]}, "larger than 0"),
        ({"path": "a.png", "pins": [[0, 1]]}, "rows of 3 numbers"),
        ({"path": "a.png", "which": -1}, "which -1"),
        ({"path": "a.png", "colour": 1}, "has no colour"),
    ],
)
def test_bad_pictures_are_told(client, picture: dict, told: str) -> None:
    with pytest.raises(DnpmError, match=told):
        client.call("photo", params={"run": "d", "pictures": [picture]})


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({}, "must be a list"),
        ({"pictures": []}, "must be a list"),
        ({"pictures": [{"path": "a.png"}] * 13}, "too many"),
        ({"pictures": [{"path": "a.png"}], "trust": 2}, "trust must be 0 to 1"),
        ({"pictures": [{"path": "a.png"}], "keep_identity": [3]}, "rows of 2 numbers"),
        ({"pictures": [{"path": "a.png"}], "colour": 1}, "colour"),
    ],
)
def test_bad_requests_are_told(client, params: dict, told: str) -> None:
    with pytest.raises(DnpmError, match=told):
        client.call("photo", params={"run": "e", **params})


def test_what_is_no_picture_is_told(client, tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("not a picture")
    with pytest.raises(DnpmError, match=r"note\.png"):
        client.call("photo", params={"run": "f", "pictures": [{"path": str(tmp_path / "note.png")}]})
