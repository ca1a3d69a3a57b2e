"""What lies before a face: masks, hands, microphones, scarves, dark glasses are told from its skin and not painted on.

A small network looks at the photo's colours on the detail UV, where every place of a face lies at the same texels, and
at the usual portrait's colours there. It was taught with portraits over which such things were drawn
(`core/training/photo/hidden_parts.py`); beards, make-up, shadows and spectacles were shown as parts of a face. What it
finds counts as unseen, so that the other side's skin is taken, and where that is hidden, too, the usual portrait's in
the person's own tone. A few odd texels are no thing before a face: only what is large and sure counts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from ..errors import DnpmError
from ..face_model.landmark_uv import landmark_uv
from ..face_model.model import FaceModel
from ..files import tensor_file
from ..files.inputs import regular_file
from ..paths import ROOT
from .degrade import resized
from .render import from_linear, to_linear
from .skin import hair_regions
from .texture import Texture, enlarged, fill_mirrored, uv_scale

FORMAT = "dnpm-hidden-parts-1"
FILE = "hidden_parts.safetensors"
SIDE = 128
"""Texels a side at which the network looks: nearly 2 mm each."""
SURE, DOUBT = 0.85, 0.5
"""Of a thing that is believed: its surest texel's least probability, and where it ends."""
LEAST_MM2 = 250.0
"""A thing's least area: two fingers' tips."""
_MARGIN_MM, _SOFT_MM, _FAINT_MM = 3.0, 2.0, 20.0
_PIECE_MM2 = 900.0
_AGAIN = "make it again with `dnpm build hidden-parts DIR`"
_DARK = 0.02
_CHANNELS = 9
_ROOM = 0.3
"""Colours over the usual ones are kept so much smaller that brows lighter than usual fit below white."""
_HAIR = 0.5
"""Share of a thing above the brows and at the temples from which it is hair (`skin.py`) or a hat."""


class HiddenPartsNetwork(nn.Module):
    """(B, 9, 128, 128) -> (B, 1, 128, 128) logits: convolutions over three resolutions, with skips (Ronneberger et al.
    2015)."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        conv = lambda a, b, step=1: nn.Sequential(  # noqa: E731
            nn.Conv2d(a, b, 3, step, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)
        )
        self.first = nn.Sequential(conv(_CHANNELS, width, 2), conv(width, width))
        self.second = nn.Sequential(conv(width, 2 * width, 2), conv(2 * width, 2 * width))
        self.third = nn.Sequential(
            conv(2 * width, 4 * width, 2), conv(4 * width, 4 * width), conv(4 * width, 2 * width)
        )
        self.up = nn.Sequential(conv(4 * width, 2 * width), conv(2 * width, width))
        final = nn.Conv2d(width, 1, 3, 1, 1)
        if final.bias is not None:
            nn.init.constant_(final.bias, -2.0)  # Most of a face is not hidden.
        self.last = nn.Sequential(conv(2 * width, width), final)

    def forward(self, x: Tensor) -> Tensor:
        a = self.first(x)
        b = self.second(a)
        c = self.third(b)
        b = self.up(torch.cat([b, functional.interpolate(c, scale_factor=2.0, mode="bilinear")], 1))
        a = self.last(torch.cat([a, functional.interpolate(b, scale_factor=2.0, mode="bilinear")], 1))
        return functional.interpolate(a, scale_factor=2.0, mode="bilinear")


def _numbers(network: nn.Module) -> dict[str, Tensor]:
    """What a network is, less how many batches its means were taken over."""
    return {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}


@dataclass(frozen=True)
class HiddenParts:
    """network; usual (SIDE, SIDE, 3): the usual portrait's logarithms of linear colour over the person's own skin."""

    network: HiddenPartsNetwork
    usual: np.ndarray

    def probability(self, colour: np.ndarray, visible: np.ndarray, upper: np.ndarray) -> np.ndarray:
        """(SIDE, SIDE) 0 to 1: whether something lies before the face, of its colours (SIDE, SIDE, 3) sRGB and what is
        seen; upper (SIDE, SIDE): where the person's own skin is looked for."""
        given = torch.from_numpy(inputs(colour, visible, upper, self.usual))[None]
        with torch.inference_mode():
            found = self.network(torch.cat([given, given.flip(3)])).sigmoid()
        # Neither half of a face is special.
        return np.asarray(0.5 * (found[0, 0] + found[1, 0].flip(1)).numpy() * (visible > 0.1))

    def save(self, path: Path, model: FaceModel, about: Mapping[str, str]) -> None:
        """Written beside, then renamed; about: command, licence and source for the file's metadata."""
        arrays = {f"network.{k}": v.detach().numpy().astype(np.float16) for k, v in _numbers(self.network).items()}
        arrays["usual"] = self.usual.astype(np.float16)
        tensor_file.save(path, arrays, {"format": FORMAT, "model": model.name, **about})

    @classmethod
    def load(cls, model: FaceModel, explicit: str | os.PathLike[str] | None = None) -> HiddenParts | None:
        """A file's, else the shipped one; None on another face model than the one it was learnt on.

        Raises DnpmError when the file is missing, damaged or another."""
        path = Path(explicit) if explicit else ROOT / "weights" / FILE
        regular_file(path, again=f"what tells hands and masks from faces; {_AGAIN}")
        stamp = path.stat()
        return _loaded(str(path), stamp.st_mtime_ns, stamp.st_size, model.name)


