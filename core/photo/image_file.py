"""Photos from files or arrays, in one form: upright, sRGB, no alpha, of a size that fits.

Reading is Pillow's. Only formats that people keep photos in are tried: some of its other readers start programs.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DnpmError

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "TGA", "JPEG2000", "AVIF")
SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".pnm", ".tga",
    ".jp2", ".j2k", ".avif",
}  # fmt: skip
"""Endings of the files that are taken from a folder."""
LONGEST = 2048
"""Pixels of the longer side that are kept: more than a detail map of 1024 texels can show of a face."""
_GROUND = 0.5
"""sRGB grey that shows through where a picture is transparent."""
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, TypeError, KeyError, IndexError, OverflowError)
"""What Pillow's readers raise on damaged files."""


@dataclass(frozen=True)
class Picture:
    """A photo as the project uses it."""

    name: str
    """The file's path, or what an image is called: for messages."""
    image: np.ndarray
    """(h, w, 3) float32 sRGB, 0 to 1, upright."""
    size: tuple[int, int]
    """(width, height) of the photo itself, upright."""
    notes: tuple[str, ...] = ()
    """What had to be done to it that a person may want to know."""

    @property
    def factor(self) -> float:
        """Pixels of `image` a pixel of the photo; at most 1."""
        return float(self.image.shape[1] / self.size[0])


def read_picture(path: str | os.PathLike[str], longest: int = LONGEST) -> Picture:
    """A photo's file, made smaller when its longer side has more than `longest` pixels.

    Grey, 16 bit, palettes, CMYK and colour profiles become 8 bit sRGB or better; transparent parts become grey; a
    camera's note that it was held sideways (EXIF) is followed; of an animation the first picture counts. Raises
    DnpmError when the file is missing, may not be read, is no picture, breaks off, or is too large to be opened safely.
    """
    from PIL import Image, UnidentifiedImageError

    file = Path(path)
    if file.is_dir():
        raise DnpmError(f"{file}: is a folder; name a picture's file")
    if not file.exists():
        raise DnpmError(f"{file}: no such file")
    if not file.is_file():
        raise DnpmError(f"{file}: is no plain file")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DnpmError(f"{file}: cannot be read ({error.strerror or error})") from error
    if not data:
        raise DnpmError(f"{file}: is empty (0 bytes)")
    Image.init()
    with warnings.catch_warnings():
        # Pillow warns of 90 megapixels and refuses 180: cameras make pictures between the two.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
        except UnidentifiedImageError as error:
            raise DnpmError(
                f"{file}: is no picture that can be read; save it as JPEG, PNG, TIFF or WebP and try again"
            ) from error
        except Image.DecompressionBombError as error:
            raise DnpmError(
                f"{file}: has more than {2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} megapixels; save it smaller"
            ) from error
        except _BROKEN as error:
            raise DnpmError(f"{file}: the picture is damaged ({error})") from error
        notes: list[str] = []
        try:
            image, size = _decoded(opened, longest, notes)
        except MemoryError as error:
            raise DnpmError(
                f"{file}: there is not enough memory for {opened.width} x {opened.height} pixels"
            ) from error
        except _BROKEN as error:
            raise DnpmError(
                f"{file}: the picture breaks off or is damaged ({error}); copy or download it again"
            ) from error
    return Picture(str(file), image, size, tuple(notes))


def picture_of(pixels: np.ndarray, name: str, longest: int = LONGEST) -> Picture:
    """An image that is already in memory: (h, w) or (h, w, 1 to 4), floats of sRGB from 0 to 1 or unsigned integers.

    Two and four channels have alpha last. Raises DnpmError when it is none.
    """
    from PIL import Image

    array = np.asarray(pixels)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or not 1 <= array.shape[2] <= 4 or not array.size:
        raise DnpmError(f"{name}: is no picture: an array of shape {np.shape(pixels)}")
    if array.dtype.kind not in "fu":
        raise DnpmError(f"{name}: is no picture: numbers of type {array.dtype}")
    scale = 1.0 if array.dtype.kind == "f" else float(np.iinfo(array.dtype).max)
    array = array.astype(np.float32) / np.float32(scale)
    if not np.isfinite(array).all():
        raise DnpmError(f"{name}: the picture has numbers that are not finite")
    notes: list[str] = []
    colour = np.repeat(array[..., :1], 3, 2) if array.shape[2] < 3 else array[..., :3]
    if array.shape[2] in (2, 4):
        colour = _over_ground(colour, array[..., -1:], notes)
    height, width = colour.shape[:2]
    small = _fitting((width, height), longest, notes)
    if small != (width, height):
        planes = [Image.fromarray(np.ascontiguousarray(colour[..., k])) for k in range(3)]
        colour = np.stack([np.asarray(p.resize(small, Image.Resampling.BOX)) for p in planes], -1)
    return Picture(name, np.clip(colour, 0, 1).astype(np.float32), (width, height), tuple(notes))


