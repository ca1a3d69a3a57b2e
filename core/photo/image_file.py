"""Photos from files or arrays, in one form: upright, sRGB, no alpha, of a size that fits.

Reading is Pillow's, of HEIC libheif's (pillow-heif). Only formats that people keep photos in are tried: some of
Pillow's other readers start programs.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DnpmError
from ..files import png
from ..files.inputs import one_line, read_bytes
from .choices import SUFFIXES
from .tiff_images import TiffError, is_tiff, largest_image

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "TGA", "JPEG2000", "AVIF", "HEIF")
LONGEST = 2048
"""Pixels of the longer side that are kept: more than a detail map of 1024 texels can show of a face."""
_GROUND = 0.5
"""sRGB grey that shows through where a picture is transparent."""
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, TypeError, KeyError, IndexError, OverflowError,
           RuntimeError, ArithmeticError)  # fmt: skip
"""What Pillow's readers raise on damaged files."""
_MOST_BYTES = 500_000_000
_SIDE_MAX, _PIXELS_MAX, _JPEG_PIXELS_MAX = 65_535, 105_000_000, 300_000_000
"""What is decoded; a JPEG's pixels are made fewer while they are."""
_MISSING_MAX = 0.5
"""Of a JPEG that breaks off; beyond it is not read."""
_pillow = threading.Lock()


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

    Grey, 16 bit, floats, palettes, CMYK and colour profiles become 8 bit sRGB or better; transparent parts become grey;
    a camera's note that it was held sideways (EXIF) is followed. Of an animation the first picture counts, of a TIFF or
    DNG the largest image that can be shown, of a JPEG that breaks off what is there. Raises DnpmError when the file is
    missing, may not be read, is not a picture, is damaged, or is too large to be opened safely.
    """
    file = Path(path)
    data = read_bytes(file, _MOST_BYTES)
    if not data:
        raise DnpmError(f"{file}: is empty (0 bytes)")
    notes: list[str] = []
    orientation = 0
    try:
        if is_tiff(data):
            choice = largest_image(data)
            data, orientation = choice.data, choice.orientation
            notes += [choice.note] if choice.note else []
        image, size = _read(data, str(file), longest, orientation, notes)
    except TiffError as error:
        raise DnpmError(f"{file}: {error}") from error
    except MemoryError as error:
        raise DnpmError(f"{file}: there is not enough memory for its pixels") from error
    except _BROKEN as error:
        raise DnpmError(
            f"{file}: the picture breaks off or is damaged ({one_line(error)}); copy or download it again"
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
        raise DnpmError(f"{name}: is not a valid picture: an array of shape {np.shape(pixels)}")
    if array.dtype.kind not in "fu":
        raise DnpmError(f"{name}: is not a valid picture: numbers of type {array.dtype}")
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


def pictures_in(path: str | os.PathLike[str]) -> tuple[list[Path], list[str]]:
    """A file -> itself; a folder -> its pictures by their endings, sorted, and the names of all else in it.

    Raises DnpmError when there are no pictures.
    """
    place = Path(path)
    if not place.is_dir():
        if not place.exists():
            raise DnpmError(f"{place}: no such file or folder")
        return [place], []
    try:
        inside = sorted(place.iterdir())
        # macOS lays a file `._a.jpg` of attributes beside a.jpg on foreign disks.
        found = [f for f in inside if f.suffix.lower() in SUFFIXES and f.is_file() and not f.name.startswith("._")]
    except OSError as error:
        raise DnpmError(f"{place}: the folder cannot be read ({error.strerror or error})") from error
    others = [one_line(f.name) for f in inside if f not in set(found)]
    if not found:
        held = f"; it holds {one_line(', '.join(others))}" if others else ""
        raise DnpmError(f"{place}: holds no pictures ({', '.join(sorted(SUFFIXES))}){held}")
    return found, others


def write_png(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """(h, w, 3) or (h, w) of 0 to 1 -> an 8-bit PNG, written beside its place and renamed. Raises DnpmError."""
    png.write(Path(path), np.round(np.clip(np.nan_to_num(image), 0, 1) * 255).astype(np.uint8), make_folder=True)


@contextlib.contextmanager
def _opened(data: bytes, name: str) -> Iterator[Any]:
    """Pillow's image, its header read and its size checked. Pillow's own limit of pixels, which is one for all
    formats, does not count meanwhile."""
    from PIL import Image, UnidentifiedImageError

    Image.init()
    if data[4:8] == b"ftyp":
        _register_heif(data, name)
    with _pillow:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with Image.open(io.BytesIO(data), formats=[f for f in FORMATS if f in Image.OPEN]) as opened:
                _check_size(opened, name)
                yield opened
        except UnidentifiedImageError as error:
            raise DnpmError(
                f"{name}: is not a picture that can be read; save it as JPEG, PNG, TIFF or WebP and try again"
            ) from error
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _register_heif(data: bytes, name: str) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        if data[8:11] in (b"hei", b"hev") or b"heic" in data[8:64]:
            raise DnpmError(
                f"{name}: is a HEIC picture, which needs pillow-heif ({error}): `python -m pip install pillow-heif` in "
                "the Python that computes, or use the edition of DNPM Face that carries PyTorch"
            ) from error
    else:
        register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _check_size(opened: Any, name: str) -> None:
    width, height = opened.size
    most = _JPEG_PIXELS_MAX if opened.format in ("JPEG", "MPO") else _PIXELS_MAX
    if max(width, height) > _SIDE_MAX or width * height > most:
        raise DnpmError(
            f"{name}: is {width} x {height} pixels; at most {_SIDE_MAX} a side and {most / 1e6:.0f} megapixels are "
            "read: save it smaller"
        )


def _read(
    data: bytes, name: str, longest: int, orientation: int, notes: list[str]
) -> tuple[np.ndarray, tuple[int, int]]:  # fmt: skip
    """A picture's bytes -> (h, w, 3) float32, and its own upright size."""
    with _opened(data, name) as opened:
        is_jpeg = opened.format in ("JPEG", "MPO")
        try:
            return _decoded(opened, longest, orientation, notes)
        except OSError:
            if not is_jpeg:
                raise
    # A JPEG that lacks its end: with an end mark behind what is there libjpeg fills up the rest.
    with _opened(data + b"\xff\xd9", name) as opened:
        image, size = _decoded(opened, longest, orientation, notes, broken=True)
    return image, size


