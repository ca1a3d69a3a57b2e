"""Small videos of known performances: our faces, rendered, with moving heads, under several lights, encoded as H.264.

A performance is a row of gestures (the brows rise, the lids close, the lips purse, ...) with rests between them, drawn
from a seed; the eyes wander and the head turns. What each channel does at each moment is known, and so are the head's
angles. Or the curves of a captured performance are played on a face.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..capture.resample import sampled
from ..capture.track import CurveTrack
from ..face_model.arkit import ARKIT_NAMES
from ..face_model.looks import TONES, Look
from ..face_model.model import FaceModel
from ..face_model.sampling import random_identity
from ..files.writing import write_bytes
from ..photo.camera import Camera, turned
from ..photo.render import Lights, Paint, render
from ..video.gestures import LOWER, UPPER, drawn, gaze

_NEAR_S = 0.1
"""Nearer than this to motion a picture does not count as rest."""


@dataclass(frozen=True)
class Clip:
    """One clip's recipe. head: degrees that the head turns to the sides (a third of it up and down)."""

    seed: int
    fps: float = 25.0
    seconds: float = 8.0
    size: int = 384
    head: float = 12.0
    rest_s: float = 1.0
    """Of rest, at the begin and once between."""


@dataclass(frozen=True)
class Known:
    """times (T,), expression (T, 52), angles (T, 3) degrees of yaw (to the subject's left), pitch (up) and roll (to the
    left shoulder), resting (T,) bool: where nothing but the head moves."""

    times: np.ndarray
    expression: np.ndarray
    angles: np.ndarray
    resting: np.ndarray


def performance(clip: Clip, curves: CurveTrack | None = None) -> Known:
    """What happens in a clip; curves: expressions of a captured performance in place of drawn gestures."""
    rng = np.random.default_rng([clip.seed, 41])
    count = round(clip.seconds * clip.fps)
    times = np.arange(count) / clip.fps
    angles = np.stack([_wander(rng, times, size * clip.head) for size in (1.0, 0.33, 0.25)], 1)
    if curves is not None:
        begin = float(rng.uniform(0, max(0.0, curves.times[-1] - curves.times[0] - clip.seconds)))
        values = sampled(curves.times - curves.times[0], curves.expression, begin + times).clip(0, 1)
        return Known(times, values, angles, np.zeros(count, bool))
    pause = float(rng.uniform(0.4, 0.6)) * clip.seconds
    values, busy = np.zeros((count, len(ARKIT_NAMES))), np.zeros(count, bool)
    for kind in (UPPER, LOWER):
        _play(kind, clip, pause, times, values, busy, rng)
    resting = ~busy & ((times < clip.rest_s) | ((times > pause) & (times < pause + clip.rest_s)))
    _look(values, times, ~resting, rng)
    # The eyes set out where the rest ends: what is near that is no rest.
    reach = round(_NEAR_S * clip.fps)
    padded = np.pad(~resting, reach, mode="edge")
    near = np.max([padded[k : k + count] for k in range(2 * reach + 1)], 0)
    return Known(times, values.clip(0, 1).astype(np.float32), angles, ~near)


def _play(
    kind: dict[str, tuple[dict[str, float], float]], clip: Clip, pause: float, times: np.ndarray, values: np.ndarray,
    busy: np.ndarray, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Gestures of one half of the face, one after the other, into values (T, 52) and busy (T,)."""
    at, names = clip.rest_s, list(kind)
    while True:
        for name in (names[k] for k in rng.permutation(len(names))):
            attack, release = rng.uniform(0.1, 0.25), rng.uniform(0.12, 0.3)
            if name == "blink":
                attack, release = 0.09, 0.14
            lasts = attack + kind[name][1] + release
            if at < pause + clip.rest_s and at + lasts > pause:
                at = pause + clip.rest_s  # Nothing is carried into the rest in the middle.
            if at + lasts > times[-1]:
                return
            shape = _ramp((times - at) / attack) * _ramp((at + lasts - times) / release)
            strength = 1.0 if name == "blink" else float(rng.uniform(0.6, 1.0))
            np.maximum(values, strength * drawn(name, rng) * shape[:, None], out=values)
            busy |= (times > at - 0.08) & (times < at + lasts + 0.08)
            at += lasts + float(rng.uniform(0.0, 0.3))


def _wander(rng: np.random.Generator, times: np.ndarray, size: float) -> np.ndarray:
    """A slow movement of about `size` to both sides, from a few sines."""
    waves = [(rng.uniform(0.1, 0.5), rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.0)) for _ in range(3)]
    return size / 1.5 * np.sum([a * np.sin(2 * np.pi * f * times + p) for f, p, a in waves], 0)


def _ramp(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _look(values: np.ndarray, times: np.ndarray, moving: np.ndarray, rng: np.random.Generator) -> None:
    """The eyes jump from place to place, at rest straight ahead."""
    at, aside, up = 0.0, 0.0, 0.0
    across, down = np.zeros(len(times)), np.zeros(len(times))
    while at < times[-1]:
        across[times >= at], down[times >= at] = aside, up
        at += rng.uniform(0.4, 1.2)
        aside, up = rng.uniform(-0.7, 0.7), rng.uniform(-0.5, 0.5)
    across, down = across * moving, down * moving
    for name, value in gaze(across, down).items():
        values[:, ARKIT_NAMES.index(name)] = value


def pictures(model: FaceModel, clip: Clip, known: Known) -> Iterator[np.ndarray]:
    """(h, w, 3) uint8 of each frame. Raises DnpmError when the model lacks what paint and camera need."""
    rng = np.random.default_rng([clip.seed, 43])
    identity = random_identity(model, clip.seed, 0.8)
    tone = sorted(TONES)[int(rng.integers(len(TONES)))]
    paint = Paint.of(model, Look(tone=tone, freckles=rng.uniform(0, 0.4), brows=rng.uniform(0.6, 1.3)))
    lights, background = Lights.drawn(rng), rng.uniform(0.1, 0.9, 3)
    distance = float(np.exp(rng.uniform(np.log(600), np.log(1600))))
    rest = model.neutral_of(identity)
    shapes = model.expression_deltas(identity)
    places = [model.expression_index.get(name, -1) for name in ARKIT_NAMES]
    front = model.vertex_groups.get("face", np.arange(len(rest)))
    target = rest[front].mean(0) + rng.normal(0, 6, 3)
    noise = np.random.default_rng([clip.seed, 47])
    for row, (yaw, pitch, roll) in zip(known.expression, known.angles, strict=True):
        expression = np.zeros(model.n_exp, np.float32)
        for column, place in enumerate(places):
            if place >= 0:
                expression[place] = row[column]
        vertices = rest + np.tensordot(expression, shapes, 1)
        camera = Camera.before(
            (clip.size, clip.size), distance, 0.8, 260.0, target, turned(float(yaw), float(pitch), float(roll))
        )
        image, _ = render(model, vertices, camera, paint, lights, background=background)
        image = image + noise.normal(0, 0.008, image.shape)
        yield np.round(image.clip(0, 1) * 255).astype(np.uint8)


def write_clip(path: Path, images: Iterator[np.ndarray], fps: float) -> None:
    """H.264 in MP4, as a camera at high quality writes it. Raises DnpmError when it cannot be written."""
    import av

    rate, buffer = Fraction(fps).limit_denominator(1001), io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = None
        for image in images:
            if stream is None:
                stream = container.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
                stream.height, stream.width, stream.pix_fmt = image.shape[0], image.shape[1], "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        if stream is not None:
            container.mux(stream.encode())
    write_bytes(path, buffer.getvalue(), make_folder=True)
