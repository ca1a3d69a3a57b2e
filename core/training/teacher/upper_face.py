"""The lines of forehead, glabella, eyes and the nose's bridge, of the subject's left and across the middle."""

from __future__ import annotations

import numpy as np

from .crease import Chart, Crease, Drive


def forehead(chart: Chart) -> list[Crease]:
    """Five layouts of long lines, of which people have one to five at a time, and finer, shorter ones between them:
    waves that dip over the nose, nearly straight lines, one wide bow, arcs over each brow alone, irregular ones."""
    lm, e, rng = chart.lm, chart.e, chart.rng
    brow = lm[22:27]
    brow_v, brow_top = float(np.mean(brow[:, 1])), float(brow[:, 1].max())
    up = (
        Drive("browInnerUp", 1.0, 0.0, 0.30), Drive("browOuterUpLeft", 0.95, 0.42, 0.24),
        Drive("browOuterUpRight", 0.95, -0.42, 0.24),
    )  # fmt: skip
    room = min(0.98 - brow_top, 0.66 * e)
    u = np.linspace(-1, 1, 9)
    out: list[Crease] = []
    for course, first in enumerate((0.0, 0.5, 0.25, 0.65, 0.15)):
        for i in range(6):
            place = (i + first) / 5.65
            height = brow_v + 0.08 * e + room * (0.08 + 0.80 * place)
            half = float(np.interp(place, [0, 0.3, 0.6, 1], [0.62, 0.70, 0.68, 0.52])) * e
            middle, tilt = 0.0, rng.normal(0, 0.010) * u
            if course == 0:
                dip = rng.uniform(0.020, 0.034) * (1.2 - 0.6 * place)
                rise = -dip * np.cos(np.pi * 1.5 * u) - 0.03 * u**2 * (1 - 0.8 * place)
            elif course == 1:
                rise, half = -0.012 * u**2 + rng.normal(0, 0.006) * np.cos(2.5 * u), 1.06 * half
            elif course == 2:
                rise, half = 0.02 - 0.095 * u**2 * (1 - 0.3 * place), 0.92 * half
            elif course == 3:
                # One arc over each brow, nothing in the middle; the other side's comes with the mirror image.
                t = 0.5 * (u + 1)
                middle, half = 0.36 * e * rng.uniform(0.92, 1.08), 0.29 * e * rng.uniform(0.85, 1.0)
                rise, tilt = 0.045 * np.sin(np.pi * t) - 0.02, rng.normal(0.01, 0.015) * u
            else:
                middle, half = rng.uniform(-0.05, 0.05) * e, half * rng.uniform(0.68, 0.98)
                phase = rng.uniform(0, 2 * np.pi)
                rise, tilt = 0.016 * np.sin(np.pi * 1.5 * u + phase) - 0.03 * u**2, rng.normal(0, 0.03) * u
            points = np.stack([0.5 + middle + half * u, height + e * (rise + tilt)], 1) + chart.wobble(9, 0.004)
            depth = float(np.interp(place, [0, 0.3, 0.6, 1], [0.48, 0.62, 0.64, 0.42]))
            out.append(Crease("forehead", points, depth, 0.95, 0.75, 0.25, drives=up, role="long", place=place,
                              course=course))  # fmt: skip
        for k in range(3):
            place = (k + rng.uniform(0.2, 0.8)) / 3
            height = brow_v + 0.08 * e + room * (0.08 + 0.80 * place)
            start = rng.uniform(-0.95, 0.5)
            along = np.linspace(start, start + rng.uniform(0.25, 0.6), 5)
            lean = rng.normal(0, 0.01) * (along - along.mean())
            points = np.stack([0.5 + 0.64 * e * along, height + e * (lean - 0.03 * along**2)], 1)
            size = rng.uniform(0.14, 0.34)
            out.append(Crease("forehead", points + chart.wobble(5, 0.005), size, 0.35 + size, 0.7, 0.3, drives=up,
                              role="short", place=place, course=course))  # fmt: skip
    return out


