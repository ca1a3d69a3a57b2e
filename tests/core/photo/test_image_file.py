"""Pictures of every kind become one form; what is none is told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from dnpm.core.errors import DnpmError
from dnpm.core.photo.image_file import picture_of, pictures_in, read_picture, write_png

COLOUR = (200, 120, 40)


def halves(width: int = 40, height: int = 30) -> Image.Image:
    """Above COLOUR, below blue."""
    image = Image.new("RGB", (width, height), COLOUR)
    image.paste((20, 40, 220), (0, height // 2, width, height))
    return image


def test_plain_rgb(tmp_path: Path) -> None:
    halves().save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert picture.image.shape == (30, 40, 3)
    assert picture.image.dtype == np.float32
    assert picture.size == (40, 30)
    assert picture.notes == ()
    assert picture.factor == 1
    np.testing.assert_allclose(picture.image[0, 0] * 255, COLOUR, atol=1e-3)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "YCbCr", "LAB"])
def test_other_colours(tmp_path: Path, mode: str) -> None:
    if mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(halves(), srgb, lab, outputMode="LAB")
    else:
        image = halves().quantize(16) if mode == "P" else halves().convert(mode)
    file = tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.tif")
    image.save(file, quality=95)
    picture = read_picture(file)
    wanted = np.asarray(halves().convert("L").convert("RGB") if mode == "L" else halves(), float) / 255
    assert picture.image.shape == (30, 40, 3)
    np.testing.assert_allclose(picture.image[3, 3], wanted[3, 3], atol=0.04)


def test_sixteen_bits(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 40 * 30).astype(np.uint16).reshape(30, 40)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_allclose(picture.image[..., 1], ramp / 65535, atol=1e-5)


def test_alpha_shows_grey(tmp_path: Path) -> None:
    image = halves().convert("RGBA")
    image.putalpha(Image.fromarray(np.where(np.arange(40) < 20, 0, 255)[None].repeat(30, 0).astype(np.uint8)))
    image.save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_allclose(picture.image[0, 0], 0.5, atol=1e-6)
    np.testing.assert_allclose(picture.image[0, 39] * 255, COLOUR, atol=1e-3)
    assert "transparent" in picture.notes[0]


@pytest.mark.parametrize(
    ("top", "dtype", "note"),
    [(1.0, np.float32, "0 to 1"), (254.0, np.float32, "0 to 255"), (65535.0, np.float32, "0 to 65535"),
     (255, np.int32, "0 to 255"), (60000, np.int32, "0 to 65535")],
)  # fmt: skip
def test_grey_on_several_scales(tmp_path: Path, top: float, dtype: type, note: str) -> None:
    ramp = np.linspace(0, top, 40 * 30).astype(dtype).reshape(30, 40)
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    picture = read_picture(tmp_path / "a.tif")
    full = float(note.split()[-1])
    np.testing.assert_allclose(picture.image[..., 1], ramp / full, atol=1e-5)
    assert picture.notes[0].endswith(f"taken for {note}")
    lit = ramp.astype(np.float32) / np.float32(top)
    lit[0, 0] = 7.5  # A highlight says nothing of the scale.
    Image.fromarray(lit).save(tmp_path / "a.tif")
    assert read_picture(tmp_path / "a.tif").image[-1, -1, 0] == pytest.approx(1)
    lit[0, 0] = np.nan
    Image.fromarray(lit).save(tmp_path / "a.tif")
    with pytest.raises(DnpmError, match="not finite"):
        read_picture(tmp_path / "a.tif")
    Image.fromarray(np.full((8, 8), 1e9, np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(DnpmError, match="of no known scale"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "avif", "heic"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_held_sideways(tmp_path: Path, orientation: int, suffix: str) -> None:
    """What a camera notes is undone: the coloured half is above, whichever way the pixels lie."""
    turns = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    lying = halves() if turns[orientation] is None else halves().transpose(turns[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    if suffix == "heic":
        pillow_heif.register_heif_opener()
    lying.save(tmp_path / f"a.{suffix}", exif=exif.tobytes())  # Of bytes pillow-heif makes HEIF's own turn.
    picture = read_picture(tmp_path / f"a.{suffix}", longest=20)
    assert picture.size == (40, 30)
    assert picture.image.shape == (15, 20, 3)
    np.testing.assert_allclose(picture.image[2, 10] * 255, COLOUR, atol=8 if suffix in ("png", "tif") else 25)


def test_a_colour_profile_counts(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    halves().save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_allclose(read_picture(tmp_path / "a.png").image[0, 0] * 255, COLOUR, atol=2)
    halves().save(tmp_path / "b.png", icc_profile=b"no profile at all")
    picture = read_picture(tmp_path / "b.png")
    assert "colour profile" in picture.notes[0]
    np.testing.assert_allclose(picture.image[0, 0] * 255, COLOUR, atol=1e-3)


def test_very_large(tmp_path: Path) -> None:
    Image.new("L", (12000, 9000), 90).save(tmp_path / "a.jpg", quality=30)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.image.shape == (1536, 2048, 3)
    assert picture.size == (12000, 9000)
    assert "12000 x 9000" in picture.notes[0]
    assert picture.factor == pytest.approx(2048 / 12000)


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    Image.new("1", (20000, 20000)).save(tmp_path / "a.png")
    with pytest.raises(DnpmError, match=r"a.png: is 20000 x 20000 pixels; .*megapixels"):
        read_picture(tmp_path / "a.png")


def test_a_very_tall_picture_is_refused_before_it_is_decoded(shared_cases: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(DnpmError, match=r"png_tall.png: is 1 x 178000000 pixels; at most 65535 a side"):
        read_picture(shared_cases / "hostile" / "png_tall.png")
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_is_read(tmp_path: Path, progressive: bool) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    file = tmp_path / "a.jpg"
    Image.fromarray(noise).save(file, progressive=progressive)
    whole, data = read_picture(file).image, file.read_bytes()
    for missing in (3, 200, int(0.2 * len(data))):
        file.write_bytes(data[:-missing])
        picture = read_picture(file)
        assert picture.size == (320, 240)
        assert "breaks off" in picture.notes[0]
        upper = np.abs(picture.image - whole)[:160]
        assert upper.max() < 0.01 if not progressive else upper.mean() < 0.2


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "bmp"])
def test_breaking_off(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(noise).save(file)
    whole = file.read_bytes()
    for share in (0.02, 0.3, 0.7):
        file.write_bytes(whole[: int(len(whole) * share)])
        if (suffix, share) == ("jpg", 0.7):
            continue  # Most of it is there.
        with pytest.raises(DnpmError, match=rf"a\.{suffix}: (the picture|is not a picture|holds no image)"):
            read_picture(file)


def test_what_is_no_picture(tmp_path: Path) -> None:
    for name, content, message in (
        ("a.jpg", b"", "empty"), ("b.jpg", b"hello, this is text", "not a picture"),
        ("c.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DnpmError, match=message):
            read_picture(tmp_path / name)
    with pytest.raises(DnpmError, match="folder"):
        read_picture(tmp_path)
    with pytest.raises(DnpmError, match="no such file"):
        read_picture(tmp_path / "none.jpg")


@pytest.mark.skipif(os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="root may read all")
def test_no_permission(tmp_path: Path) -> None:
    halves().save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(DnpmError, match="cannot be read"):
        read_picture(tmp_path / "a.png")


def test_no_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    halves().save(tmp_path / "a.png")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DnpmError, match=r"a\.png: cannot be read \(Permission denied\)"):
        read_picture(tmp_path / "a.png")


def test_arrays() -> None:
    rng = np.random.default_rng(1)
    floats = rng.random((20, 30, 4)).astype(np.float32)
    floats[..., 3] = 1
    np.testing.assert_array_equal(picture_of(floats, "x").image, floats[..., :3])
    small = picture_of(floats, "x", longest=15)
    np.testing.assert_allclose(small.image, floats[..., :3].reshape(10, 2, 15, 2, 3).mean((1, 3)), atol=1e-5)
    deep = picture_of(np.full((4, 5), 65535, np.uint16), "x")
    assert deep.image.shape == (4, 5, 3)
    assert deep.image.min() == 1
    for wrong in (np.zeros((2, 2, 5), np.float32), np.zeros((0, 3, 3), np.float32), np.zeros((3, 3), np.int32),
                  np.full((3, 3), np.nan, np.float32)):  # fmt: skip
        with pytest.raises(DnpmError, match="thing: "):
            picture_of(wrong, "thing")


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(DnpmError, match="no pictures"):
        pictures_in(tmp_path)
    with pytest.raises(DnpmError, match="no such"):
        pictures_in(tmp_path / "none")
    (tmp_path / "notes.txt").write_bytes(b"x")
    with pytest.raises(DnpmError, match=r"no pictures .*; it holds notes.txt"):
        pictures_in(tmp_path)
    for name in ("b.JPG", "a.png", "._a.png", "c.HEIC", "film.mov"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "more").mkdir()
    found, others = pictures_in(tmp_path)
    assert [f.name for f in found] == ["a.png", "b.JPG", "c.HEIC"]
    assert others == ["._a.png", "film.mov", "more", "notes.txt"]
    assert pictures_in(tmp_path / "a.png") == ([tmp_path / "a.png"], [])


def test_writing(tmp_path: Path) -> None:
    image = np.random.default_rng(2).random((8, 9, 3)).astype(np.float32)
    write_png(tmp_path / "new" / "a.png", image)
    np.testing.assert_allclose(read_picture(tmp_path / "new" / "a.png").image, image, atol=0.51 / 255)
    assert [f.name for f in (tmp_path / "new").iterdir()] == ["a.png"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(DnpmError, match="cannot be written"):
        write_png(tmp_path / "file" / "a.png", image)
