"""Videos of known performances through `dnpm capture`: what comes back.

dnpm evaluate capture --json                      rendered clips: faces, lights, turning heads, 25 and 60 fps
dnpm evaluate capture --curves take.csv           the same faces performing a captured take instead of drawn gestures
dnpm evaluate capture --clips 0 --videos DIR      real videos: lips on m, b and p, and blinks

r                correlation of each channel that moves (standard deviation above .02) with the truth, mean over clips
r_mean           over channels;  r_least: the least of brows, blink, squint, smile, jaw and pucker
jitter           root mean square above 5 Hz where the face is at rest and the head moves, the worst channel
delay_frames     by how many frames the curves come after the truth (all channels that move, largest correlation)
head_deg         mean angle between the head's pose and the true one
fps              pictures a second, the identity's solving apart, over the time that passed; null for kept readings
cpu_ms           milliseconds of processors' time for a picture
scores_...       the same of the networks' raw scores, which must lose;  fit_...: of the fit before the reader

Real videos (`--videos`): phones are read from NAME.phones.json beside a video ([[start s, end s, phone, word], ...]).
closure is the share of bilabials during which the lips' opening comes down to the lowest tenth of its values in speech.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import progress
from ..capture.read import read_open
from ..face_model.arkit import ARKIT_NAMES
from ..photo.camera import UPRIGHT, angle_between, turned
from ..video.capturing import PERSON_SHARE, Choices, Tools, steps
from ..video.formats import is_video
from ..video.performance import FORM, Performance
from ..video.readings import Readings, key_of
from . import speech_measures
from .clips import Clip, Known, performance, pictures, write_clip
from .speech import read_phones

PURPOSE = "videos of known performances: channels, jitter, delay, head; real ones: lips and blinks"
MOVES = 0.02
HIGH_HZ = 5.0
_LAG = 6
FAMILIES = ("brow", "eyeBlink", "eyeSquint", "mouthSmile", "jawOpen", "mouthPucker")
_BLINK = 0.45
_SIXTY_EVERY = 4
"""One clip in so many runs at 60 frames a second."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which clips."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--clips", type=int, default=6, metavar="N", help="rendered clips (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each (default %(default)s)")
    parser.add_argument("--size", type=int, default=320, help="pixels of a picture's side (default %(default)s)")
    parser.add_argument("--seed", type=int, default=8000, help="the first clip's seed (default %(default)s)")
    parser.add_argument("--curves", type=Path, metavar="FILE", help="a capture that is performed in place of gestures")
    parser.add_argument("--videos", type=Path, metavar="DIR", help="real videos, with NAME.phones.json beside them")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep clips and readings here, and use those there")
    parser.add_argument("--landmarks", metavar="FILE", help="another file of landmark networks")


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """The figures."""
    result: dict[str, Any] = {"clips": args.clips, "seed": args.seed}
    if args.clips:
        result |= _rendered(args)
    if args.videos:
        result["videos"] = _real(args)
    return result


def clip_of(args: argparse.Namespace, number: int) -> Clip:
    """The number-th clip: heads turn more and more, one in four is fast."""
    fps = 60.0 if number % _SIXTY_EVERY == _SIXTY_EVERY - 1 else 25.0
    return Clip(args.seed + number, fps, args.seconds, args.size, head=(5.0, 12.0, 20.0)[number % 3])


def _rendered(args: argparse.Namespace) -> dict[str, Any]:
    tools = Tools.open(args.face_model, args.landmarks, renders=True)
    curves = read_open(args.curves).from_zero() if args.curves else None
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="dnpm-clips-") as scratch:
        folder = args.keep or Path(scratch)
        for number in progress.each(range(args.clips), "clips"):
            clip = clip_of(args, number)
            known = performance(clip, curves)
            named = f"clip_{clip.seed}_{clip.fps:g}_{clip.seconds:g}_{clip.size}"
            path = folder / f"{named}{'_' + args.curves.stem if args.curves else ''}.mp4"
            if not path.is_file():
                write_clip(path, pictures(tools.model, clip, known), clip.fps)
            rows.append(measured(path, known, tools, folder))
    summary: dict[str, Any] = {"frames": int(sum(row["frames"] for row in rows))}
    for kind in ("", "scores_", "fit_"):
        table = np.array([row[f"{kind}r"] for row in rows])
        seen = np.isfinite(table).any(0)
        by_name = {ARKIT_NAMES[k]: float(np.nanmean(table[:, k])) for k in np.flatnonzero(seen)}
        least = {family: _least(by_name, family) for family in FAMILIES}
        families = {family: value for family, value in least.items() if value is not None}
        jitter = [row[f"{kind}jitter"] for row in rows if row[f"{kind}jitter"] is not None]
        summary |= {
            f"{kind}r_mean": _rounded(np.mean(list(by_name.values()))),
            f"{kind}r_families": {name: _rounded(value) for name, value in families.items()},
            f"{kind}r_least": _rounded(min(families.values())) if families else None,
            f"{kind}jitter": _rounded(max(jitter)) if jitter else None,
            f"{kind}delay_frames": _rounded(np.mean([row[f"{kind}delay"] for row in rows])),
        }
        if not kind:
            summary["r"] = {name: _rounded(value) for name, value in by_name.items()}
    for key in ("head_deg", "fps", "cpu_ms", "confidence", "lost"):
        values = [row[key] for row in rows if row[key] is not None]
        summary[key] = _rounded(np.mean(values)) if values else None
    return summary


