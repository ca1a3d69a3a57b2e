"""A video to a performance, a picture at a time: the person first, then each picture's pose and expression, then the
person's neutral out of all of them, bridges over lost faces, smoothing, and contacts.

`steps` is a generator, so that the worker and the command line can show how far it is and stop at any picture.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import logs
from ..capture.read import Capture
from ..capture.track import CurveTrack
from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..photo.fit.photo_bias import PhotoLandmarkBias
from ..photo.fit.solve import Fitter
from ..photo.landmarks.networks import LandmarkNetworks
from ..speech.contact import opening
from . import decoding, smoothing
from .gaze import eye_rotations, eye_turns
from .identity import Person, identity_at_rest, solve_identity
from .performance import FORM, Performance
from .pose import head_angles, rotation_of_angles
from .reader import PHOTOGRAPHED_LIDS, Reader
from .readings import Readings, key_of
from .rest import rest_of
from .solving import FrameSolver
from .tracking import Tracker

log = logs.logger(__name__)

_SAVE_S = 20.0
PERSON_SHARE = 0.15
"""Of the work, for the identity."""
_UNSEEN = "tongueOut"
_USUAL_RESIDUAL = 0.012
"""Root mean square of what landmarks usually leave, in eye distances."""
_LEAST_SEEN = 2


@dataclass(frozen=True)
class Choices:
    """neutral: whether the person's rest is taken out; neutral_s: the moment of a picture that shows it, None: the most
    frequent one; smoothing: 0 none, 1 usual."""

    neutral: bool = True
    neutral_s: float | None = None
    smoothing: float = 1.0


@dataclass(frozen=True)
class Tools:
    """What is loaded once for any number of videos."""

    model: FaceModel
    networks: LandmarkNetworks
    fitter: Fitter
    reader: Reader

    @classmethod
    def open(cls, face_model: str | None = None, landmarks: str | None = None, renders: bool = False) -> Tools:
        """renders: the videos show rendered faces, whose landmarks lack the errors of photos. Raises DnpmError when a
        file is missing or damaged."""
        model = FaceModel.load(face_model_path(face_model))
        networks = LandmarkNetworks.load(landmarks)
        fitter = Fitter(model, networks.canonical, photos=PhotoLandmarkBias.none() if renders else None)
        reader = Reader.load(model)
        return cls(model, networks, fitter, reader if renders else replace(reader, lids=PHOTOGRAPHED_LIDS))


def steps(
    path: Path, tools: Tools, choices: Choices = Choices(), kept: Path | None = None
) -> Generator[float, None, Performance]:  # fmt: skip
    """Yields the share done, 0 to 1. kept: the file of readings, from which stopped work goes on.

    Raises DnpmError when the file is no video, shows no face, or cannot be decoded.
    """
    video = decoding.open_video(path)
    notes = list(video.notes)
    # Readings of versions that took television's pixels for square are not gone on from.
    shape = () if video.supposed_aspect is None else (f"pixels {video.supposed_aspect:.3f}",)
    key = key_of(path, tools.model.name, tools.reader.name, FORM, *shape)
    readings = Readings.load(kept, key, tools.reader.width) if kept is not None else None
    if readings is None:
        work = solve_identity(video, tools.networks, tools.fitter)
        person = yield from _scaled(work, 0.0, PERSON_SHARE)
        readings = Readings(person, tools.reader.width)
    elif readings.times:
        notes.append(f"taken up after {len(readings.times)} pictures that were read before")
    if not readings.complete:
        yield from _read(video, tools, readings, kept, key, notes)
    return finished(video, tools, readings, choices, notes)


def _scaled(work: Generator[float, None, Person], low: float, high: float) -> Generator[float, None, Person]:
    try:
        while True:
            yield low + (high - low) * next(work)
    except StopIteration as end:
        return end.value
    finally:
        work.close()


def _read(
    video: decoding.Video, tools: Tools, readings: Readings, kept: Path | None, key: str, notes: list[str]
) -> Generator[float, None, None]:  # fmt: skip
    """Every picture that was not read before; what was read is kept also where this is stopped."""
    person = readings.person
    tracker = Tracker(tools.networks, readings.last)
    solver = FrameSolver(tools.fitter, person.identity, person.focal, video.size, person.spread)
    saved = time.monotonic()
    try:
        for frame in decoding.frames(video, len(readings.times), notes):
            seen = tracker.see(frame.image)
            if seen is None:
                solver.forget()
                readings.add(frame.time, None, None, np.zeros(3))
            else:
                expected, certainty = tools.fitter.error_models.expression(tools.model.expression_names, seen.scores)
                solved = solver.solve(seen.points, expected, certainty)
                pose = np.append(solved.camera.rotation.ravel(), solved.camera.translation)
                quality = np.array([seen.presence, solved.residual, seen.apart])
                readings.add(frame.time, tools.reader.features(seen, solved), pose, quality)
            readings.last = tracker.last
            if kept is not None and time.monotonic() - saved > _SAVE_S:
                readings.save(kept, key)
                saved = time.monotonic()
            share = frame.time / video.seconds if video.seconds > 0 else 0.5
            yield PERSON_SHARE + (0.97 - PERSON_SHARE) * min(share, 1.0)
        readings.complete = True
    finally:
        if kept is not None and readings.times:
            readings.save(kept, key)


def finished(
    video: decoding.Video, tools: Tools, readings: Readings, choices: Choices, notes: list[str]
) -> Performance:  # fmt: skip
    """All readings of a video -> its performance. Raises DnpmError when there are too few with a face."""
    times, seen = np.array(readings.times), np.array(readings.seen, bool)
    if seen.sum() < _LEAST_SEEN:
        raise DnpmError(
            f"{video.path}: a face was found in {int(seen.sum())} of its {len(times)} pictures: too few for a "
            "performance"
        )
    at, features = times[seen], np.stack([row for row, there in zip(readings.features, seen, strict=True) if there])
    rest: np.ndarray | None = None
    rest_s: tuple[float, ...] = ()
    identity = readings.person.identity
    if choices.neutral:
        sliders = slice(len(ARKIT_NAMES))  # The fit's come first.
        places = rest_of(at, tools.reader.telling(features), choices.neutral_s, opening(features[:, sliders]))[1]
        rest, rest_s = features[places].mean(0), tuple(float(t) for t in at[places])
        identity = identity_at_rest(tools.model, identity, rest[sliders])
        features = tools.reader.without_turn(features, rest, float(np.median(np.diff(at))))
    raw = tools.reader.expression(features, rest)
    quality = np.stack([row for row, there in zip(readings.quality, seen, strict=True) if there])
    sure = confidence(quality)
    doubt = 1 / np.maximum(sure, 0.2)
    curves = smoothing.smoothed(at, raw, doubt, choices.smoothing, smoothing.LEAST_OF_EXPRESSIONS).clip(0, 1)
    if choices.smoothing > 0:
        curves = smoothing.with_contacts(raw.clip(0, 1), curves)
    poses = np.stack([row for row, there in zip(readings.poses, seen, strict=True) if there]).astype(float)
    # In the order of the track's columns; the camera's place of the head goes along.
    pose = np.concatenate([head_angles(poses[:, :9].reshape(-1, 3, 3)), poses[:, 9:]], 1)
    pose = smoothing.smoothed(at, np.concatenate([np.unwrap(pose[:, :3], axis=0), pose[:, 3:]], 1), doubt,
                              choices.smoothing)  # fmt: skip
    curves, pose = (_bridged(times, at, values) for values in (curves.clip(0, 1), pose))
    expression = curves.astype(np.float32)
    expression[:, ARKIT_NAMES.index(_UNSEEN)] = 0.0
    rotations = np.concatenate([pose[:, :3], eye_rotations(expression, eye_turns(tools.model))], 1)
    track = CurveTrack(times, expression, (_UNSEEN,), rotations.astype(np.float32))
    whole = np.zeros(len(times))
    whole[seen] = sure
    lost = _spans(times, seen, video.fps)
    fps = track.rate
    how = "times of the pictures"
    if decoding.is_uneven(times):
        how = "times of the pictures, uneven"
    capture = Capture(
        str(video.path), FORM, track, fps, how, len(ARKIT_NAMES) - 1,
        (float(expression.min()), float(expression.max())),
        ((int((~seen).sum()), "without a face"),) if not seen.all() else (), tuple(notes),
    )  # fmt: skip
    person = readings.person
    return Performance(
        capture, whole, lost, identity, person.pictures, rotation_of_angles(pose[:, :3]), pose[:, 3:],
        person.focal, video.size, rest_s, video.sound_s,
    )  # fmt: skip


def confidence(quality: np.ndarray) -> np.ndarray:
    """(T, 3) presence, residual and how far two looks lie apart -> (T,) 0 to 1. A rule, not a probability: 1 where
    landmarks fit the face as well as usual and both looks agree as in the rest of the clip."""
    presence, residual, apart = quality.T
    usual = max(float(np.median(apart)), 0.004)
    fits = 1 / (1 + (residual / (3 * _USUAL_RESIDUAL)) ** 2)
    agrees = 1 / (1 + (np.maximum(apart / usual - 1, 0) / 1.5) ** 2)
    return presence.clip(0, 1) * fits * agrees


def _bridged(times: np.ndarray, at: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(N, C) at the moments with a face -> (T, C) at all: straight lines across what was lost, the ends held."""
    if len(at) == len(times):
        return values
    return np.stack([np.interp(times, at, column) for column in values.T], 1)


def _spans(times: np.ndarray, seen: np.ndarray, fps: float) -> tuple[tuple[float, float], ...]:
    edges = np.flatnonzero(np.diff(np.r_[False, ~seen, False]))
    ends = np.append(times[1:], times[-1] + 1 / fps)
    return tuple((float(times[a]), float(ends[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True))
