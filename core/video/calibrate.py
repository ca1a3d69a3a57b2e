"""Measures the reader (`reader.py`): rendered people of known sliders, what tracking and fit read of them, and a small
network from the one to the other.

Each person is seen at rest three times and with fifteen drawn expressions, turned and lit at random; everything counts
mirrored as well. People are split, one in eight for validation, and the network with the least error there is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES, mirror_name
from ..face_model.looks import TONES, Look
from ..face_model.model import FaceModel
from ..face_model.sampling import random_expression, random_identity
from ..photo.camera import Camera, turned
from ..photo.fit.calibrate import mirror_of
from ..photo.fit.solve import Fitter, Picture
from ..photo.landmarks.augmentation import other_side
from ..photo.landmarks.detect import Face
from ..photo.landmarks.networks import LandmarkNetworks
from ..photo.render import Lights, Paint, render
from .gestures import LOWER, UPPER, drawn, gaze
from .reader import INPUTS, MODES, irises
from .solving import FrameSolver
from .tracking import Tracker

SIZE = 256
_PER_PERSON, _AT_REST = 18, 3
_FIRST = 20_000
_SPREAD = 0.006
"""Of looks at such renders (`Face.spread`)."""
_HIDDEN, _ROUNDS, _BATCH = 160, 400, 256
_VALIDATION = 8
_GRANTED = 0.5
"""Share of the fit's own sliders in what is read: photographed faces are not rendered ones."""
_STEPS = 12
"""Of a picture that is not like the one before."""
_SLIDERS = len(ARKIT_NAMES)
_MIRROR = np.array([ARKIT_NAMES.index(mirror_name(name)) for name in ARKIT_NAMES])


@dataclass(frozen=True)
class KnownLook:
    """One picture of a person: expression (52,), points (478, 3), scores, fit (52,), left (936,), turn (2,)."""

    person: int
    number: int
    expression: np.ndarray
    points: np.ndarray
    scores: np.ndarray
    fit: np.ndarray
    left: np.ndarray
    turn: np.ndarray


def drawn_expression(model: FaceModel, rng: np.random.Generator, number: int, person: int) -> np.ndarray:
    """(52,) the expression of a person's picture: gestures, with something small beside them, or a random one."""
    places = [model.expression_index[name] for name in ARKIT_NAMES]
    if number % 3 == 2:
        values = random_expression(model, person * 100 + number, rng.uniform(0.4, 1))[places].astype(float)
    else:
        values = np.zeros(_SLIDERS)
        count = 1 + (number % 3) * int(rng.integers(1, 3))
        for name in rng.choice([*UPPER, *LOWER], count, replace=False):
            values = np.maximum(values, rng.uniform(0.3, 1) * drawn(str(name), rng))
        free = rng.random(_SLIDERS) < 0.12
        values = np.maximum(values, free * rng.uniform(0, 0.35, _SLIDERS))
        values[ARKIT_NAMES.index("tongueOut")] = 0
    aside, up = rng.uniform(-0.7, 0.7), rng.uniform(-0.5, 0.5)
    if rng.random() < 0.8:
        for name, value in gaze(aside, up).items():
            values[ARKIT_NAMES.index(name)] = value
    return values.clip(0, 1)


def looks_at(model: FaceModel, networks: LandmarkNetworks, fitter: Fitter, person: int) -> list[KnownLook]:
    """All pictures of one person that a face was seen in."""
    rng = np.random.default_rng([person, 91])
    identity = random_identity(model, _FIRST + person, 0.8)
    rest, shapes = model.neutral_of(identity), model.expression_deltas(identity)
    tone = sorted(TONES)[int(rng.integers(len(TONES)))]
    paint = Paint.of(model, Look(tone=tone, freckles=rng.uniform(0, 0.4), brows=rng.uniform(0.6, 1.3)), SIZE)
    lights, background = Lights.drawn(rng), rng.uniform(0.1, 0.9, 3)
    distance = float(np.exp(rng.uniform(np.log(600), np.log(1600))))
    target = rest[model.vertex_groups["face"]].mean(0) + rng.normal(0, 6, 3)
    reach = rng.uniform(4, 26)
    seen = []
    places = [model.expression_index[name] for name in ARKIT_NAMES]
    for number in range(_PER_PERSON):
        values = np.zeros(_SLIDERS) if number < _AT_REST else drawn_expression(model, rng, number, person)
        angles = (rng.normal(0, 1, 3) * [reach * 0.6, reach * 0.25, reach * 0.2]).clip([-32, -16, -14], [32, 16, 14])
        whole = np.zeros(model.n_exp, np.float32)
        whole[places] = values
        vertices = rest + np.tensordot(whole, shapes, 1)
        camera = Camera.before((SIZE, SIZE), distance, rng.uniform(0.7, 0.88), 260.0, target, turned(*angles))
        image, _ = render(model, vertices, camera, paint, lights, background=background)
        image = np.round((image + rng.normal(0, 0.008, image.shape)).clip(0, 1) * 255).astype(np.uint8)
        points = np.zeros((478, 3))
        points[:468, :2] = camera.project(fitter.points.of(vertices))[0]
        tracker = Tracker(networks, points)
        found = tracker.see(image) and tracker.see(image)
        if found is not None:
            seen.append((number, values, found))
    return _fitted(fitter, person, seen)


