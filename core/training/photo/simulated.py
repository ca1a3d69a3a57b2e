"""Simulated photos for the network that corrects maps by a photo (`core/photo/restore/skin_input.py`): a random
person's map, lit as a portrait was, over a young sitter's skin, and the map that sliders would give that person.

No picture is rendered: to the first order light changes by the map's slope and by how hollow it is
(`core/photo/line_features.py`). A portrait lends its light, what it hides, its sharpness, and an expression. What is
drawn: person, age, how far the fit and the regression of skin components are off, how much of an expression's lines
this person has region by region, other lines than the face networks know (another person's, mirrored, in a part of the
face), how far lines lie beside where the fit sees them, how hard the light is, further blur, and grain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import fft, ndimage

from ...detail.controls import age_direction
from ...detail.weights import Detail
from ...errors import DnpmError
from ...face_model import skin_components
from ...face_model.checks import age_regression
from ...face_model.landmark_uv import landmark_uv
from ...face_model.model import FaceModel
from ...face_model.regions import region_masks
from ...files.inputs import regular_file
from ...geometry.uv_map import mask_at
from ...photo.line_features import SIDE, light_of, shown
from ...photo.restore.skin_input import WINDOW, Seen
from ...photo.skin_view import SkinView
from ..painters import claim, open_grown
from .pairs import mapped
from .sitters import SkinSitter, mirrored

SHAPE = tuple(part.stop - part.start for part in WINDOW)
YOUNG_YEARS = 46.0
_YEARS = (18.0, 86.0)
_TOLD = (0.0, 0.6)
"""What of the skin components the sliders' map knows already, and how far it errs beside."""
YEARS_OFF = 9.0
"""Standard deviation of a fitted age."""
_NOISE = 0.07
"""How far fitted expressions are off, in sliders."""
_CREASED = (0.1, 1.1)
"""How much of an expression's lines a region has: photos show fewer of them than the networks think."""
_HARD = (0.6, 1.7)
"""How strong lines look against the fitted light, logarithmically even."""
_HOLLOW = (0.25, 0.75)
_BLUR_MM = (0.45, 5.0)
_ASIDE_MM = 0.8
_BATCH = 8
_NAMES = ("smooth", "rest", "creased", "known")
KEPT = 1000
"""Photos that are drawn once and stay in memory (.8 GB)."""


HELD = 48
"""People whom nothing is learnt from."""


@dataclass(frozen=True)
class People:
    """Random people: smooth, rest, creased, known (N, SIDE, SIDE) float16 mm: maps at rest when young, at rest, with
    an expression, and the sliders' of the latter."""

    smooth: np.ndarray
    rest: np.ndarray
    creased: np.ndarray
    known: np.ndarray

    def part(self, chosen: slice) -> People:
        """Some of them."""
        return People(*(a[chosen] for a in (self.smooth, self.rest, self.creased, self.known)))


def people_of_sliders(
    folder: Path, model: FaceModel, detail: Detail, expressions: np.ndarray, count: int, seed: int,
    recipe: dict[str, Any],
) -> People:  # fmt: skip
    """`count` people with expressions (N, n_exp) of portraits; those that the folder holds are not made again. Raises
    DnpmError when it holds others, or the model has no age or no skin components."""
    persons = drawn_people(model, expressions, seed)
    claim(folder / "people.json", {"format": 1, "model": model.name, "seed": seed, **recipe}, "simulated people")
    kept = {name: open_grown(folder / f"{name}.f16", (count, SIDE, SIDE), np.float16) for name in _NAMES}
    done = open_grown(folder / "people.done", (count,), np.uint8)
    missing = np.flatnonzero(np.asarray(done) == 0)
    for first in range(0, len(missing), _BATCH):
        numbers = missing[first : first + _BATCH]
        rows = [persons(int(k)) for k in numbers]
        for name, column in zip(_NAMES, zip(*rows, strict=True), strict=True):
            given = (torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*column, strict=True))
            with torch.inference_mode():
                kept[name][numbers] = detail.displacement(*given, resolution=SIDE)[:, 0].numpy()
        done[numbers] = 1
    return People(*(np.asarray(kept[name]) for name in _NAMES))


Sliders = tuple[np.ndarray, np.ndarray]
"""Identity (n_id,) and expression (n_exp,)."""


def drawn_people(model: FaceModel, expressions: np.ndarray, seed: int) -> Callable[[int], list[Sliders]]:
    """A function that gives the sliders of a random person's maps, in the order of `People`, always the same for a
    number. Raises DnpmError when the model has no age or no skin components."""
    regression, places = age_regression(model), skin_components.places(model.identity_labels)
    if places is None or regression is None:
        raise DnpmError(f"{model.name}: has no skin components or no age; photos cannot be simulated")
    direction, (weights, middle) = age_direction(model), regression
    return lambda number: _person(
        model, expressions, np.array(places), direction, weights, middle, seed, number
    )  # fmt: skip


