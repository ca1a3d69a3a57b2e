"""Which image of a TIFF file is the picture: scans keep several sizes, raw files (DNG) thumbnails and previews.

Only directories are read here, with every offset checked; Pillow decodes. Sources: TIFF 6.0; Adobe's TIFF Technical
Note 1 (SubIFDs); Digital Negative Specification 1.7 (NewSubfileType, CFA and LinearRaw); BigTIFF's header.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_DIRECTORIES_MAX, _ENTRIES_MAX, _VALUES_MAX = 200, 4096, 256
_WIDTH, _HEIGHT, _KIND, _COMPRESSION, _PHOTOMETRIC, _STRIP, _STRIP_BYTES = 256, 257, 254, 259, 262, 273, 279
_ORIENTATION, _SUB, _JPEG, _JPEG_BYTES = 274, 330, 513, 514
_WANTED = {
    _WIDTH, _HEIGHT, _KIND, _COMPRESSION, _PHOTOMETRIC, _STRIP, _STRIP_BYTES, _ORIENTATION, _SUB, _JPEG, _JPEG_BYTES,
}  # fmt: skip
_SENSOR = {32803, 34892}
"""Photometric interpretations of raw data: a colour filter's mosaic, and what was made linear from it."""
_MASK = 4
_READABLE = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 50000, 50001}
"""Compressions that Pillow knows."""
_OLD_JPEG = 6
_SIZES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 18: "Q"}
"""Types of whole numbers -> struct's letters."""
_LEAST_PREVIEW = 1024
"""Pixels of the longer side from which a preview is a picture, and not a thumbnail."""


class TiffError(Exception):
    """There is no picture in it that can be shown: the message says why."""


@dataclass(frozen=True)
class TiffImage:
    """One directory of the file."""

    offset: int
    width: int
    height: int
    orientation: int
    """EXIF's 1 to 8; 0 when it says none."""
    compression: int
    photometric: int
    jpeg: tuple[int, int] | None
    """Where a whole JPEG file lies in it: begin and length."""

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def shown(self) -> str:
        return f"{self.width} x {self.height}"


@dataclass(frozen=True)
class Choice:
    """The picture's bytes as a file of their own, what they do not say of how it is turned (EXIF's 1 to 8; 0: they say
    all), and a note."""

    data: bytes
    orientation: int
    note: str | None


def is_tiff(data: bytes) -> bool:
    """Whether a file begins as a TIFF or BigTIFF."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def largest_image(data: bytes) -> Choice:
    """The largest image of a TIFF file that can be shown. Raises TiffError when there is none but raw data."""
    images = list(_images(data))
    shown = [
        i for i in images if i.photometric not in _SENSOR and i.photometric != _MASK and i.compression in _READABLE
    ]
    sensor = max((i for i in images if i.photometric in _SENSOR), key=lambda i: i.pixels, default=None)
    best = max(shown, key=lambda i: i.pixels, default=None)
    develop = "develop it in a raw converter and save it as JPEG or TIFF"
    if best is None:
        if sensor is not None:
            raise TiffError(f"holds raw data of a sensor alone ({sensor.shown}); {develop}")
        raise TiffError("holds no image in a form that can be read; save it as an ordinary TIFF or JPEG")
    note = None
    if sensor is not None:
        longest = max(best.width, best.height)
        if longest < _LEAST_PREVIEW and 2 * longest < max(sensor.width, sensor.height):
            only = f"holds raw data of a sensor ({sensor.shown}) and beside it only a thumbnail ({best.shown})"
            raise TiffError(f"{only}; {develop}")
        note = f"is a raw file of {sensor.shown}, which is not developed here; its preview of {best.shown} was taken"
    elif len(shown) > 1:
        note = f"has {len(shown)} images, of which the largest was taken ({best.shown})"
    if best.jpeg is not None and (best.compression == _OLD_JPEG or sensor is not None):
        begin, length = best.jpeg
        return Choice(data[begin : begin + length], best.orientation or images[0].orientation, note)
    turned = 0 if best.orientation else images[0].orientation
    if best.offset == images[0].offset:
        return Choice(data, turned, note)
    # The same file with another directory as its first.
    order, big = _form(data)
    place, form = (8, "Q") if big else (4, "I")
    size = struct.calcsize(form)
    return Choice(data[:place] + struct.pack(order + form, best.offset) + data[place + size :], turned, note)


def _form(data: bytes) -> tuple[str, bool]:
    """struct's letter for the order of bytes, and whether it is a BigTIFF."""
    return ("<" if data[:1] == b"I" else ">"), b"+" in data[2:4]


def _images(data: bytes) -> Iterator[TiffImage]:
    """Every directory that describes an image: the chain, and what its directories name below them."""
    order, big = _form(data)
    try:
        (first,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    except struct.error:
        return
    todo, seen = [first], set[int]()
    while todo and len(seen) < _DIRECTORIES_MAX:
        offset = todo.pop(0)
        if offset in seen or not 8 <= offset < len(data):
            continue
        seen.add(offset)
        try:
            tags, following = _directory(data, offset, order, big)
        except struct.error:
            continue
        # What a directory names comes before its successor.
        todo = [*tags.get(_SUB, ()), *([following] if following else []), *todo]
        image = _image(data, offset, tags)
        if image is not None:
            yield image


def _image(data: bytes, offset: int, tags: dict[int, tuple[int, ...]]) -> TiffImage | None:
    one = lambda tag, other=0: (tags.get(tag) or (other,))[0]  # noqa: E731
    jpeg = None
    for begin, length in ((_JPEG, _JPEG_BYTES), (_STRIP, _STRIP_BYTES)):
        at, count = one(begin), one(length)
        single = len(tags.get(begin, ())) == 1 and 0 < count <= len(data) - at
        if jpeg is None and single and data[at : at + 3] == b"\xff\xd8\xff":
            jpeg = (at, count)
    if one(_WIDTH) <= 0 or one(_HEIGHT) <= 0:
        return None
    compression = one(_COMPRESSION, 1)
    if compression == _OLD_JPEG and jpeg is None:
        compression = -1  # In pieces, which nothing reads any more.
    return TiffImage(
        offset, one(_WIDTH), one(_HEIGHT), one(_ORIENTATION), compression, one(_PHOTOMETRIC), jpeg
    )  # fmt: skip


def _directory(data: bytes, offset: int, order: str, big: bool) -> tuple[dict[int, tuple[int, ...]], int]:
    """The wanted tags' values, and the offset of the next directory (0: none). Raises struct.error."""
    count_form, entry_size, link_form = ("Q", 20, "Q") if big else ("H", 12, "I")
    (count,) = struct.unpack_from(order + count_form, data, offset)
    at = offset + struct.calcsize(count_form)
    if count > _ENTRIES_MAX:
        raise struct.error("too many entries")
    tags: dict[int, tuple[int, ...]] = {}
    for k in range(count):
        entry = at + k * entry_size
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if tag not in _WANTED or kind not in _SIZES:
            continue
        (number,) = struct.unpack_from(order + link_form, data, entry + 4)
        letter = _SIZES[kind]
        place = entry + 4 + struct.calcsize(link_form)
        if number * struct.calcsize(letter) > struct.calcsize(link_form):
            (place,) = struct.unpack_from(order + link_form, data, place)
        taken = min(number, _VALUES_MAX)
        try:
            values = struct.unpack_from(f"{order}{taken}{letter}", data, place)
        except struct.error:
            continue
        tags[tag] = values if number <= _VALUES_MAX else (*values, 0)
    (following,) = struct.unpack_from(order + link_form, data, at + count * entry_size)
    return tags, following
