"""What is measured on a speaking face, as pure functions of curves (definitions: `core/evaluation/speech.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..capture.track import CurveTrack
from ..face_model.arkit import ARKIT_NAMES, GROUPS
from ..speech.contact import opening
from ..speech.silence import LEVEL_RATE

CLOCK = 120.0
"""Curves are compared on this clock, frames a second: fine enough that no common rate loses by it."""
LEAST_SECONDS = 0.5
BILABIALS = frozenset({"M", "B", "P"})
VOWELS = frozenset({"AA", "AE", "AH", "AO", "AW", "AX", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"})
PAUSES = frozenset({"SIL", "SP", "SPN", "PAU", "H#", "+NSN+", "#", "_", "", "<SIL>", "+SPN+"})
OPEN_VOWELS = frozenset({"AA", "AE", "AH", "AO", "AW", "AY", "EH"})
SPEAKING = (*GROUPS["jaw"], *GROUPS["mouth"])
JAW_OPEN = ARKIT_NAMES.index("jawOpen")
MOVES, STANDS = 5e-3, 1e-4
"""A column whose standard deviation is above the first moves, one below the second stands still."""
LAG_S = 0.5
SILENT_AFTER_S = 0.3
OPENING_S = 0.1
"""Before a sound a mouth is on its way to it."""


@dataclass(frozen=True)
class Phone:
    """One phone: seconds, ARPAbet without stress."""

    start: float
    end: float
    name: str
    word: str = ""


@dataclass
class Measured:
    """One figure, or None with the reason; `more` are figures beside it."""

    value: float | None
    reason: str = ""
    more: dict[str, float] = field(default_factory=dict)


def at_times(track: CurveTrack, times: np.ndarray) -> np.ndarray:
    """(t,) seconds -> (t, 52) float64, linear between frames, held beyond the ends."""
    return np.stack([np.interp(times, track.times, column) for column in track.expression.T], 1)


def common(ours: CurveTrack, reference: CurveTrack) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(t,) seconds, and both tracks there (t, 52), where both have frames; empty where that is under half a second."""
    begin, end = max(ours.times[0], reference.times[0]), min(ours.times[-1], reference.times[-1])
    count = int((end - begin) * CLOCK + 1e-6) + 1
    times = begin + np.arange(max(count, 0)) / CLOCK if end - begin >= LEAST_SECONDS else np.zeros(0)
    return times, at_times(ours, times), at_times(reference, times)


def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's r; None where one of the two stands still."""
    if min(a.std(), b.std()) < STANDS:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def carried(reference: CurveTrack) -> list[int]:
    """Columns of jaw and mouth that the reference holds data in: not missing, and not 0 all along."""
    return [
        k for k, name in enumerate(ARKIT_NAMES)
        if name in SPEAKING and name not in reference.missing and np.abs(reference.expression[:, k]).max() > STANDS
    ]  # fmt: skip


def jaw(ours: np.ndarray, theirs: np.ndarray) -> Measured:
    """Correlation of jawOpen."""
    r = correlation(ours[:, JAW_OPEN], theirs[:, JAW_OPEN])
    if r is None:
        still = "the curves'" if ours[:, JAW_OPEN].std() < STANDS else "the reference's"
        return Measured(None, f"{still} jawOpen stands still")
    return Measured(r)


def mouth(ours: np.ndarray, theirs: np.ndarray, columns: list[int]) -> Measured:
    """Mean correlation over the mouth columns that move in the reference; one that stands still in ours counts 0."""
    moving = [k for k in columns if ARKIT_NAMES[k] in GROUPS["mouth"] and theirs[:, k].std() > MOVES]
    if not moving:
        return Measured(None, "no mouth column moves in the reference")
    rs = [correlation(ours[:, k], theirs[:, k]) or 0.0 for k in moving]
    return Measured(float(np.mean(rs)), more={"mouth_columns": len(moving)})


