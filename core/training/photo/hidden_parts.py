"""Teaching what lies before a face (`core/photo/hidden_parts.py`): portraits on the detail UV, over which masks, hands,
microphones, scarves, cups and dark glasses are drawn.

What is drawn is simple: polygons, capsules and bands with one or two colours, weave, folds, shading across them and a
shadow at their edge. Where it lies is the answer. So that colour alone does not tell, hands have the sitter's own skin,
portraits are tinted, darkened, blurred and made grey, and what belongs to a face is drawn on, too: beards, hard
shadows, blush, lipstick.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional

from ... import logs, progress
from ...errors import DnpmError
from ...face_model.landmark_uv import landmark_uv
from ...face_model.locate import face_model_path
from ...face_model.model import FaceModel
from ...paths import ROOT
from ...photo.degrade import resized
from ...photo.fit.solve import Fitter, Picture
from ...photo.hidden_parts import FILE, SIDE, HiddenParts, HiddenPartsNetwork, inputs, tone, upper_face
from ...photo.image_file import read_picture
from ...photo.landmarks.detect import find_faces
from ...photo.landmarks.networks import LandmarkNetworks
from ...photo.portraits import chosen, people_of
from ...photo.render import from_linear, to_linear
from ...photo.texture import Texture, unwrap

log = logs.logger(__name__)

LEAST = 12
"""Portraits from which faces can be told from what is drawn over them."""
_LARGE = 2 * SIDE
_UNHIDDEN = 0.3
"""Share of pictures in which nothing hides the face."""
_BATCH, _RATE = 16, 2e-3


@dataclass(frozen=True)
class Portraits:
    """colour (N, SIDE, SIDE, 3) sRGB, visible (N, SIDE, SIDE); places (68, 2): landmarks in the UV, rows down."""

    colour: np.ndarray
    visible: np.ndarray
    places: np.ndarray
    upper: np.ndarray

    @classmethod
    def of(cls, textures: Sequence[Texture], model: FaceModel) -> Portraits:
        """Raises DnpmError when there are fewer than `LEAST`."""
        if len(textures) < LEAST:
            raise DnpmError(f"{len(textures)} portraits are too few to tell faces by; at least {LEAST} are needed")
        colour = np.stack([np.clip(resized(one.colour, (SIDE, SIDE)), 0, 1) for one in textures])
        visible = np.stack([resized(one.visible[..., None], (SIDE, SIDE))[..., 0] for one in textures])
        return cls(colour, visible, landmark_uv(model) * [1, -1] + [0, 1], upper_face(model))

    def usual(self) -> np.ndarray:
        """(SIDE, SIDE, 3): the mean of the portraits' and their mirror images' logarithms over each one's own skin."""
        total, weight = np.zeros((SIDE, SIDE, 3)), np.full((SIDE, SIDE, 1), 1e-3)
        for colour, visible in zip(self.colour, self.visible, strict=True):
            logs = np.log(to_linear(colour) + 0.02)
            logs = (logs - tone(logs, visible, self.upper)).clip(-1.5, 0.7)
            for one, there in ((logs, visible), (logs[:, ::-1], visible[:, ::-1])):
                total += one * there[..., None]
                weight += there[..., None]
        # What few portraits show goes smoothly over into skin like the upper face's.
        known = np.clip(weight / (0.2 * weight.max()), 0, 1)
        for sigma in (1.5, 4, 10):
            around = ndimage.gaussian_filter(known, (sigma, sigma, 0))
            spread = ndimage.gaussian_filter(known * total / weight, (sigma, sigma, 0)) / np.maximum(around, 1e-3)
            lack = np.clip(around * 3, 0, 1) * (1 - known)
            total, weight = (
                (known * total / weight + lack * spread) / np.maximum(known + lack, 1e-6),
                np.ones_like(known),
            )
            known = known + lack
        return np.asarray(total * ndimage.gaussian_filter(known, (3, 3, 0)), np.float32)


