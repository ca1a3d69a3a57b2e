"""Rendered people of known sliders, and what tracking and fit read of them: what the reader is measured on.

Each person is seen at rest a few times and with drawn expressions, under one light, the head turned at random: what a
clip shows, without its time. Brows, hair, beards and eyes differ as people's do, and two of three people have the
wrinkles that the detail weights give them, as photographed faces have; the others are smooth. Pictures are of several
sizes, blurred and compressed as videos are. Each person's looks are kept in a file, so that stopped work goes on.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from ..detail.mesh import masked
from ..detail.weights import Detail
from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES
from ..face_model.looks import TONES
from ..face_model.model import FaceModel
from ..face_model.random_look import random_look
from ..face_model.sampling import random_expression, random_identity
from ..files import tensor_file
from ..photo.camera import Camera, turned
from ..photo.fit.solve import Fitter, Picture
from ..photo.landmarks.detect import Face
from ..photo.landmarks.networks import LandmarkNetworks
from ..photo.render import Lights, Paint, render
from .gestures import LOWER, UPPER, drawn, gaze
from .solving import FrameSolver
from .tracking import Seen, Tracker

PER_PERSON, AT_REST = 32, 4
_SIZES = (160, 272)
"""Pixels of a picture's side."""
_FIRST = 20_000
_SMOOTH = 3
"""One person of so many has no wrinkles."""
_BUMPS = 256
"""Texels of the wrinkles' map: .9 mm each, a pixel or less."""
_SPREAD = 0.006
"""Of looks at such renders (`Face.spread`)."""
_STEPS = 8
"""Of a picture that is not like the one before."""
_LOST = 4
"""Pictures of a person without a face that is found, above which the person is left out."""
_FORMAT = "dnpm-video-looks-2"
_SLIDERS = len(ARKIT_NAMES)
_SIDES = [(k, ARKIT_NAMES.index(n[:-4] + "Right")) for k, n in enumerate(ARKIT_NAMES)
          if n.endswith("Left") and not n.startswith(("eyeLook", "jaw")) and n != "mouthLeft"]  # fmt: skip
_SINGLE = [k for k, n in enumerate(ARKIT_NAMES) if not n.endswith(("Left", "Right")) and n != "tongueOut"]
_ASIDE = [tuple(ARKIT_NAMES.index(f"{stem}{side}") for side in ("Left", "Right")) for stem in ("jaw", "mouth")]


@dataclass(frozen=True)
class Looks:
    """N pictures of one person, each at rest first: expression (N, 52), points (N, 478, 3), scores (N, 52), fit
    (N, 52), left (N, 936), turn (N, 2), seen (N, 2, D): `Seen.looks`; resting (N,) 0 or 1."""

    expression: np.ndarray
    points: np.ndarray
    scores: np.ndarray
    fit: np.ndarray
    left: np.ndarray
    turn: np.ndarray
    seen: np.ndarray
    resting: np.ndarray


def drawn_expression(model: FaceModel, rng: np.random.Generator) -> np.ndarray:
    """(52,) one expression: gestures, half of them with something small beside them; or channels on their own; or small
    movements all over the face, as a face makes that acts for a camera; or one that `random_expression` draws."""
    kind, values = rng.random(), np.zeros(_SLIDERS)
    if kind < 0.45:
        for names in (UPPER, LOWER):
            for name in rng.choice(list(names), int(rng.choice([0, 1, 2], p=[0.15, 0.65, 0.2])), replace=False):
                values = np.maximum(values, rng.uniform(0.15, 1) * drawn(str(name), rng))
        if rng.random() < 0.5:
            values = np.maximum(values, _apart(rng, 0.12) * rng.uniform(0, 0.4))
    elif kind < 0.7:
        values = _apart(rng, float(rng.uniform(0.05, 0.3))) * rng.uniform(0.5, 1)
    elif kind < 0.9:
        values = (_apart(rng, 0.6) * rng.exponential(0.35)).clip(0, 1)
        for name in rng.choice([*UPPER, *LOWER], int(rng.integers(0, 2)), replace=False):
            values = np.maximum(values, rng.uniform(0.3, 1) * drawn(str(name), rng))
    else:
        places = [model.expression_index[name] for name in ARKIT_NAMES]
        values = random_expression(model, int(rng.integers(1 << 30)), rng.uniform(0.4, 1))[places].astype(float)
    aside, up = rng.uniform(-0.7, 0.7), rng.uniform(-0.5, 0.5)
    turned_eyes = gaze(aside, up) if rng.random() < 0.8 else gaze(0.0, 0.0)
    for name, value in turned_eyes.items():
        values[ARKIT_NAMES.index(name)] = value
    values[ARKIT_NAMES.index("tongueOut")] = 0
    return values.clip(0, 1)


