"""What an encoder is told: the sliders themselves (E_id,exp), or points of the mesh that they make (E_1700, E_5000)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...errors import DnpmError
from ...face_model.model import FaceModel


@dataclass(frozen=True)
class SliderInputs:
    """Identity in standard deviations and expression in 0 to 1, as they are."""

    n_id: int
    n_exp: int

    @property
    def name(self) -> str:
        """In the paper's words."""
        return "id_exp"

    def __call__(self, identity: np.ndarray, expression: np.ndarray) -> tuple[Tensor, Tensor]:
        """(B, n_id), (B, n_exp) -> the encoder's two inputs."""
        return torch.from_numpy(identity.astype(np.float32)), torch.from_numpy(expression.astype(np.float32))


@dataclass(frozen=True)
class PointInputs:
    """Vertices of V_p (Eq. 3), less the neutral face's, in parts of their spread over plausible faces.

    The encoder's first input is empty and its second holds all coordinates: they enter after the first layer again, as
    expressions do.
    """

    vertex_indices: np.ndarray
    """(P,) int32: which vertices."""
    basis: np.ndarray
    """((1 + n_id)(1 + n_exp), 3 P) float32: the bilinear model at these vertices, over `scale_mm`."""
    scale_mm: float

    @property
    def n_id(self) -> int:
        """Width of the encoder's first input."""
        return 0

    @property
    def n_exp(self) -> int:
        """Width of the encoder's second input."""
        return 3 * len(self.vertex_indices)

    @property
    def name(self) -> str:
        """In the paper's words."""
        return str(len(self.vertex_indices))

    def __call__(self, identity: np.ndarray, expression: np.ndarray) -> tuple[Tensor, Tensor]:
        """(B, n_id), (B, n_exp) -> (B, 0), (B, 3 P)."""
        ones = np.ones((len(identity), 1), np.float32)
        i, e = np.hstack([ones, identity]), np.hstack([ones, expression])
        both = np.einsum("bi,be->bie", i, e, dtype=np.float32).reshape(len(i), -1)
        return torch.zeros(len(i), 0), torch.from_numpy(both @ self.basis)


Inputs = SliderInputs | PointInputs


def make_inputs(kind: str, model: FaceModel) -> Inputs:
    """kind: "id-exp", or a number of points. Raises DnpmError when it is neither, or more than the mesh has."""
    if kind == "id-exp":
        return SliderInputs(model.n_id, model.n_exp)
    if not kind.isdecimal() or int(kind) < 1:
        raise DnpmError(f"encoder inputs {kind!r}: give `id-exp`, or a number of points such as 1700 or 5000")
    count = int(kind)
    if count > len(model.neutral):
        raise DnpmError(f"encoder inputs {kind}: the face model {model.name!r} has {len(model.neutral)} vertices only")
    vertex_indices = spread_vertices(model, count)
    basis = model.core[:, :, vertex_indices].reshape(-1, 3 * count).astype(np.float32)
    rng = np.random.default_rng(0)
    identity = rng.standard_normal((64, model.n_id)).astype(np.float32)
    active = rng.random((64, model.n_exp)) < 0.1
    expression = (rng.random((64, model.n_exp)) * active).astype(np.float32)
    spread = PointInputs(vertex_indices, basis, 1.0)(identity, expression)[1]
    scale = max(float(spread.std()), 1e-3)
    return PointInputs(vertex_indices, basis / np.float32(scale), scale)


def spread_vertices(model: FaceModel, count: int) -> np.ndarray:
    """(count,) int32: vertices far from each other; those of the detail layer first, the rest of the head after them.

    Each is the one farthest from all before (farthest-point sampling), so that fewer points are the first of more.
    """
    used = model.faces_detail_uv >= 0
    layer = np.zeros(len(model.neutral), bool)
    layer[model.faces[used]] = True
    vertex_indices: list[int] = []
    nearest = np.full(len(model.neutral), np.inf)
    for group in (np.flatnonzero(layer), np.flatnonzero(~layer)):
        place = model.neutral[group].astype(np.float64)
        distance = nearest[group]
        for _ in range(min(count - len(vertex_indices), len(group))):
            k = int(distance.argmax())
            vertex_indices.append(int(group[k]))
            distance = np.minimum(distance, ((place - place[k]) ** 2).sum(1))
            distance[k] = -1.0
    return np.array(vertex_indices, np.int32)
