"""A photo to detail (Eq. 11): a rough map by pix2pixHD, a code by E_deg, G's map of it.

The shipped pix2pixHD corrects the sliders' own map by what the skin shows (`skin_input.py`), and the photo says how
deep its lines have to be (`line_strength.py`). The correction is spent three ways, each taking what the one before
cannot say:

1. Regions: by what the sliders' lines have to be multiplied, so that expressions crease this person as the photo shows.
   A region that the photo shows at rest tells two things: how much of the sliders' own lines it has, and how strong its
   lines are. Expressions crease it by the latter; the photo's own wrinkles take the difference off again at rest.
2. The code: E_deg's of the corrected map less E_deg's of the sliders' own, as far as `trust` says, is kept as an
   offset: w = w_mean + E(identity, expression) + offset. So the sliders keep working, where nothing is corrected
   nothing moves, and E_deg's own error cancels; the step is as long as suits the correction best. Rows of w+ that it
   was never trained for keep still (`trained.py`).
3. The photo's own wrinkles: what of the correction G does not show at the usual trust, as heights on the detail UV, and
   the lines that a sharp photo shows beyond the correction (`own_lines.py`).

A pix2pixHD that makes maps from colours (the paper's, Eq. 11 as it stands) is read as well. What the photo does not
show is then the encoder's own guess, the code is a step from the sliders' one, and nothing is left over.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from ...detail.weights import Detail
from ...errors import DnpmError
from ...face_model.landmark_uv import landmark_uv
from ...face_model.model import FaceModel
from ...face_model.regions import EXPRESSIONS_BY_REGION, region_gain, region_masks
from ...geometry.uv_map import mask_at
from ..choices import TRUST
from ..line_features import SIDE, halved
from ..reconstruct import Restored
from ..skin_view import SkinView, SkinViewer
from ..skin_zones import Zones
from ..texture import Texture, normalise
from .frown import FrownReader
from .line_strength import Places, line_strength
from .own_lines import own_lines
from .pix2pix import as_input
from .skin_input import WINDOW, Seen, window_ramp
from .weights import CARD, PhotoNetworks, check_generator, load_photo

SOURCE = "the photo (pix2pixHD and restoration)"
_LINES_MM = (0.5, 5.0)
"""Blurs between which wrinkles lie; pores and forms are not theirs."""
_FEWEST, _FEWEST_MOVED, _MOST, _FAINT_MM, _SAME = 0.4, 0.15, 1.15, 0.008, 0.04
"""Least strength of regions at rest, and of those whose lines the photo's expression makes; the most; lines that are so
faint say nothing of theirs; strengths so near to 1 are 1."""
_HALFWAY = 0.25
"""The power of the energies' ratio that is the geometric mean of 1 and the heights' ratio."""
_NEAR_MM, _NEAR = 12.0, 0.2
"""Standard deviation of the Gaussian of what is seen of the skin, and from which of its values on the photo speaks."""


@dataclass(frozen=True)
class PhotoRestorer:
    """A `Restorer` of `reconstruct.py`. refine: steps of fitting w+ to the rough map afterwards (DNPM fitting)."""

    model: FaceModel
    detail: Detail
    networks: PhotoNetworks
    trust: float = TRUST
    refine: int = 0

    def __post_init__(self) -> None:
        """Raises DnpmError when the networks belong to another G, or the settings are out of range."""
        if not 0 <= self.trust <= 1 or not 0 <= self.refine <= 1000:
            raise DnpmError(f"trust must be 0 to 1 and refine 0 to 1000 steps (got {self.trust:g}, {self.refine})")
        check_generator(self.networks, self.detail.card)

    def __call__(
        self, texture: Texture, view: SkinView, identity: np.ndarray, expression: np.ndarray, resolution: int
    ) -> Restored:  # fmt: skip
        """See `Restorer`."""
        given, synthesis = _rows(identity, expression), self.detail.generator.synthesis
        mm = view.texel_mm * len(view.flat) / SIDE
        regions, expressed = dict[str, float](), dict[str, float]()
        with torch.inference_mode():
            start = self.detail.encoder(*given)
            if self.networks.pix2pix.config.corrects:
                known, still = (self._known(identity, e) for e in (expression, np.zeros_like(expression)))
                wanted = self.corrected(Seen.of(view), known)
                beyond = self._beyond(view, wanted)
                regions, expressed = self.strengths(known, still, wanted, mm, halved(beyond), _beside_skin(view))
                rough = self.before_strengths(known, wanted, regions)
                code = start + self.step(start, self.code(rough, start) - self.code(known, start), rough - known)
            else:
                rough = self._of_colours(texture, identity, expression)
                code = self.code(rough, start)
            offset = self.trust * (code - start)
        if self.refine:
            offset = fit_code(self.detail, start + offset, rough, self._mask(rough.shape[-1]), self.refine) - start
        with torch.inference_mode():
            image = synthesis(self.detail.w_mean + start + offset, resolution)
            own = None
            if self.networks.pix2pix.config.corrects:
                # Blender asks for the whole offset, and shows as much of it as a slider says.
                usual = TRUST * offset / max(self.trust, 1e-6)
                shown = synthesis(self.detail.w_mean + start + usual, SIDE) * self._mask(SIDE)
                own = _sized(self._own(rough - shown, shown, still, mm), 2 * SIDE)[0, 0].numpy()
                own += beyond / region_gain(landmark_uv(self.model), regions, len(own)).clip(min=_FEWEST_MOVED)
                resting = self.detail.encoder(*_rows(identity, np.zeros_like(expression)))
                rest = synthesis(self.detail.w_mean + resting + usual, 2 * SIDE) * self._mask(2 * SIDE)
                own = self.at_rest(own, rest[0, 0].numpy(), regions, expressed)
        moved = offset[0].numpy().astype(np.float32)
        return Restored(image[0, 0].float().numpy(), moved, SOURCE, own, expressed)

    @cached_property
    def _frown(self) -> FrownReader:
        return FrownReader(self.model)

    @cached_property
    def _zones(self) -> Zones:
        return SkinViewer(self.model).zones

    @cached_property
    def _places(self) -> Places:
        return Places.of(self._zones, self._frown.between)

    def rough(self, texture: Texture, view: SkinView, identity: np.ndarray, expression: np.ndarray) -> Tensor:
        """(1, 1, r, r) mm: pix2pixHD's map, the sliders' where the photo does not show the skin."""
        if self.networks.pix2pix.config.corrects:
            return self.corrected(Seen.of(view), self._known(identity, expression))
        return self._of_colours(texture, identity, expression)

    def corrected(self, seen: Seen, known: Tensor) -> Tensor:
        """(1, 1, SIDE, SIDE) mm: the sliders' map, of the same shape, as what is seen of a photo corrects it."""
        inner = known[0, 0][WINDOW]
        given = torch.from_numpy(seen.channels(inner.numpy()))[None]
        change = self.networks.pix2pix(given, inner[None, None])[0, 0] - inner
        lines = self._lines((inner + change).numpy(), seen.mm)
        strength = line_strength(seen, lines, self._places, self._frown.strength(seen))
        change = change + torch.from_numpy((strength - 1) * lines)
        result = known.clone()
        result[0, 0][WINDOW] += change * torch.from_numpy(window_ramp())
        return result * self._mask(SIDE)

    def strengths(
        self, known: Tensor, still: Tensor, corrected: Tensor, mm: float, beyond: np.ndarray | None = None,
        shown: np.ndarray | None = None,
    ) -> tuple[dict[str, float], dict[str, float]]:  # fmt: skip
        """Of the regions, where they are not 1, as a map (1, 1, SIDE, SIDE) mm that corrects the sliders' asks for;
        still: the sliders' map at rest; mm: of a texel; beyond (SIDE, SIDE) mm: lines that the photo shows besides;
        shown (SIDE, SIDE), 0 to 1: where it shows skin, all where it is not given.

        First what is left of the sliders' lines in the photo's expression. A region at rest says little of how
        expressions will crease it, and its lines can be filled (`_own`). Those that the photo's expression makes
        cannot: only the region's strength takes away what the photo does not show. Second, as far as the region rests,
        the strength in other expressions: halfway between the sliders' and that of all lines that the map has, wherever
        they run. What is drawn of a photo is a mean, too faint, and rest tells only a part of what expressions do. A
        region that the photo does not show keeps the sliders'."""
        places = landmark_uv(self.model)
        ours, rest, wanted = (self._lines(x[0, 0].numpy(), mm) for x in (known, still, corrected))
        whole = wanted if beyond is None else wanted + self._lines(beyond, mm)
        left, expressed = dict[str, float](), dict[str, float]()
        for name, mask in region_masks(places, SIDE).items():
            if name in EXPRESSIONS_BY_REGION:
                faint = _FAINT_MM**2 * mask.sum()
                all_of_it = float((mask * ours**2).sum()) + faint
                share = (float((mask * ours * wanted).sum()) + faint) / all_of_it
                energy = (float((mask * whole**2).sum()) + faint) / all_of_it
                moved = min(float((mask * (ours - rest) ** 2).sum()) / all_of_it, 1.0)
                fewest = _FEWEST + moved * (_FEWEST_MOVED - _FEWEST)
                left[name] = float(np.clip(share, fewest, _MOST))
                near = 1.0 if shown is None else float((mask * shown).sum() / mask.sum())
                halfway = near * energy**_HALFWAY + 1 - near
                more = (1 - moved) ** 4 * max(halfway - left[name], 0)
                expressed[name] = round(float(np.clip(left[name] + more, fewest, _MOST)), 2)
        changed = [name for name in left if max(abs(x[name] - 1) for x in (left, expressed)) > _SAME]
        return {name: left[name] for name in changed}, {name: expressed[name] for name in changed}

    def before_strengths(self, known: Tensor, wanted: Tensor, strengths: dict[str, float]) -> Tensor:
        """(1, 1, SIDE, SIDE) mm that the regions' strengths make a wanted map of the same shape."""
        gain = region_gain(landmark_uv(self.model), strengths, SIDE).clip(min=_FEWEST_MOVED)
        return known + (wanted - torch.from_numpy(gain) * known) / torch.from_numpy(gain)

    def step(self, start: Tensor, away: Tensor, change: Tensor) -> Tensor:
        """As much of a step (1, rows, w_dim) from the sliders' code as brings G's map nearest to a change (1, 1, SIDE,
        SIDE) mm: G is linear in w, E_deg goes too far."""
        before, after = (
            self.detail.generator.synthesis(self.detail.w_mean + code, SIDE) * self._mask(SIDE)
            for code in (start, start + away)
        )
        made = after - before
        return away * ((made * change).sum() / made.square().sum().clamp(min=1e-9)).clamp(0, 1)

    def _beyond(self, view: SkinView, wanted: Tensor) -> np.ndarray:
        """(2 SIDE, 2 SIDE) mm: the lines that a photo shows beyond a wanted map (1, 1, SIDE, SIDE) mm."""
        size = len(view.flat)
        lines = own_lines(view, _sized(wanted, size)[0, 0].numpy(), self._zones.forehead)
        return np.asarray(lines * mask_at(self.model.detail_mask, size), np.float32)

    def at_rest(
        self, own: np.ndarray, rest: np.ndarray, left: dict[str, float], expressed: dict[str, float]
    ) -> np.ndarray:  # fmt: skip
        """(R, R) mm: own wrinkles (R, R) mm for the regions' strengths `left`, made for those of expressions, which
        multiply G's map and them alike; rest (R, R) mm: G's map without expression, which looks as before."""
        places, size = landmark_uv(self.model), len(own)
        ratio = region_gain(places, left, size) / region_gain(places, expressed, size).clip(min=_FEWEST_MOVED)
        return np.asarray(ratio * own + (ratio - 1) * rest, np.float32)

    def _own(self, left: Tensor, shown: Tensor, still: Tensor, mm: float) -> Tensor:
        """(1, 1, SIDE, SIDE) mm: what of a correction is left, to be added to all expressions' maps. Lines that the
        expression alone creases are not filled: at rest they would stand out as ridges."""
        lines, rest = (torch.from_numpy(self._lines(x[0, 0].numpy(), mm)) for x in (shown, still))
        grooves = torch.where(rest < 0, -torch.maximum(lines, rest), torch.zeros_like(rest)).clamp(min=0)
        return torch.minimum(left, torch.where(lines < 0, grooves, left.abs())) * self._mask(SIDE)

    @staticmethod
    def _lines(heights: np.ndarray, mm: float) -> np.ndarray:
        """(R, R) mm: what of a map, mm a texel, is as wide as wrinkles."""
        narrow, wide = (ndimage.gaussian_filter(heights, sigma / mm) for sigma in _LINES_MM)
        return np.asarray(narrow - wide, np.float32)

    def _known(self, identity: np.ndarray, expression: np.ndarray) -> Tensor:
        return self.detail.displacement(*_rows(identity, expression), resolution=SIDE) * self._mask(SIDE)

    def code(self, rough: Tensor, start: Tensor) -> Tensor:
        """E_deg's code (1, rows, w_dim) of a map (1, 1, r, r) mm; rows that were never trained are those of `start`."""
        return self.networks.code(_sized(rough, self.networks.restoration.config.resolution), start)

    def _of_colours(self, texture: Texture, identity: np.ndarray, expression: np.ndarray) -> Tensor:
        """(1, 1, r, r) mm: pix2pixHD's map where the photo shows the skin, the sliders' elsewhere."""
        size = self.networks.pix2pix.config.resolution
        small = Texture(_shrunk(texture.colour, size), _shrunk(texture.visible[..., None], size)[..., 0])
        mask = self._mask(size)
        colour = torch.from_numpy(normalise(small, mask[0, 0].numpy())).permute(2, 0, 1)[None]
        seen = torch.from_numpy(small.visible)[None, None]
        rough: Tensor = self.networks.pix2pix(as_input(colour, seen)) * mask
        guess = self.detail.displacement(*_rows(identity, expression), resolution=size) * mask
        # The mirrored half lent its colours too: half of the trust.
        trust = torch.maximum(seen, 0.5 * seen.flip(3))
        trust = functional.avg_pool2d(trust, 9, 1, 4)
        return trust * rough + (1 - trust) * guess

    def _mask(self, size: int) -> Tensor:
        return torch.from_numpy(mask_at(self.model.detail_mask, size))[None, None]


