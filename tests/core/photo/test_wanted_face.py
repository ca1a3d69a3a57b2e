"""Photos that lie on their sides or stand on their heads are turned; upright ones, and pictures of nothing, are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.photo.image_file import Picture, read_picture
from dnpm.core.photo.landmarks.networks import LandmarkNetworks
from dnpm.core.photo.wanted_face import PictureOptions, find_wanted, turn


@pytest.fixture(scope="module")
def networks() -> LandmarkNetworks:
    return LandmarkNetworks.load()


@pytest.fixture(scope="module")
def upright(astronaut_file: Path) -> Picture:
    """Her head and shoulders, higher than wide, at half of the size of the photo that it stands for."""
    whole = read_picture(astronaut_file)
    return Picture("ann.jpg", np.ascontiguousarray(whole.image[:300, 90:360]), (540, 600))


def test_an_upright_photo_stays(networks, upright: Picture) -> None:
    picture, _, count = find_wanted(upright, networks)
    assert picture is upright
    assert count == 1


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_photo_becomes_upright_and_says_so(networks, upright: Picture, quarters: int) -> None:
    """As if a camera's note had been lost: without notes of the turning that is undone."""
    lying = Picture(upright.name, *_of(turn(upright, quarters)))
    picture, face, _ = find_wanted(lying, networks)
    assert np.array_equal(picture.image, upright.image)
    assert picture.size == upright.size
    assert ("head" if quarters == 2 else "side") in picture.notes[-1]
    expected = find_wanted(upright, networks)[1]
    assert np.abs(face.points - expected.points).max() < 1e-3


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_box_is_given_in_the_pixels_of_the_file(networks, upright: Picture, quarters: int) -> None:
    """Around the face as the file has it, in pixels of the photo, which has twice as many as the picture."""
    face = find_wanted(upright, networks)[1]
    left, top, width, height = (2 * n for n in face.box)
    lying = Picture(upright.name, *_of(turn(upright, quarters)))
    corners = np.array([[left, top], [left + width, top + height]])
    for k in range(quarters):
        wide = upright.size[k % 2]
        corners = np.stack([corners[:, 1], wide - corners[:, 0]], 1)
    low, size = corners.min(0), np.ptp(corners, axis=0)
    picture, found, _ = find_wanted(lying, networks, PictureOptions((low[0], low[1], size[0], size[1])))
    assert picture.size == upright.size
    assert np.abs(found.points - face.points)[:, :2].max() < 0.05 * face.eye_distance


def test_pictures_of_nothing_have_no_face_in_any_position(networks) -> None:
    rng = np.random.default_rng(3)
    noise = rng.random((200, 260, 3)).astype(np.float32)
    stripes = np.repeat(np.tile(np.linspace(0, 1, 20), 13)[None, :, None], 200, 0).repeat(3, 2).astype(np.float32)
    for image in (noise, stripes, 0.2 * noise):
        with pytest.raises(DnpmError, match="no face was found") as told:
            find_wanted(Picture("nothing.png", image, (260, 200)), networks)
        assert "both eyes must be seen" in str(told.value)
        assert ("very dark" in str(told.value)) == (image.max() < 0.3)


def test_a_missing_face_is_told_without_turning(networks, upright: Picture) -> None:
    with pytest.raises(DnpmError, match="there is no face 3"):
        find_wanted(upright, networks, PictureOptions(which=2))


def _of(picture: Picture) -> tuple[np.ndarray, tuple[int, int]]:
    return picture.image, picture.size