def _fitted(fitter: Fitter, person: int, seen: Sequence[tuple]) -> list[KnownLook]:
    """With the identity solved as a clip's is, on two of the pictures: one at rest, one not."""
    if len(seen) < _PER_PERSON - 2:
        return []
    size = (SIZE, SIZE)
    chosen = [0, len(seen) - 1]
    faces = [Face((0, 0, 1, 1), f.points.astype(np.float32), 1.0, f.scores, _SPREAD) for _, _, f in seen]
    fit = fitter.fit([Picture(faces[k], size) for k in chosen])
    focal = float(np.exp(np.median([np.log(camera.focal) for camera in fit.cameras])))
    solver = FrameSolver(fitter, fit.identity, focal, size, _SPREAD)
    result = []
    places = [fitter.model.expression_index[name] for name in ARKIT_NAMES]
    for number, values, found in seen:
        expected, certainty = fitter.error_models.expression(fitter.model.expression_names, found.scores)
        solved = solver.solve(found.points, expected, certainty, _STEPS)
        scores = np.array([found.scores.get(name, 0.0) for name in ARKIT_NAMES])
        result.append(
            KnownLook(person, number, values, found.points, scores, solved.expression[places], solved.left, solved.turn)
        )
    return result


def measured(
    looks: Sequence[KnownLook], canonical: np.ndarray, tell: Callable[[float], None] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Looks at many people -> the reader's arrays, and figures of people that were not trained on.

    Raises DnpmError when there are too few people.
    """
    people = sorted({look.person for look in looks})
    if len(people) < 2 * _VALIDATION:
        raise DnpmError(f"{len(people)} people are too few to measure a reader by: at least {2 * _VALIDATION}")
    both = [*looks, *(_mirrored(look, canonical) for look in looks)]
    left = np.stack([look.left for look in both])
    modes = np.linalg.svd(left - left.mean(0), full_matrices=False)[2][:MODES]
    features = np.stack([_features(look, modes) for look in both])
    rests: dict[tuple[int, bool], np.ndarray] = {}
    keys = [(look.person, k >= len(looks)) for k, look in enumerate(both)]
    for key in set(keys):
        at_rest = [k for k, look in enumerate(both) if keys[k] == key and look.number < _AT_REST]
        rests[key] = features[at_rest].mean(0)
    usual = np.mean(list(rests.values()), 0)
    apart = features - np.stack([rests[key] for key in keys])
    apart[:, -2:] = features[:, -2:]
    scale = np.maximum(apart.std(0), 1e-3)
    wanted = np.stack([look.expression for look in both])
    held = np.array([people.index(look.person) % _VALIDATION == 0 for look in both])
    # Where little is known, a slider is the fit's of its name: what is learnt is what to add to that.
    prior = np.zeros((INPUTS, _SLIDERS))
    prior[np.arange(_SLIDERS), np.arange(_SLIDERS)] = scale[:_SLIDERS]
    arrays, figures = _trained(apart / scale, wanted, held, prior, tell)
    arrays |= {"modes": modes, "usual": usual, "scale": scale}
    return {name: array.astype(np.float32) for name, array in arrays.items()}, figures


def _features(look: KnownLook, modes: np.ndarray) -> np.ndarray:
    result = np.concatenate([look.fit, look.scores, irises(look.points), modes @ look.left, look.turn])
    assert len(result) == INPUTS
    return result


def _mirrored(look: KnownLook, canonical: np.ndarray) -> KnownLook:
    """The same picture's mirror image."""
    flip = np.array([-1.0, 1.0])
    points = look.points.copy()
    points[:, 0] *= -1
    left = (look.left.reshape(-1, 2)[mirror_of(canonical)] * flip).ravel()
    return KnownLook(
        look.person, look.number, look.expression[_MIRROR], points[other_side(canonical)], look.scores[_MIRROR],
        look.fit[_MIRROR], left, look.turn * flip,
    )  # fmt: skip


def _trained(
    given: np.ndarray, wanted: np.ndarray, held: np.ndarray, prior: np.ndarray, tell: Callable[[float], None] | None
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Adam with decay on a straight way and a hidden layer; the weights of the round that is best on held people."""
    torch.manual_seed(0)
    x, y, usual = (torch.from_numpy(a.astype(np.float32)) for a in (given, wanted, prior))
    inside, outside = torch.from_numpy(np.flatnonzero(~held)), torch.from_numpy(np.flatnonzero(held))
    start = _ridge(x[inside], y[inside], usual)
    more = nn.Parameter(torch.zeros_like(start))
    first = nn.Parameter(torch.randn(x.shape[1], _HIDDEN) / x.shape[1] ** 0.5)
    bias, second = nn.Parameter(torch.zeros(_HIDDEN)), nn.Parameter(torch.zeros(_HIDDEN, y.shape[1]))
    parameters = [more, first, bias, second]
    # Channels count alike: rare ones would not be learnt otherwise.
    weight = 1 / y[inside].std(0).clamp_min(0.05)
    optimiser = torch.optim.AdamW(parameters, 1e-3, weight_decay=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _ROUNDS)

    def read(part: torch.Tensor) -> torch.Tensor:
        return part @ (start + more) + torch.relu(part @ first + bias) @ second - torch.relu(bias) @ second

    best, kept = float("inf"), [p.detach().clone() for p in parameters]
    for round_ in range(_ROUNDS):
        order = inside[torch.randperm(len(inside))]
        for begin in range(0, len(order), _BATCH):
            rows = order[begin : begin + _BATCH]
            noisy = x[rows] + 0.15 * torch.randn(len(rows), x.shape[1])
            loss = (((read(noisy) - y[rows]) * weight) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
        if round_ % 5 == 4:
            with torch.no_grad():
                error = float((((read(x[outside]).clamp(0, 1) - y[outside]) * weight) ** 2).mean())
            if error < best:
                best, kept = error, [p.detach().clone() for p in parameters]
        if tell is not None:
            tell((round_ + 1) / _ROUNDS)
    for parameter, value in zip(parameters, kept, strict=True):
        parameter.data.copy_(value)
    with torch.no_grad():
        made = read(x[outside]).clamp(0, 1)
    ways = {
        "r_held_out": made,
        "r_straight": (x[outside] @ start).clamp(0, 1),
        "r_fit": (x[outside] @ usual).clamp(0, 1),
    }
    figures = {name: _mean_r(way, y[outside]) for name, way in ways.items()}
    share = 1 - _GRANTED
    values = [
        (share * (start + more) + _GRANTED * usual).detach().numpy(), first.detach().numpy(), bias.detach().numpy(),
        share * second.detach().numpy(),
    ]  # fmt: skip
    return dict(zip(("straight", "first", "bias", "second"), values, strict=True)), figures


def _ridge(x: torch.Tensor, y: torch.Tensor, prior: torch.Tensor, ridge: float = 60.0) -> torch.Tensor:
    """Ridge regression towards what is taken for granted."""
    return prior + torch.linalg.solve(x.T @ x + ridge * torch.eye(x.shape[1]), x.T @ (y - x @ prior))


def _mean_r(made: torch.Tensor, wanted: torch.Tensor) -> float:
    """Mean correlation over the channels that move."""
    a, b = made - made.mean(0), wanted - wanted.mean(0)
    r = (a * b).sum(0) / (a.norm(dim=0) * b.norm(dim=0)).clamp_min(1e-9)
    return float(r[wanted.std(0) > 0.02].mean())
