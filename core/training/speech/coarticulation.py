"""Phones to ARKit curves by dominance functions (Cohen & Massaro 1993, "Modeling coarticulation in synthetic visual
speech"): the teacher of the synthetic set.

Every phone s has a target T_sp for a control p, and a dominance over it that fades with the time from the phone:

    D_sp(t) = alpha_sp exp(-theta |tau|^c)        F_p(t) = sum_s D_sp(t) T_sp / sum_s D_sp(t)

tau is the time to the middle part of the phone. A phone whose alpha is small takes its neighbours' shape. Rounding
reaches further ahead than behind, so lips are round before the vowel. What lips must do is no average: for m, b and p
they meet, for f and v the lower lip meets the teeth; these are laid over the blend afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...face_model.arkit import ARKIT_NAMES
from .phones import ALL, DIPHTHONGS, SILENCE, Spoken

CONTROLS: tuple[str, ...] = (
    "jawOpen", "mouthFunnel", "mouthPucker", "mouthStretch", "mouthSmile", "mouthLowerDown", "mouthUpperUp",
    "tongueOut",
)  # fmt: skip
"""Both sides where ARKit has two."""
_ROUND = ("mouthFunnel", "mouthPucker")
_LIPS = ("mouthStretch", "mouthSmile", "mouthLowerDown", "mouthUpperUp")

# Targets at a clear, calm articulation, looked at on the default face, whose mouthFunnel opens the lips:
# narrow rounded sounds are mostly mouthPucker.
TARGETS: dict[str, dict[str, float]] = {
    "AA": {"jawOpen": 0.58, "mouthLowerDown": 0.22, "mouthUpperUp": 0.10},
    "AE": {"jawOpen": 0.50, "mouthStretch": 0.20, "mouthLowerDown": 0.26, "mouthUpperUp": 0.14, "mouthSmile": 0.05},
    "AH": {"jawOpen": 0.38, "mouthLowerDown": 0.18, "mouthUpperUp": 0.08},
    "AX": {"jawOpen": 0.26, "mouthLowerDown": 0.13, "mouthUpperUp": 0.05},
    "AO": {"jawOpen": 0.46, "mouthFunnel": 0.30, "mouthPucker": 0.22, "mouthLowerDown": 0.08},
    "EH": {"jawOpen": 0.38, "mouthStretch": 0.18, "mouthLowerDown": 0.22, "mouthUpperUp": 0.10},
    "ER": {"jawOpen": 0.25, "mouthFunnel": 0.26, "mouthPucker": 0.12, "mouthLowerDown": 0.08},
    "IH": {"jawOpen": 0.24, "mouthStretch": 0.18, "mouthLowerDown": 0.18, "mouthUpperUp": 0.06, "mouthSmile": 0.05},
    "IY": {"jawOpen": 0.16, "mouthStretch": 0.28, "mouthLowerDown": 0.18, "mouthUpperUp": 0.06, "mouthSmile": 0.12},
    "UH": {"jawOpen": 0.22, "mouthFunnel": 0.22, "mouthPucker": 0.36},
    "UW": {"jawOpen": 0.10, "mouthFunnel": 0.14, "mouthPucker": 0.75},
    "W": {"jawOpen": 0.07, "mouthFunnel": 0.08, "mouthPucker": 0.85},
    "R": {"jawOpen": 0.12, "mouthFunnel": 0.24, "mouthPucker": 0.28, "mouthLowerDown": 0.05},
    "CH": {"jawOpen": 0.06, "mouthFunnel": 0.42, "mouthPucker": 0.25, "mouthLowerDown": 0.08, "mouthUpperUp": 0.06},
    "S": {"jawOpen": 0.04, "mouthStretch": 0.20, "mouthLowerDown": 0.22, "mouthUpperUp": 0.10},
    "T": {"jawOpen": 0.13, "mouthStretch": 0.06, "mouthLowerDown": 0.14, "mouthUpperUp": 0.05},
    "L": {"jawOpen": 0.22, "mouthLowerDown": 0.14, "mouthUpperUp": 0.05},
    "TH": {"jawOpen": 0.16, "mouthLowerDown": 0.15, "mouthUpperUp": 0.06, "tongueOut": 0.10},
    "K": {"jawOpen": 0.22, "mouthLowerDown": 0.10, "mouthUpperUp": 0.04},
    "Y": {"jawOpen": 0.14, "mouthStretch": 0.22, "mouthLowerDown": 0.12, "mouthSmile": 0.08},
    "HH": {"jawOpen": 0.26, "mouthLowerDown": 0.10},
    "M": {"jawOpen": 0.08},
    "F": {"jawOpen": 0.10, "mouthUpperUp": 0.10},
    SILENCE: {},
}
_LIKE = {"SH": "CH", "ZH": "CH", "JH": "CH", "Z": "S", "D": "T", "N": "T", "DH": "TH", "G": "K", "NG": "K", "B": "M",
         "P": "M", "V": "F"}  # fmt: skip
BILABIALS, LABIODENTALS = ("M", "B", "P"), ("F", "V")

# alpha of (jaw, rounding, the other lip controls): how much a phone insists.
_INSISTS: dict[str, tuple[float, float, float]] = {
    "vowel": (1.0, 1.0, 1.0), "rounded": (0.7, 1.3, 0.9), "sibilant": (1.1, 0.5, 0.7), "plain": (0.45, 0.25, 0.35),
    "weak": (0.25, 0.08, 0.12), "lip": (0.9, 0.25, 0.5), "silence": (0.9, 0.7, 0.7),
}  # fmt: skip
_CLASS = (
    dict.fromkeys(("AA", "AE", "AH", "AO", "EH", "ER", "IH", "IY", "UH", "UW"), "vowel")
    | dict.fromkeys(("W", "CH", "SH", "ZH", "JH"), "rounded") | dict.fromkeys(("S", "Z"), "sibilant")
    | dict.fromkeys(("R", "Y", "L", "AX", "T", "D", "N", "TH", "DH"), "plain")
    | dict.fromkeys(("K", "G", "NG", "HH"), "weak") | dict.fromkeys((*BILABIALS, *LABIODENTALS), "lip")
    | {SILENCE: "silence"}
)  # fmt: skip
_POWER = 1.4
"""c: between Cohen and Massaro's 1 (a cusp) and a Gaussian's 2."""
_AHEAD_S, _BEHIND_S, _ROUND_AHEAD_S = 0.055, 0.060, 0.110
_LIP_S = 0.055
"""In which lips come together and part."""
_STEP_S = 1 / 240


@dataclass(frozen=True)
class Manner:
    """How someone speaks: articulation scales every target, jaw and rounding those alone; spread is the dominances'
    reach (more is more slurred); loudness is by how much loud vowels open wider."""

    articulation: float = 1.0
    jaw: float = 1.0
    rounding: float = 1.0
    spread: float = 1.0
    loudness: float = 0.5

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Manner:
        """Of some person on some day."""
        return cls(
            float(rng.uniform(0.8, 1.2)), float(rng.uniform(0.85, 1.15)), float(rng.uniform(0.8, 1.2)),
            float(rng.uniform(0.85, 1.25)), float(rng.uniform(0.3, 0.7)),
        )  # fmt: skip


def animate_phones(
    phones: list[Spoken], times: np.ndarray, manner: Manner | None = None, level: np.ndarray | None = None
) -> np.ndarray:
    """Phones -> (T, 52) float32 in [0, 1] at times (T,) seconds.

    level: the sound's, dB at 100 a second; loud phones open wider than soft ones. Raises KeyError on an unknown phone.
    """
    manner = manner or Manner()
    if unknown := {p.name for p in phones} - ALL:
        raise KeyError(", ".join(sorted(unknown)))
    parts = _split(phones, manner, level)
    end = float(times[-1]) if len(times) else 0.0
    fine = np.arange(0, end + 2 * _STEP_S, _STEP_S)
    blend = _blend(parts, fine, manner)
    close, teeth = _events(phones, fine, BILABIALS), _events(phones, fine, LABIODENTALS)
    curves = np.zeros((len(fine), len(ARKIT_NAMES)))
    for k, control in enumerate(CONTROLS):
        _set(curves, control, blend[:, k])
    _lay_lips(curves, close, teeth)
    return np.stack([np.interp(times, fine, c) for c in np.clip(curves, 0, 1).T], 1).astype(np.float32)


@dataclass(frozen=True)
class _Part:
    """A target in time."""

    start: float
    end: float
    name: str
    scale: float


def _split(phones: list[Spoken], manner: Manner, level: np.ndarray | None) -> list[_Part]:
    """Diphthongs become two parts; each part gets its own loudness."""
    usual = float(np.percentile(level, 75)) if level is not None and len(level) else 0.0
    parts = []
    for phone in phones:
        scale = 1.0
        if level is not None and phone.name not in (SILENCE,):
            inside = level[int(phone.start * 100) : max(int(phone.end * 100), int(phone.start * 100) + 1)]
            if len(inside):
                # 12 dB are the way from an unstressed to a stressed syllable.
                scale = 1 + manner.loudness * float(np.clip((inside.max() - usual) / 12, -0.6, 0.6))
        at = phone.start
        for name, share in DIPHTHONGS.get(phone.name, ((phone.name, 1.0),)):
            end = at + share * (phone.end - phone.start)
            parts.append(_Part(at, end, name, scale))
            at = end
    return parts


def _blend(parts: list[_Part], times: np.ndarray, manner: Manner) -> np.ndarray:
    """(T, controls): Cohen and Massaro's weighted mean; where nothing dominates it is the face at rest."""
    over, under = np.zeros((len(times), len(CONTROLS))), np.full((len(times), len(CONTROLS)), 1e-3)
    for part in parts:
        target = TARGETS[_LIKE.get(part.name, part.name)]
        jaw, rounding, lips = _INSISTS[_CLASS[part.name]]
        # The middle part of a phone is its own; short phones have little of it and are overrun.
        core = 0.25 * (part.end - part.start)
        before, after = part.start + core - times, times - (part.end - core)
        low, high = np.searchsorted(times, [part.start - 1.0, part.end + 1.0])
        for k, control in enumerate(CONTROLS):
            alpha = jaw if control == "jawOpen" else rounding if control in _ROUND else lips
            ahead = (_ROUND_AHEAD_S if control in _ROUND and target.get(control) else _AHEAD_S) * manner.spread
            tau = np.maximum(before[low:high] / ahead, after[low:high] / (_BEHIND_S * manner.spread)).clip(0)
            dominance = alpha * np.exp(-(tau**_POWER))
            size = manner.articulation * part.scale
            size *= manner.jaw if control == "jawOpen" else manner.rounding if control in _ROUND else 1.0
            over[low:high, k] += dominance * target.get(control, 0.0) * size
            under[low:high, k] += dominance
    return over / under


