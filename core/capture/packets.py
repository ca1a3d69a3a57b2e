"""One packet of a phone that sends its face over the network: Live Link Face and iFacialMocap.

Live Link Face (UDP 11111, big-endian; the writer is Unreal's AppleARKitLiveLinkSource): version (uint8, 6), the
device's id and the subject's name (int32 length, text each), the frame's time (int32 frame, float32 part of a frame,
int32 numerator and int32 denominator of the rate), the count of values (uint8, 61; 0 or missing while no face is
seen), the values as float32 in ARKIT_NAMES' order, then ROTATION_NAMES' in radians.

iFacialMocap (UDP 49983, https://www.ifacialmocap.com/for-developer/): text `name-value|...|=head#rx,ry,rz,x,y,z|
rightEye#rx,ry,rz|leftEye#...|`, values from 0 to 100, `&` in place of `-` in its second version; angles in degrees.
Which way they turn is not published: they are taken as Unity's, whose axes the program's own examples use (x right,
y up, z forward, left-handed), and can be flipped where a program's differ.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np

from ..errors import DnpmError
from .names import CHANNELS, channel_of
from .track import ROTATION_NAMES

LIVE_LINK_PORT, IFACIALMOCAP_PORT = 11111, 49983
START_IFACIALMOCAP = b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719|sendDataVersion=v2"
"""What iFacialMocap waits for at IFACIALMOCAP_PORT of the phone; it answers to the sender's same port."""
LARGEST = 8192
"""Bytes of a packet; one of either program has less than 2,500."""
_VERSION = 6
_LONGEST_TEXT = 256
_LARGEST_VALUE = 100.0
_FIRST_ANGLE = len(CHANNELS) - len(ROTATION_NAMES)


@dataclass(frozen=True)
class Packet:
    """subject: what the phone calls itself. time: seconds by its clock, or None where it sends none. values: (61,)
    float32 in the order of CHANNELS, NaN where nothing was sent; None while it sees no face."""

    subject: str
    time: float | None
    values: np.ndarray | None


def decode(data: bytes) -> Packet:
    """Raises DnpmError with one line on what is neither program's packet."""
    if not data or len(data) > LARGEST:
        raise DnpmError(f"a packet of {len(data)} bytes is of neither Live Link Face nor iFacialMocap")
    return _live_link(data) if data[0] == _VERSION else _ifacialmocap(data)


def _live_link(data: bytes) -> Packet:
    try:
        _, at = _text(data, 1)
        subject, at = _text(data, at)
        frame, part, numerator, denominator = struct.unpack_from(">ifii", data, at)
        at += 16
    except (struct.error, UnicodeDecodeError) as error:
        raise DnpmError(f"a packet of Live Link Face is cut short or damaged ({error})") from error
    if numerator <= 0 or denominator <= 0 or not 0 <= part < 2:
        raise DnpmError(f"a packet of Live Link Face has a frame rate of {numerator}/{denominator}")
    time = (frame + part) * denominator / numerator
    count = data[at] if at < len(data) else 0
    if count == 0:
        return Packet(subject, time, None)
    if count != len(CHANNELS) or len(data) < at + 1 + 4 * count:
        raise DnpmError(f"a packet of Live Link Face has {count} values in {len(data) - at - 1} bytes, not 61")
    values = np.frombuffer(data, ">f4", count, at + 1).astype(np.float32)
    return Packet(subject, time, _checked(values))


def _text(data: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">i", data, at)
    if not 0 <= length <= _LONGEST_TEXT or at + 4 + length > len(data):
        raise struct.error(f"a text of {length} bytes")
    return data[at + 4 : at + 4 + length].decode("utf-8").rstrip("\0"), at + 4 + length


def _ifacialmocap(data: bytes) -> Packet:
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise DnpmError("a packet is of neither Live Link Face nor iFacialMocap") from error
    values = np.full(len(CHANNELS), np.nan, np.float32)
    for part in text.split("|"):
        name, numbers = _named(part.strip().lstrip("="))
        angles = {"head": "head", "lefteye": "leftEye", "righteye": "rightEye"}.get(name.lower())
        if angles is not None and len(numbers) >= 3:
            pitch, yaw, roll = (math.radians(value) for value in numbers[:3])
            for kind, value in (("Yaw", -yaw), ("Pitch", pitch), ("Roll", -roll)):
                values[_FIRST_ANGLE + ROTATION_NAMES.index(angles + kind)] = value
        elif len(numbers) == 1:
            channel = channel_of(name)
            if channel is not None and channel[0] < _FIRST_ANGLE and not channel[1]:
                values[channel[0]] = numbers[0] / 100
    if np.isnan(values[:_FIRST_ANGLE]).all():
        raise DnpmError("a packet is of neither Live Link Face nor iFacialMocap: it has none of ARKit's names")
    return Packet("iFacialMocap", None, _checked(values))


def _named(part: str) -> tuple[str, list[float]]:
    """`name#1,2,3`, `name&1` or `name-1` -> its name and numbers; ("", []) for what is none."""
    for mark in ("#", "&", "-"):
        name, found, rest = part.partition(mark)
        if found and name:
            try:
                return name, [float(value) for value in rest.split(",")]
            except ValueError:
                return "", []
    return "", []


def _checked(values: np.ndarray) -> np.ndarray:
    sent = values[~np.isnan(values)]
    if len(sent) == 0 or not np.isfinite(values[~np.isnan(values)]).all() or np.abs(sent).max() > _LARGEST_VALUE:
        raise DnpmError("a packet holds values that are no expression's or angle's")
    return values
