"""The last step from the generator's map to the skin that is shown: softer folds beside nose and mouth.

The teacher draws nasolabial folds, cheek lines and marionette lines as grooves two millimetres wide with raised rims,
and the generator learnt them so. On a young face that smiles they look like scratches: a fold is where the cheek rolls
over, broad and smooth. So within one region on either side the waves of a groove's width are made weaker, those of a
fold's width stronger; pores and what lies elsewhere stay. Each of the three has a soft limit, for in the faces with the
deepest folds the grooves are slits of 1.7 mm. The factors and limits are the weights' own (`finish` in their card),
because they mend what these weights were taught: weights without the entry are shown as they are.

Heights are not otherwise touched, and nothing is learnt through it: losses, and the gauges of what was learnt, compare
the networks' own maps. Approximate by nature: the factors were chosen by eye, on rendered smiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ..errors import DnpmError
from ..files.inputs import brief
from ..files.json_file import to_dataclass
from ..geometry.polygon import inside

ENTRY = "finish"
_BORDER_MM = 1.7
"""Standard deviation of the regions' soft border."""
_GRID = 64
"""The part of the map that is filtered begins and ends at whole steps of 1 / _GRID of its side."""
_REACH = 3.0
"""Standard deviations of a Gaussian that are kept."""


@dataclass(frozen=True)
class Finish:
    """The filter, as the card's entry says it. Raises DnpmError when it cannot be."""

    regions: tuple[tuple[tuple[float, float], ...], ...]
    """Polygons in the detail UV."""
    side_mm: float
    """Millimetres of skin along the map's side."""
    groove_mm: float
    """Standard deviation of the Gaussian below which nothing changes: pores."""
    fold_mm: float
    """From here on waves are a fold's; between the two they are a groove's."""
    form_mm: float
    """From here on nothing changes: the face's form."""
    groove_factor: float
    fold_factor: float
    pore_limit_mm: float
    """What is finer than a groove stays below this height: the sharp bottom of a slit is as fine as a pore."""
    groove_limit_mm: float
    fold_limit_mm: float

    def __post_init__(self) -> None:
        numbers = [n for polygon in self.regions for point in polygon for n in point]
        for wrong, message in (
            (not self.regions or min(map(len, self.regions)) < 3, "regions must be polygons of three points or more"),
            (not all(0 <= n <= 1 for n in numbers), "points must lie within 0 to 1"),
            (not 0 < self.groove_mm < self.fold_mm < self.form_mm, "groove_mm, fold_mm and form_mm must grow from 0"),
            (not 8 * self.form_mm <= self.side_mm <= 10_000, "side_mm must be eight times form_mm or more"),
            (not all(0 <= n <= 8 for n in (self.groove_factor, self.fold_factor)), "factors must be 0 to 8"),
            (not all(0 < n <= 1000 for n in self._limits), "limits must be above 0 mm"),
        ):
            if wrong:
                raise DnpmError(f"finish: {message} (got {brief(asdict(self))})")

    def __call__(self, displacement: Tensor) -> Tensor:
        """(B, 1, R, R) mm -> the same, softened. The argument stays."""
        key = (displacement.shape[-1], displacement.device, displacement.dtype)
        if key not in self._parts:
            self._parts[key] = _Part.at(self, *key)
        return self._parts[key](displacement)

    @property
    def _limits(self) -> tuple[float, float, float]:
        return self.pore_limit_mm, self.groove_limit_mm, self.fold_limit_mm

    @cached_property
    def _parts(self) -> dict[tuple[int, torch.device, torch.dtype], _Part]:
        return {}


