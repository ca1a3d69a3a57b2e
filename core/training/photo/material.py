"""What restoration learns from: true maps and, beside them, what pix2pixHD makes of pictures of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...dataset.dataset import MapDataset
from ...detail.weights import Detail
from ...face_model.model import FaceModel
from ...photo.restore.pix2pix import GlobalGenerator, as_input
from ..detail import samples
from ..teacher.teacher import resize
from .pairs import Pairs, mapped, open_note
from .restoration import Material
from .simulated import HELD, open_people

_MOST = 4000
"""Maps that are held in memory."""


def material_of(generator: GlobalGenerator, pairs: Pairs, mask: np.ndarray, maps: Path | None) -> Material:
    """Rough maps of every pair; true maps of a data set, else the pairs' own. mask (R, R).

    Raises DnpmError when the data set cannot be read.
    """
    rough = np.zeros(pairs.maps.shape, np.float16)
    device = generator.mean.device
    with torch.inference_mode():
        for k, texture in enumerate(pairs.textures):
            x = torch.from_numpy(np.asarray(texture, np.float32))[None].to(device)
            rough[k] = generator(as_input(x[:, :3], x[:, 3:]))[0, 0].cpu().numpy() * mask
    true = np.asarray(pairs.maps)
    if maps is not None:
        true = np.stack([resize(one, len(mask)) * mask for one in _maps_of(Path(maps))])
    return Material(true.astype(np.float16), mask, rough, np.asarray(pairs.maps))


def simulated_material(folder: Path, split: str, mask: np.ndarray, maps: Path | None) -> Material:
    """Maps of a data set, else those of simulated people; nothing rough: a network that corrects the sliders' map makes
    maps much like theirs. split: "train", or "validation", the people whom nothing is learnt from. Raises DnpmError
    when there is neither."""
    if maps is not None and split == "train":
        true = np.stack([resize(one, len(mask)) * mask for one in _maps_of(Path(maps))])
    else:
        part = slice(None, -HELD) if split == "train" else slice(-HELD, None)
        true = open_people(folder).creased[part] * mask
    return Material(true.astype(np.float16), mask)


def _maps_of(folder: Path) -> Iterator[np.ndarray]:
    """(R, R) float32 mm each: of a data set, or of the maps that `dnpm train detail` keeps in its folder."""
    note = folder / "train_512.json"
    if note.is_file():
        done, size = open_note(note)
        cached = mapped(note.with_suffix(".f16"), (len(done), size, size))
        yield from (np.asarray(cached[k], np.float32) for k in np.flatnonzero(done)[:_MOST])
        return
    data = MapDataset.open(folder)
    for k in range(min(len(data), _MOST)):
        yield data.maps(np.array([k]))[0]


def codes_of_sliders(detail: Detail, model: FaceModel, count: int, seed: int) -> Tensor:
    """(count, 18, 512): what E gives for people and expressions of the training split."""
    pairs = [samples.draw(model, "train", k, seed) for k in range(count)]
    identity, expression = (torch.from_numpy(np.stack(column)) for column in zip(*pairs, strict=True))
    with torch.inference_mode():
        device = detail.w_mean.device
        return detail.encoder(identity.to(device), expression.to(device)).cpu()
