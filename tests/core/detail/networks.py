"""Small configurations, and a way to fill networks that does not depend on torch's random numbers."""

from __future__ import annotations

import numpy as np
import torch

from dnpm.core.detail.config import EncoderConfig, GeneratorConfig

SMALL = GeneratorConfig(
    resolution=64,
    channel_base=512,
    channel_max=16,
    w_dim=32,
    z_dim=24,
    registered=((16, 5), (64, 3)),
    output_scale_mm=0.5,
)
SMALL_ENCODER = EncoderConfig(
    n_id=6, n_exp=4, widths=(12, 14, 16, 18, 20), batch_norm=True, w_dim=32, groups=(4, 3, 3)
)  # fmt: skip


def fill(module: torch.nn.Module, seed: int) -> None:
    """Numbers that do not depend on torch's generators: the same on every version."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for _, tensor in sorted(module.state_dict().items()):
            if tensor.is_floating_point():
                values = rng.standard_normal(tuple(tensor.shape)).astype(np.float32)
                tensor.copy_(torch.from_numpy(np.asarray(values)))