def open_people(folder: Path) -> People:
    """Those that a folder holds. Raises DnpmError when there are none."""
    done = folder / "people.done"
    count = regular_file(done, again="`dnpm train pix2pix` makes simulated people")
    return People(*(mapped(folder / f"{name}.f16", (count, SIDE, SIDE)) for name in _NAMES))


def _person(
    model: FaceModel, expressions: np.ndarray, places: np.ndarray, direction: np.ndarray, weights: np.ndarray,
    middle: float, seed: int, number: int,
) -> list[Sliders]:  # fmt: skip
    """Of each of `People`."""
    rng = np.random.default_rng([seed, number, 11])
    aged = lambda identity, years: identity + (years - middle - float(weights @ identity)) * direction  # noqa: E731
    shape = np.zeros(model.n_id)
    shape[: model.n_shape] = rng.normal(size=model.n_shape)
    true, known = shape.copy(), shape.copy()
    components = np.clip(rng.normal(size=len(places)), -2.5, 2.5)
    true[places], known[places] = components, skin_as_known(rng, components)
    years = rng.uniform(*_YEARS)
    young, true, known = (
        aged(true, _YEARS[0]), aged(true, years), aged(known, years + YEARS_OFF * rng.normal())
    )  # fmt: skip
    expression = expressions[int(rng.integers(len(expressions)))] * rng.uniform(0.3, 1.1)
    expression = np.clip(expression, 0, 1)
    still = np.zeros_like(expression)
    return [(young, still), (true, still), (true, expression), (known, expression_as_fitted(rng, expression))]


def skin_as_known(rng: np.random.Generator, components: np.ndarray) -> np.ndarray:
    """Skin components (n,) as a fit knows them: a part of them, and as much of chance as keeps their spread."""
    told = rng.uniform(*_TOLD)
    return np.asarray(told * components + np.sqrt(told * (1 - told)) * rng.normal(size=len(components)))


def expression_as_fitted(rng: np.random.Generator, expression: np.ndarray) -> np.ndarray:
    """An expression (n_exp,) as a fit finds it; what rests stays at rest."""
    return np.clip(expression + rng.normal(0, _NOISE, len(expression)) * (expression > 0.01), 0, 1)


