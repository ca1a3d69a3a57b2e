"""A sound file to curves: encoder, decoder, controls, the scene's frame rate. Memory does not grow with the sound's
length but for the curves themselves (6 KB a second)."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..capture.track import CurveTrack
from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES
from . import contact, effort, emotions, readout, style, voice_emotion
from .acting import act
from .audio import RATE, Samples, Sound, survey
from .card import speech_dir, withdrawn
from .controls import SPEAKING, Controls, apply, gate, tongue_tip
from .decoder import SpeechDecoder
from .encoders import SpeechEncoder, open_encoder
from .encoders.windows import at_rate
from .prosody import Prosody, ProsodyMeter, at, hissing
from .readout import LipsListener, Readout, TongueListener
from .silence import ABSOLUTE_DB
from .speaking import speak
from .weights import load_readout, load_speech

_BLOCK_S = 4.0
_TONGUE, _JAW = ARKIT_NAMES.index("tongueOut"), ARKIT_NAMES.index("jawOpen")
_SURVEY_SHARE = 0.05
"""Of all the work, the first pass over the sound."""


@dataclass(frozen=True)
class Animator:
    """Encoder and decoder that belong together."""

    encoder: SpeechEncoder
    decoder: SpeechDecoder
    name: str
    readout: Readout | None = None
    """Tells speech from other sounds, and where the tongue is; None: all that is not silent is speech."""
    motion_gain: Mapping[str, float] = field(default_factory=dict)
    """By style: what mouth and jaw are multiplied with, so that they move as fast as in the data (`weights.py`)."""
    withdrawn: Mapping[str, str] = field(default_factory=dict)
    """Styles that are no longer offered, with the reason."""
    style_folders: tuple[Path, ...] = ()
    """Where learnt styles are looked for (`style.py`)."""

    def __post_init__(self) -> None:
        config = self.decoder.config
        if (self.encoder.kind, self.encoder.width) != (config.encoder, config.feature_width):
            raise DnpmError(
                f"speech weights {self.name!r} were trained with {config.encoder} ({config.feature_width} numbers); "
                f"the encoder is {self.encoder.kind} ({self.encoder.width})"
            )

    def voice(self, speaker: str | None) -> tuple[int, style.Style | None]:
        """The decoder's style of that name, or the first with a learnt style upon it: its name, or its card's path.

        Raises DnpmError when there is none, or it was learnt from other features.
        """
        config = self.decoder.config
        if speaker is None or speaker in config.speakers:
            return config.speaker(speaker), None
        path = style.find(speaker, self.style_folders)
        if path is None:
            learnt = ", ".join(style.listed(self.style_folders)) or "none is learnt"
            known = ", ".join(config.speakers)
            raise DnpmError(f"speaker {speaker!r} is not one of the weights': {known}; nor a style of yours: {learnt}")
        found, _ = style.load(path)
        style.check_encoder(found, config.encoder, config.feature_width, config.rate)
        return 0, found


@dataclass(frozen=True)
class Animation:
    """Curves, and what was heard of the sound beside its words."""

    track: CurveTrack
    prosody: Prosody
    notes: tuple[str, ...] = ()
    """What had to be done to the sound, and what is missing of it: clauses about the file, for a person."""

    @property
    def level(self) -> np.ndarray:
        """The sound's levels (100 a second, dB) that the silence was told by."""
        return self.prosody.level


def open_animator(
    weights: str | os.PathLike[str] | None = None, encoder: str | os.PathLike[str] | None = None, device: str = "cpu"
) -> Animator:
    """The weights of a folder (default: the shipped ones) with their encoder. Raises DnpmError when one is missing.

    encoder: another file of Whisper's encoder, or a folder of wav2vec 2.0, as the weights want it.
    """
    folder = speech_dir(weights)
    decoder, card = load_speech(folder, device)
    known = {str(k): float(v) for k, v in card.get("liveliness", {}).items()}
    opened = open_encoder(decoder.config.encoder, encoder, device)
    places = tuple(style.folders(weights))
    return Animator(opened, decoder, str(card["name"]), load_readout(folder), known, withdrawn(card), places)


def animate(
    sound: Sound | Samples, animator: Animator, *, fps: float | None = None, speaker: str | None = None,
    controls: Controls | None = None, first: float = 0.0, progress: Callable[[float], None] | None = None,
) -> Animation:  # fmt: skip
    """Curves of a sound in one go; arguments and errors as `steps`. progress: told the share, may raise to stop."""
    work = steps(sound, animator, fps=fps, speaker=speaker, controls=controls, first=first)
    while True:
        try:
            share = next(work)
        except StopIteration as end:
            return end.value
        if progress is not None:
            progress(share)


