"""Pictures of a known face without Blender, for training pairs and for measuring the fit: a z-buffer, painted skin,
eyes, a few directional lights over an ambient one, a little gloss. No shadows, no hair, no subsurface light: it shows a
network or a landmark detector what they need, and says nothing of how the face looks in Blender.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter

from ..face_model.looks import DEFAULT_LOOK, TONES, Look
from ..face_model.model import FaceModel
from ..face_model.mouth import MOUTH_KINDS, light_at, mouth_depths
from ..face_model.nostrils import nostril_depths
from ..face_model.scalp import scalp_weights
from ..face_model.skin_paint import skin_paint
from ..geometry.mesh import vertex_normals
from ..geometry.openness import openness
from ..geometry.rasteriser import interpolated, rasterise
from ..geometry.uv_map import UVMap, mask_at
from .camera import Camera
from .texture import uv_table

_PLAIN = {
    "teeth": (0.86, 0.82, 0.74), "gums": (0.55, 0.3, 0.28), "tongue": (0.6, 0.34, 0.32), "mouth": (0.22, 0.1, 0.09),
    "lashes": (0.1, 0.08, 0.07),
}  # fmt: skip
_LINING = (0.36, 0.11, 0.1)
"""Linear colour of the cheeks' inner side where `openings` darkens it; _PLAIN's is dark by itself."""
_HOLLOW, _LEAST_OPEN = 1.5, 0.1
"""The power of openness that is left of the light: above 1, because what comes from aside is weaker than from the
front; and the least openness."""
_LIPS_MM, _LIDS_MM, _RIMS = 4.5, 2.5, 0.75
"""How far off lips and lids take light from what lies behind them; how much the lips take from each other's rims."""
_FRONT_TEETH, _FRONT_DEPTH = 0.85, 0.45
"""What is left at least of the light on the foremost teeth, which stand right behind the lips, and the depth where this
has faded out: without it a smile's teeth are grey."""
_FROM_LINING = np.array([-0.03, 0.14, 0.19], np.float32)
"""Powers of the light that is left on teeth, by which it is taken once more: what reaches those behind the corners of
the mouth comes from its red lining. Shaded alone they are grey, as if rotten."""
_SCLERA, _LIMBUS_UV, _PUPIL_UV = (0.86, 0.83, 0.81), 29.0 / 360.0, 9.5 / 360.0


@dataclass(frozen=True)
class Lights:
    """directions (n, 3) from the face to each light in the camera's space (x right, y down, z away), linear strengths
    (n, 3) and ambient (3,)."""

    directions: np.ndarray = field(default_factory=lambda: np.array([[-0.45, -0.5, -0.75]]))
    strengths: np.ndarray = field(default_factory=lambda: np.array([[0.85, 0.83, 0.8]]))
    ambient: np.ndarray = field(default_factory=lambda: np.array([0.28, 0.28, 0.3]))
    gloss: float = 0.06
    openings: bool = False
    """Whether lips and lids take light from what lies behind them (`_opened`)."""
    hollows: bool = False
    """Whether less light comes into the skin's hollows (`openness.py`): nostrils, beside the wings of the nose, under
    the brows. Costs .3 to .5 seconds a picture."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Lights:
        """One to three lights of some room."""
        count = int(rng.integers(1, 4))
        direction = np.stack(
            [rng.uniform(-1.2, 1.2, count), rng.uniform(-1.1, 0.4, count), rng.uniform(-1.2, -0.25, count)], 1
        )
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        strength = rng.uniform(0.15, 0.9, (count, 1)) * rng.uniform(0.85, 1.1, (count, 3))
        strength *= rng.uniform(0.6, 1.0) / max(float(strength.sum() / 3), 1e-6)
        ambient = rng.uniform(0.1, 0.4) * rng.uniform(0.9, 1.1, 3)
        return cls(direction, strength, ambient, float(rng.uniform(0.0, 0.14)))


@dataclass(frozen=True)
class Paint:
    """A person's colours, ready for pictures: skin (R, R, 3) sRGB on the detail UV, base (3,), iris (3,) linear, and
    the lips' inner side (3,) sRGB, which lies outside of the detail UV (None: as the base)."""

    skin: np.ndarray
    base: np.ndarray
    iris: np.ndarray
    lips: np.ndarray | None = None
    hair: np.ndarray | None = None
    """(4,): sRGB of cropped hair on the scalp, and what it covers of the skin there."""

    @classmethod
    def of(cls, model: FaceModel, look: Look = DEFAULT_LOOK, resolution: int = 512, seed: int = 0) -> Paint:
        """Raises DnpmError when the model lacks landmarks."""
        base = np.array(TONES[look.tone].base, np.float32)
        paint = skin_paint(model, look, resolution, seed)
        skin = base + paint[..., 3:] * (paint[..., :3] - base)
        lips = np.array(TONES[look.tone].lip, np.float32)
        hair = np.array([*look.hair_srgb, min(0.63 * look.hair, 0.96)], np.float32) if look.hair else None
        return cls(skin.astype(np.float32), base, np.array(look.iris, np.float32), lips, hair)


