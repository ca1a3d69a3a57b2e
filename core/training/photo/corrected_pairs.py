"""What a pix2pixHD that corrects the sliders' map makes of rendered photos: its rough maps, the sliders' maps that it
corrected, and the true ones. For `dnpm evaluate table3`, where every method restores the same rough maps.

The sliders are off as a fitted photo's are (`simulated.py`): a part of the skin components, some years, the expression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...detail.controls import age_direction
from ...detail.weights import Detail
from ...face_model import skin_components
from ...face_model.checks import age_regression
from ...face_model.model import FaceModel
from ...geometry.uv_map import mask_at
from ...photo.restore.pipeline import PhotoRestorer
from ...photo.restore.weights import PhotoNetworks, digest_of
from ...photo.skin_view import SkinViewer
from ...progress import Progress
from ..detail import samples
from ..detail.cache import teacher_fingerprint
from ..painters import claim, open_grown
from ..teacher.teacher import Teacher, resize
from .pairs import VIEWS, seen_face
from .simulated import YEARS_OFF, expression_as_fitted, skin_as_known


@dataclass(frozen=True)
class CorrectedPairs:
    """rough (n, r, r) float16 mm: the corrected maps; known, maps (n, R, R): the sliders' and the teacher's."""

    rough: np.ndarray
    known: np.ndarray
    maps: np.ndarray


def fitted_sliders(model: FaceModel) -> Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, ...]]:
    """A function of identity (n_id,), expression (n_exp,) and a generator to both as a fit of a photo might find them:
    the shape is kept, the skin, the age and the expression err. What the model does not have does not err."""
    regression, places = age_regression(model), skin_components.places(model.identity_labels)

    def fitted(
        identity: np.ndarray, expression: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, ...]:  # fmt: skip
        found = np.asarray(identity, np.float64).copy()
        if places is not None:
            found[list(places)] = skin_as_known(rng, found[list(places)])
        if regression is not None:
            weights, _ = regression
            years = float(weights @ (identity - found)) + YEARS_OFF * rng.normal()
            found += years * age_direction(model)
        return found.astype(np.float32), expression_as_fitted(rng, expression).astype(np.float32)

    return fitted


def corrected_pairs(
    folder: Path, model: FaceModel, detail: Detail, networks: PhotoNetworks, split: str, count: int, seed: int,
    resolution: int | None = None,
) -> CorrectedPairs:  # fmt: skip
    """`count` photos (a multiple of VIEWS) of a split's people, VIEWS of each; those that the folder holds are not made
    again. resolution: R, of the maps (default: pix2pixHD's).

    Raises DnpmError when it holds others, or the networks belong to another G."""
    restorer = PhotoRestorer(model, detail, networks)
    size = networks.pix2pix.config.resolution
    fine = resolution or size
    recipe = {
        "format": 2, "resolution": fine, "model": model.metadata.get("inputs", model.name), "seed": seed,
        "split": split,
        "pix2pix": digest_of(networks.pix2pix), "generator": detail.card["files"]["generator.safetensors"]["sha256"],
        "teacher": teacher_fingerprint(),
    }  # fmt: skip
    claim(folder / f"{split}.json", recipe, "corrected maps")
    rough, known, maps = (
        open_grown(folder / f"{split}_{k}.f16", (count, side, side), np.float16)
        for k, side in (("rough", size), ("known", fine), ("maps", fine))
    )
    done = open_grown(folder / f"{split}.done", (count,), np.uint8)
    missing = np.flatnonzero(np.asarray(done).reshape(-1, VIEWS).min(1) == 0)
    if len(missing):
        teacher, viewer, fitted = Teacher(model, min(1024, 2 * fine), 0), SkinViewer(model), fitted_sliders(model)
        mask = mask_at(model.detail_mask, fine)
        with Progress(f"corrected {split}", VIEWS * len(missing), unit="photos") as bar:
            for k, number in enumerate(missing):
                seen = seen_face(model, teacher, split, int(number), size, seed)
                rng = np.random.default_rng([seed, int(number), 84, tuple(samples.SPLITS).index(split)])
                for view in range(VIEWS):
                    place = VIEWS * int(number) + view
                    given = fitted(seen.identity, seen.expression, rng)
                    skin = viewer.look(seen.pictures[view], seen.vertices, seen.cameras[view])
                    with torch.inference_mode():
                        rough[place] = restorer.rough(seen.textures[view], skin, *given)[0, 0].numpy()
                        own = detail.displacement(*(torch.from_numpy(x)[None] for x in given), resolution=fine)
                    known[place], maps[place] = own[0, 0].numpy() * mask, resize(seen.target, fine) * mask
                    done[place] = 1
                bar.update(VIEWS * (k + 1))
    return CorrectedPairs(*(np.asarray(a) for a in (rough, known, maps)))