def steps(
    sound: Sound | Samples, animator: Animator, *, fps: float | None = None, speaker: str | None = None,
    controls: Controls | None = None, first: float = 0.0,
) -> Generator[float, None, Animation]:  # fmt: skip
    """Curves of a sound, frame k at `first` + k / fps seconds, the last at or after its end; in steps of at most some
    seconds of sound. Yields the share done (0 to 1, rising), returns the Animation.

    fps: any, also 23.976 (default: the decoder's own); first: seconds, for a sound that begins between two frames.
    The same file, settings and seed give the same curves. Raises DnpmError as the sound's `survey`.
    """
    controls = controls or Controls()
    config = animator.decoder.config
    if fps is not None and not 1 <= fps <= 1000:
        raise DnpmError(f"{fps:g} frames a second: give 1 to 1000")
    place, learnt = animator.voice(speaker)
    looking = survey(sound)
    while True:
        try:
            share = next(looking)
        except StopIteration as end:
            facts = end.value
            break
        yield share * _SURVEY_SHARE
    meter, samples = ProsodyMeter(), 0

    def heard() -> Iterator[np.ndarray]:
        nonlocal samples
        for block in sound.blocks(_BLOCK_S, facts):
            meter.add(block)
            samples += len(block)
            yield block

    read: list[np.ndarray] = []
    given: list[np.ndarray] = []

    layers = (None, None) if animator.readout is None else (animator.readout.tongue, animator.readout.lips)
    tongue = None if layers[0] is None else TongueListener(layers[0])
    lips_heard = None if layers[1] is None else LipsListener(layers[1])

    def encoded() -> Iterator[np.ndarray]:
        for part in animator.encoder.stream(heard()):
            for listener in (tongue, lips_heard):
                if listener is not None:
                    listener.add(part)
            yield part

    def frames() -> Iterator[np.ndarray]:
        for part in at_rate(encoded(), animator.encoder.rate, config.rate):
            if animator.readout is not None:
                read.append(animator.readout(part))
            if learnt is not None:
                given.append(learnt.of_features(part))
            yield part

    parts: list[np.ndarray] = []
    for part in speak(animator.decoder, frames(), place):
        parts.append(part)
        share = min(1.0, samples / RATE / facts.seconds)
        yield (_SURVEY_SHARE + (1 - _SURVEY_SHARE) * share) * 0.99
    motion = np.concatenate(parts)
    prosody, seconds = meter.measured(), samples / RATE
    heard_level = prosody.level
    times = np.arange(len(motion)) / config.rate
    said = np.concatenate(read)[: len(times)] if read else None
    if said is not None and tongue is not None:
        said[:, 1:3] = tongue.at(times[: len(said)], animator.encoder.rate)
        said = readout.sibilant(said, at(hissing(prosody.level, prosody.hiss), times[: len(said)]))
    if said is not None and controls.gate:
        speaks = readout.speaking(said[:, 0], times, len(prosody.level))
        prosody = replace(prosody, level=readout.without_speech(prosody.level, speaks))
    level = prosody.level
    motion[:, SPEAKING] *= animator.motion_gain.get(config.speakers[place], 1.0)
    # Where lips meet, the decoder says also in a learnt style; and the sound, of languages that it does not know.
    meet, teeth = contact.meant(motion)
    if said is not None:
        heard_lips = readout.lips(said) if lips_heard is None else lips_heard.at(times, animator.encoder.rate)
        meet = np.maximum(meet, heard_lips * (1 - teeth))
        at_teeth, apart = readout.teeth(said)
        meet, teeth = meet * (1 - apart), np.maximum(teeth, at_teeth)
    meant = meet, teeth
    if learnt is not None:
        motion = learnt.spoken(np.concatenate(given)[: len(motion)], motion)
    if controls.face_life > 0:
        raised = at(effort.effort(prosody).astype(np.float32), times)
        motion = effort.raised(motion, min(2 * controls.face_life, 1.0) * raised)
    ridge = np.zeros(len(times))
    if said is not None and controls.tongue:
        out, ridge = readout.tongue(said, motion[:, _JAW])
        motion[:, _TONGUE] = np.maximum(motion[:, _TONGUE], out)
    curves = apply(motion, times, level, controls, meant)
    speech = gate(level, times)
    lips = meet * speech if controls.contact else np.zeros(len(times))
    ridge = tongue_tip(ridge, times, speech, controls)
    target = config.rate if fps is None else fps
    wanted = first + np.arange(max(0, int(np.ceil((seconds - first) * target - 1e-6))) + 1) / target
    curves = at_frames(times, curves, wanted)
    beside = at_frames(times, np.stack([lips, speech, ridge], 1).astype(np.float32), wanted)
    strengths = emotions.strengths_at(controls.emotions, wanted)
    feeling = strengths[:, :-1]
    if strengths[:, -1].any():
        feeling = np.minimum(feeling + strengths[:, -1:] * voice_emotion.felt(prosody, wanted), 1)
    curves, turns = act(curves, wanted, prosody, beside[:, 0], beside[:, 1], feeling, controls)
    up = None
    if said is not None and controls.tongue:
        up = readout.tip_up(beside[:, 2], curves[:, _TONGUE], curves[:, _JAW])
    track = CurveTrack(wanted, curves, (), turns, tip_up=up)
    yield 1.0
    notes = facts.notes
    if len(level) and heard_level.max() < ABSOLUTE_DB:
        notes = (*notes, f"is silent throughout (below {ABSOLUTE_DB:.0f} dB of full scale): the mouth stays at rest")
    elif len(level) and level.max() < ABSOLUTE_DB:
        notes = (*notes, "holds nothing that sounds like speech: the mouth stays at rest")
    if reason := animator.withdrawn.get(config.speakers[place]):
        notes = (*notes, f"is spoken in the style {config.speakers[place]!r}, which is no longer offered: {reason}")
    return Animation(track, prosody, notes)


def at_frames(times: np.ndarray, curves: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Curves (T, C) at evenly spaced times -> at `wanted` seconds: monotone cubics, no overshoot; the ends are held."""
    if len(times) < 2 or np.array_equal(times, wanted):
        return curves[np.minimum(np.arange(len(wanted)), len(curves) - 1)]
    from scipy.interpolate import PchipInterpolator

    inside = np.clip(wanted, times[0], times[-1])
    return PchipInterpolator(times, curves)(inside).astype(np.float32)