def skin_normals(table: UVMap, vertices: np.ndarray, faces: np.ndarray, displacement: np.ndarray | None) -> np.ndarray:
    """(R, R, 3) float32 unit normals on the detail UV of V_h = V_p + V_r; displacement (R, R) mm.

    The displaced surface's tangents are differences between neighbouring texels, so pores count down to a texel.
    """
    normals = table.to_texels(vertex_normals(vertices, faces))
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    if displacement is None:
        return normals
    coarse = table.to_texels(vertices)
    # Differences of the displacement alone tilt the smooth normal: the coarse facets do not show.
    along_u, along_v = np.gradient(coarse, axis=1), np.gradient(coarse, axis=0)
    rise_u, rise_v = np.gradient(displacement, axis=1), np.gradient(displacement, axis=0)
    g11, g12, g22 = ((a * b).sum(-1) for a, b in ((along_u, along_u), (along_u, along_v), (along_v, along_v)))
    area = np.maximum(g11 * g22 - g12 * g12, 1e-9)
    up_u, up_v = (g22 * rise_u - g12 * rise_v) / area, (g11 * rise_v - g12 * rise_u) / area
    tilted = normals - np.clip(up_u, -3, 3)[..., None] * along_u - np.clip(up_v, -3, 3)[..., None] * along_v
    return (tilted / np.maximum(np.linalg.norm(tilted, axis=-1, keepdims=True), 1e-9)).astype(np.float32)


