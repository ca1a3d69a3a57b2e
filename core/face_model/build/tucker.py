"""HOSVD over the identity mode: many people's heads and expressions -> core tensor C_r (Eq. 3).

The expression mode keeps ARKit's axes, so that a slider means one thing. The identity mode's basis is found on the rest
shapes and the expressions together; its coefficients have variance 1 over the people, and the core is what regresses
the people's meshes on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tucker:
    """mean_rest (V, 3); core (k + 1, E + 1, V, 3) float32 as in FaceModel; coefficients (S, k), mean 0, variance 1."""

    mean_rest: np.ndarray
    core: np.ndarray
    coefficients: np.ndarray
    explained: float
    """Part of the weighted variance that the components carry."""


def tucker(
    rests: np.ndarray, deltas: np.ndarray, components: int, weight: np.ndarray, expression_weight: float
) -> Tucker:
    """rests (S, V, 3) mm, deltas (S, E, V, 3) mm; weight (V,) of a vertex, expression_weight of an expression's error."""
    people, n_expressions, n_vertices, _ = deltas.shape
    root = np.sqrt(weight)[:, None].astype(np.float32)
    mean_rest, mean_delta = rests.mean(0), deltas.mean(0)
    centred = ((rests - mean_rest) * root).reshape(people, -1).astype(np.float32)
    gram = (centred @ centred.T).astype(np.float64)
    for e in range(n_expressions):
        centred = ((deltas[:, e] - mean_delta[e]) * root).reshape(people, -1).astype(np.float32)
        gram += expression_weight * (centred @ centred.T)
    values, vectors = np.linalg.eigh(gram)
    order = np.argsort(values)[::-1][:components]
    coefficients = vectors[:, order] * np.sqrt(people)

    core = np.zeros((components + 1, n_expressions + 1, n_vertices, 3), np.float32)
    take = (coefficients.T / people).astype(np.float32)
    core[0, 1:] = mean_delta
    core[1:, 0] = (take @ (rests - mean_rest).reshape(people, -1).astype(np.float32)).reshape(components, n_vertices, 3)
    for e in range(n_expressions):
        part = (deltas[:, e] - mean_delta[e]).reshape(people, -1)
        core[1:, e + 1] = (take @ part).reshape(components, n_vertices, 3)
    explained = float(values[order].sum() / np.maximum(values, 0).sum())
    return Tucker(mean_rest, core, coefficients, explained)


def orient(result: Tucker, traits: dict[str, np.ndarray], names: dict[str, str]) -> tuple[Tucker, tuple[str, ...]]:
    """Turn each component's sign so that its clearest trait grows with it, and name the clear ones.

    traits: name -> (S,) values over the people; names: trait -> label. A component is named when its correlation with a
    trait is .55 or more; a label is given once, to the component that fits best.
    """
    keys = list(traits)
    table = np.stack([traits[k] for k in keys], 1)
    spread = table.std(0)
    table = (table - table.mean(0)) / np.where(spread > 0, spread, 1.0)
    correlation = result.coefficients.T @ table / len(table)
    best = np.abs(correlation).argmax(1)
    components = np.arange(len(best))
    strength = np.abs(correlation)[components, best]
    sign = np.where(correlation[components, best] < 0, -1.0, 1.0).astype(np.float32)
    labels = [f"Identity {i + 1}" for i in components]
    taken: set[str] = set()
    for i in sorted(components, key=lambda i: -strength[i]):
        label = names.get(keys[best[i]], "")
        if strength[i] >= 0.55 and label and label not in taken:
            labels[i] = label
            taken.add(label)
    core = result.core.copy()
    core[1:] *= sign[:, None, None, None]
    turned = Tucker(result.mean_rest, core, result.coefficients * sign, result.explained)
    return turned, tuple(labels)
