"""Small faces in large pictures are found, all of them, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from dnpm.core.photo.image_file import read_picture
from dnpm.core.photo.landmarks import search
from dnpm.core.photo.landmarks.detect import Face, find_faces
from dnpm.core.photo.landmarks.networks import LandmarkNetworks

WIDTH, HEIGHT = 2048, 922


@pytest.fixture(scope="module")
def networks() -> LandmarkNetworks:
    return LandmarkNetworks.load()


@pytest.fixture(scope="module", params=["astronaut", "portraits"])
def people(request: pytest.FixtureRequest, networks: LandmarkNetworks) -> list[tuple[np.ndarray, Face]]:
    """Pictures of one face each."""
    if request.param == "astronaut":
        files = [request.getfixturevalue("astronaut_file")]
        part = np.s_[:270, 90:360]  # Her head: the whole picture is not a portrait.
    else:
        files = sorted((request.getfixturevalue("shared_data") / "faces").glob("portrait_*.jpg"))
        part = np.s_[:, :]
    pictures = [read_picture(file).image[part] for file in files]
    return [(image, find_faces(image, networks, closely=0)[0]) for image in pictures]


def group(people: list[tuple[np.ndarray, Face]], heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heads of these heights in rows on a grey ground; the picture, and the middle of each face."""
    rng = np.random.default_rng(0)
    canvas = Image.fromarray(rng.normal(110, 5, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8))
    columns, middles = 8, []
    for k, height in enumerate(heights):
        image, face = people[k % len(people)]
        left, top, width, tall = face.box
        x, y, reach = left + width / 2, top + tall / 2, 1.1 * tall
        low = np.maximum([x - reach, y - reach], 0).astype(int)
        part = image[low[1] : int(y + reach), low[0] : int(x + reach)]
        head = Image.fromarray(np.round(part * 255).astype(np.uint8))
        factor = height / tall
        head = head.resize((round(head.width * factor), round(head.height * factor)), Image.Resampling.LANCZOS)
        place = (int((k % columns + 0.25) * WIDTH / columns), int((k // columns + 0.15) * HEIGHT / 4))
        canvas.paste(head, place)
        middles.append(np.array(place) + (np.array([x, y]) - low) * factor)
    return np.asarray(canvas, np.float32) / 255, np.array(middles)


@pytest.mark.parametrize(("least", "most", "count"), [(60, 90, 29), (32, 50, 12)])
def test_everybody_in_a_group_is_found(networks, people, least: float, most: float, count: int) -> None:
    heights = np.linspace(least, most, count)
    image, middles = group(people, heights)
    faces = find_faces(image, networks, closely=1)
    assert len(faces) == count
    apart = np.linalg.norm(np.array([f.points[:, :2].mean(0) for f in faces])[:, None] - middles[None], axis=2)
    assert set(apart.argmin(1)) == set(range(count))
    assert (apart.min(1) < 0.3 * heights[apart.argmin(1)]).all()
    assert [bool(face.scores) for face in faces] == [True] + [False] * (count - 1)
    areas = [face.box[2] * face.box[3] for face in faces]
    assert areas == sorted(areas, reverse=True)


def test_nothing_is_found_in_textures(networks) -> None:
    rng = np.random.default_rng(3)
    blobs = Image.fromarray((rng.random((50, 75, 3)) * 255).astype(np.uint8)).resize(
        (900, 600), Image.Resampling.BICUBIC
    )
    y, x = np.mgrid[:600, :900]
    for image in (np.asarray(blobs) / 255, np.repeat((np.hypot(x % 90 - 45, y % 90 - 45) < 30)[..., None] * 0.5, 3, 2),
                  np.repeat(((x // 40 + y // 40) % 2)[..., None] * 0.8, 3, 2)):  # fmt: skip
        assert find_faces(image.astype(np.float32), networks) == []


def test_a_portrait_is_not_searched_for_small_faces(networks, people, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("an ordinary portrait took the long way")

    monkeypatch.setattr("dnpm.core.photo.landmarks.detect.tiled", refuse)
    assert len(find_faces(people[0][0], networks, closely=0)) == 1


def test_squares_in_one_go_are_as_one_by_one(networks, people) -> None:
    image = torch.from_numpy(people[0][0][:128, :128].copy())
    several = torch.stack([image, image.flip(1), image.flip(0)]) * 2 - 1
    values, scores = networks.boxes(several)
    for k in range(3):
        one, score = networks.boxes(several[k : k + 1])
        assert torch.allclose(values[k], one[0], atol=1e-3)
        assert torch.allclose(scores[k], score[0], atol=1e-5)


def test_squares_cover_the_picture() -> None:
    for length in (128, 129, 200, 500, 1367):
        starts = search._starts(length)
        assert starts[0] == 0
        assert starts[-1] == length - 128
        assert max(np.diff(starts), default=0) <= 0.6 * 128 + 1


def test_overlapping_boxes_become_one() -> None:
    box = np.concatenate([[50, 50, 20, 20], np.full(12, 50), [0.9]])
    near, far = box.copy(), box.copy()
    near[0], near[16] = 53, 0.6
    far[:2], far[16] = 200, 0.8
    found = search.suppressed([near, far, box])
    assert [round(float(b[0]), 1) for b in found] == [51.2, 200.0]
