"""Draws the adults that the face model is built from, as mixtures of MakeHuman's targets."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from .data import BaseData

FOLDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "cheek", "mouth", "chin", "ears", "neck")
ANCESTRIES = ("african", "asian", "caucasian")
STRENGTH = 0.18
"""Standard deviation of a detail target's weight; at .35 faces turn into caricatures."""
ASYMMETRY = 0.07
"""Of an `asym` target's weight: faces are a little uneven, none is crooked."""
_CALM = {"head": 0.55, "neck": 0.5, "ears": 0.8, "forehead": 0.8, "asym": 0.7}
"""How much of a folder's targets, as drawn, the finished heads get: at full strength crowns turn into cones."""
_SIDES = 0.2
"""How much of a paired target's (left and right eye, cheek, ear) strength is each side's own."""
# Targets that the macros already hold (age), that move the head as a whole, or that make no believable adult.
_EXCLUDED = ("head-age-", "head-trans-", "measure-neck-", "neck-trans-", "ear-shape-pointed", "asymm-")
_OPPOSITES = (
    ("incr", "decr"), ("up", "down"), ("out", "in"), ("forward", "backward"), ("convex", "concave"),
    ("uncompress", "compress"),
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """One adult: target name -> weight, and the traits it was drawn by (for the components' names)."""

    weights: dict[str, float]
    traits: dict[str, float]

    def calmed(self) -> Sample:
        """The same person with the targets that change the whole head at a believable strength."""
        return Sample({n: w * _CALM.get(n.partition("/")[0], 1.0) for n, w in self.weights.items()}, self.traits)


class Population:
    """Everything that can vary. `draw(n, seed)` gives the same adults for the same seed."""

    def __init__(self, data: BaseData) -> None:
        names = {f: [n for n in data.target_names(f) if not any(x in n for x in _EXCLUDED)] for f in (*FOLDERS, "asym")}
        self._details = _sliders([f"{f}/{n}" for f in FOLDERS for n in names[f]])
        self._asym = [f"asym/{n}" for n in names["asym"]]

    def draw(self, n: int, seed: int) -> list[Sample]:
        """`n` adults of 18 to 90 years; the first ones do not depend on how many are drawn."""
        return [self._one(np.random.default_rng((seed, i))) for i in range(n)]

    def mean_adult(self) -> Sample:
        """A person of 25, halfway between the sexes and the ancestries: the head that the face units were made on."""
        return Sample(_macros(25.0, 0.5, np.full(3, 1 / 3), 0.5, 0.5), {})

    def _one(self, rng: np.random.Generator) -> Sample:
        years = rng.uniform(18, 90)
        male = float(np.clip(rng.choice([0.12, 0.88]) + 0.14 * rng.standard_normal(), 0, 1))
        ancestry = rng.dirichlet(np.full(3, 0.7))
        muscle, weight = np.clip(0.5 + np.array([0.17, 0.2]) * rng.standard_normal(2), 0.1, 0.9)
        traits = {"Age": years, "Masculine": male, "Heavy": weight, "Muscular": muscle}
        traits |= {name.capitalize(): float(a) for name, a in zip(ANCESTRIES, ancestry, strict=True)}
        weights = _macros(years, male, ancestry, muscle, weight)
        for name, sides in self._details.items():
            common, own = rng.standard_normal(), rng.standard_normal(len(sides))
            mixed = common if len(sides) == 1 else np.sqrt(1 - _SIDES**2) * common + _SIDES * own
            traits[name] = float(common)
            for value, (plus, minus) in zip(np.atleast_1d(mixed), sides, strict=False):
                # A face has one shape of several in a folder (round, square ...) by halves: they have no opposite.
                amount = float(np.clip(STRENGTH * value, -2.5 * STRENGTH, 2.5 * STRENGTH))
                target = plus if amount > 0 else minus
                if target:
                    weights[target] = abs(amount)
        for name in self._asym:
            weights[name] = abs(float(ASYMMETRY * rng.standard_normal()))
        return Sample(weights, traits)


class Shaper:
    """Turns samples into positions of some of the base mesh's vertices: source (V,) indices."""

    def __init__(self, data: BaseData, base: np.ndarray, source: np.ndarray) -> None:
        self._data, self._source = data, source
        self._base = base[source].astype(np.float64)
        self._offsets: dict[str, np.ndarray] = {}

    def __call__(self, sample: Sample) -> np.ndarray:
        """(V, 3) float64 mm of this person, in the base mesh's axes."""
        result = self._base.copy()
        for name, weight in sample.weights.items():
            if name not in self._offsets:
                self._offsets[name] = self._data.target(name)[self._source]
            if weight > 1e-6:
                result += weight * self._offsets[name]
        return result


def _sliders(names: list[str]) -> dict[str, list[tuple[str | None, str | None]]]:
    """Group targets to sliders: name -> one (plus, minus) pair a side."""
    available = set(names)
    result: dict[str, list[tuple[str | None, str | None]]] = {}
    for name in names:
        for plus, minus in _OPPOSITES:
            for end, other in ((plus, minus), (minus, plus)):
                if name.endswith("-" + end) and name[: -len(end)] + other in available:
                    if end == plus:
                        stem = _stem(name[: -len(end) - 1])
                        result.setdefault(stem, []).append((name, name[: -len(end)] + other))
                    break
            else:
                continue
            break
        else:
            result.setdefault(_stem(name), []).append((name, None))
    return result


def _stem(name: str) -> str:
    folder, _, rest = name.partition("/")
    return rest[2:] if folder in ("eyes", "cheek", "ears") and rest[:2] in ("l-", "r-") else rest


def _macros(years: float, male: float, ancestry: np.ndarray, muscle: float, weight: float) -> dict[str, float]:
    """MakeHuman's macro targets: products of the weights along each axis; 25 years is `young`, 90 is `old`."""
    old = max(0.0, (years - 25.0) / 65.0)
    age = {"young": 1.0 - old, "old": old}
    sex = {"female": 1.0 - male, "male": male}
    result: dict[str, float] = {}
    for (s, ws), (a, wa) in itertools.product(sex.items(), age.items()):
        for name, w in zip(ANCESTRIES, ancestry, strict=True):
            result[f"macrodetails/{name}-{s}-{a}"] = ws * wa * float(w)
        for (m, wm), (f, wf) in itertools.product(_between(muscle).items(), _between(weight).items()):
            result[f"macrodetails/universal-{s}-{a}-{m}muscle-{f}weight"] = ws * wa * wm * wf
    return {name: w for name, w in result.items() if w > 1e-6}


def _between(value: float) -> dict[str, float]:
    side = 2.0 * abs(value - 0.5)
    return {"average": 1.0 - side, "max" if value > 0.5 else "min": side}


def align(points: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rotation (3, 3) and translation (3,) with `points @ R.T + t` nearest to `reference` (Kabsch, weighted)."""
    w = weights / weights.sum()
    centre, goal = w @ points, w @ reference
    u, _, vt = np.linalg.svd((points - centre).T @ ((reference - goal) * w[:, None]))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u @ flip @ vt).T
    return rotation, goal - rotation @ centre
