"""What pix2pixHD reads of a photo where it corrects the sliders' own map: the skin without its light, how the light
falls, how sharp the photo is, and beside them that map and what it would look like in the photo's place.

The network then only has to say where the photo shows other lines than the map, which is linear in the heights to the
first order (`line_features.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..line_features import SIDE, halved, light_of, shown
from ..skin_view import SkinView

CHANNELS = 9
WINDOW = (slice(16, 240), slice(48, 208))
"""Rows and columns of SIDE texels beyond which no skin is trusted."""
_FADE = 8
"""Texels over which a correction ends at WINDOW's border."""
_LIGHT, _SLOPE, _HEIGHT_MM, _BLUR_MM = 0.1, 0.5, 0.1, 1.0
"""What counts as one: of the logarithm of luminance, of the light's slope, of heights, of blur."""


def window_ramp() -> np.ndarray:
    """(H, W) float32 of WINDOW: 0 at its border, 1 within."""
    sides = (np.arange(part.stop - part.start) for part in WINDOW)
    down, across = (np.minimum(np.minimum(n, n[::-1]) / _FADE, 1).astype(np.float32) for n in sides)
    return np.asarray(down[:, None] * across)


@dataclass(frozen=True)
class Seen:
    """A photo's view within WINDOW, all (H, W) float32 as `SkinView` has them, and mm a texel."""

    flat: np.ndarray
    trust: np.ndarray
    slope: tuple[np.ndarray, np.ndarray]
    blur_mm: float
    mm: float

    @classmethod
    def of(cls, view: SkinView) -> Seen:
        """A whole view's."""
        flat, trust, across, down = (
            halved(image)[WINDOW].astype(np.float32) for image in (view.flat, view.trust, *view.slope)
        )
        return cls(flat, np.clip(trust, 0, 1), (across, down), view.blur_mm, view.texel_mm * len(view.flat) / SIDE)

    def channels(self, known: np.ndarray) -> np.ndarray:
        """(CHANNELS, H, W) float32, with the sliders' map (H, W) mm."""
        light = light_of(known, self.slope, self.blur_mm, self.mm)
        rows, columns = (np.linspace(-1, 1, SIDE, dtype=np.float32)[part] for part in WINDOW)
        return np.stack([
            self.flat / _LIGHT, 2 * self.trust - 1, self.slope[0] / _SLOPE, self.slope[1] / _SLOPE,
            np.full_like(self.trust, np.log(self.blur_mm / _BLUR_MM)), known / _HEIGHT_MM,
            shown(light, self.trust, self.mm) / _LIGHT, np.broadcast_to(columns, self.trust.shape),
            np.broadcast_to(rows[:, None], self.trust.shape),
        ]).astype(np.float32)  # fmt: skip
