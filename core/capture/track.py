"""A capture in memory: ARKit values over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROTATION_NAMES: tuple[str, ...] = (
    "headYaw", "headPitch", "headRoll", "leftEyeYaw", "leftEyePitch", "leftEyeRoll", "rightEyeYaw", "rightEyePitch",
    "rightEyeRoll",
)  # fmt: skip
"""Live Link Face's last nine columns, in radians."""
DAY_S = 24 * 3600.0


@dataclass(frozen=True)
class CurveTrack:
    """times (T,) float64 seconds, increasing; expression (T, 52) float32 in ARKit's order; missing: names that the file
    lacks, whose values are 0; rotations: (T, 9) float32 radians in the order of ROTATION_NAMES, or None.
    """

    times: np.ndarray
    expression: np.ndarray
    missing: tuple[str, ...] = ()
    rotations: np.ndarray | None = None
    clocked: bool = False
    """Times are a time of day (a `Timecode` column), not seconds from the start of the sound."""
    tip_up: np.ndarray | None = None
    """(T,) float32 of `TIP_UP`, which is none of ARKit's; None where nothing is known of it."""

    @property
    def rate(self) -> float:
        """Frames per second, from the median step."""
        return float(1.0 / np.median(np.diff(self.times)))
