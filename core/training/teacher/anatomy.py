"""Where wrinkles lie: curves relative to the 68 landmarks in the detail UV, and what deepens them.

Sources for places and causes: the facial muscles' action on the skin as FACS describes it (frontalis: AU 1, 2;
corrugator: AU 4; orbicularis oculi: AU 6, 7; levator labii: AU 9, 10; zygomaticus: AU 12; mentalis: AU 17;
orbicularis oris: AU 18, 22), and the usual names of the lines. Depths are millimetres as measured on adult skin: fine
lines .1 to .3, folds up to 1. Lengths along the chart are in units of `e`, the distance of the outer eye corners
(about 90 mm). Curves are written for the subject's left (u > .5) and mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ...face_model.arkit import mirror_name

# multi-PIE's 68 points, mirrored
ROLES = ("", "long", "short", "pair", "single", "slanted", "root", "foot", "fine_foot", "path")
MIRROR68 = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36,
     41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
)  # fmt: skip


@dataclass(frozen=True)
class Drive:
    """An expression that deepens a crease: gain at 1, and a window across the face (centre, width in e; None: all)."""

    expression: str
    gain: float
    centre: float | None = None
    width: float = 0.25


@dataclass(frozen=True)
class Crease:
    """One line of the skin."""

    family: str
    points: np.ndarray
    """(n, 2) control points in the detail UV; a smooth curve runs through them."""
    depth: float
    """Millimetres when fully driven on an old face of mean proneness."""
    width: float
    """Millimetres, standard deviation of the groove's cross-section."""
    rest: float = 0.0
    """Part of `depth` that is there at rest at 85 years."""
    onset: float = 0.35
    """Age (0 at 18 years, 1 at 85) at which the resting line begins."""
    constant: float = 0.0
    """Part of `depth` that is there at rest at any age (lid crease, lip corner)."""
    drives: tuple[Drive, ...] = field(default=())
    fold: float = 0.0
    """-1 to 1: how much higher the side on the curve's left (+) or right (-) bulges: 0 a plain groove."""
    role: str = ""
    """Which of a family's lines: what `person` lets come and go together, one of ROLES or nothing."""
    place: float = 0.0
    """In its role: height on the forehead from 0 to 1, degrees of a crow's foot, -1 to 1 between two courses."""
    course: int = 0
    """Between which lines a person's height crossfades: 0 or 1."""
    number: int = 0
    """The same for a line and its mirror image."""
    mirrored: bool = False


def creases(uv68: np.ndarray, seed: int = 0) -> list[Crease]:
    """All creases of a face whose 68 landmarks lie at `uv68` (68, 2) in the detail UV."""
    rng = np.random.default_rng([seed, 13])
    left = _numbered(_left_and_middle(uv68, rng))
    right_landmarks = uv68[MIRROR68].copy()
    right_landmarks[:, 0] = 1.0 - right_landmarks[:, 0]
    # The same generator goes on: the right side's irregularities differ, as on a real face.
    right = [
        replace(
            crease,
            points=np.stack([1.0 - crease.points[:, 0], crease.points[:, 1]], 1),
            drives=tuple(
                replace(d, expression=mirror_name(d.expression), centre=None if d.centre is None else -d.centre)
                for d in crease.drives
            ),
            fold=-crease.fold,
            mirrored=True,
        )
        for crease in _numbered(_left_and_middle(right_landmarks, rng))
        if not _is_middle(crease)
    ]
    return left + right


def _numbered(items: list[Crease]) -> list[Crease]:
    return [replace(crease, number=k) for k, crease in enumerate(items)]


_ALONG_MIDDLE = 0.01
"""Of the UV square: about 2.5 mm."""


def _is_middle(crease: Crease) -> bool:
    """Whether a line is nearly its own mirror image, so that it is not made twice: it crosses the middle, or runs along
    it so closely that two of them would be one line drawn double."""
    u = crease.points[:, 0] - 0.5
    along = bool(np.abs(u).max() < _ALONG_MIDDLE)
    return along or bool(u.min() < 0 < u.max() and np.all(np.abs(u + u[::-1]) < 0.06))


