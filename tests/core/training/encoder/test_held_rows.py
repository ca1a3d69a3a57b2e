"""Rows that a coarse training does not reach stay where they were, though the layers under them move."""

from __future__ import annotations

import copy

import numpy as np
import torch

from dnpm.core.detail.config import EncoderConfig
from dnpm.core.detail.encoder import Encoder
from dnpm.core.training.detail import samples
from dnpm.core.training.encoder.held_rows import hold_rows


def test_fine_rows_are_held_and_coarse_ones_kept(face_model) -> None:
    torch.manual_seed(5)
    config = EncoderConfig(
        n_id=face_model.n_id, n_exp=face_model.n_exp, widths=(96, 96, 96, 96, 96), batch_norm=False, w_dim=16,
        groups=(3, 3, 2),
    )  # fmt: skip
    before = Encoder(config)
    moved = copy.deepcopy(before)
    with torch.no_grad():
        for parameter in moved.parameters():
            parameter += 0.08 * parameter.std().nan_to_num(0) * torch.randn_like(parameter)
    drifted = copy.deepcopy(moved)
    left = hold_rows(moved, before, 5, face_model)
    pairs = [samples.draw(face_model, "test", k, 1) for k in range(64)]
    given = [torch.from_numpy(np.stack(c).astype(np.float32)) for c in zip(*pairs, strict=True)]
    with torch.no_grad():
        true, held, loose = before(*given), moved(*given), drifted(*given)
    error = lambda codes, rows: float((codes - true)[:, rows].square().mean())  # noqa: E731
    fine, coarse = slice(5, 8), slice(0, 5)
    assert error(held, fine) < 0.3 * error(loose, fine), "the fine rows drift with the layers under them"
    assert torch.equal(held[:, coarse], loose[:, coarse]), "rows that were trained are not touched"
    assert 0 < left < 0.2
