"""How alive a speaking face is: channels, detail, asymmetry, blinks, head, and which emotion its curves show.

dnpm evaluate performance --audio a.wav --json               our curves, at the interface's own settings
dnpm evaluate performance --audio a.wav --emotion joy:.7 --json
dnpm evaluate performance --curves take.csv --json                 anyone's curves

channels_alive  expressions whose standard deviation over time is above 0.02 (real performances: 18 to 40 of 52)
detail_um_rms   root mean square of the displacement map around its mean over time, micrometres inside the detail mask:
                the average face, `--maps` moments evenly spaced, maps of 256 x 256
asymmetry       root mean square of left less right over the pairs that are alive, eyes' directions left out
blinks_per_min  how often both lids pass 0.5 on their way down
head_deg_rms    root mean square of the head's turns around their mean, degrees; null without turns
emotion         strength of each emotion as the curves show it: non-negative least squares of the median expression on
                the tables of `core/speech/emotions.py`, on the channels that speech itself leaves alone
baseline        the same figures of a face that moves by rule alone: loudness to jawOpen, nothing else
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import nnls

from ..capture import options
from ..capture.read import read_open
from ..capture.track import CurveTrack
from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES, mirror_name
from ..options import add_emotion
from ..speech import emotions, silence, voice_emotion
from ..speech.audio import open_sound
from ..speech.controls import USUAL
from ..speech.formats import READ
from ..speech.prosody import Prosody, at

if TYPE_CHECKING:
    from .painter import Painter

PURPOSE = "how alive a speaking face is: channels, detail, asymmetry, blinks, head, emotion"
ALIVE = 0.02
"""Standard deviation above which a channel moves for the eye."""
RESOLUTION = 256
_BLINK = 0.5
_PAIRS = [
    (k, ARKIT_NAMES.index(mirror_name(name)))
    for k, name in enumerate(ARKIT_NAMES)
    if name.endswith("Left") and "Look" not in name and name not in ("jawLeft", "mouthLeft")
]
_TELLING = [
    k for k, name in enumerate(ARKIT_NAMES)
    if name.startswith(("brow", "cheekSquint", "noseSneer", "eyeSquint", "eyeWide", "mouthSmile", "mouthFrown",
                        "mouthDimple", "mouthPress", "mouthStretch"))
]  # fmt: skip
"""Channels by which emotions are told: speech itself moves them little."""
KEYS = ("channels_alive", "detail_um_rms", "asymmetry", "blinks_per_min", "head_deg_rms")


def alive(expression: np.ndarray) -> list[str]:
    """Names of the channels of (T, 52) that move."""
    return [name for name, sd in zip(ARKIT_NAMES, expression.std(0), strict=True) if sd > ALIVE]


def asymmetry(expression: np.ndarray) -> float:
    """RMS of left less right of (T, 52), over the pairs of which a side moves."""
    moving = expression.std(0) > ALIVE
    gaps = [expression[:, a] - expression[:, b] for a, b in _PAIRS if moving[a] or moving[b]]
    return float(np.sqrt(np.mean(np.square(gaps)))) if gaps else 0.0


def blinks_per_minute(track: CurveTrack) -> float:
    """How often the lids, their lesser value, pass 0.5 upwards."""
    lids = np.minimum(*(track.expression[:, ARKIT_NAMES.index(f"eyeBlink{side}")] for side in ("Left", "Right")))
    shut = lids >= _BLINK
    seconds = float(track.times[-1] - track.times[0])
    return float((shut[1:] & ~shut[:-1]).sum() / max(seconds, 1e-6) * 60)


def head_degrees(track: CurveTrack) -> float | None:
    """RMS of yaw, pitch and roll around their means, together, in degrees."""
    if track.rotations is None or not track.rotations[:, :3].any():
        return None
    turns = np.degrees(track.rotations[:, :3].astype(np.float64))
    return float(np.sqrt(np.square(turns - turns.mean(0)).sum(1).mean()))


def detail_um(painter: Painter, expression: np.ndarray, count: int) -> float:
    """RMS of the maps of (T, 52) around their mean over time, micrometres inside the mask; `count` moments."""
    mask = painter.model.detail_mask
    moments = np.unique(np.linspace(0, len(expression) - 1, count).round().astype(int))
    identity = np.zeros(painter.model.n_id, np.float32)
    rows = [as_sliders(painter, expression[k]) for k in moments]
    maps = np.stack([painter.shown(identity, row, RESOLUTION) for row in rows]).astype(np.float64)
    step = max(mask.shape[0] // RESOLUTION, 1)
    inside = mask[::step, ::step][:RESOLUTION, :RESOLUTION] > 0.5
    spread = maps - maps.mean(0)
    return float(np.sqrt(np.square(spread[:, inside]).mean()) * 1000)


def measured(track: CurveTrack, painter: Painter | None, count: int) -> dict[str, Any]:
    """The figures of one track. painter None: without the detail."""
    found = {
        "channels_alive": len(alive(track.expression)),
        "detail_um_rms": None if painter is None else round(detail_um(painter, track.expression, count), 3),
        "asymmetry": round(asymmetry(track.expression), 4),
        "blinks_per_min": round(blinks_per_minute(track), 2),
    }
    head = head_degrees(track)
    return found | {"head_deg_rms": None if head is None else round(head, 3)}


def as_sliders(painter: Painter, values: np.ndarray) -> np.ndarray:
    """ARKit values (52,) in the order of the painter's face model."""
    index = painter.model.expression_index
    row = painter.model.expression()
    for name, value in zip(ARKIT_NAMES, values, strict=True):
        if name in index:
            row[index[name]] = value
    return row