def _left_and_middle(lm: np.ndarray, rng: np.random.Generator) -> list[Crease]:
    e = float(np.linalg.norm(lm[45] - lm[36]))
    at = lambda p, du, dv: np.asarray(p) + e * np.array([du, dv])  # noqa: E731
    wobble = lambda n, size: e * size * rng.standard_normal((n, 2)) * [0.4, 1.0]  # noqa: E731
    out: list[Crease] = []

    # Forehead: nine places for long lines that follow the brows' arch, of which people have one to five, and finer,
    # shorter ones between them.
    brow = lm[22:27]
    brow_v, brow_top = float(np.mean(brow[:, 1])), float(brow[:, 1].max())
    up = (
        Drive("browInnerUp", 1.0, 0.0, 0.30), Drive("browOuterUpLeft", 0.95, 0.42, 0.24),
        Drive("browOuterUpRight", 0.95, -0.42, 0.24),
    )  # fmt: skip
    room = min(0.98 - brow_top, 0.66 * e)
    for i in range(9):
        place = i / 8
        height = brow_v + 0.08 * e + room * (0.08 + 0.80 * place)
        half = np.interp(place, [0, 0.3, 0.6, 1], [0.62, 0.70, 0.68, 0.52]) * e
        u = np.linspace(-1, 1, 9)
        # An arch over each brow, a dip between them, deeper in the lower lines; every line has its own course.
        dip = rng.uniform(0.006, 0.03) * (1.2 - 0.8 * place)
        arch = e * (-dip * np.cos(np.pi * 1.5 * u) - 0.035 * u**2 * (1 - 0.8 * place) + rng.normal(0, 0.012) * u)
        points = np.stack([0.5 + half * u, height + arch], 1) + wobble(9, 0.004)
        depth = float(np.interp(place, [0, 0.3, 0.6, 1], [0.48, 0.62, 0.64, 0.42]))
        out.append(Crease("forehead", points, depth, 0.95, 0.75, 0.25, drives=up, role="long", place=place,
                          course=i % 2))  # fmt: skip
        for _ in range(2):
            start = rng.uniform(-0.95, 0.5)
            u = np.linspace(start, start + rng.uniform(0.25, 0.6), 5)
            rise = height + room * rng.uniform(-0.06, 0.08) - 0.03 * e * u**2 - dip * e * np.cos(np.pi * 1.5 * u)
            points = np.stack([0.5 + half * u, rise + rng.normal(0, 0.02) * e * (u - u.mean())], 1) + wobble(5, 0.005)
            size = rng.uniform(0.12, 0.32)
            out.append(Crease("forehead", points, size, 0.35 + size, 0.7, 0.3, drives=up, role="short", place=place,
                              course=i % 2))  # fmt: skip

    # Glabella: the "11", an oblique one beside it, the transverse line of the nose's root.
    down = (Drive("browDownLeft", 1.0), Drive("browDownRight", 0.35))
    inner = brow[0]
    middle = lambda du, dv: np.array([0.5 + e * du, inner[1] + e * dv])  # noqa: E731
    out += [
        Crease("glabella",
               np.stack([middle(0.062, -0.09), middle(0.072, 0.0), middle(0.080, 0.09), middle(0.092, 0.17)])
               + wobble(4, 0.005), 0.95, 1.0, 0.8, 0.25, drives=down, fold=0.3, role="pair"),
        Crease("glabella",
               np.stack([middle(0.115, -0.02), middle(0.135, 0.06), middle(0.165, 0.13)]) + wobble(3, 0.006),
               0.6, 0.85, 0.6, 0.3, drives=down, role="slanted"),
        Crease("glabella", np.stack([middle(0.020, -0.03), middle(0.024, 0.05), middle(0.02, 0.12)]) + wobble(3, 0.004),
               0.22, 0.55, 0.25, 0.5, drives=down, role="single"),
        Crease("glabella", np.stack([middle(0.002, -0.07), middle(-0.002, 0.03), middle(0.003, 0.13)])
               + wobble(3, 0.001), 0.75, 0.95, 0.7, 0.25,
               drives=(Drive("browDownLeft", 0.6), Drive("browDownRight", 0.6)), role="single"),
    ]  # fmt: skip
    root = lm[27]
    both_down = (
        Drive("browDownLeft", 0.6), Drive("browDownRight", 0.6), Drive("noseSneerLeft", 0.3),
        Drive("noseSneerRight", 0.3),
    )  # fmt: skip
    for dv, depth in ((0.035, 0.45), (-0.02, 0.3)):
        points = np.stack([[0.5 + e * du, root[1] + e * (dv - 1.2 * du * du)] for du in (-0.1, -0.05, 0, 0.05, 0.1)])
        out.append(Crease("glabella", points, 1.3 * depth, 0.8, 0.6, 0.35, drives=both_down, role="root"))

    # Crow's feet: a fan from the outer corner of the eye, finer lines between.
    corner = lm[45]
    for i, angle in enumerate((48, 30, 13, -4, -21, -40)):
        low = 1.0 - 0.3 * (i < 2)
        squint = (
            Drive("eyeSquintLeft", 0.95), Drive("cheekSquintLeft", 0.85 * low), Drive("mouthSmileLeft", 0.7 * low),
            Drive("eyeBlinkLeft", 0.08),
        )  # fmt: skip
        r = np.linspace(0.085 + 0.02 * rng.random(), (0.28, 0.33, 0.37, 0.37, 0.33, 0.28)[i], 5)
        bend = np.radians(angle + np.linspace(0, -10 if angle > 0 else 8, 5))
        points = corner + e * np.stack([r * np.cos(bend), r * np.sin(bend)], 1) + wobble(5, 0.004)
        out.append(Crease("crows_feet", points, 0.72, 0.85, 0.8, 0.25, drives=squint, role="foot", place=angle))
        bend = bend + np.radians(8)
        points = corner + e * np.stack([r * np.cos(bend), r * np.sin(bend)], 1)[1:] + wobble(4, 0.005)
        out.append(Crease("crows_feet", points, 0.26, 0.45, 0.6, 0.3, drives=squint, role="fine_foot",
                          place=angle + 8.0))  # fmt: skip

    # Under the eye: fine arcs below the lashes.
    lower = lm[[42, 47, 46, 45]]
    squint = (
        Drive("eyeSquintLeft", 0.9), Drive("cheekSquintLeft", 0.95), Drive("mouthSmileLeft", 0.35),
        Drive("eyeBlinkLeft", 0.06),
    )  # fmt: skip
    for i, (dv, depth, width, constant) in enumerate(
        ((-0.045, 0.22, 0.5, 0.05), (-0.085, 0.30, 0.6, 0.03), (-0.125, 0.30, 0.7, 0.01), (-0.175, 0.34, 1.1, 0.01))
    ):
        spread = np.array([[0.015, 0.4], [0.0, 1.0], [0.01, 1.0], [0.03, 0.55]])
        points = lower + e * np.stack([spread[:, 0] * (i + 1), spread[:, 1] * dv], 1) + wobble(4, 0.004)
        out.append(Crease("under_eye", points, depth, width, 0.5, 0.25, constant, drives=squint))

    # The upper lid's crease, always there; a second one with age.
    upper = lm[[42, 43, 44, 45]]
    for dv, depth, width, constant, rest in ((0.055, 0.42, 0.65, 0.75, 0.2), (0.085, 0.25, 0.6, 0.1, 0.7)):
        lift = np.array([0.5, 1.0, 1.05, 0.55])[:, None] * [0, dv * e]
        out.append(Crease("upper_lid", upper + lift + wobble(4, 0.003), depth, width, rest, 0.3, constant))

    # Bunny lines on the sides of the nose's bridge.
    sneer = (Drive("noseSneerLeft", 1.3), Drive("noseSneerRight", 0.12))
    for i in range(5):
        start = lm[27] * (1 - 0.2 * i) + lm[29] * 0.2 * i
        points = np.stack(
            [at(start, 0.02, -0.012), at(start, 0.06, 0.012), at(start, 0.105, 0.0), at(start, 0.15, -0.05)]
        )
        out.append(Crease("nose_bridge", points + wobble(4, 0.004), (0.4, 0.5, 0.52, 0.45, 0.3)[i], 0.72, 0.2, 0.5,
                          drives=sneer))  # fmt: skip
        points = points + e * np.array([0.012, -0.024])
        out.append(Crease("nose_bridge", points[1:] + wobble(3, 0.004), 0.2, 0.45, 0.2, 0.5, drives=sneer))

    # Nasolabial fold: from above the wing of the nose past the corner of the mouth; the cheek bulges over it.
    wing, mouth = lm[35], lm[54]
    fold_drives = (
        Drive("mouthSmileLeft", 0.9), Drive("noseSneerLeft", 0.65), Drive("mouthUpperUpLeft", 0.45),
        Drive("mouthStretchLeft", 0.25), Drive("mouthDimpleLeft", 0.3), Drive("cheekSquintLeft", 0.15),
    )  # fmt: skip
    path = np.stack([
        at(wing, 0.0, 0.125), at(wing, 0.045, 0.08), at(wing, 0.085, 0.01),
        at(wing * 0.66 + mouth * 0.34, 0.125, -0.01), at(wing * 0.3 + mouth * 0.7, 0.125, 0.0),
        at(mouth, 0.105, -0.03), at(mouth, 0.085, -0.1),
    ])  # fmt: skip
    # Between two courses people lie by the fold's angle: the steep one ends at the corner of the mouth, the wide one
    # passes it by a centimetre. Young adults have none at rest.
    steep, wide = (np.linspace(0, 1, 7) ** 1.5)[:, None] * e * np.array([[[-0.03, 0.0]], [[0.055, -0.015]]])
    for side, bent in ((-1.0, path + steep), (1.0, path + wide)):
        out.append(Crease("nasolabial", bent + wobble(7, 0.002), 0.8, 1.15, 0.5, 0.22, 0.0, fold_drives, 0.45, "path",
                          side))  # fmt: skip
    out.append(Crease("nasolabial", path[:5] + e * np.array([0.004, 0.002]) + wobble(5, 0.002), 0.4, 0.6, 0.5, 0.25,
                      0.0, fold_drives, 0.2))  # fmt: skip
    out.append(Crease("nasolabial", path[2:] + e * np.array([0.035, 0.0]) + wobble(5, 0.004), 0.28, 0.65, 0.4, 0.45,
                      drives=fold_drives))  # fmt: skip
    # Cheek lines outside of it, when the smile folds the cheek.
    for du, depth in ((0.2, 0.34), (0.27, 0.2)):
        points = np.stack(
            [at(mouth, du - 0.02, 0.19), at(mouth, du, 0.09), at(mouth, du + 0.005, 0.0), at(mouth, du - 0.03, -0.1)]
        )
        smile = (Drive("mouthSmileLeft", 0.8), Drive("mouthDimpleLeft", 0.55), Drive("mouthStretchLeft", 0.5))
        out.append(Crease("cheek", points + wobble(4, 0.006), 1.6 * depth, 0.85, 0.6, 0.35, drives=smile))

    # Marionette line, the corner of the mouth, the dimple.
    frown = (Drive("mouthFrownLeft", 0.9), Drive("mouthStretchLeft", 0.4), Drive("mouthPressLeft", 0.25),
             Drive("mouthShrugLower", 0.2))  # fmt: skip
    points = np.stack([at(mouth, 0.03, -0.03), at(mouth, 0.055, -0.1), at(mouth, 0.06, -0.18), at(mouth, 0.05, -0.26)])
    out.append(Crease("marionette", points + wobble(4, 0.003), 0.66, 1.1, 0.6, 0.3, drives=frown, fold=0.35))
    corner_line = np.stack([at(mouth, -0.015, 0.004), at(mouth, 0.02, -0.005), at(mouth, 0.045, -0.03)])
    out.append(Crease("marionette", corner_line, 0.4, 0.7, 0.3, 0.3, 0.2, frown))
    dimple = np.stack([at(mouth, 0.085, 0.075), at(mouth, 0.105, 0.02), at(mouth, 0.095, -0.045)])
    out.append(Crease("dimple", dimple, 0.5, 0.9, 0.1, 0.5,
                      drives=(Drive("mouthDimpleLeft", 1.0), Drive("mouthPressLeft", 0.3)),
                      fold=0.3))  # fmt: skip

    # Chin: the mentolabial furrow and two short lines of the mentalis.
    lip = lm[57]
    shrug = (Drive("mouthShrugLower", 0.8), Drive("mouthRollLower", 0.3), Drive("mouthFrownLeft", 0.15),
             Drive("mouthFrownRight", 0.15))  # fmt: skip
    points = np.stack([[0.5 + e * du, lip[1] + e * (-0.115 - 0.8 * du * du)] for du in (-0.19, -0.1, 0, 0.1, 0.19)])
    out.append(Crease("chin", points, 0.65, 1.6, 0.45, 0.3, 0.1, shrug))
    for i in range(2):
        points = np.stack([at((0.5, lip[1]), 0.05 + 0.07 * i, -0.19), at((0.5, lip[1]), 0.075 + 0.07 * i, -0.25),
                           at((0.5, lip[1]), 0.07 + 0.07 * i, -0.31)]) + wobble(3, 0.006)  # fmt: skip
        out.append(Crease("chin", points, 0.28, 0.8, 0.1, 0.6, drives=shrug[:1]))

    # Perioral lines: short radials out of the lips.
    purse = (Drive("mouthPucker", 1.0), Drive("mouthFunnel", 0.85), Drive("mouthRollUpper", 0.25),
             Drive("mouthClose", 0.1))  # fmt: skip
    top, bottom = lm[[51, 52, 53, 54]], lm[[57, 56, 55, 54]]
    for rim, sign, count in ((top, 1.0, 6), (bottom, -1.0, 5)):
        for i in range(count):
            s = (i + 0.5) / count * 2.7
            k, f = int(s), s % 1.0
            root = rim[k] * (1 - f) + rim[k + 1] * f
            lean, length = 0.25 * s / 2.7, rng.uniform(0.06, 0.1)
            points = np.stack([root + e * sign * np.array([lean * sign * r, r]) for r in (0.006, length * 0.5, length)])
            out.append(Crease("perioral", points + wobble(3, 0.003), 0.36, 0.5, 0.75, 0.35, drives=purse))
    return out