def build(args: argparse.Namespace) -> Path:
    """`dnpm build hidden-parts`. Raises DnpmError when too few faces are found, or a portrait cannot be read."""
    path = args.out or ROOT / "weights" / FILE
    model, networks = FaceModel.load(face_model_path(args.face_model)), LandmarkNetworks.load()
    fitter, textures = Fitter(model, networks.canonical, shading=False), []
    for person in progress.each(chosen(people_of(args.photos), args.half, args.people), "people"):
        image = read_picture(person.files[0]).image
        faces = find_faces(image, networks, closely=1)
        if not faces:
            log.warning("%s: skipped, no face was found", person.files[0].name)
            continue
        fit = fitter.fit([Picture(faces[0], (image.shape[1], image.shape[0]), image=image)])
        vertices = model.vertices(fit.identity, fit.expressions[0])
        if fit.corrective is not None:
            vertices = vertices + fit.corrective
        textures.append(unwrap(image, vertices, fit.cameras[0], model, 2 * SIDE))

    def tell(step: int, loss: float) -> None:
        if step % 50 == 0:
            log.info("step %d of %d: loss %.4f", step, args.steps, loss)

    made = train(Portraits.of(textures, model), args.steps, args.seed, tell)
    made.save(path, model, {
        "command": f"dnpm build hidden-parts DIR --half {args.half} --steps {args.steps}", "licence": args.licence,
        "portraits": str(len(textures)),
    })  # fmt: skip
    return path


def train(
    portraits: Portraits, steps: int, seed: int = 0, report: Callable[[int, float], None] | None = None
) -> HiddenParts:
    """Adam with a cosine, from new pictures at every step; report: is told step and loss."""
    torch.manual_seed(seed)
    rng, usual = np.random.default_rng(seed), portraits.usual()
    network = HiddenPartsNetwork()
    optimiser = torch.optim.Adam(network.parameters(), _RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, steps, pct_start=0.1)
    for step in range(steps):
        given, wanted, weight = batch(portraits, usual, _BATCH, rng)
        loss = functional.binary_cross_entropy_with_logits(network(given)[:, 0], wanted, weight)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if report is not None:
            report(step + 1, float(loss.detach()))
    return HiddenParts(network.eval(), usual)


def batch(
    portraits: Portraits, usual: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(B, 9, S, S) what the network is given, (B, S, S) where something hides the face, (B, S, S) what counts."""
    rows = [example(portraits, usual, rng) for _ in range(count)]
    given, wanted, weight = (torch.from_numpy(np.stack(one).astype(np.float32)) for one in zip(*rows, strict=True))
    return given, wanted, weight


def example(
    portraits: Portraits, usual: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """One picture: what the network is given, where something hides the face, and what counts."""
    k = int(rng.integers(len(portraits.colour)))
    colour, visible = to_linear(portraits.colour[k]), portraits.visible[k]
    skin = np.exp(tone(np.log(colour + 0.02), visible, portraits.upper)) - 0.02
    if rng.random() < 0.5:
        colour, visible = colour[:, ::-1], visible[:, ::-1]
    colour = _as_faces_are(colour, skin, portraits.places, rng)
    hidden = np.zeros((SIDE, SIDE))
    if rng.random() > _UNHIDDEN:
        for _ in range(1 + int(rng.random() < 0.25)):
            thing = _THINGS[int(rng.choice(len(_THINGS), p=_OFTEN))]
            shape, over = thing(portraits.places, skin, rng)
            colour = _laid_over(colour, shape, over, rng)
            hidden = np.maximum(hidden, shape)
    colour = from_linear(np.clip(_photographed(colour, rng), 0, 1))
    # The edge is neither.
    weight = (visible > 0.1) * (1 - 0.8 * ((hidden > 0.1) & (hidden < 0.9)))
    return inputs(colour, visible, portraits.upper, usual), (hidden > 0.5).astype(float), weight


def _as_faces_are(colour: np.ndarray, skin: np.ndarray, p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Beards, shadows, blush and lipstick: parts of a face."""
    if rng.random() < 0.25:
        jaw = _polygon([*p[2:15], *(p[[54, 33, 48]] + [[0.03, -0.01], [0, 0.012], [-0.03, -0.01]])], rng, 0.012)
        lips = _polygon(p[48:60], rng, 0.004)
        where = ndimage.gaussian_filter(jaw, 2.5) * (1 - lips) * rng.uniform(0.4, 1)
        hair = np.array(_HAIR[int(rng.integers(len(_HAIR)))]) * rng.uniform(0.6, 1.4)
        strands = np.exp(0.25 * _noise(rng, 0.7) + 0.2 * _noise(rng, 3))
        colour = colour + where[..., None] * (hair * strands[..., None] - colour)
    if rng.random() < 0.4:
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3)
        u, v = _grid()
        side = (u - 0.5) * np.cos(angle) + (v - 0.5) * np.sin(angle) + 0.03 * _noise(rng, 12) - far
        colour = colour * (1 - rng.uniform(0.2, 0.75) / (1 + np.exp(-side / rng.uniform(0.004, 0.08))))[..., None]
    if rng.random() < 0.3:
        lips = ndimage.gaussian_filter(_polygon(p[48:60], rng, 0.003), 0.7)[..., None]
        colour = colour * (1 + lips * (rng.uniform([0.6, 0.15, 0.15], [1.3, 0.8, 0.9]) - 1))
    if rng.random() < 0.3:
        for place in (0.5 * (p[46] + p[54]), 0.5 * (p[41] + p[48])):
            disc = _disc(place, rng.uniform(0.04, 0.09))
            colour = colour * (
                1 + ndimage.gaussian_filter(disc, 6)[..., None] * rng.uniform([0, -0.4, -0.4], [0.2, 0, 0])
            )
    return colour


