"""Whether a person frowns, or has frown lines at rest, by what a photo shows above the brows' inner ends.

Frown lines begin between the brows, which hide them: there the network draws about the same on everybody. Where they
are real they run on upwards into skin that is seen. What is counted is the mean strength of dark lines that run up and
down there (`line_features.py`).
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from ...face_model.landmark_uv import landmark_uv
from ...face_model.model import FaceModel
from ...face_model.regions import region_masks
from ..line_features import DIRECTIONS, SIDE, WIDTHS_MM, line_kernel
from ..texture import uv_scale
from .skin_input import WINDOW, Seen

_UPRIGHT = (DIRECTIONS - 1, 0, 1)
_ASIDE_MM, _ABOVE_MM = 9.0, (3.0, 13.0)
"""Where frown lines run on, from the middle and above the brows' inner ends."""
_NONE, _SURE = 0.003, 0.0075
"""Strengths (logarithms of luminance) of lines up to which there is no frown, and from which on there is one."""
_LEAST, _UNKNOWN, _PART = 0.2, 0.6, 0.3
"""The factor without a frown; where nothing is seen; the share of the place that has to be seen."""


class FrownReader:
    """One face model's places."""

    def __init__(self, model: FaceModel) -> None:
        """Raises DnpmError when the model lacks landmarks."""
        places, mm = landmark_uv(model), uv_scale(model) / SIDE
        centre = (np.arange(SIDE) + 0.5) / SIDE
        u, v = np.meshgrid(centre, 1 - centre)
        aside, above = np.abs(u - 0.5) * mm * SIDE, (v - places[[21, 22], 1].mean()) * mm * SIDE
        self.here = ((aside < _ASIDE_MM) & (above > _ABOVE_MM[0]) & (above < _ABOVE_MM[1]))[WINDOW]
        self.between = region_masks(places, SIDE)["glabella"][WINDOW]

    def strength(self, seen: Seen) -> float:
        """_LEAST to 1: by what lines that the brows hide are to be multiplied."""
        weight = self.here * seen.trust
        if weight.sum() < _PART * self.here.sum():
            return _UNKNOWN
        return float(np.interp(self.energy(seen), (_NONE, _SURE), (_LEAST, 1.0)))

    def energy(self, seen: Seen) -> float:
        """Mean strength of upright dark lines."""
        whole = np.zeros((SIDE, SIDE), np.float32)
        whole[WINDOW] = seen.flat
        spectrum = fft.rfft2(whole)
        across, along = (size / seen.mm for size in WIDTHS_MM[0])
        answers = [
            fft.irfft2(spectrum * line_kernel(across, along, d * np.pi / DIRECTIONS), whole.shape) for d in _UPRIGHT
        ]
        weight = self.here * seen.trust
        return float((weight * np.maximum(np.max(answers, 0), 0)[WINDOW]).sum() / max(weight.sum(), 1e-6))
