"""What a person is told about the photo of a face."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from dnpm.core.photo.camera import Camera, turned
from dnpm.core.photo.image_file import Picture
from dnpm.core.photo.landmarks.detect import Face
from dnpm.core.photo.reconstruct import Reconstruction


def notes_of(
    left: float, about: str = "cuts off", grey: float = 0.5, yaw: float = 0.0, hidden: float = 0.0
) -> list[str]:
    """Of a face 100 pixels wide that begins at a column of a picture of 300 x 200 pixels, turned aside by yaw
    degrees."""
    points = np.zeros((478, 3))
    points[:, 0] = left + np.linspace(0, 100, 478)
    points[:, 1] = 100
    picture = Picture("photo", np.full((200, 300, 3), grey, np.float32), (300, 200))
    made = SimpleNamespace(
        picture=picture, face=Face((left, 50.0, 100.0, 100.0), points, 1.0), found=1, iris=np.zeros(3),
        camera=Camera.before((300, 200), rotation=turned(yaw)), hidden=hidden,
    )  # fmt: skip
    get = Reconstruction.notes.fget
    assert get is not None
    return [note for note in get(cast(Reconstruction, made)) if about in note]


@pytest.mark.parametrize(("left", "share"), [(-25.0, "25 %"), (240.0, "40 %")])
def test_a_face_that_the_pictures_edge_cuts_off_is_told(left: float, share: str) -> None:
    assert notes_of(left) == [f"the picture's edge cuts off {share} of the face: what is missing is a guess"]


@pytest.mark.parametrize("left", [0.0, 100.0, 200.0, -1.0])
def test_a_face_that_is_whole_is_not(left: float) -> None:
    assert notes_of(left) == []


@pytest.mark.parametrize(("grey", "told"), [(0.5, 0), (0.22, 0), (0.1, 1), (0.0, 1)])
def test_a_very_dark_photo_is_told(grey: float, told: int) -> None:
    assert len(notes_of(100.0, "very dark", grey)) == told


@pytest.mark.parametrize(("yaw", "told"), [(0.0, []), (24.0, []), (-24.0, []), (41.0, ["41"]), (-52.0, ["52"])])
def test_a_head_that_is_turned_far_aside_is_told(yaw: float, told: list[str]) -> None:
    notes = notes_of(100.0, "turned aside", yaw=yaw)
    assert [note.split(" degrees")[0].split()[-1] for note in notes] == told


@pytest.mark.parametrize(("share", "told"), [(0.0, []), (0.004, ["1 %"]), (0.24, ["24 %"])])
def test_what_hides_the_face_is_told(share: float, told: list[str]) -> None:
    notes = notes_of(100.0, "something hides", hidden=share)
    assert [note.split(" of the face")[0].removeprefix("something hides ") for note in notes] == told
