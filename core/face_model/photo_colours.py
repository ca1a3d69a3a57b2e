"""A photo's colours in a preset: the detail layer as a JPEG, how much of it is shown, and the skin's usual colour.

    {"skin": [0.8, 0.6, 0.5], "picture": "<base64 JPEG>", "shown": "256 <base64 of deflated uint8>",
     "amount": 1.0}

picture: sRGB on the detail UV, row 0 the top, its side a power of 2 up to 1024; shown: 0 to 255, a coarser square, to
be enlarged by straight lines; skin: sRGB, what the rest of the head is tinted to; amount: how much of all that is
shown, 0 to 1, 1 where it is left out. An empty object is no photo. A face takes 80 to 250 kilobytes. JPEG keeps colours
to about 1 %: the picture is approximate, the maps beside it are not.
"""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from dataclasses import dataclass

import numpy as np

from ..files import json_file
from ..files.inputs import brief

MOST = 1024
"""Texels a side."""
_SHOWN, _MOST_SHOWN = 256, 1024
_QUALITIES = (90, 80, 65, 45, 25)
"""Of the JPEG: the first that is small enough; only a very noisy photo needs another than the first."""
_MOST_BYTES = 600_000
_KEYS = {"skin", "picture", "shown", "amount"}


@dataclass(frozen=True)
class PhotoColours:
    """skin (3,) sRGB; jpeg: an encoded picture; shown (n, n) uint8; amount 0 to 1."""

    skin: tuple[float, float, float]
    jpeg: bytes
    shown: np.ndarray
    amount: float = 1.0

    def as_json(self) -> dict[str, object]:
        """What `read` takes."""
        packed = base64.b64encode(zlib.compress(self.shown.tobytes(), 9)).decode("ascii")
        return {
            "skin": [round(float(c), 4) for c in self.skin],
            "picture": base64.b64encode(self.jpeg).decode("ascii"),
            "shown": f"{len(self.shown)} {packed}",
            "amount": round(float(self.amount), 4),
        }

    def alpha(self, side: int) -> np.ndarray:
        """(side, side) float32: how much of the picture is shown, 0 to 1."""
        own = len(self.shown)
        places = (np.arange(side) + 0.5) * own / side - 0.5
        rows = np.clip(places, 0, own - 1)
        low = np.minimum(rows.astype(int), max(own - 2, 0))
        share = (rows - low).astype(np.float32)
        values, high = self.shown.astype(np.float32) / 255, np.minimum(low + 1, own - 1)
        down = values[low] + share[:, None] * (values[high] - values[low])
        return down[:, low] + share * (down[:, high] - down[:, low])

    def picture(self) -> np.ndarray:
        """(R, R, 3) float32 sRGB, decoded by Pillow, which Blender's own Python may lack."""
        from PIL import Image

        with Image.open(io.BytesIO(self.jpeg)) as image:
            return np.asarray(image.convert("RGB"), np.float32) / 255


def encoded(colour: np.ndarray, alpha: np.ndarray, skin: np.ndarray) -> PhotoColours:
    """From (R, R, 3) sRGB and (R, R), 0 to 1, R a power of 2. Needs Pillow."""
    from PIL import Image

    side = len(colour)
    picture = Image.fromarray(np.round(255 * np.clip(colour, 0, 1)).astype(np.uint8))
    if side > MOST:
        picture = picture.resize((MOST, MOST), Image.Resampling.BOX)
    for quality in _QUALITIES:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, subsampling=0)
        if len(file.getvalue()) <= _MOST_BYTES:
            break
    block = max(1, side // _SHOWN)
    small = np.clip(alpha, 0, 1).reshape(side // block, block, side // block, block).mean((1, 3))
    red, green, blue = (float(c) for c in skin)
    return PhotoColours((red, green, blue), file.getvalue(), np.round(255 * small).astype(np.uint8))


def read(data: object) -> PhotoColours | None:
    """The inverse of `as_json`; None for an empty object. Raises ValueError with what is wrong."""
    if not isinstance(data, dict):
        raise ValueError(f"must be an object, is {brief(data)}")
    if not data:
        return None
    if not _KEYS - {"amount"} <= set(data) <= _KEYS:
        raise ValueError(f"must have {', '.join(sorted(_KEYS))}, and has {brief(', '.join(sorted(map(str, data))))}")
    skin, amount = data["skin"], data.get("amount", 1.0)
    if not isinstance(skin, list) or len(skin) != 3 or not all(json_file.is_number(c, 0.0, 1.0) for c in skin):
        raise ValueError(f"skin must be three numbers from 0 to 1, is {brief(skin)}")
    if not json_file.is_number(amount, 0.0, 1.0):
        raise ValueError(f"amount must be a number from 0 to 1, is {brief(amount)}")
    red, green, blue = (float(c) for c in skin)
    return PhotoColours((red, green, blue), _jpeg(data["picture"]), _shown(data["shown"]), float(amount))


def _jpeg(text: object) -> bytes:
    """Raises ValueError when it is no square JPEG of at most MOST texels a side."""
    if not isinstance(text, str) or len(text) > 4 * _MOST_BYTES // 3 + 4:
        raise ValueError(f"picture must be base64 text of at most {_MOST_BYTES} bytes")
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"picture is not base64 ({error})") from error
    width, height = _size_of(data)
    if width != height or not 1 <= width <= MOST:
        raise ValueError(f"picture must be a square of at most {MOST} pixels a side, is {width} x {height}")
    return data


def _size_of(data: bytes) -> tuple[int, int]:
    """Of a JPEG, by its frame header (ITU-T T.81, B.2.2). Raises ValueError when it is none."""
    place = 2
    while data[:2] == b"\xff\xd8" and place + 9 <= len(data) and data[place] == 0xFF:
        kind, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(data[place + k : place + k + 2], "big") for k in (5, 7))
            return width, height
        place += 2 + length
    raise ValueError("picture is not a JPEG")


def _shown(text: object) -> np.ndarray:
    try:
        side, packed = str(text).split(" ")
        size = int(side)
        if not 1 <= size <= _MOST_SHOWN:
            raise ValueError(f"its side must be 1 to {_MOST_SHOWN}")
        # What is more than a picture of that size is not unpacked.
        data = zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), size * size + 1)
        return np.frombuffer(data, np.uint8).reshape(size, size)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise ValueError(f"shown is not a square as text ({error})") from error
