"""How maps move with sliders, and whether sliders can be read back from the displaced mesh."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.optimize import lsq_linear

from ..detail.mesh import detailed_mesh, masked
from ..face_model.bilinear import contract
from ..face_model.model import FaceModel
from ..face_model.sampling import random_expression, random_identity
from .painter import Painter

STEPS = 60


def step_ratio(maps: list[np.ndarray], mask: np.ndarray) -> float:
    """Largest step between neighbouring maps over the mean step, both root mean squares inside the mask."""
    inside = mask > 0.5
    steps = [float(np.sqrt(np.mean((b - a)[inside] ** 2))) for a, b in itertools.pairwise(maps)]
    return max(steps) / max(float(np.mean(steps)), 1e-12)


def temporal(painter: Painter, walks: int, seed: int, resolution: int = 256) -> dict[str, float]:
    """Walks in 60 steps: an expression from 0 to its whole on one person, and from one person to another at rest."""
    model = painter.model
    mask = np.abs(masked(model, np.ones((resolution, resolution), np.float32)))
    expressions, identities = [], []
    for k in range(walks):
        one, other = (random_identity(model, 40_000 + seed + 2 * k + i) for i in range(2))
        whole = random_expression(model, 800_000 + seed + k)
        way = np.linspace(0.0, 1.0, STEPS + 1, dtype=np.float32)
        expressions.append(step_ratio([painter.map(one, t * whole, resolution) for t in way], mask))
        between = [painter.map((1 - t) * one + t * other, model.expression(), resolution) for t in way]
        identities.append(step_ratio(between, mask))
    return {
        "expression_step_ratio_max": round(max(expressions), 2),
        "expression_step_ratio_mean": round(float(np.mean(expressions)), 2),
        "identity_step_ratio_max": round(max(identities), 2),
        "identity_step_ratio_mean": round(float(np.mean(identities)), 2),
        "walks": walks, "steps": STEPS, "resolution": resolution,
    }  # fmt: skip


class SliderFit:
    """The inverse of Eq. 3 on a part of the vertices, which is kept as float32 tables."""

    VERTICES, ROUNDS, PRIOR = 1500, 6, 2.0

    def __init__(self, model: FaceModel) -> None:
        self._pick = np.arange(0, len(model.neutral), max(len(model.neutral) // self.VERTICES, 1))
        self._by_identity = model.core[:, :, self._pick].astype(np.float32)
        self._by_expression = np.ascontiguousarray(self._by_identity.swapaxes(0, 1))
        self._neutral = model.neutral[self._pick].ravel().astype(np.float64)

    def __call__(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(V, 3) mm -> identity (n_id,), expression (n_exp,) whose V_p is nearest.

        Least squares in turn: identity with a weak prior of one standard deviation, expression between 0 and 1.
        """
        target = np.asarray(vertices, np.float64)[self._pick].ravel() - self._neutral
        n_id, n_exp = len(self._by_identity) - 1, len(self._by_expression) - 1
        identity, expression = np.zeros(n_id), np.zeros(n_exp)
        for _ in range(self.ROUNDS):
            moves = contract(self._by_expression, expression).reshape(n_id + 1, -1).astype(np.float64)
            system = moves[1:] @ moves[1:].T + self.PRIOR * np.eye(n_id)
            identity = np.linalg.solve(system, moves[1:] @ (target - moves[0]))
            deltas = contract(self._by_identity, identity).reshape(n_exp + 1, -1).astype(np.float64)
            # The normal equations' root has the same minimum with 52 rows instead of thousands.
            root = np.linalg.cholesky(deltas[1:] @ deltas[1:].T + 1e-3 * np.eye(n_exp)).T
            right = np.linalg.solve(root.T, deltas[1:] @ (target - deltas[0]))
            expression = lsq_linear(root, right, (0.0, 1.0), method="bvls").x
        return identity.astype(np.float32), expression.astype(np.float32)


def read_back(painter: Painter, people: int, seed: int, resolution: int = 512) -> dict[str, float]:
    """Fit the sliders to displaced meshes: how far the expression stays what was set, whoever wears it.

    One expression a person, the same for all people in groups of four; errors in slider units, of the shape
    components alone.
    """
    model = painter.model
    fit = SliderFit(model)
    errors, spreads, identity_errors = [], [], []
    for group in range(-(-people // 4)):
        wanted = random_expression(model, 810_000 + seed + group)
        found = []
        for k in range(min(4, people - 4 * group)):
            person = random_identity(model, 50_000 + seed + 4 * group + k)
            image = painter.map(person, wanted, resolution)
            mesh = detailed_mesh(model, person, wanted, image, levels=0)
            identity, expression = fit(mesh.vertices)
            found.append(expression)
            errors.append(float(np.abs(expression - wanted).mean()))
            identity_errors.append(float(np.abs(identity - person)[: model.n_shape].mean()))
        spreads.append(float(np.std(np.stack(found), axis=0).mean()))
    return {
        "expression_mae": round(float(np.mean(errors)), 4), "expression_mae_worst": round(max(errors), 4),
        "expression_spread_over_people": round(float(np.mean(spreads)), 4),
        "identity_mae_sd": round(float(np.mean(identity_errors)), 4), "meshes": people,
    }  # fmt: skip
