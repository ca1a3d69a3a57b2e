"""Eq. 3, V_p = C_r x w_id x w_exp, in torch: batched, and differentiable by both vectors. In numpy:
`core/face_model/bilinear.py`."""

from __future__ import annotations

import torch
from torch import Tensor


def homogeneous(values: Tensor) -> Tensor:
    """(B, n) -> (B, n + 1): w of Eq. 3, a 1 for what is there at rest, then the sliders."""
    return torch.cat([values.new_ones(len(values), 1), values], 1)


def vertices(neutral: Tensor, core: Tensor, identity: Tensor, expression: Tensor) -> Tensor:
    """neutral (V, 3), core ((n_id + 1) (n_exp + 1), 3 V), (B, n_id), (B, n_exp) -> V_p (B, V, 3)."""
    weights = (homogeneous(identity)[:, :, None] * homogeneous(expression)[:, None, :]).flatten(1)
    return neutral + (weights @ core).unflatten(1, (-1, 3))
