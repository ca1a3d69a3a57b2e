"""What a capture is in memory: ARKit's values at times."""

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
class Track:
    """times (T,) float64 seconds, rising; expression (T, 52) float32 in ARKit's order; missing: names without a
    column, which are 0; rotations: (T, 9) float32 radians in the order of ROTATION_NAMES, None where the file has none.
    """

    times: np.ndarray
    expression: np.ndarray
    missing: tuple[str, ...] = ()
    rotations: np.ndarray | None = None
    clocked: bool = False
    """Its times are a time of day (a `Timecode` column), not seconds from the sound's begin."""

    @property
    def rate(self) -> float:
        """Frames a second, from the median step."""
        return float(1.0 / np.median(np.diff(self.times)))