def open_restorer(
    model: FaceModel, detail: Detail, folder: str | os.PathLike[str], trust: float = TRUST, refine: int = 0
) -> PhotoRestorer | None:  # fmt: skip
    """The restorer whose networks lie beside the detail weights in `folder`; None where there are none: detail then
    comes from the sliders, and the result says so. Raises DnpmError when they are damaged, or of another G."""
    if not (Path(folder) / CARD).is_file():
        return None
    return PhotoRestorer(model, detail, load_photo(folder), trust, refine)


def fit_code(detail: Detail, start: Tensor, wanted: Tensor, mask: Tensor, steps: int, rate: float = 0.02) -> Tensor:
    """DNPM fitting: Adam on the code (1, 18, 512) so that G shows wanted (1, 1, r, r) mm; it stays near its start."""
    code = start.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([code], rate)
    for _ in range(steps):
        made = detail.generator.synthesis(detail.w_mean + code, wanted.shape[-1])
        loss = ((made - wanted).square() * mask).sum() / mask.sum() * 400 + 0.02 * (code - start).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return code.detach()


def _beside_skin(view: SkinView) -> np.ndarray:
    """(SIDE, SIDE): 1 where skin is seen and near it, 0 far from it."""
    trust = np.clip(halved(view.trust), 0, 1).astype(float)
    near = ndimage.gaussian_filter(trust, _NEAR_MM / (view.texel_mm * len(view.flat) / SIDE))
    return np.asarray(np.clip(near / _NEAR, 0, 1))


def _rows(*arrays: np.ndarray) -> list[Tensor]:
    return [torch.from_numpy(np.asarray(a, np.float32))[None] for a in arrays]


def _sized(x: Tensor, size: int) -> Tensor:
    if x.shape[-1] == size:
        return x
    return functional.interpolate(x, (size, size), mode="bilinear", align_corners=False, antialias=True)


def _shrunk(image: np.ndarray, size: int) -> np.ndarray:
    x = torch.from_numpy(np.ascontiguousarray(image, np.float32)).permute(2, 0, 1)[None]
    return _sized(x, size)[0].permute(1, 2, 0).numpy()
