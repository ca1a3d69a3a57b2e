"""The teacher: (identity, expression) -> displacement map, deterministic and smooth, made of anatomy and strain.

It is neither a scan nor a simulation: an approximation in the shape of real skin, from which the networks learn. What
deepens where is in `anatomy`, how it is painted in `lines`; what a person is like in `traits`, what that makes of lines
in `person` and of pores and their like in `skin`, whose layers are in `texture` and `features`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ...errors import DnpmError
from ...face_model.landmark_uv import landmark_uv
from ...face_model.model import FaceModel
from ...geometry.uv_map import UVMap
from . import texture
from .anatomy import creases
from .features import FULL
from .lines import CreasePainter
from .skin import SkinWeights
from .strain import StrainField
from .traits import TraitMap, Traits

STRAIN_RESOLUTION = 64
_SMOOTH_MM = 1.5
"""Of the compression's field; its grid is about 3.7 mm wide."""


@dataclass(frozen=True)
class Ingredients:
    """What one map is made of, all of it linear: `Teacher.paint` sums it up."""

    creases: np.ndarray
    """(columns of `CreasePainter.matrix`,) millimetres."""
    skin: np.ndarray
    """(K,) weights of `Textures.layers`."""
    squeezed: np.ndarray | None
    """(D, S, S) how far the skin is compressed across each direction, on the strain's grid; None at rest."""
    furrows: np.ndarray
    """(2,) of the two layouts of furrows."""


class Teacher:
    """Paints displacement maps of one face model.

    resolution: 64 to 1024, a power of two. The same seed paints the same skin at every resolution.
    """

    def __init__(self, model: FaceModel, resolution: int = 1024, seed: int = 0) -> None:
        if resolution not in (64, 128, 256, 512, 1024):
            raise DnpmError(f"the teacher paints 64 to 1024 texels, a power of two, not {resolution}")
        self.model, self.resolution, self.seed = model, resolution, seed
        uv68 = landmark_uv(model)
        uv_map = UVMap(model.faces, model.detail_uv, model.faces_detail_uv, resolution)
        full_map = uv_map if resolution == FULL else UVMap(
            model.faces, model.detail_uv, model.faces_detail_uv, FULL
        )  # fmt: skip
        self.strain_map = UVMap(model.faces, model.detail_uv, model.faces_detail_uv, STRAIN_RESOLUTION)
        metric = full_map.metric(model.neutral)
        area = np.sqrt(np.maximum(metric[..., 0] * metric[..., 2] - metric[..., 1] ** 2, 0))
        mm = np.sqrt(area) / FULL
        lips = lip_mask(uv68, FULL)
        self.textures = texture.build(np.where(mm > 0, mm, np.median(mm)), uv68, lips, resolution, seed)
        positions = uv_map.to_texels(model.neutral)
        self.painter = CreasePainter(creases(uv68, seed), positions, uv_map.covered, model, seed)
        self.traits = TraitMap(model, seed)
        self.skin = SkinWeights(self.textures, seed)
        self.mask = resize(model.detail_mask, resolution)
        self._blur = _SMOOTH_MM / (float(np.median(mm[mm > 0])) * FULL / STRAIN_RESOLUTION)

    def map(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """(n_id,), (n_exp,) -> (R, R) float32 mm, row 0 at the top, 0 outside of the mask."""
        return self.paint(self.ingredients(identity, expression))

    def ingredients(self, identity: np.ndarray, expression: np.ndarray) -> Ingredients:
        """What the map of these sliders is made of."""
        expression = np.asarray(expression, np.float32)
        strain = None
        if expression.any():
            rest = self.model.neutral_of(identity)
            strain = StrainField(self.strain_map, rest, self.model.vertices(identity, expression))
        return self.of_strain(self.traits(identity), expression, strain)

    def of_strain(self, traits: Traits, expression: np.ndarray, strain: StrainField | None) -> Ingredients:
        """The same where the mesh's strain is known (None: at rest)."""
        return Ingredients(
            self.painter.amplitudes(traits, expression, strain),
            self.skin(traits, lambda name: self.value(expression, name)),
            None if strain is None else self.squeezed(strain),
            self.skin.furrows(traits),
        )

    def squeezed(self, strain: StrainField) -> np.ndarray:
        """(D, S, S) float32, 0 to 1: fine furrows lie wherever the mesh is really compressed, across the direction."""
        squeeze = np.stack([strain.compression(d) for d in self.textures.directions])
        squeeze = ndimage.gaussian_filter(squeeze, (0.0, self._blur, self._blur))
        squeeze = np.maximum(squeeze - 0.035, 0.0)
        # Directions share the furrows smoothly; the strongest takes most.
        total = (squeeze**2).sum(0) + 0.03**2
        return (squeeze**2 / total * np.tanh(squeeze.max(0) / 0.16)).astype(np.float32)

    def paint(self, parts: Ingredients) -> np.ndarray:
        """(R, R) float32 mm, the mask applied."""
        image = self.painter.paint(parts.creases)
        size = self.resolution
        image = image + (parts.skin @ self.textures.layers.reshape(len(parts.skin), -1)).reshape(size, size)
        if parts.squeezed is not None:
            for k, squeezed in enumerate(parts.squeezed):
                if squeezed.max() > 1e-3:
                    furrows = np.tensordot(parts.furrows, self.textures.oriented[:, k], 1)
                    image += resize(squeezed, size) * furrows
        return image * self.mask

    def value(self, expression: np.ndarray, name: str) -> float:
        """How far an expression is on by its name; 0 where the model has none of this name."""
        place = self.model.expression_index.get(name)
        return 0.0 if place is None else float(expression[place])


def lip_mask(uv68: np.ndarray, resolution: int) -> np.ndarray:
    """(R, R) in [0, 1]: the red of the lips between the outer and inner contour, softly edged."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (resolution, resolution))
    draw = ImageDraw.Draw(image)
    corners = lambda points: [(float(u * resolution), float((1 - v) * resolution)) for u, v in points]  # noqa: E731
    draw.polygon(corners(uv68[48:60]), fill=255)
    return ndimage.gaussian_filter(np.asarray(image, np.float32) / 255.0, 0.004 * resolution)


def resize(image: np.ndarray, resolution: int) -> np.ndarray:
    """Bilinear resize of a square (n, n) float image, texel centres aligned."""
    n = len(image)
    if n == resolution:
        return image.astype(np.float32)
    if n > resolution:
        return texture.shrink(image, resolution)
    x = np.clip((np.arange(resolution) + 0.5) * n / resolution - 0.5, 0, n - 1.001)
    i = x.astype(int)
    f = (x - i).astype(np.float32)
    rows = image[i] * (1 - f)[:, None] + image[i + 1] * f[:, None]
    return (rows[:, i] * (1 - f) + rows[:, i + 1] * f).astype(np.float32)
