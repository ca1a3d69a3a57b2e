"""Small networks and a small face; and a way to fill networks that does not depend on torch's random numbers."""

from __future__ import annotations

import numpy as np
import torch

from dnpm.core.detail.config import EncoderConfig, GeneratorConfig
from dnpm.core.face_model.model import FaceModel

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


def tiny_face_model(side: int = 9, n_id: int = 6, n_exp: int = 4) -> FaceModel:
    """A bent sheet of side x side vertices, 90 mm wide: quads, two of them split; the layer lacks its outer ring."""
    rng = np.random.default_rng(11)
    row, column = (g.ravel() for g in np.meshgrid(np.arange(side), np.arange(side), indexing="ij"))
    x, y = (column / (side - 1) - 0.5) * 90, (0.5 - row / (side - 1)) * 90
    neutral = np.stack([x, y, 60 - (x**2 + y**2) / 90], 1).astype(np.float32)
    first = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    # Counter-clockwise as seen from +z, from where the face is looked at.
    quads = np.stack([first, first + side, first + side + 1, first + 1], 1).astype(np.int32)
    split = np.array([[f[0], f[2], f[3], -1] for f in quads[-2:]], np.int32)
    quads[-2:, 3] = -1
    faces = np.concatenate([quads, split])
    uv = np.stack([column / (side - 1), 1 - row / (side - 1)], 1).astype(np.float32)
    inner = np.all((faces < 0) | _inside(faces, side), axis=1)
    core = rng.standard_normal((n_id + 1, n_exp + 1, len(neutral), 3)).astype(np.float32)
    core[0, 0] = 0
    core *= np.array([2.0, 0.3])[[0] + [1] * n_id][:, None, None, None]
    return FaceModel(
        name="sheet", neutral=neutral, core=core,
        expression_names=("jawOpen", "browInnerUp", "mouthSmileLeft", "mouthSmileRight")[:n_exp],
        identity_labels=tuple(f"Identity {k + 1}" for k in range(n_id)),
        faces=faces, uv=uv, faces_uv=faces.copy(), detail_uv=uv.copy(),
        faces_detail_uv=np.where(inner[:, None], faces, -1).astype(np.int32),
        detail_mask=_mask(64), face_material=np.zeros(len(faces), np.uint8), material_names=("skin",),
        landmarks68=rng.integers(0, len(neutral), 68).astype(np.int32),
    )  # fmt: skip


def _inside(faces: np.ndarray, side: int) -> np.ndarray:
    row, column = faces // side, faces % side
    return (row > 0) & (row < side - 1) & (column > 0) & (column < side - 1)


def _mask(size: int) -> np.ndarray:
    bump = np.sin(np.pi * (np.arange(size) + 0.5) / size)
    return np.clip(np.outer(bump, bump) * 1.6 - 0.3, 0, 1).astype(np.float32)
