"""A photo's colours as text: what goes in comes out, and nothing crafted is unpacked."""

from __future__ import annotations

import base64
import io
import json
import zlib

import numpy as np
import pytest
from PIL import Image

from dnpm.core.errors import DnpmError
from dnpm.core.face_model import presets
from dnpm.core.face_model.photo_colours import PhotoColours, encoded, read

SIDE = 512


def skin() -> tuple[np.ndarray, np.ndarray]:
    """(SIDE, SIDE, 3) and (SIDE, SIDE): smooth colours with spots, faded out at the border."""
    x = np.linspace(0, 1, SIDE)
    colour = np.stack([0.7 + 0.2 * np.outer(x, x), 0.5 + 0.1 * np.outer(x, 1 - x), np.full((SIDE, SIDE), 0.4)], -1)
    colour[100:110, 200:210] = (0.3, 0.2, 0.15)
    fade = np.clip(8 * np.minimum(x, 1 - x), 0, 1)
    return colour.astype(np.float32), np.outer(fade, fade).astype(np.float32)


def test_there_and_back() -> None:
    colour, alpha = skin()
    made = encoded(colour, alpha, np.array([0.8, 0.6, 0.5]))
    found = read(made.as_json())
    assert found is not None
    assert found.skin == pytest.approx((0.8, 0.6, 0.5))
    assert found.amount == 1.0
    assert np.abs(found.picture() - colour).mean() < 0.005
    assert np.abs(found.picture() - colour).max() < 0.12
    assert np.abs(found.alpha(SIDE) - alpha).max() < 0.02
    assert found.as_json() == made.as_json()
    preset = presets.Preset("m", photo=found)
    again = presets.from_text(presets.to_text(preset), "a preset")
    assert isinstance(again.photo, PhotoColours)
    assert again.photo.as_json() == made.as_json()


def test_large_pictures_become_smaller() -> None:
    made = encoded(np.full((2048, 2048, 3), 0.5), np.ones((2048, 2048)), np.full(3, 0.5))
    assert made.picture().shape == (1024, 1024, 3)
    assert made.alpha(1024).min() == 1.0


def test_the_noisiest_picture_can_be_read_again() -> None:
    noise = np.random.default_rng(0).uniform(0, 1, (1024, 1024, 3))
    made = encoded(noise, noise[..., 0], np.full(3, 0.5))
    found = presets.from_text(presets.to_text(presets.Preset("m", photo=made)), "a preset").photo
    assert isinstance(found, PhotoColours)
    assert found.picture().shape == (1024, 1024, 3)


def test_none_and_nothing_said() -> None:
    assert read({}) is None
    assert presets.from_text(presets.to_text(presets.Preset("m", photo="none")), "a preset").photo == "none"
    assert presets.from_text(presets.to_text(presets.Preset("m", strength=1.0)), "a preset").photo is None


def jpeg(width: int, height: int) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "JPEG")
    return base64.b64encode(file.getvalue()).decode()


def packed(side: int, count: int) -> str:
    return f"{side} {base64.b64encode(zlib.compress(bytes(count))).decode()}"


GOOD = {"skin": [0.5, 0.4, 0.3], "picture": jpeg(16, 16), "shown": packed(4, 16)}


@pytest.mark.parametrize(
    "change",
    [
        {"skin": [0.5, 0.4]}, {"skin": [0.5, 0.4, 2]}, {"skin": "brown"}, {"amount": 2}, {"amount": "all"},
        {"picture": 5}, {"picture": "???"}, {"picture": base64.b64encode(b"GIF89a").decode()}, {"picture": ""},
        {"picture": jpeg(16, 8)}, {"picture": jpeg(2048, 2048)}, {"picture": "A" * 1_000_000},
        {"shown": "4"}, {"shown": packed(4, 15)}, {"shown": packed(4, 10_000_000)}, {"shown": packed(9999, 16)},
        {"shown": "4 ???"}, {"shown": None}, {"more": 1},
    ],
)  # fmt: skip
def test_damaged(change: dict) -> None:
    assert read(GOOD) is not None
    with pytest.raises(ValueError, match=r"must|is not"):
        read(GOOD | change)
    with pytest.raises(DnpmError, match="photo: "):
        presets.from_text(json.dumps({"format": "dnpm-preset-1", "photo": GOOD | change}), "a preset")


def test_not_an_object() -> None:
    for data in ([], "x", 3, {"skin": [0.5, 0.4, 0.3]}):
        with pytest.raises(ValueError, match="must"):
            read(data)
