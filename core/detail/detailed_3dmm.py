"""Detailed3DMM (Eq. 2, 4) in torch: batches of detailed faces, differentiable to sliders and w_plus.

For one mesh fine enough to show the detail see `mesh.detailed_mesh`; both agree vertex by vertex at level 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict, Unpack

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..geometry.mesh import as_quads, corner_sampler
from ..geometry.uv_map import mask_at
from . import bilinear
from .card import check_face_model
from .layers import Noise
from .weights import Detail


class How(TypedDict, total=False):
    """The choices of `Detail.displacement`."""

    resolution: int | None
    w_offset: Tensor | None
    truncation: float
    noise: Noise


@dataclass(frozen=True)
class DetailedFaces:
    """A batch of faces, core's millimetres and axes."""

    v_p: Tensor
    """(B, V, 3): the coarse faces, Eq. 3."""
    displacement: Tensor
    """(B, 1, R, R) mm, the mask applied."""
    v_r: Tensor
    """(B, V): T', the displacement sampled at the vertices through the detail UV; 0 outside of the layer."""
    normals: Tensor
    """(B, V, 3) of V_p, outward."""
    v_h: Tensor
    """(B, V, 3): Eq. 2, V_p + s V_r n."""


class Detailed3DMM(nn.Module):
    """A face model and its detail networks as one function of (identity, expression, s, w_offset).

    The core tensor is held in float32 (the default model: some hundred megabytes); the networks' weights take no
    gradients, the inputs do. Raises DnpmError when the weights belong to another face model.
    """

    neutral: Tensor
    core: Tensor
    quads: Tensor
    is_quad: Tensor
    sampled_vertices: Tensor
    sampled_uv: Tensor
    sampled_weights: Tensor
    mask: Tensor
    w_mean: Tensor

    def __init__(self, model: FaceModel, detail: Detail) -> None:
        super().__init__()
        check_face_model(detail.card, model)
        self.generator, self.encoder, self.card = detail.generator, detail.encoder, detail.card
        n_vertices = len(model.neutral)
        sampler = corner_sampler(model.faces, model.faces_detail_uv, n_vertices, len(model.detail_uv)).tocoo()
        self.n_shape = model.n_shape
        core = torch.from_numpy(model.core[: self.n_shape + 1].astype("float32").reshape(-1, n_vertices * 3))
        for name, tensor in (
            ("neutral", torch.tensor(model.neutral)),
            ("core", core),
            ("quads", torch.from_numpy(as_quads(model.faces).astype("int64"))),
            ("is_quad", torch.from_numpy(model.faces[:, 3] >= 0)),
            ("sampled_vertices", torch.from_numpy(sampler.row.astype("int64"))),
            ("sampled_uv", torch.from_numpy(model.detail_uv[sampler.col])),
            ("sampled_weights", torch.from_numpy(sampler.data)),
            ("mask", torch.tensor(model.detail_mask)),
            ("w_mean", detail.w_mean.clone()),
        ):
            self.register_buffer(name, tensor, persistent=False)
        self.n_id, self.n_exp = model.n_id, model.n_exp
        self._masks: dict[int, Tensor] = {}

    def forward(
        self, identity: Tensor, expression: Tensor, s: float | Tensor = 1.0, **how: Unpack[How]
    ) -> DetailedFaces:
        """(B, n_id) standard deviations, (B, n_exp) 0 to 1, s a number or (B,) -> the faces.

        `how`: resolution, w_offset (w_layers, w_dim) or (B, ...), truncation and noise, as in `Detail.displacement`.
        """
        v_p, displacement = self.coarse(identity, expression), self.displacement(identity, expression, **how)
        v_r, normals = self.sample(displacement), self.normals(v_p)
        strength = torch.as_tensor(s, dtype=v_p.dtype, device=v_p.device).reshape(-1, 1, 1)
        return DetailedFaces(v_p, displacement, v_r, normals, v_p + strength * v_r[..., None] * normals)

    def coarse(self, identity: Tensor, expression: Tensor) -> Tensor:
        """Eq. 3: (B, n_id), (B, n_exp) -> V_p (B, V, 3)."""
        for name, vector, width in (("identity", identity, self.n_id), ("expression", expression, self.n_exp)):
            if vector.ndim != 2 or vector.shape[1] != width or len(vector) != len(identity):
                raise DnpmError(f"{name} must be (batch, {width}), is {tuple(vector.shape)}")
        return bilinear.vertices(self.neutral, self.core, identity[:, : self.n_shape], expression)

    def displacement(self, identity: Tensor, expression: Tensor, **how: Unpack[How]) -> Tensor:
        """Eq. 1 after Eq. 4: (B, 1, R, R) mm, finished, the mask applied. `how` as in `Detail.displacement`."""
        # Recomputed because the module's tensors may have moved to another device or type since.
        detail = Detail(self.generator, self.encoder, self.w_mean, self.card)
        raw = detail.finished(detail.displacement(identity, expression, **how))
        return raw * self.mask_of(raw.shape[-1]).to(raw.dtype)

    def mask_of(self, resolution: int) -> Tensor:
        """(R, R): the face model's detail mask at a map's size."""
        mask = self._masks.get(resolution)
        if mask is None or mask.device != self.mask.device:
            mask = torch.from_numpy(mask_at(self.mask.cpu().numpy(), resolution)).to(self.mask.device)
            self._masks[resolution] = mask
        return mask

    def sample(self, displacement: Tensor) -> Tensor:
        """T': (B, 1, R, R) -> (B, V), bilinear at the vertices' places in the detail UV, 0 outside of the layer."""
        # Texel centres lie at half numbers and row 0 is the top: grid_sample's own convention with v turned.
        places = torch.stack([2 * self.sampled_uv[..., 0] - 1, 1 - 2 * self.sampled_uv[..., 1]], -1)
        grid = places.expand(len(displacement), 1, -1, -1)
        values = F.grid_sample(displacement, grid, mode="bilinear", padding_mode="border", align_corners=False)
        values = values[:, 0, 0] * self.sampled_weights  # A vertex on a seam has several places: their mean.
        return values.new_zeros(len(values), len(self.neutral)).index_add(1, self.sampled_vertices, values)

    def normals(self, vertices: Tensor) -> Tensor:
        """(B, V, 3) -> (B, V, 3): the faces' normals around, weighted by their areas; 0 where there is no face."""
        p = vertices[:, self.quads]
        face = torch.linalg.cross(p[:, :, 2] - p[:, :, 0], p[:, :, 3] - p[:, :, 1])
        total = torch.zeros_like(vertices)
        for k in range(4):
            part = face if k < 3 else face * self.is_quad[:, None]
            total = total.index_add(1, self.quads[:, k], part)
        return total / total.square().sum(2, keepdim=True).clamp_min(1e-24).sqrt()
