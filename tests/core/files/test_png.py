"""PNG files as another program reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dnpm.core.files import displacement_maps, png


@pytest.mark.parametrize("shape", [(7, 5, 3), (7, 5), (1, 1), (64, 33, 3)])
def test_8_bits_are_read_back(shape: tuple[int, ...], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    png.write(tmp_path / "a.png", pixels)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), pixels)


def test_a_map_keeps_its_millimetres(tmp_path: Path) -> None:
    displacement = np.random.default_rng(0).uniform(-1.9, 1.9, (40, 50)).astype(np.float32)
    displacement_maps.write_png(tmp_path / "a.png", displacement)
    read = np.asarray(Image.open(tmp_path / "a.png")).astype(np.float64)
    heights = (read - displacement_maps.NEUTRAL) * displacement_maps.MM_PER_STEP
    assert np.abs(heights - displacement).max() <= displacement_maps.MM_PER_STEP
    displacement_maps.write_png(tmp_path / "b.png", np.zeros((4, 4)))
    assert np.all(np.asarray(Image.open(tmp_path / "b.png")) == displacement_maps.NEUTRAL)


def test_what_is_too_high_is_cut_off(tmp_path: Path) -> None:
    displacement_maps.write_png(tmp_path / "a.png", np.array([[-9.0, 9.0]]))
    assert np.asarray(Image.open(tmp_path / "a.png")).tolist() == [[0, 65535]]


@pytest.mark.parametrize("pixels", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros(3, np.uint8)])
def test_other_arrays_are_refused(pixels: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot write"):
        png.write(tmp_path / "a.png", pixels)