def pictures_in(path: str | os.PathLike[str]) -> list[Path]:
    """A file -> itself; a folder -> its pictures by their endings, sorted. Raises DnpmError when there are none."""
    place = Path(path)
    if not place.is_dir():
        if not place.exists():
            raise DnpmError(f"{place}: no such file or folder")
        return [place]
    try:
        found = sorted(f for f in place.iterdir() if f.suffix.lower() in SUFFIXES and f.is_file())
    except OSError as error:
        raise DnpmError(f"{place}: the folder cannot be read ({error.strerror or error})") from error
    if not found:
        raise DnpmError(f"{place}: holds no pictures ({', '.join(sorted(SUFFIXES))})")
    return found


def write_png(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """(h, w, 3) or (h, w) of 0 to 1 -> an 8-bit PNG, written beside its place and renamed. Raises DnpmError."""
    from PIL import Image

    file = Path(path)
    beside = file.with_name(file.name + ".part")
    pixels = np.round(np.clip(np.nan_to_num(image), 0, 1) * 255).astype(np.uint8)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(beside, format="PNG")
        beside.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise DnpmError(f"{file}: cannot be written ({error.strerror or error})") from error


def _decoded(opened: Any, longest: int, notes: list[str]) -> tuple[np.ndarray, tuple[int, int]]:
    """A just opened image -> (h, w, 3) float32, and its own upright size."""
    from PIL import Image, ImageOps

    if getattr(opened, "n_frames", 1) > 1 and opened.format != "MPO":
        notes.append(f"has {opened.n_frames} pictures, of which the first was taken")
    whole = opened.size
    turned = opened.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    if max(whole) > longest:
        # JPEG can be decoded at a half, a quarter or an eighth of its size.
        opened.draft(None, tuple(max(1, -(-n * longest // max(whole))) for n in whole))
    opened.load()
    image = ImageOps.exif_transpose(opened)
    size = (whole[1], whole[0]) if turned else whole
    small = _fitting(size, longest, notes)
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "I;16N", "F"):
        return _deep_grey(image, small), size
    has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    image = _as_srgb(image, has_alpha, notes)
    if image.size != small:
        image = image.resize(small, Image.Resampling.LANCZOS, reducing_gap=3.0)
    array = np.asarray(image, np.float32) / 255
    if has_alpha:
        array = _over_ground(array[..., :3], array[..., 3:], notes)
    return np.ascontiguousarray(array), size


def _as_srgb(image: Any, has_alpha: bool, notes: list[str]) -> Any:
    """RGB, or RGBA, in sRGB: an embedded colour profile is applied."""
    from PIL import ImageCms

    if image.mode == "LAB":
        return ImageCms.profileToProfile(
            image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, *_BROKEN):
            notes.append("its colour profile is damaged and was not used")
    return image.convert("RGBA" if has_alpha else "RGB")


def _deep_grey(image: Any, size: tuple[int, int]) -> np.ndarray:
    """Grey with more than 8 bits: whole numbers of 16 bits, or floats from 0 to 1."""
    from PIL import Image

    values = np.asarray(image).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("numbers that are not finite")
    if image.mode != "F":
        values /= 65535
    plane = Image.fromarray(np.clip(values, 0, 1))
    if plane.size != size:
        plane = plane.resize(size, Image.Resampling.BOX)
    return np.repeat(np.asarray(plane, np.float32)[..., None], 3, 2)


def _over_ground(colour: np.ndarray, alpha: np.ndarray, notes: list[str]) -> np.ndarray:
    if (alpha < 0.5).any():
        notes.append("is transparent in parts, which became grey")
    return np.asarray(colour * alpha + _GROUND * (1 - alpha), np.float32)


def _fitting(size: tuple[int, int], longest: int, notes: list[str]) -> tuple[int, int]:
    """The size with its longer side at most `longest`."""
    if max(size) <= longest:
        return size
    small = (max(1, round(size[0] * longest / max(size))), max(1, round(size[1] * longest / max(size))))
    notes.append(f"was made smaller from {size[0]} x {size[1]} to {small[0]} x {small[1]} pixels")
    return small
