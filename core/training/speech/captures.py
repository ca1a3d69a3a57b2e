"""Captured takes: a folder of captures (docs/capture.md) next to sounds of the same names.

Only the columns that a take holds data in are learnt from it; those that are missing, or 0 all along, say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...capture.read import SUFFIXES, Capture, read_folder, read_open
from ...capture.resample import sampled
from ...capture.track import CurveTrack
from ...errors import DnpmError
from ...face_model.arkit import ARKIT_NAMES
from ...speech.audio import open_sound
from ...speech.formats import SUFFIXES as SOUNDS

_APART_S = 1.0


@dataclass(frozen=True)
class Take:
    """One capture: its name, its sound, its curves from 0 s, which of the 52 columns carry data (52,) bool, and one
    line on how it was read."""

    name: str
    sound: Path
    track: CurveTrack
    carried: np.ndarray
    line: str


def read_takes(folder: Path, fps: float | None = None, scale: float | None = None) -> tuple[list[Take], list[str]]:
    """All pairs of a capture and a sound of the same name, sorted; and the reasons for skipping other files.

    fps, scale: for captures that leave them open. Raises DnpmError when there is no pair, or one cannot be used.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DnpmError(f"{folder}: no such folder of captures (CSV or JSON files beside sounds of the same names)")
    takes, skipped = [], []
    for path, capture in read_folder(folder, fps, scale, lambda path: _sound_of(path) is not None):
        sound = _sound_of(path)
        if isinstance(capture, str):
            skipped.append(f"skipped: {capture}")
        elif sound is not None:
            takes.append(take_of(path, capture, sound))
    if not takes:
        raise DnpmError(
            f"{folder}: holds no capture ({', '.join(SUFFIXES)}) with a sound ({', '.join(SOUNDS)}) of the same name"
        )
    return takes, skipped


def read_pair(curves: Path, sound: Path, fps: float | None = None, scale: float | None = None) -> Take:
    """One take by its two files. Raises DnpmError when it cannot be used."""
    return take_of(Path(curves), read_open(curves, fps, scale), Path(sound))


def read_take(curves: Path, sound: Path, seconds: float) -> Take:
    """One take whose sound is a part, of so many seconds, of a file. Raises DnpmError when it cannot be used."""
    capture = read_open(curves)
    return take_of_track(curves.stem, sound, _fitting(curves, capture.from_zero(), sound, seconds), capture.line())


def _sound_of(path: Path) -> Path | None:
    return next((path.with_suffix(suffix) for suffix in SOUNDS if path.with_suffix(suffix).is_file()), None)


def take_of(curves: Path, capture: Capture, sound: Path) -> Take:
    """One take. Raises DnpmError when the curves last longer than the sound by more than a second."""
    track = _fitting(curves, capture.from_zero(), sound, open_sound(sound).seconds)
    return take_of_track(curves.stem, sound, track, capture.line())


def _fitting(curves: Path, track: CurveTrack, sound: Path, seconds: float) -> CurveTrack:
    if track.times[-1] - seconds > _APART_S:
        raise DnpmError(
            f"{curves}: lasts {track.times[-1]:.1f} s, its sound {sound.name} {seconds:.1f} s: not one take"
        )
    return track


def take_of_track(name: str, sound: Path, track: CurveTrack, line: str) -> Take:
    """One take by its curves. Raises DnpmError when they hold nothing."""
    expression = np.clip(track.expression, 0, 1)
    carried = np.array([name not in track.missing for name in ARKIT_NAMES]) & (expression.max(0) > 1e-4)
    if not carried.any():
        raise DnpmError(f"{name}: all of its columns are 0")
    track = CurveTrack(track.times, expression, track.missing, track.rotations)
    return Take(name, sound, track, carried, line)


def resampled_curves(track: CurveTrack, times: np.ndarray) -> np.ndarray:
    """(T, 52) float32 at times (T,) seconds, the ends held; short blinks and lip closures keep their peaks."""
    return sampled(track.times, track.expression, times)
