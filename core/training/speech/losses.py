"""What the decoder is trained to: positions of the face first, through the bilinear model (Eq. 3), then its sliders.

All terms are L1 means, in millimetres but for `expression` and `speed`:

    vertex       vertices of V_p on the mean identity: every third of the face, every one of the lips
    expression   the sliders themselves
    lip          distance of the inner lips and width of the mouth; near closure it counts threefold, because lips that
                 all but meet look wrong
    roll         how far the lips roll in; where they do it counts sevenfold: few sounds want it (f and v, m, b and p),
                 and seldom and small as it is, an L1 fit leaves it out altogether (0 in the paper)
    velocity     vertices' change from frame to frame
    speed        how fast each slider moves on the average of half a second, per second, whichever way: an L1 fit of
                 what the sound leaves open moves less than any performer (0 in the paper and in FaceFormer)

Columns that a take does not carry cost nothing: there the prediction stands in for the truth.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import DnpmError
from ...face_model.arkit import ARKIT_NAMES
from ...face_model.model import FaceModel

_EVERY = 3
_UPPER, _LOWER, _CORNERS = (61, 62, 63), (67, 66, 65), (48, 54)
_NEAR_MM, _NEAR_MORE = 2.0, 2.0
_ROLLS = ("mouthRollLower", "mouthRollUpper")
_ROLLED, _ROLLED_MORE = 0.08, 6.0
_RATE = 30.0
_HALF_SECOND = 15


@dataclass(frozen=True)
class LossWeights:
    """Of the terms; 0 switches one off (it is reported all the same)."""

    vertex: float = 1.0
    expression: float = 0.01
    lip: float = 0.5
    velocity: float = 0.5
    speed: float = 3.0
    roll: float = 0.5

    def __post_init__(self) -> None:
        values = [getattr(self, field.name) for field in fields(self)]
        if not all(v >= 0 for v in values) or not any(values):
            raise DnpmError(f"the loss's weights must not be negative, nor all be 0 (got {self})")


class MotionLoss(nn.Module):
    """The terms for one face model. Raises DnpmError when it lacks ARKit's names or the mouth's landmarks."""

    deltas: Tensor
    gap: Tensor
    gap_rest: Tensor
    travel: Tensor

    def __init__(self, model: FaceModel, weights: LossWeights) -> None:
        super().__init__()
        if missing := [name for name in ARKIT_NAMES if name not in model.expression_index]:
            raise DnpmError(f"face model {model.name!r} lacks ARKit's {', '.join(missing[:3])}; speech needs all 52")
        marks = model.landmarks68[[*_UPPER, *_LOWER, *_CORNERS]]
        if (marks < 0).any():
            raise DnpmError(f"face model {model.name!r} lacks landmarks of the mouth, which the lip distance needs")
        self.weights = weights
        order = [model.expression_index[name] for name in ARKIT_NAMES]
        moves = model.expression_deltas(np.zeros(model.n_id, np.float32))[order]
        face = model.vertex_groups.get("face", np.flatnonzero(model.moved.any(0)))
        vertices = np.union1d(face[::_EVERY], model.vertex_groups.get("lips", marks))
        upper, lower, corners = marks[:3], marks[3:6], marks[6:]
        # Rows: height of the gap, width of the mouth; both linear in the sliders.
        gap = np.stack(
            [(moves[:, upper, 1] - moves[:, lower, 1]).mean(1), moves[:, corners[1], 0] - moves[:, corners[0], 0]], 1
        )
        rest = np.array(
            [(model.neutral[upper, 1] - model.neutral[lower, 1]).mean(),
             model.neutral[corners[1], 0] - model.neutral[corners[0], 0]]
        )  # fmt: skip
        self.register_buffer("deltas", torch.from_numpy(moves[:, vertices].reshape(len(order), -1).astype(np.float32)))
        self.register_buffer("gap", torch.from_numpy(gap.astype(np.float32)))
        self.register_buffer("gap_rest", torch.from_numpy(rest.astype(np.float32)))
        self.rolls = [ARKIT_NAMES.index(name) for name in _ROLLS]
        travel = np.linalg.norm(moves[self.rolls], axis=-1).max(1)
        self.register_buffer("travel", torch.from_numpy(travel.astype(np.float32)))

    def forward(self, predicted: Tensor, truth: Tensor, carried: Tensor) -> tuple[Tensor, dict[str, float]]:
        """(B, T, 52), (B, T, 52), (B, 52) bool -> the weighted sum, and every term's value."""
        error = (predicted - truth) * carried[:, None]
        moved = error @ self.deltas
        terms = {
            "vertex": moved.abs().mean(),
            "expression": error.abs().sum() / (carried.sum() * error.shape[1]).clamp(min=1),
            "lip": self._lip(truth + error, truth),
            "velocity": moved.diff(dim=1).abs().mean(),
            "speed": _speed(truth + error, truth),
            "roll": self._roll(error, truth),
        }
        total = torch.stack([getattr(self.weights, name) * value for name, value in terms.items()]).sum()
        return total, {name: float(value.detach()) for name, value in terms.items()}

    def _lip(self, predicted: Tensor, truth: Tensor) -> Tensor:
        ours, theirs = (x @ self.gap + self.gap_rest for x in (predicted, truth))
        # Lips that are pressed together are closed, however hard.
        height, wanted = ours[..., 0].clamp(min=0), theirs[..., 0].clamp(min=0)
        near = 1 + _NEAR_MORE * torch.exp(-wanted / _NEAR_MM)
        return (near * (height - wanted).abs()).mean() + (ours[..., 1] - theirs[..., 1]).abs().mean()

    def _roll(self, error: Tensor, truth: Tensor) -> Tensor:
        more = 1 + _ROLLED_MORE * (truth[..., self.rolls] > _ROLLED)
        return (more * error[..., self.rolls].abs() * self.travel).mean()


def _speed(predicted: Tensor, truth: Tensor) -> Tensor:
    """(B, T, 52) twice -> the difference of their sliders' mean speeds over half seconds that overlap by half."""
    window = min(_HALF_SECOND, predicted.shape[1] - 1)
    means = [
        nn.functional.avg_pool1d(x.diff(dim=1).abs().transpose(1, 2), window, max(1, window // 2))
        for x in (predicted, truth)
    ]
    return _RATE * (means[0] - means[1]).abs().mean()