def emotion_shown(expression: np.ndarray) -> dict[str, float]:
    """(T, 52) -> strength of each emotion, 0 up, by non-negative least squares of the median expression.

    Contempt sits on one side: both are tried, and the better one counts.
    """
    median = np.median(expression.astype(np.float64), 0)[_TELLING]
    found = []
    for side in (-1.0, 1.0):
        values, residual = nnls(emotions.tables(side)[:, _TELLING].T.astype(np.float64), median)
        found.append((residual, values))
    values = min(found, key=lambda pair: pair[0])[1]
    return {name: round(float(v), 3) for name, v in zip(emotions.EMOTIONS, values, strict=True)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sound or curves, and how ours are made."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--audio", type=Path, metavar="FILE", help=f"the sound: {READ}")
    parser.add_argument("--curves", type=Path, metavar="FILE", help="measure these curves instead of ours")
    options.add_arguments(parser)
    parser.add_argument("--speaker", help="speaking style of our curves (default: the weights' first)")
    add_emotion(parser)
    parser.add_argument("--seed", type=int, default=0, help="of all that is not the mouth")
    parser.add_argument("--maps", type=int, default=32, metavar="N", help="maps for the detail; 0: none (default 32)")


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """The figures (the keys of KEYS, and `emotion`), and those of the loudness baseline."""
    if args.audio is None and args.curves is None:
        raise DnpmError("give --audio FILE, --curves FILE, or both")
    if args.maps < 0 or args.maps == 1:
        raise DnpmError(f"--maps {args.maps}: give 0, or at least 2")
    painter = None
    if args.maps:
        from .painter import Painter

        painter = Painter.of(args)
    result: dict[str, Any] = {"audio": None if args.audio is None else str(args.audio)}
    baseline: dict[str, Any] | None = None
    guess: dict[str, float] | None = None
    if args.audio is not None:
        ours, name, prosody = _ours(args)
        guess = voice_emotion.guessed(prosody)
        baseline = measured(loudness_baseline(ours.times, prosody.level), painter, args.maps)
    if args.curves is not None:
        capture = read_open(args.curves, args.fps, args.scale)
        ours, name = capture.from_zero(), str(args.curves)
    result |= {"curves": name, "seconds": round(float(ours.times[-1] - ours.times[0]), 3)}
    result |= measured(ours, painter, args.maps) | {"emotion": emotion_shown(ours.expression), "voice": guess}
    return result | {"alive": alive(ours.expression), "baseline": baseline}


def _ours(args: argparse.Namespace) -> tuple[CurveTrack, str, Prosody]:
    """Curves as the interface makes them with its own settings, and the sound's prosody."""
    from ..speech.animate import animate, open_animator

    animator = open_animator(args.weights)
    controls = replace(USUAL, emotions=emotions.parse(args.emotion), seed=args.seed)
    made = animate(open_sound(args.audio), animator, fps=30.0, speaker=args.speaker, controls=controls)
    return made.track, animator.name, made.prosody


def loudness_baseline(times: np.ndarray, level: np.ndarray) -> CurveTrack:
    """What must lose: the jaw opens with loudness, all else rests."""
    expression = np.zeros((len(times), len(ARKIT_NAMES)), np.float32)
    above = np.maximum(level - silence.threshold(level), 0)
    loud = at(above, times)
    expression[:, ARKIT_NAMES.index("jawOpen")] = 0.5 * loud / max(float(np.percentile(loud, 98)), 1e-6)
    return CurveTrack(times, expression.clip(0, 1))


def table(result: dict[str, Any]) -> str:
    """For reading, with the targets and the baseline."""
    targets = {"channels_alive": ">= 30", "detail_um_rms": ">= 4, with an emotion at .7 >= 6"}
    baseline = result["baseline"] or {}
    lines = [f"{result['curves']} on {result['audio'] or 'no sound'} ({result['seconds']:.1f} s)", ""]
    lines.append(f"{'':<16}{'face':>9}{'loudness':>10}")
    for key in KEYS:
        values = ["-" if v is None else f"{v:.4g}" for v in (result[key], baseline.get(key))]
        lines.append(f"{key:<16}{values[0]:>9}{values[1]:>10}   {targets.get(key, '')}")
    shown = ", ".join(f"{name} {value:.2f}" for name, value in result["emotion"].items() if value >= 0.05)
    lines.append(f"{'emotion':<16}{shown or 'neutral'}")
    if result["voice"] is not None:
        heard = ", ".join(f"{name} {value:.2f}" for name, value in result["voice"].items())
        lines.append(f"{'of the voice':<16}{heard or 'neutral'} (a rule's guess)")
    return "\n".join(lines)
