"""E2Style (Wei et al. 2022): IR-SE50 whose stages give 9, 5 and 4 style vectors by one linear map each; a second stage
reads the input beside the first stage's result and corrects the code.

In `paper` sizes 111,241,792 parameters, and 111,243,520 more for the second stage (three channels more at its input).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...photo.restore.ir_se import IR_SE50_UNITS, IR_SE50_WIDTHS, Body

_GROUPS = (9, 5, 4)


class E2Style(nn.Module):
    """(B, channels_in, R, R) -> (B, 18, 512), to be added to w_mean (stage 1) or to the code so far (stage 2)."""

    def __init__(
        self, channels_in: int = 3, widths: Sequence[int] = IR_SE50_WIDTHS, units: Sequence[int] = IR_SE50_UNITS,
        w_dim: int = 512, pool: int = 7, stem_stride: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.w_dim = w_dim
        # The published network carries IR-SE50's last stage, which no head reads.
        self.body = Body(channels_in, widths, units, stem_stride)
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(width), nn.AdaptiveAvgPool2d(pool), nn.Flatten(),
                nn.Linear(width * pool**2, count * w_dim),
            )
            for width, count in zip((widths[3], widths[2], widths[1]), _GROUPS, strict=True)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self.body.stem(x)
        features = []
        for stage in self.body.stages[:3]:
            x = stage(x)
            features.append(x)
        rows = [
            head(feature).reshape(len(x), count, self.w_dim)
            for head, feature, count in zip(self.heads, reversed(features), _GROUPS, strict=True)
        ]
        return torch.cat(rows, 1)
