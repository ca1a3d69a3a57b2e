"""How near the wrinkle maps come to the generator's own maps, on expressions that took no part in making them.

The measured expressions are those that ship as presets (*Presets > Expressions*). Both baselines must lose: no wrinkle
maps at all explain nothing of the change, and one map for everything (the groups' mean change, its strength fitted to
each expression) shows what the groups and the keys' weights are good for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..face_model.model import FaceModel
from ..face_model.presets import read_preset, shipped, shown_name, vectors
from .slopes import TangentFrames
from .wrinkles import Weights, blended


def held_out(model: FaceModel) -> dict[str, np.ndarray]:
    """Name -> (n_exp,) float32 of every shipped expression of which this model has all keys."""
    found = {}
    for path in shipped("expressions"):
        _, expression, unknown = vectors(read_preset(path), model)
        if expression is not None and not unknown and expression.any():
            found[shown_name(path)] = expression
    return found


def measure(
    frames: TangentFrames,
    rest: np.ndarray,
    groups: np.ndarray,
    masks: np.ndarray,
    weights: Weights,
    truth: dict[str, tuple[np.ndarray, np.ndarray]],
) -> dict[str, Any]:
    """Slopes (R, R, 2), groups (K, R, R, 2); truth: name -> (expression, the generator's own slopes).

    Returns for each expression the correlation of the blended change with the generator's own over the skin, the share
    of the own change (squared) that is explained, and both of one map for everything; and all of them taken together.
    """
    at, area = frames.covered, frames.area
    mean = (groups - rest).mean(0)[at]
    rows: dict[str, Any] = {}
    sums = np.zeros(3)
    for name, (expression, slopes) in truth.items():
        own = (slopes - rest)[at]
        ours = (blended(rest, groups, masks, weights.of(expression)) - rest)[at]
        energy = _dot(own, own, area)
        if energy <= 1e-12:
            continue
        scale = _dot(mean, own, area) / max(_dot(mean, mean, area), 1e-12)
        parts = np.array(
            [energy, _dot(own - ours, own - ours, area), _dot(own - scale * mean, own - scale * mean, area)]
        )
        sums += parts
        rows[name] = {
            "correlation": _correlation(ours, own, area),
            "explained": round(1 - parts[1] / energy, 3),
            "one_map_correlation": _correlation(mean, own, area),
            "one_map_explained": round(1 - parts[2] / energy, 3),
        }
    if not rows:
        return {}
    return {
        "explained": round(1 - sums[1] / sums[0], 3),
        "one_map_explained": round(1 - sums[2] / sums[0], 3),
        "no_wrinkle_maps_explained": 0.0,
        "median_correlation": round(float(np.median([row["correlation"] for row in rows.values()])), 3),
        "median_one_map_correlation": round(float(np.median([r["one_map_correlation"] for r in rows.values()])), 3),
        "expressions": rows,
    }


def of_keys(
    frames: TangentFrames,
    rest: np.ndarray,
    groups: np.ndarray,
    masks: np.ndarray,
    weights: Weights,
    keys: dict[str, np.ndarray],
) -> dict[str, Any]:
    """The same for every key at 1 alone, of whose slopes the weights were made."""
    alone = dict(zip(keys, np.eye(len(keys), dtype=np.float32), strict=True))
    return measure(frames, rest, groups, masks, weights, {key: (alone[key], keys[key]) for key in keys})


def harmful(of_keys: dict[str, Any]) -> list[str]:
    """The keys that alone are described worse than by no map at all."""
    return [key for key, row in of_keys.get("expressions", {}).items() if row["explained"] < 0]


def brief(of_keys: dict[str, Any]) -> dict[str, Any]:
    """All keys together, and the one that is described worst."""
    if not of_keys:
        return {}
    each = {key: row["explained"] for key, row in of_keys["expressions"].items()}
    least = min(each, key=each.__getitem__)
    return {"explained": of_keys["explained"], "least": each[least], "least_of": least}


def _dot(a: np.ndarray, b: np.ndarray, area: np.ndarray) -> float:
    return float(((a * b).sum(1) * area).sum(dtype=np.float64))


def _correlation(a: np.ndarray, b: np.ndarray, area: np.ndarray) -> float:
    both = _dot(a, a, area) * _dot(b, b, area)
    return round(_dot(a, b, area) / both**0.5, 3) if both > 0 else 0.0