def glabella(chart: Chart) -> list[Crease]:
    """Three courses of the "11", an oblique line beside it, one in the middle, transverse ones at the nose's root."""
    lm, e = chart.lm, chart.e
    down = (Drive("browDownLeft", 1.0), Drive("browDownRight", 0.35))
    middle = lambda du, dv: np.array([0.5 + e * du, lm[22, 1] + e * dv])  # noqa: E731
    pairs = (
        ((0.062, -0.09), (0.072, 0.0), (0.080, 0.09), (0.092, 0.17)),
        ((0.046, -0.06), (0.052, 0.01), (0.050, 0.08), (0.036, 0.14)),
        ((0.066, -0.11), (0.088, -0.03), (0.122, 0.05), (0.168, 0.10)),
    )
    out = [
        Crease("glabella", np.stack([middle(*p) for p in pair]) + chart.wobble(4, 0.005), 0.95, 1.0, 0.8, 0.25,
               drives=down, fold=0.3, role="pair", course=k)
        for k, pair in enumerate(pairs)
    ]  # fmt: skip
    out += [
        Crease("glabella",
               np.stack([middle(0.115, -0.02), middle(0.135, 0.06), middle(0.165, 0.13)]) + chart.wobble(3, 0.006),
               0.6, 0.85, 0.6, 0.3, drives=down, role="slanted"),
        Crease("glabella",
               np.stack([middle(0.020, -0.03), middle(0.024, 0.05), middle(0.02, 0.12)]) + chart.wobble(3, 0.004),
               0.22, 0.55, 0.25, 0.5, drives=down, role="single"),
        Crease("glabella", np.stack([middle(0.002, -0.07), middle(-0.002, 0.03), middle(0.003, 0.13)])
               + chart.wobble(3, 0.001), 0.75, 0.95, 0.7, 0.25,
               drives=(Drive("browDownLeft", 0.6), Drive("browDownRight", 0.6)), role="single"),
    ]  # fmt: skip
    both_down = (
        Drive("browDownLeft", 0.6), Drive("browDownRight", 0.6), Drive("noseSneerLeft", 0.3),
        Drive("noseSneerRight", 0.3),
    )  # fmt: skip
    for dv, depth in ((0.035, 0.45), (-0.02, 0.3)):
        points = np.stack([[0.5 + e * du, lm[27, 1] + e * (dv - 1.2 * du * du)] for du in (-0.1, -0.05, 0, 0.05, 0.1)])
        out.append(Crease("glabella", points, 1.3 * depth, 0.8, 0.6, 0.35, drives=both_down, role="root"))
    return out


def crows_feet(chart: Chart) -> list[Crease]:
    """From the outer corner of the eye: a fan with finer lines between, lines that sweep down to the cheek, and few
    straight ones that fork."""
    out: list[Crease] = []

    def line(angle: float, near: float, far: float, turn: float, depth: float, width: float, role: str, course: int,
             off: float = 0.0) -> None:  # fmt: skip
        low = 1.0 - 0.3 * (angle > 25)
        squint = (
            Drive("eyeSquintLeft", 0.95), Drive("cheekSquintLeft", 0.85 * low), Drive("mouthSmileLeft", 0.7 * low),
            Drive("eyeBlinkLeft", 0.08),
        )  # fmt: skip
        r = np.linspace(near, far, 5)
        bend = np.radians(angle + off + np.linspace(0, turn, 5))
        points = chart.lm[45] + chart.e * np.stack([r * np.cos(bend), r * np.sin(bend)], 1) + chart.wobble(5, 0.004)
        out.append(Crease("crows_feet", points, depth, width, 0.8 if role == "foot" else 0.6, 0.25, drives=squint,
                          role=role, place=angle, course=course))  # fmt: skip

    near = lambda: 0.085 + 0.02 * chart.rng.random()  # noqa: E731
    for angle, far in zip((48, 30, 13, -4, -21, -40), (0.28, 0.33, 0.37, 0.37, 0.33, 0.28), strict=True):
        line(angle, near(), far, -10 if angle > 0 else 8, 0.72, 0.85, "foot", 0)
        line(angle, near() + 0.05, far, -10 if angle > 0 else 8, 0.26, 0.45, "fine_foot", 0, 8.0)
    for angle, far in ((39, 0.30), (20, 0.36), (3, 0.42), (-15, 0.45), (-33, 0.44)):
        line(angle, near(), far, -34, 0.70, 0.85, "foot", 1)
        line(angle, near() + 0.08, far - 0.05, -28, 0.24, 0.45, "fine_foot", 1, -9.0)
    for angle in (27, 4, -20):
        line(angle, 0.08, 0.27, 0, 0.80, 0.95, "foot", 2)
        for fork in (-9, 9):
            line(angle, 0.24, 0.38, fork, 0.42, 0.6, "fine_foot", 2, 0.4 * fork)
    return out