class SimulatedPhotos:
    """Draws pairs by number."""

    def __init__(self, model: FaceModel, people: People, sitters: Sequence[SkinSitter], seed: int) -> None:
        """Raises DnpmError when no sitter is young."""
        self.people, self.seed = people, seed
        self._drawn: dict[int, tuple[np.ndarray, ...]] = {}
        self.mask = mask_at(model.detail_mask, SIDE)[WINDOW].astype(np.float32)
        self.hosts = [Seen.of(view) for one in sitters for view in (one.view, mirrored(one.view))]
        self.young = [
            Seen.of(view) for one in sitters if one.years is not None and one.years <= YOUNG_YEARS
            for view in (one.view, mirrored(one.view))
        ]  # fmt: skip
        if not self.young:
            raise DnpmError(f"no portrait shows somebody of at most {YOUNG_YEARS:g} years; give ages in labels.csv")
        self.mm = self.hosts[0].mm
        masks = region_masks(landmark_uv(model), SIDE)
        self.regions = {name: np.asarray(mask[WINDOW], np.float32) for name, mask in masks.items()}

    def again(self, number: int) -> tuple[np.ndarray, ...]:
        """`draw` of the first KEPT numbers, round and round, as float16."""
        number %= KEPT
        if number not in self._drawn:
            self._drawn[number] = tuple(a.astype(np.float16) for a in self.draw(number))
        return self._drawn[number]

    def draw(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the network reads (CHANNELS, H, W), the true map and the sliders' (H, W) mm, masked; always the same for
        a number."""
        seen, true, known, _ = self.scene(number)
        return seen.channels(known), true * self.mask, known * self.mask

    def scene(self, number: int) -> tuple[Seen, np.ndarray, np.ndarray, int]:
        """What is seen, the true map and the sliders' (H, W) mm, not masked, and whose they are."""
        rng = np.random.default_rng([self.seed, number, 12])
        host = self.hosts[int(rng.integers(len(self.hosts)))]
        k = int(rng.integers(len(self.people.known)))
        known = np.asarray(self.people.known[k][WINDOW], np.float32)
        true = self._true(rng, k)
        blur = host.blur_mm
        if rng.random() < 0.5:
            blur = max(blur, float(np.exp(rng.uniform(*np.log(_BLUR_MM)))))
        light = light_of(true, host.slope, blur, self.mm, rng.uniform(*_HOLLOW)) * np.exp(rng.uniform(*np.log(_HARD)))
        flat = shown(light + self._clutter(rng, blur), host.trust, self.mm)
        seen = replace(host, flat=flat.astype(np.float32), blur_mm=blur * float(np.exp(rng.normal(0, 0.12))))
        return seen, true, known, k

    def _true(self, rng: np.random.Generator, k: int) -> np.ndarray:
        """(H, W) mm. Pores and forms stay where they are, lines may lie elsewhere."""
        lines = self._lines(rng, k)
        if rng.random() < 0.4:
            # Lines that the networks do not know: another person's, on the other side.
            part = np.clip(_smooth(rng, 12 / self.mm) - rng.uniform(0, 1), 0, 0.5) * 2
            other = self._lines(rng, int(rng.integers(len(self.people.rest))))[:, ::-1]
            lines = lines + part * (other - lines)
        if rng.random() < 0.7:
            away = np.stack([_smooth(rng, 10 / self.mm) for _ in range(2)]) * rng.uniform(0, 2 * _ASIDE_MM) / self.mm
            lines = ndimage.map_coordinates(lines, np.mgrid[: SHAPE[0], : SHAPE[1]] + away, order=1, mode="nearest")
        return np.asarray(np.asarray(self.people.smooth[k][WINDOW], np.float32) + lines, np.float32)

    def _lines(self, rng: np.random.Generator, k: int) -> np.ndarray:
        """(H, W) mm: what age and expression add to a person's skin."""
        smooth, rest, creased = (
            np.asarray(a[k][WINDOW], np.float32) for a in (self.people.smooth, self.people.rest, self.people.creased)
        )
        common = rng.uniform(*_CREASED)
        share = np.full(SHAPE, common, np.float32)
        for region in self.regions.values():
            share += region * (np.clip(common + rng.normal(0, 0.3), *_CREASED) - share)
        return rest - smooth + share * (creased - rest)

    def _clutter(self, rng: np.random.Generator, blur: float) -> np.ndarray:
        """(H, W): young skin, where one sitter's is hidden another's, and grain."""
        layer, left = np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32)
        for k in rng.permutation(len(self.young))[:3]:
            one = self.young[k]
            more = np.sqrt(max(blur**2 - one.blur_mm**2, 0)) / self.mm
            flat = ndimage.gaussian_filter(one.flat, more) if more > 0.3 else one.flat
            layer, left = layer + left * flat, left * (1 - one.trust)
        grain = rng.normal(0, rng.uniform(0, 0.02), SHAPE).astype(np.float32)
        return layer * rng.uniform(0.4, 1.1) + ndimage.gaussian_filter(grain, rng.uniform(0, 1))


def both_of(
    people: People, model: FaceModel, sitters: Sequence[SkinSitter], seed: int
) -> tuple[SimulatedPhotos, SimulatedPhotos]:
    """Photos to learn from, and photos of the last HELD people. Raises DnpmError when there are too few."""
    if len(people.known) < 2 * HELD:
        raise DnpmError(f"{len(people.known)} people are too few; at least {2 * HELD} are simulated")
    return (
        SimulatedPhotos(model, people.part(slice(None, -HELD)), sitters, seed),
        SimulatedPhotos(model, people.part(slice(-HELD, None)), sitters, seed + 1),
    )


def blank_photos(model: FaceModel) -> SimulatedPhotos:
    """Photos of nobody, of the right shapes, for a rehearsal. Raises DnpmError when the model lacks landmarks."""
    nothing = np.zeros((SIDE, SIDE), np.float16)
    view = np.zeros((2 * SIDE, 2 * SIDE))
    sitter = SkinSitter(SkinView(view, view, (view, view), 1.0, 0.5), np.zeros(model.n_id), np.zeros(model.n_exp), 20.0)
    return SimulatedPhotos(model, People(*4 * (nothing[None],)), [sitter], 0)


def _smooth(rng: np.random.Generator, sigma: float) -> np.ndarray:
    """(H, W): smooth noise of unit variance."""
    rows, columns = np.fft.fftfreq(SHAPE[0])[:, None], np.fft.rfftfreq(SHAPE[1])[None]
    soft = np.exp(-0.5 * (2 * np.pi * sigma) ** 2 * (rows**2 + columns**2))
    noise = fft.irfft2(fft.rfft2(rng.normal(size=SHAPE).astype(np.float32)) * soft, SHAPE)
    return np.asarray(noise / max(float(noise.std()), 1e-9), np.float32)