def _apart(rng: np.random.Generator, share: float) -> np.ndarray:
    """(52,) each channel for itself, a share of them above 0; both sides mostly alike."""
    values = np.zeros(_SLIDERS)
    for left, right in _SIDES:
        if rng.random() < share:
            both = rng.uniform(0.05, 1)
            sides = (both, both * rng.uniform(0.7, 1)) if rng.random() < 0.7 else rng.uniform(0, 1, 2)
            values[[left, right]] = sides if rng.random() < 0.5 else sides[::-1]
    for k in _SINGLE:
        values[k] = (rng.random() < share) * rng.uniform(0.05, 1)
    for pair in _ASIDE:
        values[pair[int(rng.integers(2))]] = (rng.random() < share) * rng.uniform(0.05, 1)
    jaw, close = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("mouthClose")
    values[close] = min(values[close], values[jaw])  # Lips that close further than the jaw opens go through each other.
    return values


def looks_at(
    model: FaceModel, networks: LandmarkNetworks, fitter: Fitter, detail: Detail, person: int
) -> Looks | None:  # fmt: skip
    """All pictures of one person that a face was seen in; None where they are too few."""
    rng = np.random.default_rng([person, 92])
    size = int(rng.integers(*_SIZES))
    identity = random_identity(model, _FIRST + person, 0.8)
    rest, shapes = model.neutral_of(identity), model.expression_deltas(identity)
    tone = sorted(TONES)[int(rng.integers(len(TONES)))]
    look = replace(random_look(model, _FIRST + person, identity), tone=tone, brows=rng.uniform(0.6, 1.3))
    paint = Paint.of(model, look, 256)
    lights, background = Lights.drawn(rng), rng.uniform(0.1, 0.9, 3)
    distance = float(np.exp(rng.uniform(np.log(600), np.log(1600))))
    target = rest[model.vertex_groups["face"]].mean(0) + rng.normal(0, 6, 3)
    reach, fill = rng.uniform(4, 26), rng.uniform(0.7, 0.88)
    blur, quality = rng.uniform(0, 0.9), int(rng.integers(45, 95))
    places = [model.expression_index[name] for name in ARKIT_NAMES]
    found, truth, resting = [], [], []
    for number in range(PER_PERSON):
        at_rest = number < AT_REST
        values = np.zeros(_SLIDERS) if at_rest else drawn_expression(model, rng)
        angles = (rng.normal(0, 1, 3) * [reach * 0.6, reach * 0.25, reach * 0.2]).clip([-32, -16, -14], [32, 16, 14])
        whole = np.zeros(model.n_exp, np.float32)
        whole[places] = values
        vertices = rest + np.tensordot(whole, shapes, 1)
        camera = Camera.before((size, size), distance, fill, 260.0, target, turned(*angles))
        bumps = _wrinkles(model, detail, identity, whole) if person % _SMOOTH else None
        image, _ = render(model, vertices, camera, paint, lights, bumps, background)
        image = _filmed(image, blur, quality, rng)
        seen = Tracker(networks, _near(fitter, camera, vertices, rng)).see(image)
        if seen is not None:
            found.append(seen)
            truth.append(values)
            resting.append(at_rest)
    if len(found) < PER_PERSON - _LOST or sum(resting) < 2:
        return None
    return _fitted(fitter, found, np.array(truth), np.array(resting), size)