def render(
    model: FaceModel, vertices: np.ndarray, camera: Camera, paint: Paint, lights: Lights | None = None,
    displacement: np.ndarray | None = None, background: np.ndarray | None = None, bumped: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """A picture (h, w, 3) float32 sRGB and its mask (h, w) bool of a face with vertices (V, 3) mm.

    displacement: (R, R) mm on the detail UV, as bumps; bumped: its `skin_normals`, where several pictures are made of
    one face. background: (3,) or (h, w, 3) sRGB.
    """
    lights = lights or Lights()
    pixels, depth = camera.project(vertices)
    scene = _Scene.of(model)
    shown, weights = rasterise(pixels, depth, scene.triangles, camera.size)
    there = shown >= 0
    triangle, weight = shown[there], weights[there]
    normals = interpolated(vertex_normals(vertices, model.faces), scene.triangles, shown, weights)[there]
    colour = np.tile(paint.base, (len(triangle), 1))
    for name, plain in _PLAIN.items():
        colour[scene.kind[triangle] == name] = plain
    if paint.lips is not None and "lips" in model.vertex_groups:
        red = np.isin(scene.triangles, model.vertex_groups["lips"]).all(1) & (scene.kind == "skin")
        colour[red[triangle]] = paint.lips
    eyes = scene.kind[triangle] == "eye"
    colour[eyes] = _eye_colours(scene, triangle[eyes], weight[eyes], paint.iris)
    skin = scene.detail[triangle, 0] >= 0
    uv = np.einsum("nk,nkc->nc", weight[skin], model.detail_uv[scene.detail[triangle[skin]]])
    colour[skin] = _at(paint.skin, uv)
    if paint.hair is not None:
        grows = scalp_weights(model)[scene.triangles[triangle]]
        cover = paint.hair[3] * np.clip((np.einsum("nk,nk->n", weight, grows) - 0.32) / 0.53, 0, 1)[:, None]
        colour += np.where((scene.kind[triangle] == "skin")[:, None], cover, 0) * (paint.hair[:3] - colour)
    if displacement is not None and bumped is None:
        bumped = skin_normals(uv_table(model, len(displacement)), vertices, model.faces, displacement)
    if bumped is not None:
        part = _at(mask_at(model.detail_mask, len(bumped))[..., None], uv)
        normals[skin] += part * (_at(bumped, uv) - normals[skin])
    albedo, gloss = to_linear(colour), np.where(eyes, 0.3, lights.gloss)
    if lights.openings:
        albedo[scene.kind[triangle] == "mouth"] = _LINING
        left = _opened(scene, model, camera.focal / float(np.median(depth)), shown, weights)[there]
        albedo *= left
        # What lies in the dark does not shine.
        gloss = np.where(np.isin(scene.kind[triangle], MOUTH_KINDS), gloss * left.mean(1), gloss)
    if lights.hollows:
        skins = scene.kind[triangle] == "skin"
        albedo[skins] *= _hollowed(model, vertices, scene.triangles[triangle[skins]], weight[skins])
    shaded = shade(albedo, normals, camera, lights, gloss)
    image = np.broadcast_to(
        np.asarray([0.5, 0.55, 0.6] if background is None else background, np.float32), (*shown.shape, 3)
    ).copy()
    image[there] = from_linear(shaded)
    return image, there


def shade(
    albedo: np.ndarray, normals: np.ndarray, camera: Camera, lights: Lights, gloss: np.ndarray | float
) -> np.ndarray:
    """Linear colours (N, 3) under the lights: Lambert, and Blinn's highlight; normals (N, 3) in core's space."""
    turned = normals @ camera.rotation.T
    turned = turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9)
    # What faces up or the camera sees more of the surroundings.
    light = lights.ambient * (0.75 - 0.25 * turned[:, 1:2])
    shine = np.zeros((len(albedo), 1))
    for direction, strength in zip(lights.directions, lights.strengths, strict=True):
        toward = direction / np.linalg.norm(direction)
        facing = np.clip(turned @ toward, 0, None)[:, None]
        light = light + facing * strength
        half = toward + np.array([0.0, 0.0, -1.0])
        half /= np.linalg.norm(half)
        shine += np.clip(turned @ half, 0, 1)[:, None] ** 24 * float(np.mean(strength))
    return albedo * light + np.reshape(gloss, (-1, 1)) * shine


def to_linear(colour: np.ndarray) -> np.ndarray:
    """sRGB -> linear (IEC 61966-2-1)."""
    return np.where(colour <= 0.04045, colour / 12.92, ((np.maximum(colour, 0) + 0.055) / 1.055) ** 2.4)


def from_linear(colour: np.ndarray) -> np.ndarray:
    """Linear -> sRGB, 0 to 1, float32."""
    colour = np.clip(colour, 0, 1)
    return np.where(colour <= 0.0031308, 12.92 * colour, 1.055 * colour ** (1 / 2.4) - 0.055).astype(np.float32)


