"""A photo's texture to detail (Eq. 11): a rough map by pix2pixHD, a code by E_deg, G's map of it.

What the photo does not show (`visible`) is not made up by pix2pixHD: there the rough map is the encoder's own guess for
these sliders. Likewise the code is a step from the sliders' one, as long as `trust` says; so that the sliders keep
working the step is kept as an offset: w = w_mean + E(identity, expression) + offset. Rows of w+ that the restoration
was never trained for keep the sliders' own code (`trained.py`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...detail.weights import Detail
from ...errors import DnpmError
from ...face_model.model import FaceModel
from ...geometry.uv_map import mask_at
from ..choices import TRUST
from ..reconstruct import Restored
from ..texture import Texture, normalise
from .pix2pix import as_input
from .weights import CARD, PhotoNetworks, check_generator, load_photo

SOURCE = "the photo (pix2pixHD and restoration)"


@dataclass(frozen=True)
class PhotoRestorer:
    """A `Restorer` of `reconstruct.py`. refine: steps of fitting w+ to the rough map afterwards (DNPM fitting)."""

    model: FaceModel
    detail: Detail
    networks: PhotoNetworks
    trust: float = TRUST
    refine: int = 0

    def __post_init__(self) -> None:
        """Raises DnpmError when the networks belong to another G, or the settings are out of range."""
        if not 0 <= self.trust <= 1 or not 0 <= self.refine <= 1000:
            raise DnpmError(f"trust must be 0 to 1 and refine 0 to 1000 steps (got {self.trust:g}, {self.refine})")
        check_generator(self.networks, self.detail.card)

    def __call__(self, texture: Texture, identity: np.ndarray, expression: np.ndarray, resolution: int) -> Restored:
        """See `Restorer`."""
        with torch.inference_mode():
            rough = self.rough(texture, identity, expression)
            start = self.detail.encoder(*_rows(identity, expression))
            code = self.networks.code(_sized(rough, self.networks.restoration.config.resolution), start)
            offset = self.trust * (code - start)
        if self.refine:
            offset = fit_code(self.detail, start + offset, rough, self._mask(rough.shape[-1]), self.refine) - start
        with torch.inference_mode():
            image = self.detail.generator.synthesis(self.detail.w_mean + start + offset, resolution)
        return Restored(image[0, 0].float().numpy(), offset[0].numpy().astype(np.float32), SOURCE)

    def rough(self, texture: Texture, identity: np.ndarray, expression: np.ndarray) -> Tensor:
        """(1, 1, r, r) mm: pix2pixHD's map where the photo shows the skin, the sliders' elsewhere."""
        size = self.networks.pix2pix.config.resolution
        small = Texture(_shrunk(texture.colour, size), _shrunk(texture.visible[..., None], size)[..., 0])
        mask = self._mask(size)
        colour = torch.from_numpy(normalise(small, mask[0, 0].numpy())).permute(2, 0, 1)[None]
        seen = torch.from_numpy(small.visible)[None, None]
        rough: Tensor = self.networks.pix2pix(as_input(colour, seen)) * mask
        guess = self.detail.displacement(*_rows(identity, expression), resolution=size) * mask
        # The mirrored half lent its colours too: half of the trust.
        trust = torch.maximum(seen, 0.5 * seen.flip(3))
        trust = functional.avg_pool2d(trust, 9, 1, 4)
        return trust * rough + (1 - trust) * guess

    def _mask(self, size: int) -> Tensor:
        return torch.from_numpy(mask_at(self.model.detail_mask, size))[None, None]


def open_restorer(
    model: FaceModel, detail: Detail, folder: str | os.PathLike[str], trust: float = TRUST, refine: int = 0
) -> PhotoRestorer | None:  # fmt: skip
    """The restorer whose networks lie beside the detail weights in `folder`; None where there are none: detail then
    comes from the sliders, and the result says so. Raises DnpmError when they are damaged, or of another G."""
    if not (Path(folder) / CARD).is_file():
        return None
    return PhotoRestorer(model, detail, load_photo(folder), trust, refine)


def fit_code(detail: Detail, start: Tensor, wanted: Tensor, mask: Tensor, steps: int, rate: float = 0.02) -> Tensor:
    """DNPM fitting: Adam on the code (1, 18, 512) so that G shows wanted (1, 1, r, r) mm; it stays near its start."""
    code = start.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([code], rate)
    for _ in range(steps):
        made = detail.generator.synthesis(detail.w_mean + code, wanted.shape[-1])
        loss = ((made - wanted).square() * mask).sum() / mask.sum() * 400 + 0.02 * (code - start).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return code.detach()


def _rows(*arrays: np.ndarray) -> list[Tensor]:
    return [torch.from_numpy(np.asarray(a, np.float32))[None] for a in arrays]


def _sized(x: Tensor, size: int) -> Tensor:
    if x.shape[-1] == size:
        return x
    return functional.interpolate(x, (size, size), mode="bilinear", align_corners=False, antialias=True)


def _shrunk(image: np.ndarray, size: int) -> np.ndarray:
    x = torch.from_numpy(np.ascontiguousarray(image, np.float32)).permute(2, 0, 1)[None]
    return _sized(x, size)[0].permute(1, 2, 0).numpy()