def _events(phones: list[Spoken], times: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """(T,) in [0, 1]: 1 from a little after the phone's begin to its end, smooth before and after."""
    curve = np.zeros(len(times))
    for phone in phones:
        if phone.name not in names:
            continue
        inset = 0.15 * (phone.end - phone.start)
        outside = np.maximum(phone.start + inset - times, times - (phone.end - inset)) / _LIP_S
        curve = np.maximum(curve, 0.5 + 0.5 * np.cos(np.pi * outside.clip(0, 1)))
    return curve


def _lay_lips(curves: np.ndarray, close: np.ndarray, teeth: np.ndarray) -> None:
    """Bilabials: the lips meet, whatever the jaw does. Labiodentals: the lower lip under the upper teeth."""
    column = {name: k for k, name in enumerate(ARKIT_NAMES)}
    both = np.maximum(close, teeth)
    for name in ("mouthLowerDown", "mouthUpperUp", "mouthFunnel", "mouthStretch", "mouthSmile"):
        for side in _sides(name):
            curves[:, column[side]] *= 1 - 0.85 * both
    jaw = curves[:, column["jawOpen"]]
    jaw -= both * np.maximum(jaw - 0.12, 0) * 0.8
    # ARKit's mouthClose undoes the jaw's opening of the lips one to one (its documentation, and the face model).
    curves[:, column["mouthClose"]] = np.minimum(close * (jaw + 0.02), 1) + teeth * (1 - close) * 0.45 * jaw
    for name, most in (
        ("mouthRollLower", 0.16),
        ("mouthRollUpper", 0.14),
        ("mouthPressLeft", 0.25),
        ("mouthPressRight", 0.25),
    ):
        curves[:, column[name]] += most * close
    curves[:, column["mouthRollLower"]] += 0.38 * teeth
    for side in _sides("mouthUpperUp"):
        curves[:, column[side]] += 0.16 * teeth


def _sides(control: str) -> tuple[str, ...]:
    return (control,) if control in ARKIT_NAMES else (f"{control}Left", f"{control}Right")


def _set(curves: np.ndarray, control: str, values: np.ndarray) -> None:
    for name in _sides(control):
        curves[:, ARKIT_NAMES.index(name)] = values
