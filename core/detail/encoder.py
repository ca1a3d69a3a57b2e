"""The encoder E of Eq. 4: (w_id, w_exp) -> w_plus."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import DnpmError
from .config import EncoderConfig


class Encoder(nn.Module):
    """Five ReLU layers; w_exp enters again after the first; layers 3, 4 and 5 give the coarse, middle and fine rows.

    The output is w_plus - w_mean: the caller adds the mapping network's average, around which E learns.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        n = config.widths
        inputs = (config.n_id + config.n_exp, n[0] + config.n_exp, n[1], n[2], n[3])
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Linear(n_in, n_out), *([nn.BatchNorm1d(n_out)] if config.batch_norm else []), nn.ReLU(inplace=True)
            )
            for n_in, n_out in zip(inputs, n, strict=True)
        )
        self.heads = nn.ModuleList(
            nn.Linear(n_in, rows * config.w_dim) for n_in, rows in zip(n[2:], config.groups, strict=True)
        )

    def forward(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(B, n_id) in standard deviations, (B, n_exp) 0 to 1 -> (B, rows, w_dim), rows coarse to fine.

        Raises DnpmError when a width is not the configuration's.
        """
        features = self.features(identity, expression)
        styles = [head(x).unflatten(1, (-1, self.config.w_dim)) for head, x in zip(self.heads, features, strict=True)]
        return torch.cat(styles, 1)

    def features(self, identity: Tensor, expression: Tensor) -> list[Tensor]:
        """What the three heads read: (B, width) of layers 3, 4 and 5. Raises DnpmError as `forward` does."""
        for name, vector, width in (
            ("identity", identity, self.config.n_id),
            ("expression", expression, self.config.n_exp),
        ):
            if vector.ndim != 2 or vector.shape[1] != width:
                raise DnpmError(f"encoder: {name} must be (batch, {width}), is {tuple(vector.shape)}")
        x = self.layers[0](torch.cat([identity, expression], 1))
        x = torch.cat([x, expression], 1)
        found = []
        for k, layer in enumerate(self.layers[1:], start=1):
            x = layer(x)
            if k >= 2:
                found.append(x)
        return found
