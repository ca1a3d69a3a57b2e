"""Raw files and scans: the largest image that can be shown, never a thumbnail; raw data alone is refused."""

from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dnpm.core.errors import DnpmError
from dnpm.core.photo.image_file import read_picture
from dnpm.core.photo.tiff_images import TiffError, largest_image

GREEN, RED = (20, 200, 40), (220, 30, 20)
RGB, YCBCR, CFA, LINEAR = 2, 6, 32803, 34892


def flat(width: int, height: int, colour: tuple[int, int, int] = GREEN) -> Image.Image:
    """One colour, its upper half darker."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = colour
    pixels[: height // 2] //= 2
    return Image.fromarray(pixels)


def jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95)
    return file.getvalue()


class Tiff:
    """Writes a TIFF of directories as cameras do; Pillow writes no SubIFDs."""

    def __init__(self, order: str = "<", big: bool = False) -> None:
        self.order, self.big = order, big
        mark = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
        self.data = bytearray(mark + (struct.pack(order + "HHQ", 8, 0, 0) if big else bytes(4)))

    def add(self, width: int, height: int, photometric: int, pixels: bytes, compression: int = 1, kind: int = 0,
            orientation: int = 0, sub: tuple[int, ...] = (), bits: int = 8, following: int = 0) -> int:  # fmt: skip
        """One directory; returns its offset."""
        o, long, samples = self.order, 16 if self.big else 4, 3 if photometric in (RGB, YCBCR) else 1
        begin = len(self.data)
        self.data += pixels + bytes(-len(pixels) % 8)
        tags = {254: (4, [kind]), 256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * samples),
                259: (3, [compression]), 262: (3, [photometric]), 273: (long, [begin]), 277: (3, [samples]),
                278: (4, [height]), 279: (long, [len(pixels)])}  # fmt: skip
        if photometric == YCBCR:
            tags[530] = (3, [2, 2])
        if orientation:
            tags[274] = (3, [orientation])
        if sub:
            tags[330] = (long, list(sub))
        width_of = {3: "H", 4: "I", 16: "Q"}
        room, form = (8, "Q") if self.big else (4, "I")
        entries = b""
        for tag, (type_, values) in sorted(tags.items()):
            packed = struct.pack(f"{o}{len(values)}{width_of[type_]}", *values)
            if len(packed) > room:
                place = len(self.data)
                self.data += packed + bytes(-len(packed) % 8)
                packed = struct.pack(o + form, place)
            entries += struct.pack(o + "HH" + form, tag, type_, len(values)) + packed.ljust(room, b"\0")
        at = len(self.data)
        self.data += struct.pack(o + ("Q" if self.big else "H"), len(tags)) + entries + struct.pack(o + form, following)
        return at

    def save(self, path: Path, first: int) -> Path:
        place, form = (8, "Q") if self.big else (4, "I")
        struct.pack_into(self.order + form, self.data, place, first)
        path.write_bytes(self.data)
        return path


def raw(
    path: Path, preview: tuple[int, int] | None, compression: int = 7, orientation: int = 0, **more: object
) -> Path:
    """A camera's file: a thumbnail first, below it the sensor's data and perhaps a preview."""
    tiff = Tiff(**more)
    sub = [tiff.add(1600, 1200, CFA, bytes(64), kind=0, bits=16)]
    if preview is not None:
        sub.append(tiff.add(*preview, YCBCR, jpeg(flat(*preview)), compression=compression, kind=1))
    first = tiff.add(80, 60, RGB, flat(80, 60, RED).tobytes(), kind=1, orientation=orientation, sub=tuple(sub))
    return tiff.save(path, first)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("compression", [6, 7])
def test_the_preview_of_a_raw_file(tmp_path: Path, order: str, big: bool, compression: int) -> None:
    picture = read_picture(raw(tmp_path / "a.dng", (1280, 960), compression, order=order, big=big))
    assert picture.size == (1280, 960)
    np.testing.assert_allclose(picture.image[900, 600] * 255, GREEN, atol=6)
    assert picture.notes[0].startswith(
        "is a raw file of 1600 x 1200, which is not developed here; its preview of 1280 x 960"
    )


@pytest.mark.parametrize("compression", [6, 7])
def test_a_raw_file_that_was_held_sideways(tmp_path: Path, compression: int) -> None:
    """The first directory says it, for all of them."""
    picture = read_picture(raw(tmp_path / "a.dng", (1280, 960), compression, orientation=6))
    assert picture.size == (960, 1280)
    np.testing.assert_allclose(picture.image[600, 100] * 255, GREEN, atol=6)
    np.testing.assert_allclose(picture.image[600, 900] * 255, np.array(GREEN) // 2, atol=6)


@pytest.mark.parametrize(("preview", "says"), [(None, "thumbnail .80 x 60."), ((300, 200), "thumbnail .300 x 200.")])
def test_a_thumbnail_is_not_taken_for_the_picture(tmp_path: Path, preview, says: str) -> None:
    with pytest.raises(DnpmError, match=rf"a.dng: holds raw data of a sensor .1600 x 1200. .*{says}; develop it"):
        read_picture(raw(tmp_path / "a.dng", preview))
    tiff = Tiff()
    with pytest.raises(DnpmError, match="holds raw data of a sensor alone"):
        read_picture(tiff.save(tmp_path / "b.dng", tiff.add(1600, 1200, LINEAR, bytes(64), bits=16)))


def test_the_largest_page_of_a_scan(tmp_path: Path) -> None:
    pages = [flat(40, 30, RED), flat(160, 120), flat(80, 60, RED)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    picture = read_picture(tmp_path / "a.tif")
    assert picture.size == (160, 120)
    np.testing.assert_allclose(picture.image[100, 80] * 255, GREEN, atol=1)
    assert picture.notes == ("has 3 images, of which the largest was taken (160 x 120)",)


def test_directories_in_circles(tmp_path: Path) -> None:
    tiff = Tiff()
    first = tiff.add(40, 30, RGB, flat(40, 30).tobytes())
    tiff.add(20, 15, RGB, flat(20, 15).tobytes(), sub=(first,), following=first)
    tiff.save(tmp_path / "a.tif", len(tiff.data) - (2 + 11 * 12 + 4))
    assert read_picture(tmp_path / "a.tif").size == (40, 30)


@settings(max_examples=150, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8), cut=st.integers(0, 10**6))
def test_damaged_directories(tmp_path_factory, changes, cut) -> None:
    data = bytearray(raw(tmp_path_factory.mktemp("t") / "a.dng", None).read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    with contextlib.suppress(TiffError):
        largest_image(bytes(data[: 8 + cut % (2 * len(data))]))


def test_heic(tmp_path: Path) -> None:
    pillow_heif.register_heif_opener()
    flat(300, 200).save(tmp_path / "a.heic", quality=95)
    picture = read_picture(tmp_path / "a.heic")
    assert picture.size == (300, 200)
    np.testing.assert_allclose(picture.image[150, 150] * 255, GREEN, atol=8)
    whole = (tmp_path / "a.heic").read_bytes()
    (tmp_path / "a.heic").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DnpmError, match=r"a.heic: (the picture|is not a picture)"):
        read_picture(tmp_path / "a.heic")


def test_heic_without_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pillow_heif.register_heif_opener()
    flat(30, 20).save(tmp_path / "a.heic")
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(DnpmError, match=r"a.heic: is a HEIC picture, which needs pillow-heif"):
        read_picture(tmp_path / "a.heic")
