"""How strong each texture layer of a person's skin is, and how the layouts of one kind share it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .texture import Textures
from .traits import Traits

_SIGNED = ("relief",)
"""Kinds that may also be turned inside out: a bump of one person is a hollow of another's."""
_OF_PATTERNS = np.array([0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0])
"""How much the line patterns and the skin patterns say about layouts of texture."""


class SkinWeights:
    """Traits and expression -> the weights of `Textures.layers`; smooth in both."""

    def __init__(self, textures: Textures, seed: int) -> None:
        self.names = textures.names
        rng = np.random.default_rng([seed, 47])
        kinds = [name.split()[0] for name in self.names]
        # Pores of all sizes and zones of one layout go together: one direction for each layout letter.
        groups = [("pores" if k.endswith(("fine", "large")) else k) + n.split()[1]
                  for k, n in zip(kinds, self.names, strict=True)]  # fmt: skip
        drawn = {g: rng.standard_normal(7) * _OF_PATTERNS for g in sorted(set(groups))}
        # Layouts of relief are many: evenly spread directions, or a few would take all the variance.
        relief = sorted(g for g in drawn if g.startswith("relief"))
        frames = [np.linalg.qr(rng.standard_normal((7, 7)))[0] for _ in range(0, len(relief), 7)]
        drawn |= dict(zip(relief, np.concatenate(frames), strict=False))
        self._direction = np.stack([drawn[g] / np.linalg.norm(drawn[g]) for g in groups])
        self._kinds = {k: np.array([i for i, other in enumerate(kinds) if other == k]) for k in sorted(set(kinds))}

    def __call__(self, traits: Traits, value: Callable[[str], float]) -> np.ndarray:
        """(K,) float32; value: name of an expression -> how far it is on."""
        result = np.zeros(len(self.names))
        pattern = self._direction @ traits.patterns
        for kind, strength in self._strengths(traits, value).items():
            place = self._kinds[kind]
            if kind == "moles":
                share = _sigmoid(2.4 * pattern[place] + 1.3 * traits.values["Moles"] - 1.7)
            elif kind == "scars":
                share = _sigmoid(2.2 * pattern[place] + 1.6 * traits.values["Scars"] - 3.9)
            elif kind in ("eye_bag", "tear_trough"):
                lean = 0.35 * traits.bent("Asymmetry")
                share = np.array([1.0 + lean, 1.0 - lean])
            elif kind in _SIGNED:
                share = np.tanh(0.9 * pattern[place])
                share = share / np.sqrt((share**2).sum() + 0.2)
            else:
                # On a circle's arc, so that the depth stays between layouts.
                share = np.exp(1.3 * np.tanh(pattern[place]))
                share = share / np.linalg.norm(share)
            result[place] = strength * share
        return result.astype(np.float32)

    @staticmethod
    def _strengths(traits: Traits, value: Callable[[str], float]) -> dict[str, float]:
        age = max(traits.age, 0.0)
        purse = min(value("mouthPucker") + 0.75 * value("mouthFunnel") + 0.3 * value("mouthRollLower"), 1.2)
        stretch = 0.35 * min(value("mouthSmileLeft") + value("mouthSmileRight"), 1.5)
        lips = traits.factor("Lip lines", 0.6) * (0.7 + 0.4 * age) * (1.0 + 2.6 * purse - 0.6 * stretch)
        chin = min(value("mouthShrugLower") + 0.15 * value("mouthPressLeft") + 0.15 * value("mouthPressRight"), 1.2)
        rough = traits.factor("Roughness", 0.6)
        pores = traits.factor("Pore depth", 0.6) * (0.75 + 0.3 * age)
        large = 2.0 * float(_sigmoid(1.2 * traits.values["Pore size"]))
        nose = 0.6 * traits.bent("Pores on nose")
        troughs = traits.factor("Under-eye lines", 1.0) * (0.05 + 0.6 * float(_smooth((age - 0.1) / 0.8)))
        bags = traits.factor("Eye bags", 1.2) * (0.06 + 0.5 * float(_smooth((age - 0.2) / 0.7)))
        return {
            "fine": 1.3 * pores * (1.35 - 0.35 * large), "large": pores * large,
            "nose_fine": 1.3 * nose * pores * (1.35 - 0.35 * large), "nose_large": nose * pores * large,
            "net": 1.3 * rough * (0.8 + 0.5 * age), "hatch": traits.factor("Roughness", 0.9) * age**1.3,
            "relief": traits.factor("Roughness", 0.3) * (0.85 + 1.05 * age), "lip_lines": lips,
            "chin_dimples": traits.factor("Chin creases", 0.5) * (0.04 + 1.1 * chin),
            "brow_hairs": 0.5 * traits.factor("Skin pattern 3", 0.5), "moles": 1.2, "scars": 1.3,
            "nose_wings": 0.75 * traits.factor("Nasolabial folds", 0.5),
            "philtrum": traits.factor("Skin pattern 1", 0.5), "eye_bag": 1.0 * bags, "tear_trough": troughs,
        }  # fmt: skip

    def furrows(self, traits: Traits) -> np.ndarray:
        """(2,): how the layouts of the fine furrows of compression share a person's."""
        turn = 0.25 * np.pi * (1.0 + traits.bent("Skin pattern 2", 0.9))
        strength = (0.55 + 0.65 * traits.age) * traits.factor("Roughness", 0.35)
        return (strength * np.array([np.cos(turn), np.sin(turn)])).astype(np.float32)


def _sigmoid(x: np.ndarray | float) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-np.asarray(x, float)))


def _smooth(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)