def lag(ours: np.ndarray, theirs: np.ndarray) -> Measured:
    """Frames at 30 fps by which our lips' opening comes after the reference's: where their correlation is largest.

    Searched within half a second to either side, refined by a parabola. Positive: ours are late.
    """
    a, b = opening(ours), opening(theirs)
    reach = min(round(LAG_S * CLOCK), len(a) // 3)
    if min(a.std(), b.std()) < STANDS:
        return Measured(None, "one of the two mouths stands still")
    scores = np.array([_shifted(a, b, k) for k in range(-reach, reach + 1)])
    best = int(scores.argmax())
    if scores[best] < 0.2:
        return Measured(None, f"the two mouths do not move alike at any lag (best r {scores[best]:.2f})")
    place = float(best)
    if 0 < best < 2 * reach:
        left, middle, right = scores[best - 1 : best + 2]
        bend = left - 2 * middle + right
        if bend < 0:
            place += float(0.5 * (left - right) / bend)
    return Measured((place - reach) / CLOCK * 30, more={"lag_r": float(scores[best])})


def _shifted(a: np.ndarray, b: np.ndarray, k: int) -> float:
    """r of a(t + k) with b(t)."""
    one, other = (a[k:], b[: len(b) - k]) if k >= 0 else (a[:k], b[-k:])
    return correlation(one, other) or 0.0


def speed(ours: np.ndarray, theirs: np.ndarray, columns: list[int]) -> Measured:
    """Mean absolute speed of the carried columns, ours over the reference's."""
    rates = [np.abs(np.diff(x[:, columns], axis=0)).mean() * CLOCK if columns else 0.0 for x in (ours, theirs)]
    if rates[1] < STANDS:
        return Measured(None, "the reference stands still")
    return Measured(float(rates[0] / rates[1]))


def errors(ours: np.ndarray, theirs: np.ndarray, columns: list[int]) -> tuple[Measured, Measured]:
    """Mean absolute error over the carried columns, and that of curves which are 0 all along."""
    if not columns:
        none = Measured(None, "the reference holds no data of jaw or mouth")
        return none, none
    return (
        Measured(float(np.abs(ours - theirs)[:, columns].mean())),
        Measured(float(np.abs(theirs[:, columns]).mean())),
    )


def closure_and_contrast(track: CurveTrack, phones: list[Phone]) -> tuple[Measured, Measured]:
    """Share of bilabials that close, and the contrast of vowels and bilabials in standard deviations of the opening."""
    speech = [p for p in phones if p.name not in PAUSES and p.end > track.times[0] and p.start < track.times[-1]]
    if not speech:
        none = Measured(None, "no phone lies within the curves' time")
        return none, none
    times = np.arange(speech[0].start, speech[-1].end, 1 / CLOCK)
    lips = opening(at_times(track, times))
    speaking = np.zeros(len(times), bool)
    for phone in speech:
        speaking |= (times >= phone.start) & (times < phone.end)
    inside = [(p, lips[(times >= p.start) & (times < p.end)]) for p in speech]
    least = np.array([v.min() for p, v in inside if p.name in BILABIALS and len(v)])
    most = np.array([v.max() for p, v in inside if p.name in VOWELS and len(v)])
    deviation = lips[speaking].std()
    more: dict[str, float] = {"bilabials": len(least), "vowels": len(most)}
    if not len(least):
        none = Measured(None, "no bilabial (M, B, P) among the phones", more)
        return none, none
    if deviation < STANDS:
        none = Measured(None, "the lips' opening stands still", more)
        return none, none
    # Lips that meet are closed: a tenth of a track may well be all zeros, or differ by less than can be seen.
    closed = np.percentile(lips[speaking], 10) + 1e-3
    closure = Measured(float((least <= closed).mean()), more=more)
    if not len(most):
        return closure, Measured(None, "no vowel among the phones", more)
    means = [np.concatenate([v for p, v in inside if p.name in kind]) for kind in (OPEN_VOWELS | VOWELS, BILABIALS)]
    return closure, Measured(
        float((most.mean() - least.mean()) / deviation),
        more={"contrast_mean_sd": float((means[0].mean() - means[1].mean()) / deviation)},
    )


MOUTH_SHAPE = [k for k, name in enumerate(ARKIT_NAMES) if name in SPEAKING]
VOWEL_KINDS = {
    "open": frozenset({"AA", "AE", "AH", "AW", "AY"}), "spread": frozenset({"IY", "IH", "EY", "EH"}),
    "round": frozenset({"UW", "UH", "OW", "AO", "OY"}),
}  # fmt: skip
"""Vowels that look alike: jaw down, corners back, lips rounded."""
_LEAST_VOWELS = 4


def vowels(track: CurveTrack, phones: list[Phone]) -> Measured:
    """How often a vowel's kind is told from the mouth's shape at its middle, the mean over the three kinds.

    Nearest centroid with each vowel left out of its own kind's; every channel of jaw and mouth is divided by its
    deviation over the vowels, those that stand still are left out. A third is chance.
    """
    middles, kinds = [], []
    for phone in phones:
        for k, names in enumerate(VOWEL_KINDS.values()):
            if phone.name in names and track.times[0] <= phone.start and phone.end <= track.times[-1]:
                middles.append(0.5 * (phone.start + phone.end))
                kinds.append(k)
    kind = np.array(kinds)
    counts = [int((kind == k).sum()) for k in range(len(VOWEL_KINDS))]
    if min(counts) < _LEAST_VOWELS:
        return Measured(None, f"needs {_LEAST_VOWELS} vowels of each kind (open, spread, round), there are {counts}")
    shapes = at_times(track, np.array(middles))[:, MOUTH_SHAPE]
    moving = shapes.std(0) > STANDS
    if not moving.any():
        return Measured(None, "the mouth stands still")
    shapes = shapes[:, moving] / shapes[:, moving].std(0)
    sums = np.stack([shapes[kind == k].sum(0) for k in range(len(counts))])
    right = []
    for shape, own in zip(shapes, kind, strict=True):
        own_sum, own_count = sums.copy(), np.array(counts, float)
        own_sum[own] -= shape
        own_count[own] -= 1
        right.append(int(np.linalg.norm(own_sum / own_count[:, None] - shape, axis=1).argmin()) == own)
    hits = np.array(right)
    return Measured(float(np.mean([hits[kind == k].mean() for k in range(len(counts))])))


def silence(track: CurveTrack, lasted: np.ndarray) -> Measured:
    """RMS of jaw and mouth where the sound has been silent for 0.3 s; lasted: (n,) seconds, 100 a second. Beside it,
    `silence_rms_rest` leaves out the last tenth of a second before sound, in which a mouth opens."""
    columns = [ARKIT_NAMES.index(name) for name in SPEAKING]
    at = np.arange(len(lasted)) / LEVEL_RATE
    still = (lasted >= SILENT_AFTER_S) & (at >= track.times[0]) & (at <= track.times[-1])
    if still.sum() < 2:
        return Measured(None, "the sound has no silence that lasts longer than 0.3 s")
    rms = lambda where: float(np.sqrt(np.square(at_times(track, at[where])[:, columns]).mean()))  # noqa: E731
    more = {"silent_seconds": float(still.sum() / LEVEL_RATE)}
    opening_soon = np.convolve(lasted == 0, np.ones(round(OPENING_S * LEVEL_RATE) + 1))[-len(lasted) :] > 0
    if (rest := still & ~opening_soon).any():
        more["silence_rms_rest"] = rms(rest)
    return Measured(rms(still), more=more)
