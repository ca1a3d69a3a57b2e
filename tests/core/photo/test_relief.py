"""A photo's own wrinkles: grooves that we render are found where they are, with their sign and the order of their
depths; blur fades them; what is no skin, no line, or no wrinkle's direction gives none."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.landmark_uv import landmark_uv
from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.camera import Camera
from dnpm.core.photo.degrade import blurred, reduced
from dnpm.core.photo.relief import SIDE, Relief, ReliefReader
from dnpm.core.photo.render import Lights, Paint, render
from dnpm.core.photo.skin_view import SkinView, SkinViewer, blur_of

WIDE_MM = 1.1
PIXELS = 560


@pytest.fixture(scope="module")
def reader(face_model: FaceModel) -> ReliefReader:
    return ReliefReader(SkinViewer(face_model))


@pytest.fixture(scope="module")
def camera() -> Camera:
    return Camera.before((PIXELS, PIXELS), 900, 0.72, 200.0)


def groove(model: FaceModel, mm: float, row: float, depth: float) -> np.ndarray:
    """(SIDE, SIDE) mm: a level groove on the forehead, `row` mm above the brows."""
    places = landmark_uv(model)
    centre = (np.arange(SIDE) + 0.5) / SIDE
    u, v = np.meshgrid(centre, 1 - centre)
    away = (v - places[17:27, 1].max()) * SIDE * mm - row
    along = np.clip(2 - np.abs(u - 0.5) * SIDE * mm / 14, 0, 1)
    return -depth * np.exp(-0.5 * (away / WIDE_MM) ** 2) * along


def photo(
    model: FaceModel, camera: Camera, heights: np.ndarray | None,
    light: tuple[float, float, float] = (-0.3, -0.8, -0.6), skin: np.ndarray | None = None, seed: int = 0,
) -> np.ndarray:  # fmt: skip
    """The neutral face under one light and much of a room's, with some noise. A groove sees less of the room: the
    renderer knows no such shadow, so it is painted."""
    tone = np.array([0.78, 0.6, 0.5], np.float32)
    if skin is None:
        room = 1.0 if heights is None else np.exp(0.25 * heights / WIDE_MM)[..., None]
        skin = np.broadcast_to(tone * room, (SIDE, SIDE, 3)).astype(np.float32)
    paint = Paint(skin, tone, np.array([0.1, 0.08, 0.05]))
    lights = Lights(np.array([light]), np.full((1, 3), 0.7), np.full(3, 0.35), 0.0)
    image, _ = render(model, model.neutral, camera, paint, lights, heights)
    return np.clip(image + np.random.default_rng(seed).normal(0, 0.004, image.shape), 0, 1).astype(np.float32)


def look(reader: ReliefReader, camera: Camera, image: np.ndarray) -> SkinView:
    return reader.viewer.look(image, reader.viewer.model.neutral, camera)


def read(reader: ReliefReader, camera: Camera, image: np.ndarray) -> Relief:
    return reader.read(look(reader, camera, image), np.zeros((SIDE, SIDE), np.float32))


def deepest(relief: Relief, wanted: np.ndarray) -> float:
    """Millimetres at the groove's floor, its middle half."""
    floor = (wanted < 0.8 * wanted.min()) & (np.abs(np.arange(SIDE) / SIDE - 0.5) < 0.06)
    return float(np.median(relief.displacement[floor]))


