"""An E_deg that was trained for another G goes on for this one: its layers stay, its heads are fitted anew.

A head is linear in what the layers see, and the basis behind it too. So least squares finds it at once, from the
features of degraded maps to the codes that made them; for corrected maps of photos, which no code made, to those that
come nearest to the true ones (`codes_of_maps`; a G whose image lies in its registered maps is linear in w+).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ...detail.weights import Detail
from ...errors import DnpmError
from ...photo.restore.degraded_encoder import DegradedEncoder
from .restoration import degrade, restored, sized

_AT_ONCE = 8


@torch.no_grad()
def fit_heads(
    network: DegradedEncoder, detail: Detail, codes: Tensor, mask: np.ndarray, factors: Sequence[int] = (4, 8),
    ridge: float = 0.03, photos: tuple[np.ndarray, Tensor] | None = None,
) -> None:  # fmt: skip
    """Least squares from the features of this G's own maps, degraded by each factor, to the codes that made them.

    codes (N, 18, 512), to be added to w_mean; mask (S, S) of the maps that the network reads. The ridge is relative to
    the features' mean square. photos: maps (n, S, S) mm that are read as they are, and their codes. Raises DnpmError
    when the network has no basis (`DegradedEncoder.set_basis`).
    """
    if not network.config.basis:
        raise DnpmError("only an E_deg with a basis can be carried over to another generator")
    network.eval()
    device, side = detail.w_mean.device, len(mask)
    weight = torch.from_numpy(np.asarray(mask, np.float32)).to(device)
    features: list[list[Tensor]] = [[] for _ in network.heads]

    def read(given: Tensor) -> None:
        seen = network.body(given / network.config.input_scale_mm)
        for rows, feature, head in zip(features, reversed(seen), network.heads, strict=True):
            assert isinstance(head, torch.nn.Sequential)
            rows.append(head[:-1](feature).cpu())

    order = []
    for part in _parts(len(codes)):
        true = restored(detail, codes[part].to(device), side) * weight
        for factor in factors:
            read(degrade(true, factor))
            order.append(codes[part].cpu())
    if photos is not None:
        for part in _parts(len(photos[0])):
            read(torch.from_numpy(np.asarray(photos[0][part], np.float32))[:, None].to(device))
            order.append(photos[1][part].cpu())
    wished, first = torch.cat(order), 0
    for k, (rows, head, count) in enumerate(zip(features, network.heads, network.config.groups, strict=True)):
        away = wished[:, first : first + count].reshape(len(wished), -1) - network.get_buffer(f"mean{k}").cpu()
        x, y = torch.cat(rows), away @ torch.linalg.pinv(network.get_buffer(f"basis{k}").cpu())
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


@torch.no_grad()
def codes_of_maps(
    network: DegradedEncoder, detail: Detail, maps: np.ndarray, begin: Tensor, mask: np.ndarray, ridge: float = 0.01
) -> Tensor:
    """(n, 18, 512), to be added to w_mean: the codes of the network's basis whose maps come nearest to maps (n, R, R)
    mm at the mask's side, starting from codes (n, 18, 512).

    ridge: of the step from there, in deviations of the basis' coefficients, relative to the mean square of what one of
    them does.
    """
    side, device = len(mask), detail.w_mean.device
    weight = torch.from_numpy(np.asarray(mask, np.float32)).to(device)
    axes, first = [], 0
    for k, count in enumerate(network.config.groups):
        basis = network.get_buffer(f"basis{k}")
        axis = torch.zeros(len(basis), *begin.shape[1:], device=device)
        axis[:, first : first + count] = basis.reshape(len(basis), count, -1)
        axes.append(axis)
        first += count
    step = torch.cat(axes)
    still = restored(detail, begin[:1].to(device), side)
    moves = torch.cat([
        ((restored(detail, begin[:1].to(device) + step[part], side) - still) * weight).flatten(1)
        for part in _parts(len(step))
    ])  # fmt: skip
    gram = (moves @ moves.T).double()
    gram.diagonal().add_(ridge * float(gram.diagonal().mean()))
    inverse = torch.linalg.inv(gram).float()
    found = []
    for part in _parts(len(maps)):
        start = begin[part].to(device)
        true = sized(torch.from_numpy(np.asarray(maps[part], np.float32))[:, None].to(device), side)
        off = ((true - restored(detail, start, side)) * weight).flatten(1)
        found.append((start + torch.einsum("bk,krd->brd", off @ moves.T @ inverse, step)).cpu())
    return torch.cat(found)


def _parts(count: int) -> Iterator[slice]:
    """Of a few at once."""
    yield from (slice(first, min(first + _AT_ONCE, count)) for first in range(0, count, _AT_ONCE))
