"""A photo's light taken out of the skin's colours: half-dark faces, and skins that a warm light or red clothes tint.

Skin of one colour under distant light has a logarithm of luminance that follows the normals smoothly (spherical
harmonics to the second order: Ramamoorthi & Hanrahan 2001; fitted to the logarithm, so that it stays positive). What
the fit explains on the coarse normals of the skin that was seen is light, and goes; brows, lips, beards, glasses and
folds are outliers of the fit, and stay as they are. The light's colour and the skin's cannot be told apart: what lies
outside the range of skins (`looks.TONES`) is mostly taken for light, and so is what is darker than any skin: a dim
photo is brightened. Cast shadows with hard edges remain.
"""

from __future__ import annotations

import numpy as np

from ..face_model.looks import TONES
from ..face_model.model import FaceModel
from ..geometry.mesh import vertex_normals
from ..geometry.uv_map import mask_at
from .harmonics import harmonics
from .render import from_linear, to_linear
from .texture import Texture, enlarged, reduced_by, uv_table

_AMOUNT = 0.85
"""How much of the explained shading goes: the normals are the coarse face's."""
_MOST = 0.9
"""Logarithm of the largest gain: darker places are noise."""
_RIDGE, _CHROMA_RIDGE = 0.004, 0.02
"""Of the mean square of a basis function; chroma follows the first order alone."""
_ODD = 0.18
"""Log luminance beyond which a place counts less (Geman & McClure): it is hair, a brow, a shine."""
_ROUNDS = 6
_LEAST_SEEN = 200
_USUAL, _BEYOND = 0.12, 0.7
"""Distance of log chroma from the nearest tone that skins have, and the share of what lies beyond that is light."""
_GREY = 0.06
"""Photos of less chroma are black and white."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_TONES = to_linear(np.array([tone.base for tone in TONES.values()]))
"""(n, 3) linear."""
DARKEST = 0.6 * float((_TONES @ LUMINANCE).min())
"""Linear luminance that no skin in a well exposed photo goes below: less is dim light."""
_EXPOSED, _NOISE = 0.1, 0.001
"""What a dim photo's is raised to before it is looked at, and the least that is: three steps of eight bits."""


def without_light(texture: Texture, vertices: np.ndarray, model: FaceModel) -> Texture:
    """The same places, evenly lit by a whitish light; vertices (V, 3) mm: the face as it was seen."""
    size = len(texture.visible)
    normals = uv_table(model, size).to_texels(vertex_normals(vertices, model.faces))
    colour, seen = reduced_by(texture.colour, texture.visible)
    coarse = reduced_by(normals, np.ones((size, size), np.float32))[0]
    coarse /= np.maximum(np.linalg.norm(coarse, axis=-1, keepdims=True), 1e-6)
    seen = seen * (mask_at(model.detail_mask, len(seen)) > 0.9)
    chosen = seen > 0.3
    if chosen.sum() < _LEAST_SEEN:
        return texture
    linear = to_linear(colour)
    dim = float(np.median(linear[chosen] @ LUMINANCE))
    exposure = _EXPOSED / max(dim, _NOISE) if dim < DARKEST else 1.0
    linear *= exposure
    logs = np.log(np.maximum(linear, 0.003))
    basis = harmonics(coarse)
    light = np.log(np.maximum(linear @ LUMINANCE, 0.003))
    rows, weights = basis[chosen], seen[chosen].astype(float)
    shading, kept = _fitted(rows, light[chosen], weights)
    middle = np.average(basis[chosen], axis=0, weights=weights * kept)
    gain = -((basis - middle) @ shading)[..., None] * np.ones(3)
    for channel in range(3):
        chroma = (logs[..., channel] - light)[chosen]
        tint = _ridge(rows[:, :4], chroma, weights * kept, _CHROMA_RIDGE)
        gain[..., channel] -= (basis[..., :4] - middle[:4]) @ np.append(0.0, tint[1:])
    gain = np.clip(_AMOUNT * gain, -_MOST, _MOST)
    usual = np.average((logs + gain)[chosen], axis=0, weights=weights * kept)
    white = _whitened(usual)
    gain = gain + white + (np.log(exposure) + _to_its_tone(usual + white) if exposure > 1 else 0.0)
    bright = to_linear(texture.colour) * np.exp(enlarged(gain, size))
    return Texture(from_linear(bright), texture.visible)


def _fitted(rows: np.ndarray, light: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (9,), the first without meaning to the caller, and how much each place counted (N,), 0 to 1."""
    kept = np.ones(len(light))
    # From dark or bright halves alike: the first round's scale is wide, then it narrows.
    for scale in np.geomspace(4 * _ODD, _ODD, _ROUNDS):
        found = _ridge(rows, light, weights * kept, _RIDGE)
        kept = 1 / (1 + ((light - rows @ found) / scale) ** 2) ** 2
    return np.append(0.0, found[1:]), kept


def _ridge(rows: np.ndarray, values: np.ndarray, weights: np.ndarray, ridge: float) -> np.ndarray:
    """Weighted least squares in which all but the constant are drawn to nought."""
    weighted = rows * weights[:, None]
    punished = np.full(rows.shape[1], ridge * weights.sum())
    punished[0] = 0.0
    return np.asarray(np.linalg.solve(weighted.T @ rows + np.diag(punished), weighted.T @ values))


def _whitened(skin: np.ndarray) -> np.ndarray:
    """(3,) log linear colour of a skin -> what to add, so that it is one that skins have; its brightness stays."""
    found = _ratios(skin)
    if np.abs(found).max() < _GREY:
        return np.zeros(3)
    known = _ratios(np.log(_TONES))
    away = found - known[np.linalg.norm(known - found, axis=1).argmin()]
    length = float(np.linalg.norm(away))
    if length <= _USUAL:
        return np.zeros(3)
    first, second = -away * _BEYOND * (length - _USUAL) / length
    change = np.array([first, 0.0, -second])
    before, after = (float(np.exp(skin + step) @ LUMINANCE) for step in (0 * change, change))
    return np.asarray(change + np.log(before / after))


def _to_its_tone(skin: np.ndarray) -> float:
    """(3,) log linear colour of a skin -> what to add, so that it is as light as the tone of its hue, or, without a
    hue, as the tones' mean. A guess: a warm light makes a deeper tone of it."""
    found, tones = _ratios(skin), np.log(_TONES @ LUMINANCE)
    nearest = int(np.linalg.norm(_ratios(np.log(_TONES)) - found, axis=1).argmin())
    wanted = tones.mean() if np.abs(found).max() < _GREY else tones[nearest]
    return float(wanted - np.log(np.exp(skin) @ LUMINANCE))


def _ratios(logs: np.ndarray) -> np.ndarray:
    """(..., 3) log linear colours -> (..., 2): red against green, green against blue."""
    return np.stack([logs[..., 0] - logs[..., 1], logs[..., 1] - logs[..., 2]], -1)
