"""Detail from photos of known faces, measured at the size in which it is used: rendered, degraded photos of held-out
people are unwrapped and restored by the photo networks, and compared with the teacher's map at that size.

Sliders and camera are known here (the camera a little wrong, as a fitted one is), so that only the restoration counts.
Rows of the result: "photo" (as `dnpm reconstruct` does it, at a trust of 1 and at the usual one), "all rows" (rows of
w+ that were never trained used as well, where there are such), and what a restoration has to beat: the sliders' own
map, pix2pixHD's rough map enlarged, and the mean of the true maps. "fine" is what a map has beyond 256 texels, which
is what the finest four rows of w+ paint: its error, its correlation with the truth, and its level over the truth's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from .. import progress as bars
from ..detail.card import check_face_model, weights_dir
from ..detail.weights import Detail, load_detail
from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..face_model.skin_settings import SkinSettings
from ..geometry.uv_map import mask_at
from ..photo.choices import TRUST
from ..photo.reconstruct import with_gain, with_relief
from ..photo.restore.pipeline import PhotoRestorer
from ..photo.restore.weights import PhotoNetworks, load_photo
from ..photo.skin_view import SkinView, SkinViewer
from ..photo.texture import Texture
from ..training.photo.pairs import SeenFace, seen_face
from ..training.teacher import Teacher

PURPOSE = "restoration: rendered photos of known faces to maps at the size of use (mm), beside the sliders' own"
COARSE = 256
_SPLIT = "validation"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many, and at which size."""
    parser.add_argument("--faces", type=int, default=6, metavar="N", help="four pictures each (default %(default)s)")
    parser.add_argument("--resolution", type=int, default=1024, metavar="R", help="of the maps (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which people (default %(default)s)")


def evaluate(args: argparse.Namespace) -> dict:
    """Figures by row. Raises DnpmError without photo networks, or on unfit settings."""
    model = FaceModel.load(face_model_path(args.face_model))
    folder = weights_dir(args.weights)
    detail = load_detail(folder)
    check_face_model(detail.card, model)
    networks = load_photo(folder)
    with bars.share("restoration") as tell:
        return measure(model, detail, networks, args.faces, args.resolution, args.seed, tell)