@lru_cache(maxsize=2)
def _loaded(path: str, _when: int, _size: int, name: str) -> HiddenParts | None:
    arrays, metadata = tensor_file.load(path)
    if metadata.get("format") != FORMAT:
        raise DnpmError(f"{path}: holds no network for what hides a face; {_AGAIN}")
    network = HiddenPartsNetwork()
    try:
        state = {k: torch.from_numpy(arrays[f"network.{k}"].astype(np.float32)) for k in _numbers(network)}
        network.load_state_dict(state, strict=False)
        usual = arrays["usual"].astype(np.float32)
    except (KeyError, RuntimeError) as error:
        raise DnpmError(f"{path}: its arrays are not the network's ({error}); {_AGAIN}") from error
    if any((v < 0).any() for k, v in state.items() if k.endswith("running_var")):
        raise DnpmError(f"{path}: its network has a variance below 0; {_AGAIN}")
    if usual.shape != (SIDE, SIDE, 3):
        raise DnpmError(f"{path}: its usual portrait has the shape {usual.shape}; {_AGAIN}")
    return HiddenParts(network.eval(), usual) if metadata.get("model") == name else None


def inputs(colour: np.ndarray, visible: np.ndarray, upper: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """(9, SIDE, SIDE) float32: colours over the person's skin, what is seen, the usual colours, and where."""
    logs = np.log(to_linear(colour) + _DARK)
    logs = logs - tone(logs, visible, upper)
    middle = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE * 2 - 1
    u, v = np.meshgrid(middle, middle)
    # |u|: a face's halves are alike.
    given = [*np.moveaxis(np.clip(logs, -3, 3) * visible[..., None], -1, 0), visible, *np.moveaxis(usual, -1, 0),
             np.abs(u), v]  # fmt: skip
    return np.stack(given).astype(np.float32)


def tone(logs: np.ndarray, visible: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """(3,): the median of (SIDE, SIDE, 3) where the upper face is seen."""
    used = (visible > 0.5) & (upper > 0.5)
    return np.asarray(np.median(logs[used], 0) if used.sum() > 30 else np.zeros(3))


def upper_face(model: FaceModel, size: int = SIDE) -> np.ndarray:
    """(N, N) 0 or 1: forehead above the brows, bridge of the nose and the skin under the eyes, which masks and hands
    seldom cover all at once."""
    p = landmark_uv(model)
    middle = (np.arange(size) + 0.5) / size
    u, v = np.meshgrid(middle, 1 - middle)
    brow, wide = np.interp(u, p[17:27, 0], p[17:27, 1]), (u > p[17, 0]) & (u < p[26, 0])
    eyes = p[36:48, 1].min()
    above = wide & (v > brow + 0.03) & (v < brow + 0.12)
    below = wide & (v < eyes - 0.02) & (v > 0.5 * (p[30, 1] + p[28, 1]))
    return (above | below).astype(np.float32)


@dataclass(frozen=True)
class Found:
    """hidden (R, R) 0 to 1: where something lies before the face; seen (R, R): what the photo shows there, of face or
    thing; share: of that area; parts: to fill the face with."""

    hidden: np.ndarray
    seen: np.ndarray
    share: float
    parts: HiddenParts


def find_hidden(texture: Texture, model: FaceModel, parts: HiddenParts | None) -> Found | None:
    """What lies before a face in a photo's texture; None of an unhidden one, and without a network."""
    if parts is None or (model.landmarks68 < 0).any():
        return None
    size, mm = len(texture.visible), uv_scale(model) / SIDE
    colour, visible = resized(texture.colour, (SIDE, SIDE)), resized(texture.visible[..., None], (SIDE, SIDE))[..., 0]
    likely = parts.probability(np.clip(colour, 0, 1), visible, upper_face(model))
    labels, count = ndimage.label(likely > DOUBT)
    numbers = np.arange(1, count + 1)
    sure = ndimage.maximum(likely, labels, numbers) > SURE if count else np.zeros(0)
    large = ndimage.sum(visible, labels, numbers) * mm * mm > LEAST_MM2 if count else np.zeros(0)
    hair = ndimage.mean(hair_regions(model, SIDE), labels, numbers) > _HAIR if count else np.zeros(0)
    kept = np.concatenate([[False], np.asarray(sure, bool) & np.asarray(large, bool) & ~np.asarray(hair, bool)])[labels]
    if not kept.any():
        return None
    beside = ndimage.distance_transform_edt(~kept) * mm
    soft = np.clip((_MARGIN_MM + _SOFT_MM - beside) / _SOFT_MM, 0, 1)
    # A thing goes on where little is seen, and there nothing else would say what colour the face has.
    soft = np.maximum(soft, (beside < _FAINT_MM) & (visible < 0.5))
    soft = np.maximum(soft, _parted((visible > 0.05) & (soft < 0.5), mm))
    share = float((kept * visible).sum() / max(float(visible.sum()), 1e-6))
    return Found(np.clip(enlarged(soft[..., None], size)[..., 0], 0, 1), texture.visible, share, parts)


def _parted(rest: np.ndarray, mm: float) -> np.ndarray:
    """(N, N) bool: small pieces of what a thing leaves of a face, bits of it and of clothes at the layer's border."""
    labels, count = ndimage.label(rest)
    small = ndimage.sum(rest, labels, np.arange(1, count + 1)) * mm * mm < _PIECE_MM2 if count else np.zeros(0)
    return np.asarray(np.concatenate([[False], np.asarray(small, bool)])[labels])


def uncovered(texture: Texture, found: Found | None) -> Texture:
    """The same colours, and `visible` less where something hides the face."""
    if found is None:
        return texture
    return Texture(texture.colour, (texture.visible * (1 - found.hidden)).astype(np.float32))


def filled(texture: Texture, found: Found | None) -> Texture:
    """`fill_mirrored`; where something hides both halves, the usual portrait's colours in the person's own tone."""
    if found is None:
        return fill_mirrored(texture)
    usual = np.exp(enlarged(found.parts.usual, len(texture.visible)))
    relative = from_linear(np.clip(_ROOM * to_linear(texture.colour) / usual, 0, 1)).astype(np.float32)
    made = to_linear(fill_mirrored(Texture(relative, texture.visible)).colour) * usual / _ROOM
    # What was seen stays as it is, highlights above the usual tone's white included.
    seen = texture.visible[..., None]
    return Texture(
        (seen * texture.colour + (1 - seen) * from_linear(np.clip(made, 0, 1))).astype(np.float32), texture.visible
    )


def shown_whole(texture: Texture, found: Found | None) -> Texture:
    """The same colours, and what was filled behind a thing as if it were seen: it is to be shown like the rest."""
    if found is None:
        return texture
    return Texture(texture.colour, np.maximum(texture.visible, found.hidden * found.seen).astype(np.float32))
