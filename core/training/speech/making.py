"""`dnpm data speech`: sentences spoken by every voice and animated by the teacher, captures, and altered copies."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import logs
from ...errors import DnpmError
from ...speech import silence
from ...speech.audio import RATE, load
from ...speech.controls import SPEAKING, gate
from ...speech.encoders import SpeechEncoder
from . import coarticulation
from .augment import altered
from .captures import Take, read_takes, resampled_curves
from .coarticulation import Manner, animate_phones
from .corpus import Entry, Maker
from .phones import Spoken
from .sentences import sentence
from .voices import Voice, choose

log = logs.logger(__name__)

TAUGHT = "synthetic"
"""Speaker of what the teacher animates."""
PIECE_S = 20.0
"""Captures are cut into clips of this length."""
_SAVE_EVERY = 25


@dataclass(frozen=True)
class Recipe:
    """What a set holds. hold_out: names of voices and takes that are for validation alone."""

    sentences: int = 600
    voices: tuple[str, ...] | None = None
    copies: int = 1
    captures: Path | None = None
    capture_copies: int = 3
    hold_out: tuple[str, ...] = ()
    rate: float = 30.0
    seed: int = 0
    capture_fps: float | None = None
    capture_scale: float | None = None


def make(recipe: Recipe, folder: Path, encoder: SpeechEncoder) -> int:
    """Make what is missing of the set; return the count of clips. Raises DnpmError without voices and captures."""
    takes: list[Take] = []
    if recipe.captures:
        takes, skipped = read_takes(recipe.captures, recipe.capture_fps, recipe.capture_scale)
        for line in skipped:
            log.warning("%s", line)
        for take in takes:
            log.info("%s", take.line)
    voices = choose(list(recipe.voices) if recipe.voices else None) if recipe.sentences else []
    known = {voice.name for voice in voices} | {take.name for take in takes}
    if unknown := [name for name in recipe.hold_out if name not in known]:
        raise DnpmError(f"--hold-out {', '.join(unknown)}: no such voice or take; there are {', '.join(sorted(known))}")
    if not known:
        raise DnpmError("nothing to make: neither --sentences nor --captures was given")
    note = {
        "teacher": _fingerprint(), "seed": recipe.seed, "sentences": recipe.sentences, "copies": recipe.copies,
        "capture_copies": recipe.capture_copies, "voices": [v.name for v in voices], "takes": [t.name for t in takes],
        "hold_out": sorted(recipe.hold_out),
    }  # fmt: skip
    given = {"capture_fps": recipe.capture_fps, "capture_scale": recipe.capture_scale}
    note |= {name: value for name, value in given.items() if value is not None}
    maker = Maker(folder, encoder, recipe.rate, note)
    total = len(voices) and recipe.sentences * (1 + recipe.copies)
    total += sum(-(-int(t.track.times[-1] + 1) // int(PIECE_S)) for t in takes) * (1 + recipe.capture_copies)
    started = time.monotonic()
    try:
        for made, step in enumerate(_steps(recipe, maker, voices, takes), 1):
            if made % _SAVE_EVERY == 0:
                maker.save()
                pace = (time.monotonic() - started) / made
                left = max(0, total - len(maker.entries)) * pace / 60
                log.info("speech set: %d/%d, %s, %.0f min left", len(maker.entries), total, step, left)
    finally:
        maker.save()  # Also when it is stopped: the next run goes on from there.
    return len(maker.entries)


def _steps(recipe: Recipe, maker: Maker, voices: list[Voice], takes: list[Take]) -> Iterator[str]:
    for number in range(recipe.sentences if voices else 0):
        voice = voices[number % len(voices)]
        split = "validation" if voice.name in recipe.hold_out else "train"
        names = [f"{voice.name}_{number:05d}"]
        names += [f"{names[0]}_c{k}" for k in range(recipe.copies if split == "train" else 0)]
        if all(maker.has(name) for name in names):
            continue
        rng = np.random.default_rng([recipe.seed, number, 3])
        spoken = voice.say(sentence(recipe.seed, number), float(rng.uniform(0.8, 1.25)))
        samples, phones = _padded(spoken.samples, spoken.phones, rng)
        level = silence.levels([samples])
        times = np.arange(0, len(samples) / RATE + 1, 1 / recipe.rate)
        motion = animate_phones(phones, times, Manner.drawn(rng), level)
        carried = np.ones(motion.shape[1], bool)
        listed = [[round(p.start, 4), round(p.end, 4), p.name] for p in phones]
        for k, name in enumerate(names):
            if not maker.has(name):
                entry = Entry(name, TAUGHT, split, len(samples) / RATE, "synthetic" if k == 0 else "copy", listed)
                _put(maker, entry, samples, motion, carried, None if k == 0 else rng)
                yield name
    for take in takes:
        yield from _take_steps(recipe, maker, take)


def _take_steps(recipe: Recipe, maker: Maker, take: Take) -> Iterator[str]:
    split = "validation" if take.name in recipe.hold_out else "train"
    samples = load(take.sound)
    whole = -(-min(len(samples), int((take.track.times[-1] + 1 / recipe.rate) * RATE)) // int(PIECE_S * RATE))
    for piece in range(whole):
        begin = piece * PIECE_S
        part = samples[round(begin * RATE) : round((begin + PIECE_S) * RATE)]
        if len(part) < RATE:
            continue
        times = begin + np.arange(0, len(part) / RATE + 1, 1 / recipe.rate)
        motion = resampled_curves(take.track, times)
        for k in range(1 + (recipe.capture_copies if split == "train" else 0)):
            name = f"{take.name}_{piece:03d}" + (f"_c{k - 1}" if k else "")
            if not maker.has(name):
                rng = np.random.default_rng([recipe.seed, zlib.crc32(name.encode()), 5])
                entry = Entry(name, "capture", split, len(part) / RATE, "copy" if k else "capture")
                _put(maker, entry, part, motion, take.carried, rng if k else None)
                yield name


def _put(
    maker: Maker, entry: Entry, samples: np.ndarray, motion: np.ndarray, carried: np.ndarray,
    rng: np.random.Generator | None,
) -> None:  # fmt: skip
    """The clip as it is, or (with rng) an altered copy: paced alike, still where it was muted."""
    if rng is None:
        maker.add(entry, samples, motion, carried)
        return
    copy = altered(samples, rng)
    count = max(2, round(len(copy.samples) / RATE * maker.rate) + 1)
    places = np.clip(np.arange(count) * copy.pace, 0, len(motion) - 1)
    low = places.astype(int)
    high, share = np.minimum(low + 1, len(motion) - 1), (places - low)[:, None]
    paced = motion[low] * (1 - share) + motion[high] * share
    if copy.muted:
        # What cannot be heard cannot be spoken: the same gate closes the mouth that closes it in use.
        quiet = _quiet_around(copy.muted, silence.silent(silence.levels([samples])), copy.pace)
        paced[:, SPEAKING] *= gate(np.where(quiet, -120.0, 0.0), np.arange(count) / maker.rate)[:, None]
    phones = [[round(s / copy.pace, 4), round(e / copy.pace, 4), name] for s, e, name in entry.phones]
    seconds = len(copy.samples) / RATE
    maker.add(
        Entry(entry.name, entry.speaker, entry.split, seconds, entry.kind, phones), copy.samples,
        paced.astype(np.float32), carried,
    )  # fmt: skip


def _quiet_around(muted: tuple[tuple[float, float], ...], silent: np.ndarray, pace: float) -> np.ndarray:
    """(n,) bool, 100 a second: the muted stretches, with the pauses of the sound that they run into.

    silent: the sound's own, 100 a second before it was paced.
    """
    places = np.minimum((np.arange(int(len(silent) / pace)) * pace).astype(int), len(silent) - 1)
    quiet, asked = silent[places], np.zeros(len(places), bool)
    for begin, end in muted:
        asked[round(begin * 100) : round(end * 100)] = True
    runs = np.cumsum(np.diff(quiet | asked, prepend=False))  # Odd numbers are quiet runs.
    touched = np.unique(runs[asked])
    return np.isin(runs, touched) & (quiet | asked)


def _padded(samples: np.ndarray, phones: list[Spoken], rng: np.random.Generator) -> tuple[np.ndarray, list[Spoken]]:
    """Silence before and after, of any length up to a second and a half: the face must learn to rest."""
    before, after = (float(rng.uniform(0, 1.5)) ** 1.5 for _ in range(2))
    ahead, behind = (np.zeros(round(s * RATE), np.float32) for s in (before, after))
    moved = [Spoken(p.start + before, p.end + before, p.name) for p in phones]
    return np.concatenate([ahead, samples, behind]), moved


def _fingerprint() -> int:
    """Of the teacher's code: motion of another teacher must not be mixed in."""
    return zlib.crc32(Path(coarticulation.__file__).read_bytes())
