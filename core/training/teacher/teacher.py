"""The teacher: (identity, expression) -> displacement map, deterministic and smooth, made of anatomy and strain.

It is no scan and no simulation: an approximation in the shape of real skin, from which the networks learn. What deepens
where is in `anatomy`, how it is painted in `lines`, what identity does in `traits`, pores and their like in `texture`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ...detail.uv_map import UVMap
from ...errors import DnpmError
from ...face_model.landmark_uv import landmark_uv
from ...face_model.model import FaceModel
from . import texture
from .anatomy import creases
from .lines import CreasePainter
from .strain import StrainField
from .traits import TraitMap, Traits

STRAIN_RESOLUTION = 128


@dataclass(frozen=True)
class Parts:
    """One map taken apart, each (R, R) float32 mm: for looking at, and for teaching parts apart."""

    creases: np.ndarray
    compressed: np.ndarray
    skin: np.ndarray


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
        full_map = uv_map if resolution == texture.FULL else UVMap(
            model.faces, model.detail_uv, model.faces_detail_uv, texture.FULL
        )  # fmt: skip
        self._strain_map = UVMap(model.faces, model.detail_uv, model.faces_detail_uv, STRAIN_RESOLUTION)
        metric = full_map.metric(model.neutral)
        area = np.sqrt(np.maximum(metric[..., 0] * metric[..., 2] - metric[..., 1] ** 2, 0))
        mm = np.sqrt(area) / texture.FULL
        lips = lip_mask(uv68, texture.FULL)
        self.textures = texture.build(np.where(mm > 0, mm, np.median(mm)), uv68, lips, resolution, seed)
        positions = uv_map.to_texels(model.neutral)
        self.painter = CreasePainter(creases(uv68, seed), positions, uv_map.covered, model, seed)
        self.traits = TraitMap(model, seed)
        self.mask = resize(model.detail_mask, resolution)

    def map(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """(n_id,), (n_exp,) -> (R, R) float32 mm, row 0 at the top, 0 outside of the mask."""
        parts = self.parts(identity, expression)
        return (parts.creases + parts.compressed + parts.skin) * self.mask

    def parts(self, identity: np.ndarray, expression: np.ndarray) -> Parts:
        """The map's three layers, before the mask."""
        expression = np.asarray(expression, np.float32)
        traits = self.traits(identity)
        strain = None
        if expression.any():
            rest = self.model.neutral_of(identity)
            strain = StrainField(self._strain_map, rest, self.model.vertices(identity, expression))
        lines = self.painter.paint(traits, self.painter.amplitudes(traits, expression, strain))
        return Parts(lines, self._compressed(traits, strain), self._skin(traits, expression))

    def _compressed(self, traits: Traits, strain: StrainField | None) -> np.ndarray:
        """Fine furrows wherever the mesh is really compressed, across the direction of compression."""
        if strain is None:
            return np.zeros((self.resolution, self.resolution), np.float32)
        squeeze = np.stack([strain.compression(d) for d in self.textures.directions])
        squeeze = np.stack([ndimage.gaussian_filter(s, 1.6) for s in squeeze])
        squeeze = np.maximum(squeeze - 0.035, 0.0)
        total = (squeeze**2).sum(0) + 0.03**2
        strength = np.tanh(squeeze.max(0) / 0.16) * (0.55 + 0.65 * traits.age) * traits.skin["fine_wrinkles"]
        # Directions share the furrows smoothly; the strongest takes most.
        weights = squeeze**2 / total * strength
        large = np.stack([resize(w, self.resolution) for w in weights])
        return np.einsum("kij,kij->ij", large, self.textures.oriented)

    def _skin(self, traits: Traits, expression: np.ndarray) -> np.ndarray:
        t, s, age = self.textures, traits.skin, traits.age
        value = lambda name: self._value(expression, name)  # noqa: E731
        purse = min(value("mouthPucker") + 0.75 * value("mouthFunnel") + 0.3 * value("mouthRollLower"), 1.2)
        stretch = 0.35 * min(value("mouthSmileLeft") + value("mouthSmileRight"), 1.5)
        lips = s["lip_lines"] * (0.75 + 0.35 * age) * (1.0 + 2.6 * purse - 0.6 * stretch)
        chin = min(value("mouthShrugLower") + 0.15 * value("mouthPressLeft") + 0.15 * value("mouthPressRight"), 1.2)
        # Between the two layouts: a circle's arc, so that the pores' depth stays.
        turn = 0.25 * np.pi * (1.0 + traits.layout)
        pores = np.cos(turn) * t.pores[0] + np.sin(turn) * t.pores[1]
        return (
            pores * s["pores"] * (0.8 + 0.25 * age)
            + t.net * s["net"] * (0.8 + 0.5 * age)
            + t.relief * s["relief"] * (0.8 + 0.9 * age)
            + t.hatch * s["hatch"] * 1.15 * max(age, 0.0) ** 1.3
            + t.lip_lines * lips
            + np.einsum("k,kij->ij", traits.moles.astype(np.float32), t.moles)
            + t.chin_dimples * (0.04 + 1.1 * chin)
            + t.brow_hairs
            + t.forms
        )

    def _value(self, expression: np.ndarray, name: str) -> float:
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
