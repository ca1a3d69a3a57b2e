"""The measures of `evaluate speech` over the clips of a speech set, for training and its card."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from ..capture.track import CurveTrack
from ..face_model.arkit import ARKIT_NAMES
from ..speech.controls import SPEAKING, Controls, apply
from ..speech.decoder import SpeechDecoder
from ..speech.silence import silent_for
from ..speech.speaking import speak
from ..training.speech.corpus import Clip
from . import speech_measures as measures
from .speech import KEYS, score
from .speech_measures import Phone

_STILL = 1e-5


def curves_of(decoder: SpeechDecoder, clip: Clip) -> np.ndarray:
    """(T, 52): what a bake would give for the clip, silence gate included."""
    config = decoder.config
    place = config.speaker(clip.entry.speaker) if clip.entry.speaker in config.speakers else 0
    motion = np.concatenate(list(speak(decoder, [clip.features], place)))
    return apply(motion, np.arange(len(motion)) / config.rate, clip.level, Controls())


def motion_gain(decoder: SpeechDecoder, clips: list[Clip]) -> dict[str, float]:
    """Style -> 1 over the speed ratio of its held-out clips, 0.8 to 1.25: an L1 fit moves less than what it learnt of,
    and this much stronger it moves as fast. A style whose clips are few or of another temper must not run away."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for clip in clips:
        ours, theirs = curves_of(decoder, clip), clip.motion
        count = min(len(ours), len(theirs))
        columns = [k for k in SPEAKING if clip.carried[k]]
        speeds = [float(np.abs(np.diff(x[:count, columns], axis=0)).mean()) for x in (ours, theirs)]
        if min(speeds) > _STILL:
            ratios[clip.entry.speaker].append(speeds[0] / speeds[1])
    return {name: round(float(np.clip(1 / np.mean(values), 0.8, 1.25)), 3) for name, values in sorted(ratios.items())}


def validate(decoder: SpeechDecoder, clips: list[Clip]) -> dict[str, float]:
    """Kind and measure ("capture jaw_r") -> its mean over the clips where it can be measured."""
    found: dict[str, list[float]] = defaultdict(list)
    for clip in clips:
        motion = curves_of(decoder, clip)
        times = np.arange(len(motion)) / decoder.config.rate
        missing = tuple(name for name, there in zip(ARKIT_NAMES, clip.carried, strict=True) if not there)
        reference = CurveTrack(times, clip.motion[: len(times)], missing)
        phones = [Phone(float(s), float(e), str(name)) for s, e, name in clip.entry.phones] or None
        result = score(CurveTrack(times, motion), reference, phones, silent_for(clip.level))
        for key in KEYS:
            if result[key] is not None:
                found[f"{clip.entry.kind} {key}"].append(result[key])
    return {name: round(float(np.mean(values)), 4) for name, values in sorted(found.items())}


def style_scores(made: list[np.ndarray], truths: list[np.ndarray], carried: np.ndarray) -> dict[str, float]:
    """Curves (T, 52) beside a performer's, frame by frame, take by take -> jaw_r, mouth_r and speed_ratio, the mean
    over the takes where they can be measured. carried: the columns that hold data (52,) bool."""
    found: dict[str, list[float]] = defaultdict(list)
    missing = tuple(name for name, there in zip(ARKIT_NAMES, carried, strict=True) if not there)
    for ours, theirs in zip(made, truths, strict=True):
        columns = measures.carried(CurveTrack(np.arange(len(theirs)) / measures.CLOCK, theirs, missing))
        for key, one in (
            ("jaw_r", measures.jaw(ours, theirs)), ("mouth_r", measures.mouth(ours, theirs, columns)),
            ("speed_ratio", measures.speed(ours, theirs, columns)),
        ):  # fmt: skip
            if one.value is not None:
                found[key].append(one.value)
    return {key: round(float(np.mean(values)), 4) for key, values in found.items()}