def measured(path: Path, known: Known, tools: Tools, scratch: Path) -> dict[str, Any]:
    """One clip's figures."""
    kept = scratch / f"{path.stem}.readings"
    made, seconds, cpu = _captured(path, tools, kept)
    readings = Readings.load(kept, key_of(path, tools.model.name, tools.reader.name, FORM), tools.reader.width)
    assert readings is not None
    count = min(len(made.track.times), len(known.times))
    features = np.stack(readings.features)[:count]
    truth = known.expression[:count]
    result: dict[str, Any] = {"frames": count}
    step = float(np.median(np.diff(known.times)))
    width = len(ARKIT_NAMES)
    for kind, values in (
        ("", made.track.expression[:count]), ("scores_", features[:, width : 2 * width]), ("fit_", features[:, :width])
    ):  # fmt: skip
        result[f"{kind}r"] = _correlations(values, truth)
        result[f"{kind}jitter"] = jitter(values, known.resting[:count], step)
        result[f"{kind}delay"] = delay(values, truth)
    heads = [UPRIGHT.T @ rotation for rotation in made.rotation[:count]]
    result["head_deg"] = float(np.mean([
        angle_between(head, turned(*angles)) for head, angles in zip(heads, known.angles[:count], strict=True)
    ]))  # fmt: skip
    result["fps"] = count / seconds if seconds else None
    result["cpu_ms"] = 1000 * cpu / count if seconds else None
    result["confidence"] = float(made.confidence.mean())
    result["lost"] = float((made.confidence == 0).sum())
    return result


def _captured(path: Path, tools: Tools, kept: Path) -> tuple[Performance, float, float]:
    """The performance, and the seconds of its pictures by the clock and of processors; 0 where they were kept."""
    work = steps(path, tools, Choices(), kept)
    began: tuple[float, float] | None = None
    try:
        while True:
            share = next(work)
            if began is None and share > PERSON_SHARE:
                began = time.perf_counter(), time.process_time()
    except StopIteration as end:
        if began is None:
            return end.value, 0.0, 0.0
        return end.value, time.perf_counter() - began[0], time.process_time() - began[1]


def _correlations(values: np.ndarray, truth: np.ndarray) -> list[float]:
    """(52,), NaN where the truth does not move, 0 where the values do not."""
    result = []
    for k in range(truth.shape[1]):
        if truth[:, k].std() <= MOVES:
            result.append(float("nan"))
        else:
            result.append(speech_measures.correlation(values[:, k], truth[:, k]) or 0.0)
    return result


def jitter(values: np.ndarray, resting: np.ndarray, step: float) -> float | None:
    """Root mean square above 5 Hz in the worst channel, over stretches of rest of half a second at least; None without.

    A stretch's spectrum is taken after its line is taken off, so that its ends do not count as motion."""
    edges = np.flatnonzero(np.diff(np.r_[False, resting, False]))
    total, count = np.zeros(values.shape[1]), 0
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if (end - begin) * step < 0.5:
            continue
        part = values[begin:end] - np.linspace(values[begin], values[end - 1], end - begin)
        part = part - part.mean(0)
        spectrum = np.fft.rfft(part, axis=0)
        spectrum[np.fft.rfftfreq(end - begin, step) < HIGH_HZ] = 0
        total += (np.fft.irfft(spectrum, end - begin, axis=0) ** 2).sum(0)
        count += end - begin
    return float(np.sqrt(total / count).max()) if count else None