def _mask(p: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """From the nose over mouth and chin to the ears."""
    top = p[27] + rng.uniform(0.1, 0.95) * (p[33] - p[27])
    drop = rng.uniform(-0.01, 0.09)
    sides = [p[k] + np.array([0, rng.uniform(-0.04, 0.06)]) for k in (1, 15)]
    left, right = (top + np.array([s * rng.uniform(0.05, 0.1), 0.3 * drop + 0.02]) for s in (-1, 1))
    below = 1.2 if rng.random() < 0.7 else p[8, 1] - rng.uniform(0, 0.05)
    shape = _polygon(np.array([sides[0], left, top, right, sides[1], [1.1, below], [-0.1, below]]), rng, 0.008)
    return shape, _cloth(rng, _CLOTHS[int(rng.integers(len(_CLOTHS)))] * rng.uniform(0.7, 1.2))


def _scarf(p: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """From below, up to the chin, the mouth or the nose."""
    up = p[8, 1] + rng.uniform(-0.01, 0.9) * (p[33, 1] - p[8, 1])
    tilt = rng.uniform(-0.15, 0.15)
    edge = [[x, up + tilt * (x - 0.5) + rng.uniform(-0.02, 0.02)] for x in np.linspace(-0.1, 1.1, 7)]
    return _polygon(np.array([*edge, [1.1, 1.2], [-0.1, 1.2]]), rng, 0.01), _cloth(rng, rng.uniform(0.01, 0.9, 3))


def _hand(p: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One to five fingers beside each other, often with a palm, in the sitter's skin."""
    tip = np.array([rng.uniform(0.15, 0.85), rng.uniform(0.25, 0.85)])
    angle = np.arctan2(1.0 - tip[1], rng.uniform(-0.6, 0.6)) + rng.normal(0, 0.4)
    along, wide = np.array([np.cos(angle), np.sin(angle)]), rng.uniform(0.028, 0.05)
    across = np.array([-along[1], along[0]])
    shape, across_it = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    fingers = int(rng.integers(1, 6))
    for k in range(fingers):
        start = tip + across * wide * 2 * (k - (fingers - 1) / 2) * rng.uniform(0.9, 1.1)
        start = start + along * (0.03 * abs(k - fingers // 2) + rng.uniform(0, 0.03))
        bent = along + across * rng.normal(0, 0.12)
        away, side = _capsule(start, start + bent * rng.uniform(0.15, 0.8), wide * rng.uniform(0.85, 1.1))
        across_it = np.where(away > shape, side, across_it)
        shape = np.maximum(shape, away)
    if rng.random() < 0.6:
        palm = _disc(tip + along * rng.uniform(0.2, 0.35), wide * rng.uniform(2, 4))
        across_it, shape = np.where(palm > shape, 0.3 * _noise(rng, 8), across_it), np.maximum(shape, palm)
    tone_of_it = skin * rng.uniform(0.55, 1.35) * np.exp(rng.normal(0, 0.06, 3))
    round_ = 1 - rng.uniform(0.15, 0.6) * across_it**2 + rng.uniform(-0.3, 0.3) * across_it
    return shape, tone_of_it * (round_ * np.exp(0.06 * _noise(rng, 1) + 0.12 * _noise(rng, 6)))[..., None]


def _microphone(p: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A head of foam or wire, and a stem that leads down."""
    at = np.array([rng.uniform(0.25, 0.75), rng.uniform(p[33, 1], p[8, 1] + 0.04)])
    wide = rng.uniform(0.035, 0.1)
    angle = np.pi / 2 + rng.normal(0, 0.5)
    along = np.array([np.cos(angle), np.sin(angle)])
    head, side = _capsule(at, at + along * wide * rng.uniform(0, 1.2), wide)
    stem, stem_side = _capsule(at, at + along, wide * rng.uniform(0.3, 0.8))
    light = rng.uniform(0.004, 0.35) * np.exp(rng.normal(0, 0.08, 3))
    shine = np.exp(-((np.where(head > stem, side, stem_side) - rng.uniform(-0.6, 0.6)) ** 2) / 0.1)
    grain = np.exp(rng.uniform(0, 0.5) * _noise(rng, 0.6) + rng.uniform(0, 1.2) * shine)
    return np.maximum(head, stem), light * grain[..., None]


def _thing(p: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A cup, a telephone, a flag: four corners of some colours."""
    at, turned = np.array([rng.uniform(0.1, 0.9), rng.uniform(0.2, 0.95)]), rng.uniform(0, np.pi)
    a, b = rng.uniform(0.05, 0.22), rng.uniform(0.05, 0.3)
    c, s = np.cos(turned), np.sin(turned)
    corners = [at + np.array([c * x - s * y, s * x + c * y]) for x, y in ((-a, -b), (a, -b), (a, b), (-a, b))]
    return _polygon(corners, rng, 0.015), _cloth(rng, rng.uniform(0.005, 0.95, 3))


def _dark_glasses(p: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two lenses and what joins them."""
    shape = np.zeros((SIDE, SIDE))
    for first in (36, 42):
        middle, wide = p[first : first + 6].mean(0) + np.array([0, 0.01]), 0.5 * float(np.ptp(p[first : first + 6, 0]))
        a, b = wide * rng.uniform(1.3, 1.9), wide * rng.uniform(0.9, 1.6)
        ring = np.linspace(0, 2 * np.pi, 13)[:-1]
        power = rng.uniform(0.5, 1)
        round_ = np.stack([np.cos(ring), np.sin(ring)], 1)
        lens = list(middle + [a, b] * np.sign(round_) * np.abs(round_) ** power)
        shape = np.maximum(shape, _polygon(lens, rng, 0.003))
    bridge, _ = _capsule(p[36:42].mean(0), p[42:48].mean(0), 0.012)
    sheen = np.exp(rng.uniform(0, 1.2) * _noise(rng, 8))
    return np.maximum(shape, bridge), (rng.uniform(0.003, 0.06) * np.exp(rng.normal(0, 0.2, 3))) * sheen[..., None]


_THINGS = (_mask, _scarf, _hand, _microphone, _thing, _dark_glasses)
_OFTEN = (0.25, 0.1, 0.35, 0.12, 0.1, 0.08)
_CLOTHS = np.array([[0.8, 0.8, 0.8], [0.35, 0.6, 0.85], [0.02, 0.02, 0.02], [0.2, 0.6, 0.5], [0.8, 0.5, 0.55],
                    [0.1, 0.1, 0.12], [0.05, 0.08, 0.25], [0.7, 0.75, 0.8], [0.5, 0.06, 0.06]])  # fmt: skip
"""Linear colours of masks."""
_HAIR = ((0.01, 0.008, 0.007), (0.05, 0.03, 0.015), (0.15, 0.08, 0.035), (0.3, 0.28, 0.26), (0.6, 0.58, 0.55))


def _cloth(rng: np.random.Generator, colour: np.ndarray) -> np.ndarray:
    """(S, S, 3): folds, weave, perhaps a second colour in stripes or patches."""
    u, v = _grid()
    light = rng.uniform(0, 0.35) * _noise(rng, 9) + rng.uniform(0, 0.15) * _noise(rng, 0.8)
    if rng.random() < 0.5:
        light = light + rng.uniform(0.03, 0.2) * np.sin((v + 0.02 * _noise(rng, 14)) * rng.uniform(40, 110))
    # Cloth turns away with the face beneath it.
    light = light - rng.uniform(0, 4) * (u - 0.5 + rng.uniform(-0.2, 0.2)) ** 2
    if rng.random() < 0.25:
        angle = rng.uniform(0, np.pi)
        stripes = (
            np.sin((u * np.cos(angle) + v * np.sin(angle)) * rng.uniform(15, 80))
            if rng.random() < 0.5
            else _noise(rng, 4)
        )
        colour = np.where((stripes > rng.uniform(-0.5, 0.5))[..., None], colour, rng.uniform(0, 0.9, 3))
    return colour * np.exp(light)[..., None]


def _laid_over(colour: np.ndarray, shape: np.ndarray, over: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With the thing's shadow on the face beside it, in the light of the face, and its soft edge."""
    moved = ndimage.shift(shape, rng.uniform(-4, 4, 2), order=1)
    shadow = ndimage.gaussian_filter(moved, rng.uniform(0.7, 5)) * rng.uniform(0, 0.6)
    light = ndimage.gaussian_filter(colour.mean(-1), 18)
    light = np.clip(light / max(float(np.median(light)), 1e-3), 0.3, 2) ** rng.uniform(0, 1)
    return colour * (1 - shadow[..., None]) * (1 - shape[..., None]) + shape[..., None] * over * light[..., None]


def _photographed(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exposure, white balance, grey, blur and grain."""
    colour = colour * np.exp(rng.normal(0, 0.3)) * np.exp(rng.normal(0, 0.12, 3))
    if rng.random() < 0.12:
        colour = np.repeat(colour.mean(-1, keepdims=True), 3, -1) * np.exp(rng.normal(0, 0.05, 3))
    blur = max(0.0, rng.normal(0, 0.8))
    colour = ndimage.gaussian_filter(colour, (blur, blur, 0))
    return np.asarray(colour * np.exp(rng.normal(0, 1, colour.shape) * rng.uniform(0, 0.06)))


def _grid() -> tuple[np.ndarray, np.ndarray]:
    middle = (np.arange(SIDE) + 0.5) / SIDE
    u, v = np.meshgrid(middle, middle)
    return u, v


def _noise(rng: np.random.Generator, sigma: float) -> np.ndarray:
    """(S, S) of deviation 1, as broad as sigma texels."""
    smooth = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), sigma, mode="wrap")
    return np.asarray(smooth / max(float(smooth.std()), 1e-9))


def _polygon(points: Sequence[np.ndarray] | np.ndarray, rng: np.random.Generator, jitter: float) -> np.ndarray:
    """(S, S) 0 to 1: within points (N, 2) of 0 to 1, rows down, each moved a little, the corners rounded."""
    from PIL import Image, ImageDraw

    moved = np.asarray(points, float) + rng.normal(0, jitter, (len(points), 2))
    picture = Image.new("L", (_LARGE, _LARGE))
    ImageDraw.Draw(picture).polygon([(float(x), float(y)) for x, y in moved * _LARGE], fill=255)
    smooth = ndimage.gaussian_filter(np.asarray(picture, float) / 255, rng.uniform(1, 4))
    return np.clip((smooth.reshape(SIDE, 2, SIDE, 2).mean((1, 3)) - 0.5) * 4 + 0.5, 0, 1)


def _capsule(start: np.ndarray, end: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """(S, S) 0 to 1 within a line's width, and (S, S) -1 to 1 across it."""
    u, v = _grid()
    line = end - start
    share = np.clip(((u - start[0]) * line[0] + (v - start[1]) * line[1]) / max(float(line @ line), 1e-9), 0, 1)
    away = np.hypot(u - start[0] - share * line[0], v - start[1] - share * line[1])
    side = ((u - start[0]) * line[1] - (v - start[1]) * line[0]) / max(float(np.linalg.norm(line)), 1e-9) / radius
    return np.clip((radius - away) * SIDE + 0.5, 0, 1), np.clip(side, -1, 1)


def _disc(middle: np.ndarray, radius: float) -> np.ndarray:
    u, v = _grid()
    return np.clip((radius - np.hypot(u - middle[0], v - middle[1])) * SIDE + 0.5, 0, 1)
