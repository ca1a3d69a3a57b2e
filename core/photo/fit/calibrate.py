"""Where MediaPipe's network puts its 468 points on our faces, measured: pictures of known faces are looked at, and
every point's place on the skin is read off where its pixel falls.

Points are named by a canonical face whose brows, chin and cheeks are not ours; and a network has systematic errors.
What both do together is an offset for each point, in millimetres on the mean face. `dnpm build landmark-offsets`
writes them into `weights/landmark_offsets.safetensors`; without them a fit pushes these differences into the person.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...errors import DnpmError
from ...face_model.looks import TONES, Look
from ...face_model.model import FaceModel
from ...face_model.sampling import random_expression, random_identity
from ...files import tensor_file
from ...files.inputs import regular_file
from ...geometry.rasteriser import all_triangles, rasterise
from ...paths import ROOT
from ..camera import Camera, turned
from ..landmarks.detect import find_faces
from ..landmarks.networks import LandmarkNetworks
from ..render import Lights, Paint, render
from .points import mediapipe_points

FORMAT = "dnpm-landmark-offsets-1"
FILE = "landmark_offsets.safetensors"
_SIZE = 400
_FARTHEST_MM = 100.0
_AGAIN = "make it again with `dnpm build landmark-offsets`"


def measure_offsets(
    model: FaceModel, networks: LandmarkNetworks, count: int = 60, seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> np.ndarray:  # fmt: skip
    """(468, 3) float32 mm: the median over `count` pictures of random people, both sides of the face alike.

    Raises DnpmError when fewer than half of the pictures' faces are found.
    """
    points = mediapipe_points(model, networks.canonical)
    named = points.of(model.neutral)
    triangles = all_triangles(model.faces)
    inside = np.zeros(len(model.neutral), bool)
    inside[model.vertex_groups.get("face", np.arange(len(model.neutral)))] = True
    skin = triangles[inside[triangles].all(1)]
    paints = [Paint.of(model, Look(tone=tone), 256) for tone in TONES]
    rng = np.random.default_rng([seed, 71])
    found: list[np.ndarray] = []
    for k in range(count):
        identity = random_identity(model, 1000 * seed + k)
        expression = random_expression(model, 1000 * seed + k, 0.5) * (k % 2)
        vertices = model.vertices(identity, expression)
        yaw, pitch, roll = rng.uniform(-1, 1, 3) * [14, 8, 5]
        camera = Camera.before(
            (_SIZE, _SIZE), float(rng.uniform(700, 1800)), 0.95, 240.0, named.mean(0), turned(yaw, pitch, roll)
        )
        picture, _ = render(model, vertices, camera, paints[k % len(paints)], Lights.drawn(rng))
        faces = find_faces(picture, networks)
        if faces:
            found.append(_on_skin(faces[0].points[: len(named), :2], model, vertices, camera, skin) - named)
        if progress is not None:
            progress((k + 1) / count)
    if len(found) < count / 2:
        raise DnpmError(f"the landmark networks found {len(found)} of {count} rendered faces: too few to measure by")
    offsets = np.nan_to_num(np.nanmedian(np.stack(found), 0))
    mirrored = np.array([-1.0, 1.0, 1.0]) * offsets[mirror_of(networks.canonical)]
    return ((offsets + mirrored) / 2).astype(np.float32)


def mirror_of(canonical: np.ndarray) -> np.ndarray:
    """(468,) the number of the point on the face's other side."""
    other = np.asarray(canonical) * [-1.0, 1.0, 1.0]
    return np.linalg.norm(other[:, None] - canonical[None], axis=2).argmin(1)


def save_offsets(path: Path, offsets: np.ndarray, model: FaceModel, command: str) -> None:
    """Write them beside, then rename."""
    tensor_file.save(path, {"offsets": offsets.astype(np.float32)}, {
        "format": FORMAT, "model": model.name, "command": command, "licence": "GPL-3.0-or-later",
    })  # fmt: skip


def load_offsets(explicit: str | os.PathLike[str] | None = None) -> np.ndarray:
    """(468, 3) float32 mm of a file, else the shipped one. Raises DnpmError when it is missing, damaged or another."""
    path = Path(explicit) if explicit else ROOT / "weights" / FILE
    regular_file(path, again=f"the landmarks' offsets; {_AGAIN}")
    arrays, metadata = tensor_file.load(path)
    offsets = arrays.get("offsets")
    if metadata.get("format") != FORMAT or offsets is None or offsets.shape != (468, 3):
        raise DnpmError(f"{path}: holds no landmarks' offsets; {_AGAIN}")
    if not (np.abs(offsets) <= _FARTHEST_MM).all():
        raise DnpmError(f"{path}: has landmarks' offsets of more than {_FARTHEST_MM:g} mm; {_AGAIN}")
    return np.asarray(offsets, np.float32)


def _on_skin(
    pixels: np.ndarray, model: FaceModel, vertices: np.ndarray, camera: Camera, skin: np.ndarray
) -> np.ndarray:
    """(N, 3) mm on the mean face at rest of what the pixels show; NaN where that is not the face's skin."""
    width, height = camera.size
    shown, weights = rasterise(*camera.project(vertices), skin, camera.size)
    at = pixels.astype(int)
    ok = (pixels >= 0).all(1) & (at[:, 0] < width) & (at[:, 1] < height)
    at = np.where(ok[:, None], at, 0)
    triangle = shown[at[:, 1], at[:, 0]]
    ok &= triangle >= 0
    places = np.full((len(pixels), 3), np.nan)
    share = weights[at[:, 1], at[:, 0]][ok]
    places[ok] = np.einsum("nk,nkc->nc", share, model.neutral[skin[triangle[ok]]])
    return places