def eyelids(chart: Chart) -> list[Crease]:
    """Under the eye arcs below the lashes, oblique lines from the inner corner, or many short crossed ones; the upper
    lid's crease."""
    lm, e = chart.lm, chart.e
    out: list[Crease] = []
    lower = lm[[42, 47, 46, 45]]
    squint = (
        Drive("eyeSquintLeft", 0.9), Drive("cheekSquintLeft", 0.95), Drive("mouthSmileLeft", 0.35),
        Drive("eyeBlinkLeft", 0.06),
    )  # fmt: skip

    def line(points: np.ndarray, depth: float, width: float, constant: float, course: int) -> None:
        points = points + chart.wobble(len(points), 0.004)
        out.append(Crease("under_eye", points, depth, width, 0.5, 0.25, constant, drives=squint, course=course))

    spread = np.array([[0.015, 0.4], [0.0, 1.0], [0.01, 1.0], [0.03, 0.55]])
    for i, (dv, depth, width, constant) in enumerate(
        ((-0.045, 0.22, 0.5, 0.05), (-0.085, 0.30, 0.6, 0.03), (-0.125, 0.30, 0.7, 0.01), (-0.175, 0.34, 1.1, 0.01))
    ):
        line(lower + e * np.stack([spread[:, 0] * (i + 1), spread[:, 1] * dv], 1), depth, width, constant, 0)
    for k, depth in enumerate((0.46, 0.50, 0.42)):
        inner = chart.at(lm[42], 0.025 * k, -0.045 - 0.028 * k)
        way = [(0.0, 0.0), (0.06, -0.032), (0.125, -0.052), (0.19, -0.058 - 0.012 * k)]
        line(np.stack([chart.at(inner, *w) for w in way]), depth, 0.65, 0.02, 1)
    for k in range(7):
        t = 0.5 + 2.4 * k / 6
        i, f = min(int(t), 2), t - min(int(t), 2)
        root = chart.at(lower[i] * (1 - f) + lower[i + 1] * f, 0.0, -0.045 - 0.035 * (k % 2))
        slant = -0.35 if k % 2 else 0.2
        way = [(0.0, 0.0), (0.03, 0.03 * slant - 0.018), (0.06, 0.06 * slant - 0.042)]
        line(np.stack([chart.at(root, *w) for w in way]), 0.34, 0.45, 0.01, 2)
    line(lower + e * np.array([[0.03, -0.05], [0.02, -0.11], [0.03, -0.105], [0.06, -0.045]]), 0.42, 0.8, 0.01, 2)

    # The upper lid's crease, always there; a second one with age.
    upper = lm[[42, 43, 44, 45]]
    for dv, depth, width, constant, rest in ((0.055, 0.42, 0.65, 0.75, 0.2), (0.085, 0.25, 0.6, 0.1, 0.7)):
        lift = np.array([0.5, 1.0, 1.05, 0.55])[:, None] * [0, dv * e]
        out.append(Crease("upper_lid", upper + lift + chart.wobble(4, 0.003), depth, width, rest, 0.3, constant))
    return out


def nose_bridge(chart: Chart) -> list[Crease]:
    """Bunny lines on the sides of the nose's bridge."""
    lm, e = chart.lm, chart.e
    out: list[Crease] = []
    sneer = (Drive("noseSneerLeft", 1.3), Drive("noseSneerRight", 0.12))
    for i in range(5):
        start = lm[27] * (1 - 0.2 * i) + lm[29] * 0.2 * i
        way = ((0.02, -0.012), (0.06, 0.012), (0.105, 0.0), (0.15, -0.05))
        points = np.stack([chart.at(start, *w) for w in way])
        out.append(Crease("nose_bridge", points + chart.wobble(4, 0.004), (0.4, 0.5, 0.52, 0.45, 0.3)[i], 0.72, 0.2,
                          0.5, drives=sneer))  # fmt: skip
        points = points + e * np.array([0.012, -0.024])
        out.append(Crease("nose_bridge", points[1:] + chart.wobble(3, 0.004), 0.2, 0.45, 0.2, 0.5, drives=sneer))
    return out
