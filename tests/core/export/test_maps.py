"""Maps in other programs' conventions, read by other readers: Pillow, OpenEXR, and the project's own loaders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from dnpm.core.dataset.pictures import read_map
from dnpm.core.errors import DnpmError
from dnpm.core.export import maps
from dnpm.core.files import tiff


@pytest.fixture
def heights() -> np.ndarray:
    """(48, 48) mm, unlike upside down, inside FaceScape's range."""
    return np.random.default_rng(0).uniform(-0.9, 0.9, (48, 48)).astype(np.float32)


@pytest.fixture
def written(heights: np.ndarray, tmp_path: Path) -> dict[str, Path]:
    files = maps.write(tmp_path, heights, tuple(maps.FORMS), 1.5)
    assert {file.name for file in files} == {name for name, _ in maps.FORMS.values()} | {"maps.json"}
    return {form: tmp_path / name for form, (name, _) in maps.FORMS.items()}


def pillow(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        image.load()
        return np.asarray(image)


def test_floats_are_millimetres(heights: np.ndarray, written: dict[str, Path]) -> None:
    assert np.array_equal(pillow(written["tiff"]), heights)
    for form, limit in (("exr", 0.0), ("exr16", 5e-4)):
        channel = OpenEXR.File(str(written[form]), separate_channels=True).channels()["Y"].pixels
        assert np.abs(channel - heights).max() <= limit
        assert channel.dtype == (np.float16 if form == "exr16" else np.float32)


@pytest.mark.parametrize(
    ("form", "range_mm", "flipped"),
    [("png", 2.0, False), ("tiff16", 2.0, False), ("facescape", 0.914, False), ("zbrush", None, True)],
)
def test_whole_numbers_are_what_the_manifest_says(heights, written, form, range_mm, flipped) -> None:
    grey = pillow(written[form]).astype(np.float64)
    said = json.loads((written[form].parent / "maps.json").read_text())
    assert said["strength"] == 1.5
    meaning = said["files"][written[form].name]
    assert meaning["range_mm"] == pytest.approx(range_mm or float(np.abs(heights).max()))
    read = (grey - meaning["zero"]) * meaning["range_mm"] / 32768
    rows = read[::-1] if flipped else read
    assert np.abs(rows - heights).max() <= 0.51 * meaning["range_mm"] / 32768 + (1e-4 if form == "zbrush" else 0)
    assert meaning["first_row"] == ("bottom" if flipped else "top")


def test_the_loaders_read_what_is_written(heights: np.ndarray, written: dict[str, Path]) -> None:
    """`dnpm data folder` and `dnpm data facescape --range-mm .914` are the inverse."""
    for form, range_mm, step in (("exr", None, 1e-7), ("png", None, 2 / 32768), ("facescape", 0.914, 0.914 / 32768)):
        assert np.abs(read_map(written[form], range_mm) - heights).max() <= 0.51 * step
    assert np.abs(read_map(written["facescape"]) - heights).max() > 0.1, "read at another range it is another map"


def test_beyond_the_range_it_is_cut_off_and_not_wrapped() -> None:
    assert maps.whole(np.array([[-9.0, 0.0, 9.0]]), 0.914).tolist() == [[0, 32768, 65535]]


def test_a_flat_map_has_a_range(tmp_path: Path) -> None:
    maps.write(tmp_path, np.zeros((8, 8), np.float32), ["zbrush"])
    assert (pillow(tmp_path / "displacement_zbrush.tif") == 32768).all()


def test_tiffs_of_any_size_say_what_they_are(tmp_path: Path) -> None:
    for pixels in (np.arange(15, dtype=np.uint16).reshape(3, 5), np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)):
        tiff.write(tmp_path / "a.tif", pixels, "odd")
        assert np.array_equal(pillow(tmp_path / "a.tif"), pixels)
        with Image.open(tmp_path / "a.tif") as image:
            assert image.tag_v2[270] == "odd"
    with pytest.raises(ValueError, match="cannot write"):
        tiff.write(tmp_path / "a.tif", np.zeros((2, 2), np.float64))
    with pytest.raises(DnpmError, match="cannot be written"):
        tiff.write(tmp_path / "none" / "a.tif", np.zeros((2, 2), np.float32))