def measure(
    model: FaceModel, detail: Detail, networks: PhotoNetworks, faces: int, resolution: int, seed: int = 1,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """See the module. seed: other people than those that networks were trained on have another one (training: 0).

    Raises DnpmError when the networks belong to another G, or the size is not one of its or the teacher's.
    """
    if faces < 2 or resolution < COARSE or resolution not in detail.generator.config.resolutions:
        raise DnpmError(
            f"--faces {faces} --resolution {resolution}: at least 2 faces, and {COARSE} to "
            f"{detail.generator.config.resolution} texels, a power of two"
        )
    restorers = {
        "photo": PhotoRestorer(model, detail, networks, 1.0),
        f"photo, trust {TRUST:g}": PhotoRestorer(model, detail, networks, TRUST),
    }
    if not networks.rows.all():
        everything = replace(networks, rows=np.ones_like(networks.rows))
        restorers["all rows"] = PhotoRestorer(model, detail, everything, 1.0)
        restorers[f"all rows, trust {TRUST:g}"] = PhotoRestorer(model, detail, everything, TRUST)
    teacher, mask = Teacher(model, resolution, 0), mask_at(model.detail_mask, resolution)
    side = networks.pix2pix.config.resolution
    viewer, truths = SkinViewer(model), list[np.ndarray]()
    sums: dict[str, _Sums] = {}
    for number in range(faces):
        seen = seen_face(model, teacher, _SPLIT, number, side, seed)
        true = seen.target.astype(np.float32)
        truths.append(true)
        sliders = [torch.from_numpy(np.asarray(x, np.float32))[None] for x in (seen.identity, seen.expression)]
        with torch.inference_mode():
            own = detail.displacement(*sliders, resolution=resolution)[0, 0].numpy()
        sums.setdefault("the sliders' own", _Sums(mask)).add(own, true)
        for texture, picture, camera in zip(seen.textures, seen.pictures, seen.cameras, strict=True):
            view = viewer.look(picture, seen.vertices, camera)
            for name, restorer in restorers.items():
                made = restorer(texture, view, seen.identity, seen.expression, resolution)
                sums.setdefault(name, _Sums(mask)).add(made.displacement, true)
                if made.relief is not None:
                    whole = with_relief(made.displacement, made.relief)
                    settings = SkinSettings(0.0, made.regions)
                    sums.setdefault(f"{name}, with its wrinkles", _Sums(mask)).add(
                        with_gain(whole, settings.gain(model)), true
                    )
            rough = _rough(restorers["photo"], texture, view, seen, resolution)
            sums.setdefault("pix2pixHD's rough map", _Sums(mask)).add(rough, true)
        if progress is not None:
            progress((number + 1) / faces)
    mean = np.mean(truths, axis=0)
    for true in truths:
        sums.setdefault("mean map", _Sums(mask)).add(mean, true)
    return {
        "faces": faces, "pictures": faces * len(seen.textures), "resolution": resolution, "seed": seed,
        "rows_trained": [int(k) for k in np.flatnonzero(networks.rows)],
        "rows": {name: found.result() for name, found in sums.items()},
    }  # fmt: skip


class _Sums:
    """Errors of maps at one way of making them, in the face mask."""

    def __init__(self, mask: np.ndarray) -> None:
        self.mask, self.errors, self.fine = mask, list[float](), list[tuple[float, ...]]()

    def add(self, made: np.ndarray, true: np.ndarray) -> None:
        """(R, R) mm each."""
        weight = self.mask / self.mask.sum()
        self.errors.append(float((np.abs(made - true) * weight).sum()))
        if len(true) > COARSE:
            a, b = _fine(made), _fine(true)
            self.fine.append((
                float((np.abs(a - b) * weight).sum()),
                *(float((x * y * weight).sum()) for x, y in ((a, b), (a, a), (b, b))),
            ))  # fmt: skip

    def result(self) -> dict[str, float]:
        """mae_mm, and of what is finer than COARSE texels fine_mae_mm, fine_r, fine_level."""
        found = {"mae_mm": round(float(np.mean(self.errors)), 5)}
        if self.fine:
            error, both, ours, theirs = np.mean(self.fine, axis=0)
            found |= {
                "fine_mae_mm": round(float(error), 5), "fine_r": round(float(both / np.sqrt(ours * theirs + 1e-30)), 4),
                "fine_level": round(float(np.sqrt(ours / max(theirs, 1e-30))), 4),
            }  # fmt: skip
        return found


def _fine(image: np.ndarray) -> np.ndarray:
    """What a map has beyond COARSE texels."""
    x = torch.from_numpy(np.asarray(image, np.float32))[None, None]
    low = functional.avg_pool2d(x, len(image) // COARSE)
    return (x - functional.interpolate(low, x.shape[2:], mode="bicubic", align_corners=False))[0, 0].numpy()


def _rough(
    restorer: PhotoRestorer, texture: Texture, view: SkinView, seen: SeenFace, resolution: int
) -> np.ndarray:  # fmt: skip
    with torch.inference_mode():
        rough = restorer.rough(texture, view, seen.identity, seen.expression)
        return functional.interpolate(rough, (resolution, resolution), mode="bicubic", align_corners=False)[
            0, 0
        ].numpy()


def table(result: dict) -> str:
    """Readable lines."""
    lines = [
        f"{result['pictures']} pictures of {result['faces']} faces (seed {result['seed']}), {result['resolution']} x "
        f"{result['resolution']}; rows of w+ that were trained: {_spans(result['rows_trained'])}",
        f"{'':26s}{'error, mm':>12s}{'fine error':>12s}{'fine r':>9s}{'fine level':>12s}",
    ]
    for name, row in result["rows"].items():
        fine = "" if "fine_r" not in row else (
            f"{row['fine_mae_mm']:12.5f}{row['fine_r']:9.3f}{row['fine_level']:12.3f}"
        )  # fmt: skip
        lines.append(f"{name:26s}{row['mae_mm']:12.5f}{fine}")
    return "\n".join(lines)


def _spans(rows: list[int]) -> str:
    return f"{rows[0]} to {rows[-1]}" if rows and rows == list(range(rows[0], rows[-1] + 1)) else str(rows)
