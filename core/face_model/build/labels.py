"""Signs and names of the identity components: what grows with a slider, where that is clear."""

from __future__ import annotations

import numpy as np

CLEAR = 0.42
"""Correlation from which on a component bears a measure's name: one step of its slider changes the measure by that many
of the measure's standard deviations."""
_PERSON = ("Age", "Masculine", "Heavy", "African", "Asian", "Caucasian")
_CLEAR_PERSON = 0.5
"""The same for what a person is, which goes before what one measures on the face."""

# Trait or measure -> what the slider is called when it grows with it, and when it falls.
_NAMES: dict[str, tuple[str, str]] = {
    "Age": ("Age", "Youth"),
    "Masculine": ("Masculine", "Feminine"),
    "Heavy": ("Weight", "Slimness"),
    "African": ("African", ""),
    "Asian": ("Asian", ""),
    "Caucasian": ("Caucasian", ""),
    "head size": ("Head size", "Small head"),
    "face width": ("Face width", "Narrow face"),
    "face length": ("Face length", "Short face"),
    "jaw width": ("Jaw width", "Narrow jaw"),
    "chin length": ("Chin length", "Short chin"),
    "chin forward": ("Chin forward", "Receding chin"),
    "nose width": ("Nose width", "Narrow nose"),
    "nose length": ("Nose length", "Short nose"),
    "nose forward": ("Nose depth", "Flat nose"),
    "mouth width": ("Mouth width", "Small mouth"),
    "mouth height": ("Mouth low", "Mouth high"),
    "mouth forward": ("Mouth forward", "Mouth back"),
    "lips": ("Full lips", "Thin lips"),
    "eye opening": ("Eyes open", "Eyes narrow"),
    "eye distance": ("Eye distance", "Close-set eyes"),
    "eye slant": ("Eye slant", "Eyes drooping"),
    "brow height": ("Brow height", "Low brow"),
    "brow forward": ("Brow ridge", "Flat brow"),
    "cheeks": ("Full cheeks", "Hollow cheeks"),
    "forehead slope": ("Forehead slope", "Steep forehead"),
    "ear size": ("Ear size", "Small ears"),
    "neck width": ("Neck width", "Slim neck"),
    "head depth": ("Head depth", "Shallow head"),
}


def signs(coefficients: np.ndarray, traits: dict[str, np.ndarray]) -> np.ndarray:
    """(S, k) coefficients, trait -> (S,) -> (k,) of +-1: each component grows with the trait that it is clearest in."""
    correlation = _correlation(coefficients, traits)
    best = np.abs(correlation).argmax(1)
    return np.where(correlation[np.arange(len(best)), best] < 0, -1.0, 1.0)


def labels(coefficients: np.ndarray, traits: dict[str, np.ndarray]) -> tuple[str, ...]:
    """Names for the components, the clearest first served; a trait gives its name once. "Identity 7" for the others."""
    result = [f"Identity {i + 1}" for i in range(coefficients.shape[1])]
    for clear, group in ((_CLEAR_PERSON, _PERSON), (CLEAR, tuple(n for n in _NAMES if n not in _PERSON))):
        known = {name: traits[name] for name in group if name in traits}
        correlation, names = _correlation(coefficients, known), list(known)
        for flat in np.argsort(-np.abs(correlation), axis=None):
            i, j = divmod(int(flat), len(names))
            name = _NAMES[names[j]][0 if correlation[i, j] > 0 else 1]
            if abs(correlation[i, j]) >= clear and name and result[i].startswith("Identity ") and names[j] in known:
                result[i] = name
                del known[names[j]]
    return tuple(result)


def measures(rests: np.ndarray, landmarks: np.ndarray, groups: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """rests (S, V, 3) mm -> what one would measure with calipers, each (S,) mm (or mm of height, for slants)."""
    p = rests[:, landmarks].astype(np.float64)
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    eye = lambda a, b: 0.5 * (a + b)  # noqa: E731
    head = rests[:, groups["head"]]
    neck = rests[:, groups["neck"]]
    eyes_y, eyes_z = y[:, [36, 39, 42, 45]].mean(1), z[:, [36, 45]].mean(1)
    inner, outer = y[:, [39, 42]].mean(1), y[:, [36, 45]].mean(1)
    opening = y[:, [37, 38, 43, 44]].mean(1) - y[:, [40, 41, 46, 47]].mean(1)
    # The forehead's middle, found once on the mean: the skin straight above the nose's root.
    mean = rests[:, groups["face"]].mean(0)
    forehead = groups["face"][np.argmin(np.abs(mean[:, 0]) * 10 + np.abs(mean[:, 1] - mean[:, 1].max() + 5))]
    return {
        "head size": np.ptp(head, axis=1).mean(1),
        "head depth": np.ptp(head[..., 2], axis=1),
        "face width": x[:, 15] - x[:, 1],
        "face length": y[:, 27] - y[:, 8],
        "jaw width": x[:, 12] - x[:, 4],
        "chin length": y[:, 57] - y[:, 8],
        "chin forward": z[:, 8] - eyes_z,
        "nose width": x[:, 35] - x[:, 31],
        "nose length": y[:, 27] - y[:, 33],
        "nose forward": z[:, 30] - z[:, [31, 35]].mean(1),
        "mouth width": x[:, 54] - x[:, 48],
        "mouth height": y[:, 33] - y[:, 62],
        "mouth forward": z[:, [51, 57]].mean(1) - eyes_z,
        "lips": y[:, 51] - y[:, 57],
        "eye opening": opening,
        "eye distance": eye(x[:, 42] + x[:, 45], -x[:, 36] - x[:, 39]),
        "eye slant": outer - inner,
        "brow height": y[:, [19, 24]].mean(1) - eyes_y,
        "brow forward": z[:, [19, 24]].mean(1) - eyes_z,
        "cheeks": z[:, [3, 13]].mean(1) + (x[:, 13] - x[:, 3]),
        "forehead slope": z[:, 27] - rests[:, forehead, 2],
        "ear size": np.ptp(head[..., 0], axis=1) - (x[:, 16] - x[:, 0]),
        "neck width": np.ptp(neck[..., 0], axis=1),
    }


def _correlation(coefficients: np.ndarray, traits: dict[str, np.ndarray]) -> np.ndarray:
    table = np.stack(list(traits.values()), 1)
    spread = table.std(0)
    table = (table - table.mean(0)) / np.where(spread > 0, spread, 1.0)
    return coefficients.T @ table / (len(table) * coefficients.std(0)[:, None])
