"""Photos of a folder: is the face found, how far off is the fit, at full size and at 64 pixels, and how long it takes.

nme: mean distance of the 468 landmarks from their places on the fitted face, in distances between the outer corners of
the eyes; the landmark network's own systematic errors count in it. nme_residual: the same after the usual errors of
such a face are taken off (`core/photo/fit/landmark_errors.py`), which is what the fit makes small. nme_64: the photo
is reduced until the found face is 64 pixels high, enlarged again, found and fitted again; that face's places against
the landmarks of the full-size photo. landmarks_64: the landmarks alone, without a fit.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from .. import logs, progress
from ..detail.card import check_face_model, weights_dir
from ..detail.weights import load_detail
from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..photo.degrade import reduced
from ..photo.fit.solve import Fit, Fitter
from ..photo.fit.solve import Picture as FitPicture
from ..photo.image_file import Picture, pictures_in, read_picture
from ..photo.landmarks.detect import Face, find_faces
from ..photo.landmarks.networks import LandmarkNetworks
from ..photo.reconstruct import Reconstructor
from ..photo.restore.pipeline import open_restorer

log = logs.logger(__name__)

PURPOSE = "photos of a folder: landmark error of the fit at full size and at 64 pixels, seconds by stage"
FACE_HEIGHT = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which photos."""
    parser.add_argument("photos", type=Path, metavar="DIR", help="a folder of pictures, or one")
    parser.add_argument("--landmarks", metavar="FILE", help="another file of landmark networks")
    parser.add_argument("--resolution", type=int, default=1024, metavar="N", help="of map and texture (%(default)s)")


def evaluate(args: argparse.Namespace) -> dict:
    """{"images": [{"file", "found", "nme", "nme_residual", "nme_64", "landmarks_64", "seconds": {stage: s}}], ...}."""
    files, others = pictures_in(args.photos)
    for name in others:
        log.warning("%s: skipped, is not a picture by its name", name)
    model = FaceModel.load(face_model_path(args.face_model))
    folder = weights_dir(args.weights)
    detail = load_detail(folder)
    check_face_model(detail.card, model)
    tools = Reconstructor(
        model, LandmarkNetworks.load(args.landmarks), detail, open_restorer(model, detail, folder)
    )  # fmt: skip
    rows = [_row(file, tools, args.resolution) for file in progress.each(files, "photos")]
    found = [row for row in rows if row["found"]]
    result: dict[str, Any] = {"images": rows, "found": len(found)}
    for key in ("nme", "nme_residual", "nme_64"):
        values = [row[key] for row in found if row[key] is not None]
        result[f"{key}_mean"] = float(np.mean(values)) if values else None
        result[f"{key}_worst"] = float(np.max(values)) if values else None
    return result


def _row(file: Path, tools: Reconstructor, resolution: int) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        picture = read_picture(file)
        seconds = {"read": round(time.perf_counter() - started, 3)}
        result = tools.run([picture], resolution=resolution)[0]
    except DnpmError as problem:
        # What cannot be read or shows no face is a figure here, and its reason stands beside it.
        return {"file": file.name, "found": False, "nme": None, "nme_residual": None, "nme_64": None,
                "landmarks_64": None, "seconds": {}, "reason": str(problem)}  # fmt: skip
    seconds |= result.seconds
    seconds["all"] = round(time.perf_counter() - started, 3)
    row = {"file": file.name, "found": True, "nme": result.error, "nme_residual": result.residual, "nme_64": None,
           "landmarks_64": None}  # fmt: skip
    small = small_fit(picture, result.face, tools.networks, tools.fitter)
    if small is not None:
        face, fit = small
        count = len(fit.landmarks[0])
        row["nme_64"] = distance(fit.landmarks[0], result.face, count)
        row["landmarks_64"] = distance(face.points[:, :2], result.face, count)
    return row | {"seconds": seconds}


def small_fit(
    picture: Picture, face: Face, networks: LandmarkNetworks, fitter: Fitter, height: int = FACE_HEIGHT
) -> tuple[Face, Fit] | None:  # fmt: skip
    """Face and fit of the picture when the face has only `height` pixels; None when it is not found then."""
    factor = height / max(face.box[2], face.box[3])
    image = reduced(picture.image, max(1, round(factor * max(picture.image.shape[:2]))))
    faces = find_faces(image, networks)
    if not faces:
        return None
    middle = np.array([face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2])
    nearest = min(faces, key=lambda f: float(np.linalg.norm(f.points[:, :2].mean(0) - middle)))
    return nearest, fitter.fit([FitPicture(nearest, (image.shape[1], image.shape[0]), image=image)])


def distance(pixels: np.ndarray, face: Face, count: int) -> float:
    """Mean distance of (N, 2) pixels from the first `count` landmarks of a face, in its eye distances."""
    return float(np.linalg.norm(pixels[:count] - face.points[:count, :2], axis=1).mean() / face.eye_distance)


def table(result: dict) -> str:
    """Readable lines."""
    number = lambda value: "-" if value is None else f"{value:.4f}"  # noqa: E731
    lines = [f"{'photo':32s}{'error':>9s}{'residual':>10s}{'at 64 px':>10s}{'(landmarks)':>13s}   seconds"]
    for row in result["images"]:
        times = ", ".join(f"{stage} {value:.2f}" for stage, value in row["seconds"].items()) or row.get("reason", "")
        lines.append(
            f"{row['file'][:31]:32s}{number(row['nme']):>9s}{number(row['nme_residual']):>10s}{number(row['nme_64']):>10s}"
            f"{number(row['landmarks_64']):>13s}   {times}"
        )
    lines.append(
        f"{result['found']} of {len(result['images'])} found; mean (worst) error {number(result['nme_mean'])} "
        f"({number(result['nme_worst'])}), after usual errors {number(result['nme_residual_mean'])}, "
        f"at 64 px {number(result['nme_64_mean'])} ({number(result['nme_64_worst'])})"
    )
    return "\n".join(lines)
