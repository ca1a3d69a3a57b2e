"""An E_deg that was trained for another G goes on for this one: its layers stay, its heads are fitted anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...detail.weights import Detail
from ...errors import DnpmError
from ...photo.restore.degraded_encoder import DegradedEncoder
from .restoration import degrade, restored

_AT_ONCE = 8


@torch.no_grad()
def fit_heads(
    network: DegradedEncoder, detail: Detail, codes: Tensor, mask: np.ndarray, factors: Sequence[int] = (4, 8),
    ridge: float = 0.03,
) -> None:  # fmt: skip
    """Least squares from the features of this G's own maps, degraded by each factor, to the codes that made them.

    codes (N, 18, 512), to be added to w_mean; mask (S, S) of the maps that the network reads. The ridge is relative to
    the features' mean square. Raises DnpmError when the network has no basis (`DegradedEncoder.set_basis`).
    """
    if not network.config.basis:
        raise DnpmError("only an E_deg with a basis can be carried over to another generator")
    network.eval()
    device, side = detail.w_mean.device, len(mask)
    weight = torch.from_numpy(np.asarray(mask, np.float32)).to(device)
    features: list[list[Tensor]] = [[] for _ in network.heads]
    for start in range(0, len(codes), _AT_ONCE):
        true = restored(detail, codes[start : start + _AT_ONCE].to(device), side) * weight
        for factor in factors:
            seen = network.body(degrade(true, factor) / network.config.input_scale_mm)
            for rows, feature, head in zip(features, reversed(seen), network.heads, strict=True):
                assert isinstance(head, torch.nn.Sequential)
                rows.append(head[:-1](feature).cpu())
    order = [
        k for start in range(0, len(codes), _AT_ONCE) for _ in factors
        for k in range(start, min(start + _AT_ONCE, len(codes)))
    ]  # fmt: skip
    first = 0
    for k, (rows, head, count) in enumerate(zip(features, network.heads, network.config.groups, strict=True)):
        part = codes[:, first : first + count].reshape(len(codes), -1).cpu() - network.get_buffer(f"mean{k}").cpu()
        wanted = part @ torch.linalg.pinv(network.get_buffer(f"basis{k}").cpu())
        x, y = torch.cat(rows), wanted[order]
        x_mean, y_mean = x.mean(0), y.mean(0)
        x, y = x - x_mean, y - y_mean
        # As many equations as samples: features are more than these.
        gram = (x @ x.T).double()
        gram.diagonal().add_(ridge * float(gram.diagonal().mean()))
        found = x.T @ torch.linalg.solve(gram, y.double()).float()
        assert isinstance(head, torch.nn.Sequential)
        last = head[-1]
        assert isinstance(last, torch.nn.Linear)
        last.weight.copy_(found.T)
        last.bias.copy_(y_mean - x_mean @ found)
        first += count
    network.train()