def _decoded(
    opened: Any, longest: int, orientation: int, notes: list[str], broken: bool = False
) -> tuple[np.ndarray, tuple[int, int]]:
    """A just opened image -> (h, w, 3) float32, and its own upright size."""
    from PIL import Image, ImageOps

    whole = opened.size
    turned = (opened.getexif().get(0x0112) or orientation) in (5, 6, 7, 8)
    if opened.format in ("JPEG", "MPO") and max(whole) > longest:
        # JPEG can be decoded at a half, a quarter or an eighth of its size.
        opened.draft(None, tuple(max(1, -(-n * longest // max(whole))) for n in whole))
    is_animated = opened.format in ("GIF", "WEBP", "PNG", "AVIF") and getattr(opened, "is_animated", False)
    opened.load()
    if broken:
        notes.append(_missing(opened))
    if is_animated:
        notes.append("has several pictures, of which the first was taken")
    image = opened
    has_own = bool(image.getexif().get(0x0112))
    ImageOps.exif_transpose(image, in_place=True)
    if orientation in _TURNS and not has_own:
        image = image.transpose(_TURNS[orientation])
    # What was made smaller while it was decoded had another size itself.
    size = image.size if image.size in (whole, whole[::-1]) else (whole[::-1] if turned else whole)
    small = _fitting(size, longest, notes)
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "I;16N", "F"):
        return _deep_grey(image, small, notes), size
    has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    image = _as_srgb(image, has_alpha, notes)
    if image.size != small:
        image = image.resize(small, Image.Resampling.LANCZOS, reducing_gap=3.0)
    array = np.asarray(image, np.float32) / 255
    if has_alpha:
        array = _over_ground(array[..., :3], array[..., 3:], notes)
    return np.ascontiguousarray(array), size


_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF's orientation -> Pillow's Transpose that undoes it."""


def _missing(image: Any) -> str:
    """What to say of a JPEG that breaks off: libjpeg fills up what is missing with one colour, row by row of blocks.

    Raises OSError when most of it is missing.
    """
    pixels = np.asarray(image)
    rows = pixels.reshape(len(pixels), pixels.shape[1], -1)
    is_flat = (rows == rows[:, :1]).all((1, 2))
    lost = len(rows) - (int(np.flatnonzero(~is_flat)[-1]) + 1 if (~is_flat).any() else 0)
    if lost > _MISSING_MAX * len(rows):
        raise OSError(f"the lowest {100 * lost / len(rows):.0f} % are missing")
    below = f"the lowest {100 * lost / len(rows):.0f} % are missing" if lost else "its end is missing"
    return f"breaks off: {below}, or coarser than the rest; what is there was read"


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


def _deep_grey(image: Any, size: tuple[int, int], notes: list[str]) -> np.ndarray:
    """Grey with more than 8 bits: whole numbers of 16 or 32 bits, or floats."""
    from PIL import Image

    values = np.asarray(image).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("numbers that are not finite")
    if image.mode in ("F", "I"):
        full = _full_scale(values, image.mode == "F")
        kind = "floats" if image.mode == "F" else "whole numbers of 32 bits"
        notes.append(f"is grey in {kind} from {values.min():.6g} to {values.max():.6g}, taken for 0 to {full:.0f}")
    else:
        full = 65535.0
    values /= np.float32(full)
    plane = Image.fromarray(np.clip(values, 0, 1, out=values))
    if plane.size != size:
        plane = plane.resize(size, Image.Resampling.BOX)
    return np.repeat(np.asarray(plane, np.float32)[..., None], 3, 2)


def _full_scale(values: np.ndarray, is_float: bool) -> float:
    """What white is, by the numbers themselves: 1, 255 or 65535; a few highlights may be brighter."""
    step = max(1, int(np.sqrt(values.size / 1e6)))
    high = float(np.percentile(values[::step, ::step], 99))
    for full in (1.0, 255.0, 65535.0) if is_float else (255.0, 65535.0, 2.0**31 - 1):
        if high <= 1.05 * full:
            return full
    raise ValueError(f"grey values up to {values.max():.3g}, of no known scale")


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
