"""Measures the reader (`reader.py`) on rendered people of known sliders (`examples.py`), in two stages.

First, ridge regression from how faces look (`appearance.py`, thousands of numbers) to the sliders; what it says of a
person comes from a regression that has not seen this person, so that the second stage learns how far to trust it.
Second, a small network from all features to the sliders. Everything counts mirrored as well. People are split, one in
eight for validation; neither stage learns from these, and the network with the least error there is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from ..errors import DnpmError
from ..face_model.arkit import ARKIT_NAMES
from ..photo.fit.calibrate import mirror_of
from ..photo.landmarks.augmentation import other_side
from .examples import Looks
from .reader import INPUTS, MIRROR, MODES, features_of

_HIDDEN, _ROUNDS, _BATCH = 160, 240, 256
_VALIDATION, _FOLDS = 8, 5
_GRANTED = 0.5
"""Share at most of the fit's own sliders in what is read: photographed faces are not rendered ones."""
_TRUSTED = (0.4, 0.8)
"""Correlations of the fit's own slider with the truth: it has no share up to the first, and its share from the second
on."""
_LOOKS_RIDGE = 0.3
_SLIDERS = len(ARKIT_NAMES)


def measured(
    people: Sequence[Looks], canonical: np.ndarray, tell: Callable[[float], None] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Looks at many people -> the reader's arrays, and figures of people that were not learnt from.

    Raises DnpmError when there are too few people.
    """
    if len(people) < 2 * _VALIDATION:
        raise DnpmError(f"{len(people)} people are too few to measure a reader by: at least {2 * _VALIDATION}")
    person = np.concatenate([np.full(len(one.expression), k) for k, one in enumerate(people)])
    held = person % _VALIDATION == 0
    weights, look = _by_looks(people, person, held)
    left = np.concatenate([one.left for one in people])
    left = np.concatenate([left, _mirrored_left(left, canonical)])
    modes = np.linalg.svd(left - left.mean(0), full_matrices=False)[2][:MODES]
    features, wanted = [], []
    other = other_side(canonical)
    for mirrored in (False, True):
        for k, one in enumerate(people):
            features.append(_features(one, look[person == k], modes, canonical, other, mirrored))
            wanted.append(one.expression[:, MIRROR] if mirrored else one.expression)
    rests = [rows[one.resting > 0].mean(0) for rows, one in zip(features, [*people, *people], strict=True)]
    usual = np.mean(rests, 0)
    apart = np.concatenate([_apart(rows, rest) for rows, rest in zip(features, rests, strict=True)])
    scale = np.maximum(apart.std(0), 1e-3)
    # Where little is known, a slider is the fit's of its name: what is learnt is what to add to that.
    prior = np.zeros((INPUTS, _SLIDERS))
    prior[np.arange(_SLIDERS), np.arange(_SLIDERS)] = scale[:_SLIDERS]
    arrays, figures = _trained(apart / scale, np.concatenate(wanted), np.concatenate([held, held]), prior, tell)
    arrays |= {"modes": modes, "looks": weights, "usual": usual, "scale": scale}
    return {name: array.astype(np.float32) for name, array in arrays.items()}, figures


def _by_looks(people: Sequence[Looks], person: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(52, D) weights from those that are not held; (N, 52) what looks say of each picture, by people other than its
    own."""
    rows = []
    for side in (0, 1):  # The second look is the mirrored picture's.
        for one in people:
            seen = one.seen[:, side].astype(np.float32)
            rows.append(seen - seen[one.resting > 0].mean(0))
    x = torch.from_numpy(np.concatenate(rows))
    del rows
    scale = x.std(0).clamp_min(1e-3)
    x /= scale
    truth = np.concatenate([one.expression for one in people])
    y = torch.from_numpy(np.concatenate([truth, truth[:, MIRROR]]))
    kernel = x @ x.T / x.shape[1]
    whose, kept = np.concatenate([person, person]), np.concatenate([~held, ~held])
    said = torch.zeros_like(y)

    def solved(inside: np.ndarray) -> torch.Tensor:
        places = torch.from_numpy(np.flatnonzero(inside))
        part = kernel[places][:, places]
        part.diagonal().add_(_LOOKS_RIDGE * float(part.diagonal().mean()) + 1e-6)
        weights = torch.zeros_like(y)
        weights[places] = torch.linalg.solve(part, y[places])
        return weights

    everyone = solved(kept)
    for fold in range(_FOLDS):
        # Held people are read by what all the others taught.
        own = kept & (whose % _FOLDS == fold)
        said[torch.from_numpy(own)] = (kernel @ solved(kept & ~own))[torch.from_numpy(own)]
    said[torch.from_numpy(~kept)] = (kernel @ everyone)[torch.from_numpy(~kept)]
    count = len(person)
    look = (said[:count] + said[count:][:, torch.from_numpy(MIRROR)]) / 2
    return (everyone.T @ x / x.shape[1] / scale).numpy(), look.numpy()


def _features(
    one: Looks, look: np.ndarray, modes: np.ndarray, canonical: np.ndarray, other: np.ndarray, mirrored: bool
) -> np.ndarray:  # fmt: skip
    """(N, INPUTS) of a person's pictures, or of their mirror images."""
    fit, scores, points, left, turn = one.fit, one.scores, one.points, one.left, one.turn
    if mirrored:
        fit, scores, look = fit[:, MIRROR], scores[:, MIRROR], look[:, MIRROR]
        points = points[:, other] * np.array([-1.0, 1.0, 1.0])
        left, turn = _mirrored_left(left, canonical), turn * np.array([-1.0, 1.0])
    rows = zip(fit, scores, points, left @ modes.T, look, turn, strict=True)
    return np.stack([features_of(*row) for row in rows])


def _apart(features: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(N, INPUTS) less those at rest, but for the turn (`Reader.expression`)."""
    apart = features - rest
    apart[:, -2:] = features[:, -2:]
    return apart


def _mirrored_left(left: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """(N, 936) what the fit leaves in the mirror images."""
    flip = np.array([-1.0, 1.0])
    result: np.ndarray = (left.reshape(len(left), -1, 2)[:, mirror_of(canonical)] * flip).reshape(left.shape)
    return result


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
    # As far as a slider of the fit's own is reliable, half of what is read is it.
    trusted = _r((x[inside] @ usual).clamp(0, 1), y[inside])
    granted = _GRANTED * ((trusted - _TRUSTED[0]) / (_TRUSTED[1] - _TRUSTED[0])).clamp(0, 1)
    share = 1 - granted
    with torch.no_grad():
        made = read(x[outside])
        ways = {
            "r_held_out": share * made + granted * (x[outside] @ usual),
            "r_learnt": made,
            "r_straight": x[outside] @ start,
            "r_fit": x[outside] @ usual,
        }
        moves = y[outside].std(0) > 0.02
        figures = {name: float(_r(way.clamp(0, 1), y[outside])[moves].mean()) for name, way in ways.items()}
        values = [share * (start + more) + granted * usual, first, bias, share * second]
    names = ("straight", "first", "bias", "second")
    return {name: value.detach().numpy() for name, value in zip(names, values, strict=True)}, figures


def _ridge(x: torch.Tensor, y: torch.Tensor, prior: torch.Tensor, ridge: float = 60.0) -> torch.Tensor:
    """Ridge regression towards what is taken for granted."""
    return prior + torch.linalg.solve(x.T @ x + ridge * torch.eye(x.shape[1]), x.T @ (y - x @ prior))


def _r(made: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Correlation of each channel."""
    a, b = made - made.mean(0), wanted - wanted.mean(0)
    return (a * b).sum(0) / (a.norm(dim=0) * b.norm(dim=0)).clamp_min(1e-9)
