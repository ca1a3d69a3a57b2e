"""Rows of w_plus that a training below G's resolution does not reach, held where they were.

The finest rows feed blocks that a coarse map does not show. Nothing teaches their head, but the layers under it move,
and the rows would drift with them. The head of such a row is therefore fitted anew, by least squares over random
sliders, to what the encoder before the training gave.
"""

from __future__ import annotations

import numpy as np
import torch

from ...detail.encoder import Encoder
from ...face_model.model import FaceModel
from ..detail import samples

_PEOPLE = 6000
_RIDGE = 1e-4
"""Of the features' mean square: keeps what does not vary from deciding."""


def hold_rows(encoder: Encoder, before: Encoder, first: int, model: FaceModel, seed: int = 0) -> float:
    """Fit the heads of rows `first` and finer of an encoder of sliders to an earlier one's; what is left of their
    variance, 0 to 1. Both encoders are put into evaluation mode, on the CPU."""
    pairs = [samples.draw(model, "train", k, seed) for k in range(_PEOPLE)]
    identity, expression = (
        torch.from_numpy(np.stack(column).astype(np.float32)) for column in zip(*pairs, strict=True)
    )  # fmt: skip
    encoder.cpu().eval()
    before.cpu().eval()
    left, whole, row = 0.0, 0.0, 0
    with torch.no_grad():
        wanted, features = before(identity, expression), encoder.features(identity, expression)
        for head, x, rows in zip(encoder.heads, features, encoder.config.groups, strict=True):
            held = range(max(first - row, 0), rows)
            if len(held):
                assert isinstance(head, torch.nn.Linear)
                y = wanted[:, row + held.start : row + rows].flatten(1).double()
                design = torch.cat([x, torch.ones(len(x), 1)], 1).double()
                gram = design.T @ design / len(x)
                gram += _RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
                solved = torch.linalg.solve(gram, design.T @ y / len(x))
                places = slice(held.start * encoder.config.w_dim, rows * encoder.config.w_dim)
                head.weight[places], head.bias[places] = solved[:-1].T.float(), solved[-1].float()
                left += float((design @ solved - y).square().sum())
                whole += float((y - y.mean(0)).square().sum())
            row += rows
    return left / max(whole, 1e-30)