def _wrinkles(model: FaceModel, detail: Detail, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
    """(R, R) mm of a person's expression."""
    given = (torch.from_numpy(np.asarray(values, np.float32))[None] for values in (identity, expression))
    with torch.inference_mode():
        made = detail.finished(detail.displacement(*given, resolution=_BUMPS))
    return masked(model, made[0, 0].numpy())


def _filmed(image: np.ndarray, blur: float, quality: int, rng: np.random.Generator) -> np.ndarray:
    """(h, w, 3) 0 to 1 -> uint8: through a lens, with a sensor's noise, and compressed."""
    soft = gaussian_filter(image, (blur, blur, 0)) if blur > 0.3 else image
    noisy = np.round((soft + rng.normal(0, 0.008, image.shape)).clip(0, 1) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "jpeg", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def _near(fitter: Fitter, camera: Camera, vertices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(478, 3) about where the landmarks are, as those of the picture before are."""
    points = np.zeros((478, 3))
    points[:468, :2] = camera.project(fitter.points.of(vertices))[0]
    points[468:, :2] = points[168, :2]
    side = float(np.ptp(points[:, 1]))
    points[:, :2] = (points[:, :2] - points[168, :2]) * rng.uniform(0.97, 1.03) + points[168, :2]
    points[:, :2] += rng.normal(0, 0.012 * side, 2)
    return points


def _fitted(
    fitter: Fitter, found: Sequence[Seen], truth: np.ndarray, resting: np.ndarray, size: int
) -> Looks:  # fmt: skip
    """With the identity solved as a clip's is, on two of the pictures: one at rest, one not."""
    sides = (size, size)
    faces = [Face((0, 0, 1, 1), f.points.astype(np.float32), 1.0, f.scores, _SPREAD) for f in (found[0], found[-1])]
    fit = fitter.fit([Picture(face, sides) for face in faces])
    focal = float(np.exp(np.median([np.log(camera.focal) for camera in fit.cameras])))
    solver = FrameSolver(fitter, fit.identity, focal, sides, _SPREAD)
    places = [fitter.model.expression_index[name] for name in ARKIT_NAMES]
    solved = []
    for one in found:
        expected, certainty = fitter.error_models.expression(fitter.model.expression_names, one.scores)
        solved.append(solver.solve(one.points, expected, certainty, _STEPS))
    return Looks(
        truth.astype(np.float32),
        np.stack([f.points for f in found]).astype(np.float32),
        np.array([[f.scores.get(name, 0.0) for name in ARKIT_NAMES] for f in found], np.float32),
        np.stack([s.expression[places] for s in solved]).astype(np.float32),
        np.stack([s.left for s in solved]).astype(np.float32),
        np.stack([s.turn for s in solved]).astype(np.float32),
        np.stack([f.looks for f in found]).astype(np.float16),
        resting.astype(np.uint8),
    )


def kept_looks(
    folder: Path, model: FaceModel, networks: LandmarkNetworks, fitter: Fitter, detail: Detail, person: int
) -> Looks | None:  # fmt: skip
    """`looks_at`, from the person's file in the folder where there is one, else written there."""
    path = folder / f"person_{person:04d}.safetensors"
    names = [field.name for field in fields(Looks)]
    if path.is_file():
        try:
            arrays, metadata = tensor_file.load(path)
            if metadata.get("format") == _FORMAT and metadata.get("model") == model.name:
                return Looks(**{name: arrays[name] for name in names}) if arrays else None
        except (DnpmError, KeyError):
            pass  # Half a file, or another version's: made again.
    made = looks_at(model, networks, fitter, detail, person)
    arrays = {name: getattr(made, name) for name in names} if made is not None else {}
    tensor_file.save(path, arrays, {"format": _FORMAT, "model": model.name})
    return made