def delay(values: np.ndarray, truth: np.ndarray) -> float:
    """Frames by which the values come after the truth: the largest mean correlation over the channels that move,
    refined by a parabola."""
    moving = np.flatnonzero(truth.std(0) > MOVES)
    scores: list[float] = []
    for k in range(-_LAG, _LAG + 1):
        a = values[max(0, k) : len(values) + min(0, k)]
        b = truth[max(0, -k) : len(truth) + min(0, -k)]
        scores.append(float(np.mean([speech_measures.correlation(a[:, c], b[:, c]) or 0.0 for c in moving])))
    best = int(np.argmax(scores))
    place = float(best)
    if 0 < best < 2 * _LAG:
        left, middle, right = scores[best - 1 : best + 2]
        place += 0.5 * (left - right) / min(left - 2 * middle + right, -1e-9)
    return place - _LAG


def _real(args: argparse.Namespace) -> dict[str, Any]:
    tools = Tools.open(args.face_model, args.landmarks)
    result: dict[str, Any] = {}
    closures, counts = [], []
    with tempfile.TemporaryDirectory(prefix="dnpm-clips-") as scratch:
        for path in progress.each(sorted(p for p in args.videos.iterdir() if p.is_file()), "videos"):
            if path.suffix == ".json" or not is_video(path):
                continue
            made, *_ = _captured(path, tools, (args.keep or Path(scratch)) / f"{path.stem}.readings")
            row: dict[str, Any] = made.summary() | {"blinks": blinks(made)}
            phones = path.with_suffix(".phones.json")
            if phones.is_file():
                # The sound may begin before or after the pictures; phones count from its begin.
                track = replace(made.track, times=made.track.times - (made.sound_s or 0.0))
                closure, contrast = speech_measures.closure_and_contrast(track, read_phones(phones))
                row |= {
                    "closure": closure.value,
                    "bilabials": closure.more.get("bilabials"),
                    "contrast_sd": contrast.value,
                }
                if closure.value is not None:
                    closures.append(closure.value)
                    counts.append(closure.more["bilabials"])
            result[path.name] = row
    if closures:
        result["closure"] = _rounded(np.average(closures, weights=counts))
    return result


def blinks(made: Performance) -> int:
    """How often both lids close."""
    columns = [ARKIT_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    closed = made.track.expression[:, columns].min(1) > _BLINK
    return int((np.diff(np.r_[False, closed].astype(int)) > 0).sum())


def _least(by_name: dict[str, float], family: str) -> float | None:
    values = [value for name, value in by_name.items() if name.startswith(family)]
    return min(values) if values else None


def _rounded(value: Any) -> float:
    return round(float(value), 4)


def table(result: dict[str, Any]) -> str:
    """Readable lines."""
    lines: list[str] = []
    if result["clips"]:
        lines.append(f"{result['clips']} rendered clips from seed {result['seed']}, {result['frames']} frames")
        lines.append(f"{'':22s}{'ours':>10s}{'scores':>10s}{'fit':>10s}")
        rows: Sequence[tuple[str, str]] = (
            ("channels, mean r", "r_mean"), ("weakest of six", "r_least"), ("jitter at rest", "jitter"),
            ("delay, frames", "delay_frames"),
        )  # fmt: skip
        number = lambda value: "-" if value is None else f"{value:.4f}"  # noqa: E731
        for title, key in rows:
            lines.append(
                f"{title:22s}" + "".join(f"{number(result[f'{k}{key}']):>10s}" for k in ("", "scores_", "fit_"))
            )
        lines += [f"{name:22s}{value:10.3f}" for name, value in result["r"].items()]
        lines.append(f"head {result['head_deg']:.2f} degrees; {number(result['fps'])} pictures a second")
    for name, row in result.get("videos", {}).items():
        if isinstance(row, dict):
            said = "" if row.get("closure") is None else f"; closes on {row['closure']:.2f} of {row['bilabials']:g}"
            lines.append(
                f"{name}: {row['frames']} frames, confidence {row['confidence']:.2f}, {row['blinks']} blinks{said}"
            )
        else:
            lines.append(f"lips close on {row:.2f} of all bilabials")
    return "\n".join(lines)