@pytest.mark.parametrize("light", [(-0.3, -0.8, -0.6), (0.5, -0.6, -0.6), (0.0, 0.7, -0.7)])
def test_a_groove_is_found_in_its_place(
    face_model: FaceModel, reader: ReliefReader, camera: Camera, light: tuple[float, float, float]
) -> None:
    wanted = groove(face_model, reader.mm, 22, 0.3)
    found = read(reader, camera, photo(face_model, camera, wanted, light))
    assert deepest(found, wanted) < -0.06
    column = found.displacement[:, SIDE // 2 - 20 : SIDE // 2 + 20].mean(1)
    expected = wanted[:, SIDE // 2].argmin()
    assert abs(int(column.argmin()) - int(expected)) * reader.mm < 1.2
    # Shoulders, not another groove, on both sides.
    beside = round(4 * WIDE_MM / reader.mm)
    assert column[expected - beside] > -0.02
    assert column[expected + beside] > -0.02


def test_deeper_grooves_are_deeper(face_model: FaceModel, reader: ReliefReader, camera: Camera) -> None:
    depths = []
    for depth in (0.1, 0.2, 0.4):
        wanted = groove(face_model, reader.mm, 22, depth)
        depths.append(-deepest(read(reader, camera, photo(face_model, camera, wanted)), wanted))
    assert depths[0] < 0.8 * depths[1] < 0.64 * depths[2]
    assert depths[2] < 0.7


def test_a_ridge_is_no_groove(face_model: FaceModel, reader: ReliefReader, camera: Camera) -> None:
    wanted = groove(face_model, reader.mm, 22, 0.3)
    found = read(reader, camera, photo(face_model, camera, -wanted))
    assert deepest(found, wanted) > -0.02


def test_a_smooth_face_stays_smooth(face_model: FaceModel, reader: ReliefReader, camera: Camera) -> None:
    wanted = groove(face_model, reader.mm, 22, 0.3)
    plain = read(reader, camera, photo(face_model, camera, None)).displacement
    lined = read(reader, camera, photo(face_model, camera, wanted)).displacement
    forehead = wanted < -0.05
    assert np.abs(plain[forehead]).mean() < 0.15 * np.abs(lined[forehead]).mean()


def test_blur_fades_it(face_model: FaceModel, reader: ReliefReader, camera: Camera) -> None:
    wanted = groove(face_model, reader.mm, 22, 0.3)
    sharp = photo(face_model, camera, wanted)
    found = [read(reader, camera, image) for image in (sharp, blurred(sharp, 3.0), reduced(sharp, 100))]
    assert found[0].blur_mm < 0.4 < 1 < found[1].blur_mm
    assert -deepest(found[1], wanted) < 0.6 * -deepest(found[0], wanted)
    # 100 pixels for the picture are 64 for the face: nothing can be told from them.
    assert np.abs(found[2].displacement).max() < 0.15 * np.abs(found[0].displacement).max()


@pytest.mark.parametrize("sigma", [0.8, 1.5, 3.0])
def test_blur_is_measured(face_model: FaceModel, camera: Camera, sigma: float) -> None:
    image = photo(face_model, camera, None)
    mask = np.ones(image.shape[:2], bool)
    own = blur_of(image, mask)
    assert blur_of(blurred(image, sigma), mask) == pytest.approx(np.hypot(own, sigma), rel=0.35)


def painted(places: np.ndarray, lines: bool, vertical: bool = False) -> np.ndarray:
    """(SIDE, SIDE, 3): skin with dark lines, or with round spots of the same darkness, on the forehead."""
    skin = np.tile(np.array([0.78, 0.6, 0.5], np.float32), (SIDE, SIDE, 1))
    top = int((1 - places[17:27, 1].max()) * SIDE)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    dark = np.zeros((SIDE, SIDE))
    for k in range(4):
        row = top - 34 - 12 * k
        if lines:
            away = columns - (SIDE // 2 - 36 + 24 * k) if vertical else rows - row
            reach = (rows > top - 84) & (rows < top - 20) if vertical else np.abs(columns - SIDE // 2) < 50
            dark = np.maximum(dark, np.exp(-0.5 * (away / 2.2) ** 2) * reach)
        else:
            for column in range(SIDE // 2 - 50, SIDE // 2 + 51, 20):
                dark = np.maximum(
                    dark, np.exp(-0.5 * np.hypot(rows - row, columns - column - 10 * (k % 2)) ** 2 / 2.2**2)
                )
    return (skin * (1 - 0.2 * dark[..., None])).astype(np.float32)


def test_spots_and_upright_strands_are_no_wrinkles(face_model: FaceModel, reader: ReliefReader, camera: Camera) -> None:
    places = landmark_uv(face_model)
    energy = {}
    for name, skin in (
        ("lines", painted(places, lines=True)), ("spots", painted(places, lines=False)),
        ("strands", painted(places, lines=True, vertical=True)),
    ):  # fmt: skip
        found = read(reader, camera, photo(face_model, camera, None, (0.0, 0.0, -1.0), skin)).displacement
        top = int((1 - places[17:27, 1].max()) * SIDE)
        energy[name] = float(np.sqrt((found[top - 90 : top - 16, 180:332] ** 2).mean()))
    assert energy["spots"] < 0.4 * energy["lines"]
    assert energy["strands"] < 0.35 * energy["lines"]


def test_eyes_brows_and_mouth_are_left_alone(face_model: FaceModel, reader: ReliefReader, camera: Camera) -> None:
    noise = np.random.default_rng(1).random((SIDE, SIDE, 1)) < 0.1
    skin = np.tile(np.array([0.78, 0.6, 0.5], np.float32), (SIDE, SIDE, 1)) * (1 - 0.5 * noise)
    found = read(reader, camera, photo(face_model, camera, None, skin=skin.astype(np.float32)))
    places = landmark_uv(face_model)
    rows, columns = ((1 - places[:, 1]) * SIDE).astype(int), (places[:, 0] * SIDE).astype(int)
    masked = [*range(17, 27), *range(31, 48), *range(48, 60)]
    assert np.abs(found.trust[rows[masked], columns[masked]]).max() < 0.02
    assert found.trust.max() > 0.5


def test_lines_of_the_map_give_way(face_model: FaceModel, reader: ReliefReader, camera: Camera) -> None:
    false = groove(face_model, reader.mm, 22, 0.3).astype(np.float32)
    smooth = photo(face_model, camera, None)
    filled = reader.read(look(reader, camera, smooth), false).displacement
    floor = false < 0.8 * false.min()
    assert 0.3 < filled[floor].mean() / -false[floor].mean() < 1
    # What the expression alone creases stays.
    kept = reader.read(look(reader, camera, smooth), false, np.zeros_like(false)).displacement
    assert np.abs(kept[floor]).max() < 0.02


def test_sizes_must_agree(reader: ReliefReader, camera: Camera) -> None:
    with pytest.raises(DnpmError, match="its camera's"):
        read(reader, camera, np.zeros((40, 50, 3), np.float32))
