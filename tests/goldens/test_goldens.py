"""The golden pictures: what is rendered now still shows what they show; and what would be wrong is noticed."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from dnpm.tests.goldens import compare
from dnpm.tests.goldens.make import NAMES, WRONG, pictures

USES_BLENDER = True  # in the processes that it starts

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All pictures, rendered now. The photo is the golden one: what is rendered differs a little each time."""
    return pictures(tmp_path_factory.mktemp("goldens"), HERE / "smile.png")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_what_it_was(name: str, made: dict[str, Path]) -> None:
    found = compare.difference(compare.read(HERE / f"{name}.png"), compare.read(made[name]))
    limits = compare.LIMITS if version("bpy").startswith(compare.DRAWN_BY) else compare.ELSEWHERE
    assert found.above(limits) == [], (
        f"{found}: look at {made[name]}; `make goldens` takes over what is meant to change"
    )


@pytest.mark.parametrize(("name", "notices"), [("pose", "form"), ("detail", "detail"), ("colour", "colour")])
def test_a_wrong_face_is_noticed(name: str, notices: str) -> None:
    """The head turned by two degrees, the detail left out, another skin tone: rendered as the golden ones are."""
    found = compare.difference(
        compare.read(HERE / f"{WRONG[name][0]}.png"), compare.read(HERE / "wrong" / f"{name}.png")
    )
    assert notices in found.too_large, found


def test_the_pictures_are_told_apart() -> None:
    images = {name: compare.read(HERE / f"{name}.png") for name in NAMES}
    for one in NAMES:
        for other in NAMES:
            assert bool(compare.difference(images[one], images[other]).too_large) == (one != other), (one, other)


@pytest.mark.parametrize("name", NAMES)
def test_what_happens_to_a_picture_is_noticed(name: str) -> None:
    golden = compare.read(HERE / f"{name}.png")

    def spoilt(pixels: int, blur: float, tint: float) -> dict[str, np.ndarray]:
        return {
            "form": ndimage.shift(golden, (0, pixels, 0), order=1, mode="nearest"),
            "detail": ndimage.gaussian_filter(golden, (blur, blur, 0)),
            "colour": golden * [1.0, tint, tint],
        }

    for wrong, image in spoilt(1, 0.85, 0.94).items():
        assert wrong in compare.difference(golden, np.clip(image, 0, 1)).too_large, wrong
    for wrong, image in spoilt(2, 1.2, 0.92).items():
        found = compare.difference(golden, np.clip(image, 0, 1))
        assert wrong in found.above(compare.ELSEWHERE), f"{wrong}, on another Blender: {found}"


@pytest.mark.parametrize("name", NAMES)
def test_noise_and_rounding_are_not(name: str) -> None:
    golden = compare.read(HERE / f"{name}.png")
    noisy = golden + np.random.default_rng(0).normal(0, 0.6 / 255, golden.shape)
    noisy = np.round(np.clip(noisy, 0, 1) * 255) / 255
    assert compare.difference(golden, noisy).too_large == []


def test_they_are_small() -> None:
    files = [HERE / f"{name}.png" for name in NAMES] + [HERE / "wrong" / f"{name}.png" for name in WRONG]
    assert set(HERE.rglob("*.png")) == set(files)
    assert sum(file.stat().st_size for file in files) < 450_000
    for file in files:
        with Image.open(file) as image:
            assert image.size == (160, 184)
