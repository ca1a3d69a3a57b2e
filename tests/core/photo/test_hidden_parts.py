"""What lies before a face: things drawn over a portrait are found, go unseen and are filled; bare faces keep all."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.landmark_uv import landmark_uv
from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.fit.solve import Fitter
from dnpm.core.photo.fit.solve import Picture as FitPicture
from dnpm.core.photo.hidden_parts import FILE, HiddenParts, filled, find_hidden, shown_whole, uncovered
from dnpm.core.photo.image_file import read_picture
from dnpm.core.photo.landmarks.detect import find_faces
from dnpm.core.photo.landmarks.networks import LandmarkNetworks
from dnpm.core.photo.texture import Texture, fill_mirrored, unwrap

SIDE = 256


@pytest.fixture(scope="module")
def portrait(face_model: FaceModel, astronaut_file: Path) -> Texture:
    """Her face on the detail UV."""
    networks, image = LandmarkNetworks.load(), read_picture(astronaut_file).image
    face = find_faces(image, networks, closely=1)[0]
    fit = Fitter(face_model, networks.canonical, shading=False).fit(
        [FitPicture(face, (image.shape[1], image.shape[0]), image=image)]
    )
    vertices = face_model.vertices(fit.identity, fit.expressions[0])
    return unwrap(image, vertices, fit.cameras[0], face_model, SIDE)


@pytest.fixture(scope="module")
def parts(face_model: FaceModel) -> HiddenParts:
    found = HiddenParts.load(face_model)
    assert found is not None
    return found


def covered(texture: Texture, shape: np.ndarray, colour: tuple[float, float, float]) -> Texture:
    """A thing of one colour and a little grain, with a shadow of light across it."""
    grain = np.random.default_rng(1).normal(0, 0.015, (SIDE, SIDE, 1)) + np.linspace(0.03, -0.03, SIDE)[None, :, None]
    over = np.clip(np.array(colour) + grain, 0, 1)
    return Texture(np.where(shape[..., None], over, texture.colour).astype(np.float32), texture.visible)


def drawn(points: list[np.ndarray]) -> np.ndarray:
    picture = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(picture).polygon([(float(x), float(y)) for x, y in points], fill=255)
    return np.asarray(picture) > 0


def mask_of(model: FaceModel) -> np.ndarray:
    """(SIDE, SIDE) bool: from the middle of the nose over mouth and chin."""
    p = landmark_uv(model) * [SIDE, -SIDE] + [0, SIDE]
    return drawn([p[1], p[29] - [20, -8], p[28], p[29] + [20, 8], p[15], np.array([SIDE, SIDE]), np.array([0, SIDE])])


def test_a_bare_face_keeps_all(face_model: FaceModel, portrait: Texture, parts: HiddenParts) -> None:
    found = find_hidden(portrait, face_model, parts)
    assert found is None
    assert uncovered(portrait, found) is portrait
    assert shown_whole(portrait, found) is portrait
    assert np.array_equal(filled(portrait, found).colour, fill_mirrored(portrait).colour)


@pytest.mark.parametrize("colour", [(0.93, 0.93, 0.94), (0.45, 0.7, 0.85), (0.1, 0.1, 0.1)])
def test_a_mask_is_no_skin(
    face_model: FaceModel, portrait: Texture, parts: HiddenParts, colour: tuple[float, float, float]
) -> None:
    """Most of it is found, little else is, and what is shown below the nose has the face's colours again."""
    shape = mask_of(face_model)
    texture = covered(portrait, shape, colour)
    found = find_hidden(texture, face_model, parts)
    assert found is not None
    seen = portrait.visible > 0.5
    assert found.hidden[shape & seen].mean() > 0.8
    assert found.hidden[~shape & seen].mean() < 0.25
    assert uncovered(texture, found).visible[shape & seen].mean() < 0.25
    made = filled(uncovered(texture, found), found)
    p = (landmark_uv(face_model) * [SIDE, -SIDE] + [0, SIDE]).astype(int)
    chin = slice(p[57, 1] + 6, p[8, 1]), slice(p[57, 0] - 10, p[57, 0] + 10)
    own, chin = (np.median(one.colour[chin].reshape(-1, 3), 0) for one in (portrait, made))
    assert np.abs(chin - own).max() < 0.2
    # The usual portrait's lips are redder than its chin.
    lips = made.colour[p[57, 1] - 1 : p[57, 1] + 1, p[57, 0] - 5 : p[57, 0] + 5].reshape(-1, 3).mean(0)
    assert lips[0] - lips[1] > np.subtract(*chin[:2]) + 0.01
    whole = shown_whole(made, found)
    assert whole.visible[shape & seen].mean() > 0.8


def test_what_is_small_is_no_thing(face_model: FaceModel, portrait: Texture, parts: HiddenParts) -> None:
    """A mole, and a black disc of four millimetres."""
    p = landmark_uv(face_model) * [SIDE, -SIDE] + [0, SIDE]
    u, v = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    mole = np.hypot(u - p[2, 0] - 25, v - p[33, 1]) < 2.2
    assert find_hidden(covered(portrait, mole, (0.05, 0.03, 0.02)), face_model, parts) is None


def test_another_model_has_no_network(tiny_model: FaceModel, portrait: Texture) -> None:
    assert HiddenParts.load(tiny_model) is None
    assert find_hidden(portrait, tiny_model, None) is None


def test_other_files_are_refused(face_model: FaceModel, parts: HiddenParts, tmp_path: Path) -> None:
    with pytest.raises(DnpmError, match="build hidden-parts"):
        HiddenParts.load(face_model, tmp_path / FILE)
    parts.save(tmp_path / FILE, face_model, {"command": "none"})
    again = HiddenParts.load(face_model, tmp_path / FILE)
    assert again is not None
    assert np.array_equal(again.usual, parts.usual)
    odd = deepcopy(parts.network)
    odd.load_state_dict({k: -v if k.endswith("running_var") else v for k, v in odd.state_dict().items()})
    HiddenParts(odd, parts.usual).save(tmp_path / "odd.safetensors", face_model, {})
    with pytest.raises(DnpmError, match="variance below 0"):
        HiddenParts.load(face_model, tmp_path / "odd.safetensors")
    wrong = HiddenParts(parts.network, parts.usual[::2])
    wrong.save(tmp_path / "wrong.safetensors", face_model, {})
    with pytest.raises(DnpmError, match="usual portrait has the shape"):
        HiddenParts.load(face_model, tmp_path / "wrong.safetensors")