@dataclass(frozen=True)
class _Part:
    """The filter at one size: a rectangle of the map, and what its means are taken with, as matrices."""

    rows: slice
    columns: slice
    mask: Tensor
    """(h, w): 1 within the regions, with a soft border."""
    pores: Tensor
    """(n,): the narrow Gaussian."""
    groove: tuple[Tensor, Tensor]
    """(h / k, h), (w / k, w): means at every k-th texel."""
    fold: tuple[Tensor, Tensor]
    """(h / k, h / k), (w / k, w / k): from those to the fold's means."""
    back: tuple[Tensor, Tensor]
    """(h, h / k), (w, w / k): cubic interpolation."""
    of: Finish

    @classmethod
    def at(cls, finish: Finish, size: int, device: torch.device, dtype: torch.dtype) -> Self:
        """For maps of this side."""
        texels = size / finish.side_mm
        points = np.array([point for polygon in finish.regions for point in polygon])
        margin = (_REACH * _BORDER_MM + finish.fold_mm) / finish.side_mm
        low = np.floor((points.min(0) - margin) * _GRID).clip(0) / _GRID
        high = np.ceil((points.max(0) + margin) * _GRID).clip(max=_GRID) / _GRID
        columns = slice(round(low[0] * size), round(high[0] * size))
        rows = slice(round((1 - high[1]) * size), round((1 - low[1]) * size))
        u = (np.arange(size)[columns] + 0.5) / size
        v = 1 - (np.arange(size)[rows] + 0.5) / size
        within = np.zeros((len(v), len(u)))
        for polygon in finish.regions:
            within[inside(np.array(polygon), u[None, :], v[:, None])] = 1.0
        sides = (len(v), len(u))
        soft = [_gaussian(n, 1, _BORDER_MM * texels) for n in sides]
        step = 1
        while finish.fold_mm * texels >= 4 * step and all(n % (2 * step) == 0 for n in sides):
            step *= 2
        narrow, wide = finish.fold_mm * texels, finish.form_mm * texels
        further = (wide**2 - narrow**2) ** 0.5 / step
        reach = max(round(_REACH * finish.groove_mm * texels), 1)
        pores = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (finish.groove_mm * texels)) ** 2)

        def tensor(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device, dtype)

        def both(matrices: list[np.ndarray]) -> tuple[Tensor, Tensor]:
            one, other = (tensor(matrix) for matrix in matrices)
            return one, other

        return cls(
            rows, columns, tensor(soft[0] @ within @ soft[1].T), tensor(pores / pores.sum()),
            both([_gaussian(n, step, narrow) for n in sides]),
            both([_gaussian(n // step, 1, further) for n in sides]),
            both([_cubic(n, step) for n in sides]),
            finish,
        )  # fmt: skip

    def __call__(self, displacement: Tensor) -> Tensor:
        part = displacement[..., self.rows, self.columns]
        groove = self.groove[0] @ part @ self.groove[1].T
        form = self.fold[0] @ groove @ self.fold[1].T
        fold = _limited(self.of.fold_factor * (groove - form), self.of.fold_limit_mm)
        smooth = self.back[0] @ torch.stack([groove, form + fold]) @ self.back[1].T
        without_pores = _along(_along(part, self.pores, -1), self.pores, -2)
        shown = smooth[1].add_(_limited(part - without_pores, self.of.pore_limit_mm))
        shown.add_(_limited(without_pores.sub_(smooth[0]).mul_(self.of.groove_factor), self.of.groove_limit_mm))
        out = displacement.clone()
        out[..., self.rows, self.columns] += self.mask * shown.sub_(part)
        return out


def of_card(card: Mapping[str, Any]) -> Finish | None:
    """The filter of these weights, None where they need none. Raises DnpmError when the entry is damaged."""
    entry = card.get(ENTRY)
    return None if entry is None else to_dataclass(Finish, entry, ENTRY)


def _limited(height: Tensor, limit: float) -> Tensor:
    """Small heights as they are, none above the limit."""
    return height * torch.rsqrt(1 + (height / limit).square())


def _along(image: Tensor, kernel: Tensor, axis: int) -> Tensor:
    """(B, 1, h, w) convolved with (n,) along an axis, its border repeated. Sums of shifted views: torch's convolutions
    of one channel take twice as long."""
    reach = len(kernel) // 2
    padding = (reach, reach, 0, 0) if axis == -1 else (0, 0, reach, reach)
    padded, length = F.pad(image, padding, mode="replicate"), image.shape[axis]
    total = kernel[0] * padded.narrow(axis, 0, length)
    for k, weight in enumerate(kernel[1:].tolist(), 1):
        total = total.add_(padded.narrow(axis, k, length), alpha=weight)
    return total


def _gaussian(length: int, step: int, sigma: float) -> np.ndarray:
    """(length / step, length): means of texels under a Gaussian around the middle of every `step` of them."""
    middles = (np.arange(length // step) + 0.5) * step - 0.5
    weights = np.exp(-0.5 * ((np.arange(length) - middles[:, None]) / sigma) ** 2)
    return np.asarray(weights / weights.sum(1, keepdims=True))


def _cubic(length: int, step: int) -> np.ndarray:
    """(length, length / step): between such middles."""
    known = torch.eye(length // step, dtype=torch.float64)[None, None]
    return np.asarray(F.interpolate(known, (length, length // step), mode="bicubic", align_corners=False)[0, 0].numpy())
