"""What a video became, and its files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..capture.read import Capture
from ..capture.track import CurveTrack
from ..capture.write import write_live_link, write_track
from ..files.writing import write_text

SURE, LOST = 0.5, 0.0
FORM = "video"


@dataclass(frozen=True)
class Performance:
    """One person's performance in a video.

    capture: the curves and how they came about (rotations: head and eyes, relative to the camera); confidence (T,), 0
    (lost) to 1; lost: (begin, end) seconds of spans without a face, which were bridged; identity (n_id,); pictures: how
    many the identity was solved on; rotation (T, 3, 3) and translation (T, 3) mm take the head into the camera's space
    (x right, y down, z away), focal in pixels of a picture of size (width, height); rest_s: moments whose mean was
    taken for the person's neutral, empty where nothing was taken out; sound_s: seconds after the first picture at which
    the sound begins, None without one."""

    capture: Capture
    confidence: np.ndarray
    lost: tuple[tuple[float, float], ...]
    identity: np.ndarray
    pictures: int
    rotation: np.ndarray
    translation: np.ndarray
    focal: float
    size: tuple[int, int]
    rest_s: tuple[float, ...]
    sound_s: float | None

    @property
    def track(self) -> CurveTrack:
        """The curves."""
        return self.capture.track

    def summary(self) -> dict[str, Any]:
        """What `dnpm capture --json` prints."""
        return self.capture.summary() | {
            "confidence": round(float(self.confidence.mean()), 4),
            "lost": [[round(begin, 3), round(end, 3)] for begin, end in self.lost],
            "identity": {
                "pictures": self.pictures,
                "length": round(float(np.sqrt(np.mean(np.square(self.identity)))), 4),
            },
        }

    def line(self) -> str:
        """One line of text."""
        lost = sum(end - begin for begin, end in self.lost)
        parts = [f"confidence {self.confidence.mean():.2f}", f"identity from {self.pictures} pictures"]
        if self.lost:
            parts.append(f"face lost {len(self.lost)} times, {lost:.2f} s, bridged")
        return self.capture.line() + "; " + "; ".join(parts)

    def write(self, folder: Path, stem: str) -> list[Path]:
        """STEM.csv (ours), STEM_live_link.csv, and STEM.json with confidence, lost spans, identity and camera. Raises
        DnpmError when one cannot be written."""
        ours, theirs, about = (folder / f"{stem}{end}" for end in (".csv", "_live_link.csv", "_video.json"))
        write_track(ours, self.track)
        write_live_link(theirs, self.track)
        described = self.summary() | {
            "confidence_per_frame": _rounded(self.confidence, 3), "identity_sliders": _rounded(self.identity, 4),
            "neutral_taken_at_s": [round(t, 3) for t in self.rest_s], "sound_begins_s": self.sound_s,
            "camera": {
                "focal_px": round(self.focal, 3), "size": list(self.size),
                "rotation": _rounded(self.rotation.reshape(-1, 9), 5), "translation_mm": _rounded(self.translation, 2),
            },
        }  # fmt: skip
        write_text(about, json.dumps(described) + "\n")
        return [ours, theirs, about]


def _rounded(values: np.ndarray, digits: int) -> list:
    rounded: list = np.round(np.asarray(values, float), digits).tolist()
    return rounded
