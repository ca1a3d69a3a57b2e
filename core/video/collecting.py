"""A folder of videos to a set of sounds with curves, as FaceFormer's kind of training needs: `dnpm data video`.

Each video is read by `capturing.py`. What is kept are its good stretches: one face, well seen, whose lips move with the
sound. Each becomes NAME_K.csv (curves, `core/capture/write.py`) beside NAME_K.wav (16 kHz), the form that
`dnpm data speech --captures` reads.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ..capture.track import CurveTrack
from ..capture.write import write_track
from ..errors import DnpmError
from ..files.writing import write_bytes, write_text
from ..photo.landmarks.detect import placed_faces
from ..photo.landmarks.networks import LandmarkNetworks
from ..speech import silence
from ..speech.audio import RATE, load
from ..speech.contact import opening
from .capturing import Choices, Tools, steps
from .decoding import Video, open_video, sampled
from .formats import is_video
from .performance import Performance

REPORT = "report.json"
LEAST_CONFIDENCE, LEAST_S, LONGEST_PIECE_S = 0.6, 2.0, 20.0
LEAST_AGREEMENT = 0.15
"""Correlation of the lips' opening with the sound's level, each over a fifth of a second: below it, somebody else is
heard, or the sound does not belong to the picture."""
_FACES_AT, _SECOND_SIZE = 5, 0.4
"""Pictures that are searched for other faces; one smaller than this share of the largest counts as background."""
_WINDOW_S = 0.2
_LEVEL_HZ = 100.0


@dataclass
class Found:
    """One video of the set: what was kept of it, or why nothing was."""

    video: str
    seconds: float = 0.0
    kept: list[list[float]] = field(default_factory=list)
    """[begin, end] seconds of the pieces."""
    reason: str = ""
    confidence: float | None = None
    agreement: float | None = None
    lost: list[list[float]] = field(default_factory=list)


def collect(
    folder: Path, out: Path, tools: Tools, told: Callable[[str], None] | None = None
) -> Generator[float, None, list[Found]]:  # fmt: skip
    """Yields the share done. told: is given a line on each video. Videos that were finished before are not read again.

    Raises DnpmError when the folder is none or holds no video.
    """
    if not folder.is_dir():
        raise DnpmError(f"{folder}: no such folder of videos")
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.stat().st_size and is_video(path))
    if not paths:
        raise DnpmError(f"{folder}: holds no video that can be read")
    found = []
    for k, path in enumerate(paths):
        work = _one(path, out, tools)
        try:
            while True:
                yield (k + next(work)) / len(paths)
        except StopIteration as end:
            found.append(end.value)
        except DnpmError as error:
            found.append(Found(path.name, reason=str(error)))
        finally:
            work.close()
        if told is not None:
            told(line_of(found[-1]))
        write_text(out / REPORT, json.dumps([asdict(one) for one in found], indent=1) + "\n", make_folder=True)
    return found


def line_of(found: Found) -> str:
    """One line on a video."""
    if not found.kept:
        return f"{found.video}: left out: {found.reason}"
    kept = sum(end - begin for begin, end in found.kept)
    pieces_ = f"{kept:.1f} of {found.seconds:.1f} s in {len(found.kept)} pieces"
    return f"{found.video}: {pieces_}; confidence {found.confidence}; lips and sound r = {found.agreement}"


def _one(path: Path, out: Path, tools: Tools) -> Generator[float, None, Found]:
    video = open_video(path)
    if video.sound_s is None:
        return Found(path.name, video.seconds, reason="has no sound")
    if (others := faces_beside(video, tools.networks)) > 0:
        return Found(path.name, video.seconds, reason=f"shows {others + 1} people: cut it to one")
    kept = out / f"{path.stem}.dnpm-reading"
    made: Performance = yield from steps(path, tools, Choices(), kept)
    samples = load(path)
    begin = video.sound_s
    agreement = agreement_of(made.track, samples, begin)
    result = Found(
        path.name, round(made.capture.seconds, 3), confidence=round(float(made.confidence.mean()), 3),
        agreement=None if agreement is None else round(agreement, 3), lost=[list(span) for span in made.lost],
    )  # fmt: skip
    if agreement is None or agreement < LEAST_AGREEMENT:
        said = "nothing moves or nothing is heard" if agreement is None else f"r = {agreement:.2f}"
        result.reason = (
            f"the lips do not move with the sound ({said}): somebody else is heard, or it does not belong to it"
        )
        return result
    for number, (first, last) in enumerate(pieces(made, begin, begin + len(samples) / RATE)):
        _write(out, f"{path.stem}_{number:02d}", made, samples, begin, first, last)
        result.kept.append([round(first, 3), round(last, 3)])
    if not result.kept:
        result.reason = f"no stretch of {LEAST_S:g} s with a face that is well seen (confidence {LEAST_CONFIDENCE:g})"
    else:
        from .sheet import write_sheet

        write_sheet(out / f"{path.stem}_sheet.jpg", path, made, tools.model)
    return result


def faces_beside(video: Video, networks: LandmarkNetworks) -> int:
    """How many faces beside the largest are nearly as large, in most of a few pictures over the video."""
    counts = []
    for frame in sampled(video, _FACES_AT):
        faces = placed_faces(frame.image.astype(np.float32) / 255, networks, small=False)
        if faces:
            size = faces[0].size.prod()
            counts.append(sum(face.size.prod() > _SECOND_SIZE**2 * size for face in faces[1:]))
    return int(np.median(counts)) if counts else 0


def agreement_of(track: CurveTrack, samples: np.ndarray, begin: float) -> float | None:
    """Correlation of the lips' opening with the sound's level where both are; begin: seconds after the first picture at
    which the sound begins. None where one of the two stands still."""
    level = np.maximum(silence.levels([samples]), -60.0)
    times = begin + np.arange(len(level)) / _LEVEL_HZ
    inside = (times >= track.times[0]) & (times <= track.times[-1])
    if inside.sum() < _LEVEL_HZ * _WINDOW_S * 4:
        return None
    lips = np.interp(times[inside], track.times, opening(track.expression))
    width = round(_WINDOW_S * _LEVEL_HZ)
    mean = lambda a: np.convolve(a, np.ones(width) / width, "valid")  # noqa: E731
    a, b = mean(lips), mean(level[inside])
    if min(a.std(), b.std() / 60) < 1e-3:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def pieces(made: Performance, sound_begins: float, sound_ends: float) -> list[tuple[float, float]]:
    """(begin, end) seconds of stretches that are good, heard, and at most LONGEST_PIECE_S long."""
    times = made.track.times
    good = (made.confidence >= LEAST_CONFIDENCE) & (times >= sound_begins - 0.02) & (times <= sound_ends)
    step = 1 / made.capture.fps
    result = []
    edges = np.flatnonzero(np.diff(np.r_[False, good, False]))
    for low, high in zip(edges[::2], edges[1::2], strict=True):
        first, last = max(float(times[low]), sound_begins), min(float(times[high - 1]) + step, sound_ends)
        count = max(1, int(np.ceil((last - first) / LONGEST_PIECE_S)))
        size = (last - first) / count
        if size >= LEAST_S:
            result += [(first + k * size, first + (k + 1) * size) for k in range(count)]
    return result


def _write(
    out: Path, stem: str, made: Performance, samples: np.ndarray, begin: float, first: float, last: float
) -> None:  # fmt: skip
    """Curves from 0 s, and the sound of the same stretch."""
    import soundfile

    track = made.track
    inside = (track.times >= first - 1e-6) & (track.times < last - 1e-6)
    rotations = None if track.rotations is None else track.rotations[inside]
    part = CurveTrack(track.times[inside] - first, track.expression[inside], track.missing, rotations)
    low, high = (round((at - begin) * RATE) for at in (first, last))
    buffer = io.BytesIO()
    soundfile.write(buffer, samples[max(0, low) : high], RATE, format="WAV", subtype="PCM_16")
    write_track(out / f"{stem}.csv", part)
    write_bytes(out / f"{stem}.wav", buffer.getvalue(), make_folder=True)
