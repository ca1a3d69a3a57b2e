"""Voices that speak a text and say when each phone sounds: flite, festival, espeak-ng and Kokoro, where installed.

The first three are free programs of the system (Debian: flite; festival with festvox-kallpc16k, festvox-us-slt-hts;
libespeak-ng1), Kokoro is a network in a few packages (`kokoro.py`).
None is part of this project: the synthetic set is made with whatever there is, and `missing` names the rest.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ... import processes, programs
from ...errors import DnpmError
from ...speech.audio import load, resampled
from . import espeak, kokoro
from .phones import Spoken, from_ipa, from_radio, joined

_LIMIT_S = 60.0
FLITE_VOICES = ("slt", "rms", "awb", "kal16")
FESTIVAL_VOICES = ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts")
ESPEAK_VOICES = ("en-us", "en-us+f2", "en-us+f4", "en-us+m3", "en-us+m7", "en", "en+f3", "en-gb-scotland+m1")
ESPEAK_LATE_S = 0.017
"""espeak-ng's events come so much after the sound that they name (measured against alignments)."""
_FESTIVAL = """\
(define (dump utt path)
  (let ((file (fopen path "w")))
    (mapcar (lambda (s) (format file "%f %s\\n" (item.feat s "end") (item.name s)))
            (utt.relation.items utt 'Segment))
    (fclose file)))
(voice_{voice})
(Parameter.set 'Duration_Stretch {stretch})
(set! spoken (utt.synth (eval (list 'Utterance 'Text "{text}"))))
(utt.save.wave spoken "{wave}" 'riff)
(dump spoken "{segments}")
"""


@dataclass(frozen=True)
class Utterance:
    """Sound at 16 kHz (n,) float32 and its phones."""

    samples: np.ndarray
    phones: list[Spoken]


@dataclass(frozen=True)
class Voice:
    """`say(text, rate)`; rate: 1 is the voice's own, more is faster."""

    name: str
    say: Callable[[str, float], Utterance]


def installed() -> dict[str, Voice]:
    """Name -> voice, of all that work here."""
    voices: list[Voice] = []
    if programs.find_program("flite"):
        voices += [Voice(f"flite-{name}", partial(_flite, name)) for name in FLITE_VOICES]
    if programs.find_program("festival"):
        voices += [Voice(f"festival-{v}", partial(_festival, v)) for v in FESTIVAL_VOICES if _has_festival(v)]
    if espeak.available():
        voices += [Voice(f"espeak-{name}", partial(_espeak, name)) for name in ESPEAK_VOICES if espeak.has(name)]
    if kokoro.available():
        voices += [Voice(f"kokoro-{name}", partial(_kokoro, name)) for name in kokoro.voices()]
    return {voice.name: voice for voice in voices}


def missing() -> list[str]:
    """What is not installed, each with the Debian package that brings it."""
    absent = []
    if not programs.find_program("flite"):
        absent.append("flite (package flite)")
    if not programs.find_program("festival"):
        absent.append("festival (packages festival, festvox-kallpc16k, festvox-us-slt-hts)")
    else:
        absent += [f"festival's voice {voice}" for voice in FESTIVAL_VOICES if not _has_festival(voice)]
    if not espeak.available():
        absent.append("espeak-ng (package libespeak-ng1)")
    if not kokoro.available():
        absent.append(f"Kokoro (espeak-ng, and by pip {kokoro.PACKAGES})")
    return absent


def choose(names: list[str] | None) -> list[Voice]:
    """The voices of those names; None: all. Raises DnpmError saying what there is and what is missing."""
    there = installed()
    absent = "; not installed: " + ", ".join(missing()) if missing() else ""
    if not there:
        raise DnpmError(f"no voice is installed{absent}")
    if unknown := [n for n in names or () if n not in there]:
        raise DnpmError(f"no voice {', '.join(unknown)}; there are {', '.join(there)}{absent}")
    return [there[name] for name in (names or there)]


def _flite(voice: str, text: str, rate: float) -> Utterance:
    with tempfile.TemporaryDirectory(prefix="dnpm-voice-") as folder:
        path = Path(folder) / "a.wav"
        command = [
            "flite",
            "-voice",
            voice,
            "-psdur",
            "--setf",
            f"duration_stretch={1 / rate:.4f}",
            "-t",
            text,
            "-o",
            str(path),
        ]
        printed = _run(command, folder, f"flite's voice {voice}")
        samples = load(path)
    phones, start = [], 0.0
    try:
        for entry in printed.split():
            name, end = entry.rsplit(":", 1)
            phones.append(Spoken(start, float(end), from_radio(name)))
            start = float(end)
    except (ValueError, KeyError) as error:
        raise DnpmError(f"flite's voice {voice} named phones in a way that is not known ({error})") from error
    return Utterance(samples, joined(phones))


def _festival(voice: str, text: str, rate: float) -> Utterance:
    with tempfile.TemporaryDirectory(prefix="dnpm-voice-") as folder:
        wave, segments, script = (Path(folder) / name for name in ("a.wav", "a.seg", "a.scm"))
        spoken = "".join(c for c in text if c not in '"\\')
        script.write_text(
            _FESTIVAL.format(voice=voice, text=spoken, wave=wave, segments=segments, stretch=f"{1 / rate:.4f}"),
            encoding="utf-8",
        )
        _run(["festival", "--batch", str(script)], folder, f"festival's voice {voice}")
        if not (wave.is_file() and segments.is_file()):
            raise DnpmError(f"festival's voice {voice} spoke nothing for {text!r}")
        samples, lines = load(wave), segments.read_text(encoding="utf-8").splitlines()
    phones, start = [], 0.0
    try:
        for line in lines:
            end, name = line.split()
            phones.append(Spoken(start, float(end), from_radio(name)))
            start = float(end)
    except (ValueError, KeyError) as error:
        raise DnpmError(f"festival's voice {voice} named phones in a way that is not known ({error})") from error
    return Utterance(samples, joined(phones))


def _has_festival(voice: str) -> bool:
    roots = (Path("/usr/share/festival/voices"), Path("/usr/local/share/festival/voices"))
    return any(next(root.glob(f"*/{voice}"), None) is not None for root in roots)


def _espeak(voice: str, text: str, rate: float) -> Utterance:
    raw, events, source = espeak.say(text, voice, rate)
    samples = np.concatenate(list(resampled(iter([raw]), source)))
    seconds = len(raw) / source
    phones = []
    for k, (start, symbol) in enumerate(events):
        end = events[k + 1][0] if k + 1 < len(events) else seconds
        try:
            name = from_ipa(symbol)
        except KeyError as error:
            raise DnpmError(f"espeak-ng's voice {voice} named a phone {symbol!r} that is not known") from error
        if name is not None:
            phones.append(Spoken(max(0.0, start - ESPEAK_LATE_S), max(0.0, end - ESPEAK_LATE_S), name))
    return Utterance(samples, joined(phones))


def _kokoro(voice: str, text: str, rate: float) -> Utterance:
    raw, phones = kokoro.say(text, voice, rate)
    return Utterance(np.concatenate(list(resampled(iter([raw]), kokoro.RATE))), joined(phones))


def _run(command: list[str], folder: str, what: str) -> str:
    """What the program printed, which stands in a folder of ours meanwhile."""
    program = programs.program(command[0], f"{what} needs it")
    try:
        done = processes.run([program, *command[1:]], _LIMIT_S, folder=folder)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DnpmError(f"{what} does not answer ({error})") from error
    said, wrong = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    if done.returncode:
        raise DnpmError(f"{what} failed ({(wrong or said).strip().splitlines()[-1:]})")
    return said
