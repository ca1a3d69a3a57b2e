"""What a trained pix2pixHD makes of simulated photos (`simulated.py`): the corrected maps, as E_deg reads them in use,
and the true ones at the size that is learnt at.

G says what a map has beyond SIDE texels: the person's own map, to which the difference of the photo's truth at SIDE is
added, enlarged as G enlarges its own. Every other map is divided by its regions' strengths, as `pipeline.py` does it,
and the truth beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...detail.upsampling import upsample
from ...detail.weights import Detail
from ...geometry.uv_map import mask_at
from ...photo.line_features import SIDE
from ...photo.restore.pipeline import PhotoRestorer
from ...photo.restore.skin_input import WINDOW, window_ramp
from ...progress import Progress
from ..painters import claim, open_grown
from .simulated import SimulatedPhotos, Sliders


@dataclass(frozen=True)
class CorrectedPhotos:
    """rough, known (n, SIDE, SIDE) float16 mm: the corrected maps and the sliders'; maps, own (n, R, R): the true ones,
    and what G makes of the true sliders; identity (n, n_id), expression (n, n_exp) float32: the sliders, as a fit finds
    them."""

    rough: np.ndarray
    known: np.ndarray
    maps: np.ndarray
    own: np.ndarray
    identity: np.ndarray
    expression: np.ndarray


def is_whole(folder: Path, split: str, count: int) -> bool:
    """Whether a folder holds so many."""
    done = folder / f"{split}.done"
    return done.is_file() and bool((np.fromfile(done, np.uint8)[:count] == 1).sum() == count)


def corrected_photos(
    folder: Path, restorer: PhotoRestorer, photos: SimulatedPhotos | None,
    persons: Callable[[int], list[Sliders]] | None, split: str, count: int, resolution: int, recipe: dict[str, Any],
) -> CorrectedPhotos:  # fmt: skip
    """The first `count` photos; those that the folder holds are not made again.

    persons: the sliders of the photos' people, by their number among them. Both may be None where the folder is whole.
    Raises DnpmError when it holds others.
    """
    detail, model = restorer.detail, restorer.model
    claim(folder / f"{split}.json", {"format": 1, "resolution": resolution, **recipe}, "corrected photos")
    sizes = {"rough": SIDE, "known": SIDE, "maps": resolution, "own": resolution}
    kept = {k: open_grown(folder / f"{split}_{k}.f16", (count, n, n), np.float16) for k, n in sizes.items()}
    sliders = [open_grown(folder / f"{split}_{k}.f32", (count, n), np.float32)
               for k, n in (("identity", model.n_id), ("expression", model.n_exp))]  # fmt: skip
    done = open_grown(folder / f"{split}.done", (count,), np.uint8)
    missing = np.flatnonzero(np.asarray(done) == 0)
    if len(missing):
        assert photos is not None, "whoever leaves them away has asked is_whole"
        assert persons is not None
        masks = {n: torch.from_numpy(mask_at(model.detail_mask, n)) for n in (SIDE, resolution)}
        with Progress(f"corrected {split}", len(missing), unit="photos") as bar, torch.inference_mode():
            for n, number in enumerate(map(int, missing)):
                seen, true, _, k = photos.scene(number)
                _, _, real, found = persons(k)
                known, still = (
                    _map(detail, (found[0], e), SIDE) * masks[SIDE] for e in (found[1], np.zeros_like(found[1]))
                )
                rough, own = restorer.corrected(seen, known), _map(detail, real, resolution)
                # As `own` has it at SIDE, but within the window, where photos are looked at.
                usual = torch.from_numpy(np.asarray(photos.people.creased[k], np.float32))[None, None]
                wanted = usual.clone()
                ramp = torch.from_numpy(window_ramp())
                wanted[0, 0][WINDOW] += ramp * (torch.from_numpy(true) - usual[0, 0][WINDOW])
                if number % 2:
                    strengths, _ = restorer.strengths(known, still, rough, seen.mm)
                    rough, wanted = (restorer.before_strengths(known, x, strengths) for x in (rough, wanted))
                change = wanted - usual
                while change.shape[-1] < resolution:
                    change = upsample(change)
                for name, image in (("rough", rough * masks[SIDE]), ("known", known),
                                    ("maps", (own + change) * masks[resolution]),
                                    ("own", own * masks[resolution])):  # fmt: skip
                    kept[name][number] = image[0, 0].numpy()
                sliders[0][number], sliders[1][number], done[number] = *found, 1
                bar.update(n + 1)
    return CorrectedPhotos(*kept.values(), *sliders)


def validate_steps(restorer: PhotoRestorer, found: CorrectedPhotos) -> dict[str, float]:
    """Millimetres off in the mask, at the photos' size, of the sliders' map, and of G's with E_deg's step: the whole of
    it, `trust` of it, the step as it is scaled in use, `trust` of that. "left": the share of a correction's square that
    G does not show, at SIDE: of the whole step, of the scaled one, and of `trust` of it."""
    detail, synthesis, trust = restorer.detail, restorer.detail.generator.synthesis, restorer.trust
    size = found.maps.shape[-1]
    weight, coarse = (torch.from_numpy(mask_at(restorer.model.detail_mask, n)) for n in (size, SIDE))
    rows = []
    with torch.inference_mode():
        for k in range(len(found.rough)):
            rough, known, true, *sliders = (
                torch.from_numpy(np.asarray(a[k], np.float32))[None]
                for a in (found.rough[:, None], found.known[:, None], found.maps[:, None], found.identity,
                          found.expression)
            )  # fmt: skip
            start = detail.encoder(*sliders)
            whole = restorer.code(rough, start) - restorer.code(known, start)
            scaled = restorer.step(start, whole, rough - known)
            row = {}
            for name, step in (("sliders", 0 * whole), ("whole", whole), ("whole_trust", trust * whole),
                               ("scaled", scaled), ("scaled_trust", trust * scaled)):  # fmt: skip
                made = synthesis(detail.w_mean + start + step, size)
                row[f"step_mae_mm_{name}"] = float(((made - true).abs() * weight).sum() / weight.sum())
                if name in ("whole", "scaled", "scaled_trust"):
                    shown = synthesis(detail.w_mean + start + step, SIDE) * coarse - known
                    change = rough - known
                    row[f"step_left_{name}"] = float((change - shown).square().sum() / change.square().sum())
            rows.append(row)
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _map(detail: Detail, sliders: Sliders, resolution: int) -> torch.Tensor:
    given = (torch.from_numpy(np.asarray(x, np.float32))[None] for x in sliders)
    return detail.displacement(*given, resolution=resolution)
