"""Score a speaking face against a captured one: lips, jaw, timing, silence.

dnpm evaluate speech --audio a.wav --reference a.csv --phones a.json --json
dnpm evaluate speech --audio a.wav --reference a.csv --curves theirs.csv      anyone's curves instead of ours

Curves are captures of any kind that is read (docs/capture.md); both tracks and the sound begin together (timecodes
count from the first frame). Tracks are compared at 120 frames a second, linear between frames, where both have frames.
"Carried" are the jaw and mouth columns in which the reference holds data. The lips' opening is a weighted sum of the
columns (`core/speech/contact.py`), in units of jawOpen, never below 0.

jaw_r           Pearson correlation of jawOpen
mouth_r         the same, mean over the mouth columns that move in the reference; a column that stands still counts 0
mouth_mae       mean absolute error over the carried columns;  mouth_mae_zero: that of a face that never moves. An error
                near the latter says nothing: read it beside the others
closure_q10     share of bilabials (M, B, P) during which the opening comes down to the lowest tenth of its values in
                speech (all phones but pauses)
vowel_kinds     share of vowels whose kind (open, spread, round) the nearest centroid tells from the mouth's shape at
                their middle, each left out of its own centroid, mean over the kinds; a third is chance. A jaw that
                follows loudness stays near that
contrast_sd     mean over vowels of the widest opening less mean over bilabials of the narrowest, in standard deviations
                of the opening in speech;  contrast_mean_sd takes means over whole phones instead
lag_frames_30   by how many frames of 1/30 s the opening comes after the reference's (largest correlation, 0.5 s around)
speed_ratio     mean absolute speed of the carried columns over the reference's
silence_rms     root mean square of the jaw and mouth columns where the sound has been silent for 0.3 s;
                silence_rms_rest leaves out the last tenth of a second before sound, in which a mouth opens

What cannot be measured is null, and `reasons` says why.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from ..capture import options
from ..capture.read import Capture, read_open
from ..capture.track import CurveTrack
from ..errors import DnpmError
from ..files import json_file
from ..files.inputs import brief
from ..speech import silence
from ..speech.audio import open_sound, surveyed
from ..speech.formats import READ
from . import speech_measures as measures
from .speech_measures import Measured, Phone

PURPOSE = "curves from speech against a captured track: lips, jaw, timing, silence"
KEYS = (
    "jaw_r", "mouth_r", "mouth_mae", "mouth_mae_zero", "closure_q10", "vowel_kinds", "contrast_sd", "lag_frames_30",
    "speed_ratio", "silence_rms",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sound, reference, phones."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--audio", type=Path, required=True, metavar="FILE", help=f"the sound: {READ}")
    parser.add_argument("--reference", type=Path, metavar="FILE", help="captured curves of the same sound")
    parser.add_argument("--phones", type=Path, metavar="JSON", help="[[start s, end s, ARPAbet phone, word], ...]")
    parser.add_argument("--curves", type=Path, metavar="FILE", help="score these curves instead of ours")
    options.add_arguments(parser)
    parser.add_argument("--speaker", help="speaking style of our curves (default: the weights' first)")


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """The figures (the keys of KEYS), with `reasons` and figures beside them."""
    sound = open_sound(args.audio)
    phones = read_phones(args.phones) if args.phones else None
    given: list[Capture] = [read_open(path, args.fps, args.scale) for path in (args.reference, args.curves) if path]
    reference = given[0].from_zero() if args.reference else None
    if args.curves:
        ours, source = given[-1].from_zero(), str(args.curves)
    else:
        from ..speech.animate import animate, open_animator

        animator = open_animator(args.weights)
        ours, source = animate(sound, animator, speaker=args.speaker).track, animator.name
    facts = surveyed(sound)
    result = score(ours, reference, phones, silence.silent_for(silence.levels(sound.blocks(facts=facts))))
    read = [*(capture.line() for capture in given), *(f"{args.audio}: {note}" for note in facts.notes)]
    return result | {"curves": source, "audio": str(args.audio), "seconds": round(facts.seconds, 3), "read": read}


def score(
    ours: CurveTrack, reference: CurveTrack | None, phones: list[Phone] | None, lasted: np.ndarray
) -> dict[str, Any]:
    """The figures of one track. lasted: seconds that silence has lasted, 100 a second (`silence.silent_for`)."""
    found: dict[str, Measured] = {}
    if reference is None:
        found |= dict.fromkeys(
            ("jaw_r", "mouth_r", "mouth_mae", "mouth_mae_zero", "lag_frames_30", "speed_ratio"),
            Measured(None, "no reference was given"),
        )
    else:
        times, a, b = measures.common(ours, reference)
        if not len(times):
            spans = [f"{t.times[0]:.2f} to {t.times[-1]:.2f} s" for t in (ours, reference)]
            raise DnpmError(
                f"the curves ({spans[0]}) and the reference ({spans[1]}) have less than half a second in common; give "
                "curves of the same take"
            )
        columns = measures.carried(reference)
        found["jaw_r"], found["mouth_r"] = measures.jaw(a, b), measures.mouth(a, b, columns)
        found["mouth_mae"], found["mouth_mae_zero"] = measures.errors(a, b, columns)
        found["lag_frames_30"], found["speed_ratio"] = measures.lag(a, b), measures.speed(a, b, columns)
    if phones is None:
        none = Measured(None, "no phones were given")
        found["closure_q10"] = found["contrast_sd"] = found["vowel_kinds"] = none
    else:
        found["closure_q10"], found["contrast_sd"] = measures.closure_and_contrast(ours, phones)
        found["vowel_kinds"] = measures.vowels(ours, phones)
    found["silence_rms"] = measures.silence(ours, lasted)
    result: dict[str, Any] = {key: _rounded(found[key].value) for key in KEYS}
    result["reasons"] = {key: found[key].reason for key in KEYS if found[key].value is None}
    for key in KEYS:
        result |= {name: _rounded(value) for name, value in found[key].more.items()}
    return result


def read_phones(path: Path) -> list[Phone]:
    """A JSON list of [start s, end s, phone, word]; stress digits are dropped. Raises DnpmError naming the entry."""
    entries = json_file.read(path)
    if not isinstance(entries, list) or not entries:
        raise DnpmError(f"{path}: must hold a list of [start s, end s, ARPAbet phone, word]")
    phones = []
    for i, entry in enumerate(entries):
        try:
            start, end, name, *rest = entry
            phone = Phone(
                float(start), float(end), str(name).strip().upper().rstrip("012"), str(rest[0]) if rest else ""
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise DnpmError(f"{path}, entry {i}: {brief(entry)} is not [start s, end s, phone, word]") from error
        if not (np.isfinite([phone.start, phone.end]).all() and 0 <= phone.start <= phone.end):
            raise DnpmError(f"{path}, entry {i}: {brief(entry)} ends before it begins, or has no times")
        phones.append(phone)
    return sorted(phones, key=lambda phone: phone.start)


def table(result: dict[str, Any]) -> str:
    """For reading, with the issue's targets."""
    targets = {
        "jaw_r": ">= .55", "closure_q10": ">= .85", "vowel_kinds": "chance .33", "lag_frames_30": "-1 to 1",
        "speed_ratio": ".8 to 1.2", "silence_rms": "< .02",
    }  # fmt: skip
    lines = [f"{result.get('curves', '')} on {result.get('audio', '')} ({result.get('seconds', 0):.1f} s)"]
    lines += [*result.get("read", []), ""]
    for key in KEYS:
        value = "-" if result[key] is None else f"{result[key]:.4f}"
        lines.append(f"{key:<16}{value:>9}   {result['reasons'].get(key) or targets.get(key, '')}")
    return "\n".join(lines)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
