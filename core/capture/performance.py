"""What a phone sends -> what a face does: the person's own neutral taken out, mirrored, smoothed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..face_model.arkit import ARKIT_NAMES, mirror_name
from .names import CHANNELS
from .track import ROTATION_NAMES, CurveTrack

N_EXP = len(ARKIT_NAMES)
_MIRRORED = [CHANNELS.index(mirror_name(name)) for name in ARKIT_NAMES] + [
    CHANNELS.index({"left": "right", "righ": "left"}.get(name[:4], name[:4]) + name[name.index("Eye") :])
    if "Eye" in name
    else CHANNELS.index(name)
    for name in ROTATION_NAMES
]
_TURNED = np.array([name.endswith(("Yaw", "Roll")) for name in CHANNELS])
"""Angles that turn the other way in a mirror."""
_HIGHEST_NEUTRAL = 0.8
"""A neutral nearer to 1 would leave a channel no room."""


def mirrored(values: np.ndarray) -> np.ndarray:
    """(..., 61) as in a mirror: sides exchanged, yaw and roll the other way."""
    out = values[..., _MIRRORED].copy()
    out[..., _TURNED] *= -1
    return out


def without_neutral(values: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """(..., 61) of which (61,) is the person's rest: rest becomes 0, a full expression stays 1; of angles the rest's
    are taken off (exact for small ones)."""
    out = values - neutral
    rest = np.clip(neutral[:N_EXP], 0.0, _HIGHEST_NEUTRAL)
    out[..., :N_EXP] = np.clip((values[..., :N_EXP] - rest) / (1 - rest), 0.0, 1.0)
    return out


@dataclass
class OneEuro:
    """The 1 EUR filter (Casiez, Roussel, Vogel 2012) on all channels: still where they rest, quick where they move.

    cutoff_hz: of what rests; 0 leaves everything as it is. speed: how much a unit a second raises it.
    """

    cutoff_hz: float
    speed: float = 6.0
    _DERIVATIVE_HZ = 4.0

    def __post_init__(self) -> None:
        self._time: float | None = None
        self._values = self._slope = np.zeros(len(CHANNELS), np.float32)

    def step(self, time: float, values: np.ndarray) -> np.ndarray:
        """The next (61,) at a time in seconds, later than the last."""
        if self.cutoff_hz <= 0 or self._time is None or time - self._time > 1.0:
            self._slope = np.zeros_like(values)
        elif time > self._time:
            dt = time - self._time
            slope = (values - self._values) / dt
            self._slope = self._slope + _share(self._DERIVATIVE_HZ, dt) * (slope - self._slope)
            values = self._values + _share(self.cutoff_hz + self.speed * np.abs(self._slope), dt) * (
                values - self._values
            )
        else:
            return self._values
        self._time, self._values = time, values
        return values


def _share(cutoff_hz: np.ndarray | float, dt: float) -> np.ndarray | float:
    """Of the new value, in a low-pass of first order."""
    r = 2 * np.pi * np.asarray(cutoff_hz) * dt
    return r / (r + 1)


class Clock:
    """Packets' times on one axis: the phone's clock where it sends one (a day's end passes unnoticed), else arrival.

    The first packet is at 0. A clock that jumps by more than two seconds against arrival is set anew, so that a phone
    that was put aside does not stretch the take.
    """

    def __init__(self) -> None:
        self._origin: tuple[float, float] | None = None
        self._last = -1.0

    def of(self, sent: float | None, arrived: float) -> float | None:
        """Seconds since the first packet; None for a packet that is not later than the one before (sent twice, or out
        of order)."""
        if self._origin is None:
            self._origin = (arrived if sent is None else sent, arrived)
        time = arrived - self._origin[1] if sent is None else sent - self._origin[0]
        if sent is not None and abs(time - (arrived - self._origin[1])) > 2.0:
            time = max(arrived - self._origin[1], self._last + 1e-3)
            self._origin = (sent - time, arrived - time)
        if time <= self._last:
            return None
        self._last = time
        return time


def take_of(times: list[float], rows: list[np.ndarray]) -> CurveTrack:
    """What was recorded as a track that starts at 0: (61,) a moment, NaN where a channel was not sent."""
    values = np.stack(rows)
    sent = ~np.isnan(values).all(0)
    values = np.nan_to_num(values)
    missing = tuple(name for name, has in zip(ARKIT_NAMES, sent, strict=False) if not has)
    moments = np.array(times, np.float64)
    rotations = values[:, N_EXP:].astype(np.float32) if sent[N_EXP:].any() else None
    return CurveTrack(moments - moments[0], values[:, :N_EXP].astype(np.float32), missing, rotations)
