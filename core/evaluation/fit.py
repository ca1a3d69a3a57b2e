"""Faces of known identity, expression and pose, rendered, found and fitted: what comes back.

Every face is drawn from the model's own distribution (`sampling`), seen by a camera of random distance within 30
degrees to the side, 12 up or down, and lit from somewhere; skin from porcelain to deep. It is fitted as it is (512
pixels), blurred (a Gaussian of .03 eye distances, as out of focus), and reduced to 64 pixels on the longer side.
Vertices are those of the front of the face, in the head's own frame, in millimetres. vertex_mm: nothing is aligned, so
that a head's size, which one picture does not tell, counts; rigid_mm: after the best rotation and shift; similar_mm:
after the best rotation, shift and scale, the shape alone. A pose's error is the angle of the rotation that is left.

photos' landmark bias (`core/photo/fit/photo_bias.py`) are left out: these faces are renders.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from .. import progress
from ..face_model.locate import face_model_path
from ..face_model.looks import TONES, Look
from ..face_model.model import FaceModel
from ..face_model.sampling import random_expression, random_identity
from ..photo.camera import Camera, angle_between, turned
from ..photo.degrade import blurred, reduced
from ..photo.fit.photo_bias import PhotoLandmarkBias
from ..photo.fit.points import similarity
from ..photo.fit.solve import Fitter, Picture
from ..photo.landmarks.detect import Face, find_faces
from ..photo.landmarks.networks import LandmarkNetworks
from ..photo.render import Lights, Paint, render

PURPOSE = "fitting: rendered faces of known identity, expression and pose (degrees, mm)"
SIZE = 512
_BLUR = 0.03
"""Standard deviation in distances between the outer corners of the eyes."""
VARIANTS = ("", "_64", "_blur")


@dataclass(frozen=True)
class KnownFace:
    """identity (n_id,), expression (n_exp,), vertices (V, 3) mm, camera, and its picture (h, w, 3)."""

    identity: np.ndarray
    expression: np.ndarray
    vertices: np.ndarray
    camera: Camera
    image: np.ndarray


def known_face(model: FaceModel, seed: int, size: int = SIZE) -> KnownFace:
    """One face of the test set. Raises DnpmError when the model lacks the landmarks that its paint needs."""
    rng = np.random.default_rng((seed, 3))
    identity, expression = random_identity(model, seed, 0.9), random_expression(model, seed, 0.8)
    vertices = model.vertices(identity, expression)
    tone = sorted(TONES)[int(rng.integers(len(TONES)))]
    paint = Paint.of(model, Look(tone=tone, freckles=rng.uniform(0, 0.6), brows=rng.uniform(0.5, 1.3)))
    front = model.vertex_groups.get("face", np.arange(len(vertices)))
    camera = Camera.before(
        (size, size), distance=float(np.exp(rng.uniform(np.log(450), np.log(2000)))), height=250, fill=0.85,
        target=vertices[front].mean(0) + rng.normal(0, 8, 3),
        rotation=turned(rng.uniform(-30, 30), rng.uniform(-12, 12), rng.uniform(-15, 15)),
    )  # fmt: skip
    image, _ = render(model, vertices, camera, paint, Lights.drawn(rng), background=rng.uniform(0.1, 0.9, 3))
    return KnownFace(identity, expression, vertices, camera, image)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many, and which."""
    parser.add_argument("--faces", type=int, default=24, metavar="N", help="faces (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1000, help="the first face's seed (default %(default)s)")
    parser.add_argument("--landmarks", metavar="FILE", help="another file of landmark networks")


def evaluate(args: argparse.Namespace) -> dict:
    """Figures by variant: as rendered, "_64", "_blur"."""
    model = FaceModel.load(face_model_path(args.face_model))
    networks = LandmarkNetworks.load(args.landmarks)
    fitter = Fitter(model, networks.canonical, photos=PhotoLandmarkBias.none())
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    lost = dict.fromkeys(VARIANTS, 0)
    for k in progress.each(range(args.faces), "faces"):
        known = known_face(model, args.seed + k)
        faces = find_faces(known.image, networks)
        eyes = faces[0].eye_distance if faces else 0.2 * SIZE
        for name in VARIANTS:
            image = {"": known.image, "_64": reduced(known.image, 64), "_blur": blurred(known.image, _BLUR * eyes)}[
                name
            ]
            found = faces if not name else find_faces(image, networks)
            if not found:
                lost[name] += 1
                continue
            rows[name].append(_errors(known, found[0], fitter))
    result: dict = {"faces": args.faces, "seed": args.seed}
    for name in VARIANTS:
        result[f"lost{name}"] = lost[name]
        for key in ("pose_deg", "vertex_mm", "rigid_mm", "similar_mm", "rest_mm", "nme", "seconds"):
            values = [row[key] for row in rows[name]]
            result[f"{key}_median{name}"] = float(np.median(values)) if values else None
            result[f"{key}_worst{name}"] = float(np.max(values)) if values else None
    return result


def _errors(known: KnownFace, face: Face, fitter: Fitter) -> dict[str, float]:
    started = time.perf_counter()
    size = (known.image.shape[1], known.image.shape[0])
    fit = fitter.fit([Picture(face, size)])
    seconds = time.perf_counter() - started
    model = fitter.model
    front = model.vertex_groups.get("face", np.arange(len(model.neutral)))
    away = lambda a, b: float(np.median(np.linalg.norm(a - b, axis=1)))  # noqa: E731
    found = model.vertices(fit.identity, fit.expressions[0])[front].astype(float)
    wanted = known.vertices[front].astype(float)
    scale, turn, shift = similarity(found, wanted)
    turned_only = (found - found.mean(0)) @ turn.T + wanted.mean(0)
    return {
        "pose_deg": angle_between(fit.cameras[0].rotation, known.camera.rotation),
        "vertex_mm": away(found, wanted),
        "rigid_mm": away(turned_only, wanted),
        "similar_mm": away(scale * found @ turn.T + shift, wanted),
        "rest_mm": away(model.neutral_of(fit.identity)[front], model.neutral_of(known.identity)[front]),
        "nme": fit.errors[0],
        "seconds": seconds,
    }


def table(result: dict) -> str:
    """Readable lines."""
    number = lambda value, form: "-" if value is None else f"{value:{form}}"  # noqa: E731
    lines = [
        f"{result['faces']} rendered faces from seed {result['seed']}, median (worst)",
        f"{'':14s}{'lost':>6s}{'pose, degrees':>20s}{'vertices, mm':>20s}{'shape, mm':>20s}{'landmarks':>18s}"
        f"{'seconds':>14s}",
    ]
    for name, what in zip(VARIANTS, ("as rendered", "64 pixels", "blurred"), strict=True):
        cells = [
            f"{number(result[f'{key}_median{name}'], form)} ({number(result[f'{key}_worst{name}'], form)})"
            for key, form in (("pose_deg", ".2f"), ("vertex_mm", ".2f"), ("similar_mm", ".2f"), ("nme", ".4f"),
                              ("seconds", ".1f"))
        ]  # fmt: skip
        widths = (20, 20, 20, 18, 14)
        row = "".join(f"{cell:>{width}s}" for cell, width in zip(cells, widths, strict=True))
        lines.append(f"{what:14s}{result[f'lost{name}']:6d}{row}")
    return "\n".join(lines)