def _at(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear look-up of (R, R, C) at (N, 2) UV."""
    from .texture import sampled

    size = np.array([image.shape[1], image.shape[0]])
    return sampled(image, np.stack([uv[:, 0], 1 - uv[:, 1]], 1) * size)


@dataclass(frozen=True)
class _Scene:
    """Triangles (T, 3) with their detail corners (T, 3; -1: none), texture corners and part's name."""

    triangles: np.ndarray
    detail: np.ndarray
    texture: np.ndarray
    kind: np.ndarray
    uv: np.ndarray

    @classmethod
    def of(cls, model: FaceModel) -> _Scene:
        quad = model.faces[:, 3] >= 0
        split = lambda table: np.concatenate([table[:, [0, 1, 2]], table[quad][:, [0, 2, 3]]])  # noqa: E731
        names = np.array(model.material_names)
        kind = np.concatenate([names[model.face_material], names[model.face_material[quad]]])
        detail = split(model.faces_detail_uv)
        return cls(split(model.faces), np.where((detail < 0).any(1)[:, None], -1, detail), split(model.faces_uv), kind,
                   model.uv)  # fmt: skip


def _opened(
    scene: _Scene, model: FaceModel, pixels_per_mm: float, shown: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """(h, w, 3): what is left of the light where a pixel shows an eye, or what is within the mouth; elsewhere 1.

    A rule: the more such pixels lie around one, the wider is what the light comes in by. In the mouth it falls off
    towards the throat, too.
    """
    kind, there = scene.kind[shown], shown >= 0
    left = np.ones(shown.shape, np.float32)
    for names, reach_mm, least in ((MOUTH_KINDS, _LIPS_MM, 0.05), (("eye",), _LIDS_MM, 0.45)):
        within = there & np.isin(kind, names)
        if not within.any():
            continue
        around = gaussian_filter(within.astype(np.float32), reach_mm * pixels_per_mm)
        left[within] = least + (1 - least) * np.clip(1.6 * around[within], 0, 1) ** 1.5
    inside = there & np.isin(kind, MOUTH_KINDS)
    depth = np.einsum("nk,nk->n", weights[inside], mouth_depths(model)[scene.triangles[shown[inside]]])
    front = np.where(kind[inside] == "teeth", _FRONT_TEETH * np.clip(1 - depth / _FRONT_DEPTH, 0, 1), 0)
    left[inside] = np.maximum(left[inside], front)
    # Where the lips meet they shade each other.
    rims = np.zeros(len(model.neutral), np.float32)
    for name in ("lips_upper", "lips_lower"):
        rims[model.vertex_groups.get(name, np.zeros(0, np.int32))] = 1.0
    skin = there & (kind == "skin")
    left[skin] *= 1 - _RIMS * np.einsum("nk,nk->n", weights[skin], rims[scene.triangles[shown[skin]]])
    coloured = np.repeat(left[..., None], 3, 2)
    coloured[inside] *= light_at(depth)
    teeth = there & (kind == "teeth")
    coloured[teeth] *= np.clip(coloured[teeth].mean(1, keepdims=True), 0.05, 1) ** _FROM_LINING
    return coloured


def _hollowed(model: FaceModel, vertices: np.ndarray, corners: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(N, 3): what is left of the light on skin at corners (N, 3) with barycentric weights (N, 3)."""
    at = lambda values: np.einsum("nk,nk->n", weight, values[corners])  # noqa: E731
    left = np.clip(at(openness(vertices, model.faces)), _LEAST_OPEN, 1) ** _HOLLOW
    return np.asarray(left[:, None] * light_at(at(nostril_depths(model))))


def _eye_colours(scene: _Scene, triangle: np.ndarray, weight: np.ndarray, iris: np.ndarray) -> np.ndarray:
    uv = np.einsum("nk,nkc->nc", weight, scene.uv[scene.texture[triangle]])
    away = np.linalg.norm(uv - 0.5, axis=1)[:, None]
    edge = np.clip((_LIMBUS_UV - away) / 0.006, 0, 1)
    colour = np.array(_SCLERA) + edge * (from_linear(iris) - np.array(_SCLERA))
    return np.where(away < _PUPIL_UV, 0.03, colour).astype(np.float32)
