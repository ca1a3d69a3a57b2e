"""Captured takes: a folder of Live Link Face CSV files (or any by ARKit's names) beside sounds of the same names.

Only the columns that a take holds data in are learnt from it; those that are missing, or 0 all along, say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...capture.read import read_track
from ...capture.track import Track
from ...errors import DnpmError
from ...face_model.arkit import ARKIT_NAMES
from ...speech.audio import open_sound

SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
_APART_S = 1.0


@dataclass(frozen=True)
class Take:
    """One capture: its name, its sound, its curves from 0 s, and which of the 52 columns carry data (52,) bool."""

    name: str
    sound: Path
    track: Track
    carried: np.ndarray


def read_takes(folder: Path) -> list[Take]:
    """Every pair of a CSV and a sound of the same name, sorted. Raises DnpmError when there is none, or one is bad."""
    folder = Path(folder)
    if not folder.is_dir():
        raise DnpmError(f"{folder}: no such folder of captures (CSV files beside sounds of the same names)")
    takes = []
    for path in sorted(folder.glob("*.csv")):
        sound = next((path.with_suffix(suffix) for suffix in SOUNDS if path.with_suffix(suffix).is_file()), None)
        if sound is not None:
            takes.append(read_take(path, sound))
    if not takes:
        raise DnpmError(f"{folder}: holds no CSV file with a sound ({', '.join(SOUNDS)}) of the same name beside it")
    return takes


def read_take(curves: Path, sound: Path) -> Take:
    """One take. Raises DnpmError when the curves and the sound differ in length by more than a second."""
    track = read_track(curves)
    if track.clocked:
        track = Track(track.times - track.times[0], track.expression, track.missing, track.rotations)
    seconds = open_sound(sound).seconds
    if abs(seconds - track.times[-1]) > _APART_S and track.times[-1] > seconds:
        raise DnpmError(
            f"{curves}: lasts {track.times[-1]:.1f} s, its sound {sound.name} {seconds:.1f} s: not one take"
        )
    expression = np.clip(track.expression, 0, 1)
    carried = np.array([name not in track.missing for name in ARKIT_NAMES]) & (expression.max(0) > 1e-4)
    if not carried.any():
        raise DnpmError(f"{curves}: all of its columns are 0")
    return Take(curves.stem, sound, Track(track.times, expression, track.missing, track.rotations), carried)


def resampled_curves(track: Track, times: np.ndarray) -> np.ndarray:
    """(T, 52) float32 at times (T,) seconds, linear, the ends held."""
    return np.stack([np.interp(times, track.times, column) for column in track.expression.T], 1).astype(np.float32)
