"""The lines of cheeks, mouth and chin, of the subject's left and across the middle."""

from __future__ import annotations

import numpy as np

from .crease import Chart, Crease, Drive


def nasolabial(chart: Chart) -> list[Crease]:
    """The fold from above the wing of the nose past the corner of the mouth; the cheek bulges over it. Four courses:
    steep, ending at the mouth's corner; a centimetre wider; straight and oblique; a bracket round the mouth. Young
    adults have none at rest."""
    at, e = chart.at, chart.e
    wing, mouth = chart.lm[35], chart.lm[54]
    drives = (
        Drive("mouthSmileLeft", 0.9), Drive("noseSneerLeft", 0.65), Drive("mouthUpperUpLeft", 0.45),
        Drive("mouthStretchLeft", 0.25), Drive("mouthDimpleLeft", 0.3), Drive("cheekSquintLeft", 0.15),
    )  # fmt: skip
    path = np.stack([
        at(wing, 0.0, 0.125), at(wing, 0.045, 0.08), at(wing, 0.085, 0.01),
        at(wing * 0.66 + mouth * 0.34, 0.125, -0.01), at(wing * 0.3 + mouth * 0.7, 0.125, 0.0),
        at(mouth, 0.105, -0.03), at(mouth, 0.085, -0.1),
    ])  # fmt: skip
    steep, wide = (np.linspace(0, 1, 7) ** 1.5)[:, None] * e * np.array([[[-0.03, 0.0]], [[0.055, -0.015]]])
    s = np.linspace(0, 1, 7)[:, None]
    oblique = at(wing, 0.03, 0.10) * (1 - s) + at(mouth, 0.185, -0.02) * s
    oblique = oblique + e * np.sin(np.pi * s) * np.array([[0.012, 0.022]])
    bracket = np.stack([
        at(wing, 0.035, 0.06), at(wing, 0.095, 0.0), at(wing * 0.6 + mouth * 0.4, 0.15, -0.005), at(mouth, 0.165, 0.02),
        at(mouth, 0.15, -0.06), at(mouth, 0.11, -0.135), at(mouth, 0.065, -0.19),
    ])  # fmt: skip
    out: list[Crease] = []
    for course, curve in enumerate((path + steep, path + wide, oblique, bracket)):
        out.append(Crease("nasolabial", curve + chart.wobble(7, 0.002), 0.8, 1.15, 0.5, 0.22, 0.0, drives, 0.45,
                          "path", course=course))  # fmt: skip
        # A sharper line at the bottom of the fold's upper part, and on some a second one outside of it.
        inner = curve[:5] + e * np.array([0.004, 0.002]) + chart.wobble(5, 0.002)
        out.append(Crease("nasolabial", inner, 0.4, 0.6, 0.5, 0.25, 0.0, drives, 0.2, course=course))
        if course in (0, 3):
            outer = curve[2:] + e * np.array([0.035, 0.0]) + chart.wobble(5, 0.004)
            out.append(Crease("nasolabial", outer, 0.34, 0.65, 0.4, 0.45, drives=drives, course=course))
    return out


def cheeks(chart: Chart) -> list[Crease]:
    """Outside of the fold, when the smile folds the cheek: two lines beside the mouth, three bows further out, or one
    that runs obliquely from the cheekbone to the jaw."""
    at, mouth = chart.at, chart.lm[54]
    smile = (Drive("mouthSmileLeft", 0.8), Drive("mouthDimpleLeft", 0.55), Drive("mouthStretchLeft", 0.5))
    lines = [(0, 0.54, ((du - 0.02, 0.19), (du, 0.09), (du + 0.005, 0.0), (du - 0.03, -0.1))) for du in (0.2, 0.27)]
    lines += [
        (1, 0.34, ((du - 0.07, 0.16), (du, 0.08), (du + 0.02, -0.03), (du - 0.01, -0.14))) for du in (0.24, 0.31, 0.38)
    ]
    lines += [(2, 0.45, ((0.37, 0.27), (0.31, 0.14), (0.24, 0.01), (0.16, -0.12)))]
    lines += [(2, 0.26, ((0.42, 0.18), (0.36, 0.06), (0.29, -0.06), (0.22, -0.16)))]
    out: list[Crease] = []
    for course, depth, way in lines:
        points = np.stack([at(mouth, *w) for w in way]) + chart.wobble(4, 0.006)
        out.append(Crease("cheek", points, depth, 0.85, 0.6, 0.35, drives=smile, course=course))
    return out


def mouth_corners(chart: Chart) -> list[Crease]:
    """Three courses of the marionette line, the corner of the mouth, the dimple."""
    at, mouth = chart.at, chart.lm[54]
    frown = (Drive("mouthFrownLeft", 0.9), Drive("mouthStretchLeft", 0.4), Drive("mouthPressLeft", 0.25),
             Drive("mouthShrugLower", 0.2))  # fmt: skip
    ways = (
        ((0.03, -0.03), (0.055, -0.1), (0.06, -0.18), (0.05, -0.26)),
        ((0.012, -0.045), (0.016, -0.09), (0.012, -0.14), (0.0, -0.18)),
        ((0.055, -0.02), (0.095, -0.10), (0.12, -0.19), (0.115, -0.29)),
    )
    out = [
        Crease("marionette", np.stack([at(mouth, *w) for w in way]) + chart.wobble(4, 0.003), 0.66, 1.1, 0.6, 0.3,
               drives=frown, fold=0.35, course=k)
        for k, way in enumerate(ways)
    ]  # fmt: skip
    corner = np.stack([at(mouth, -0.015, 0.004), at(mouth, 0.02, -0.005), at(mouth, 0.045, -0.03)])
    out.append(Crease("marionette", corner, 0.4, 0.7, 0.3, 0.3, 0.2, frown))
    dimple = np.stack([at(mouth, 0.085, 0.075), at(mouth, 0.105, 0.02), at(mouth, 0.095, -0.045)])
    out.append(Crease("dimple", dimple, 0.5, 0.9, 0.1, 0.5,
                      drives=(Drive("mouthDimpleLeft", 1.0), Drive("mouthPressLeft", 0.3)),
                      fold=0.3))  # fmt: skip
    return out


def chin(chart: Chart) -> list[Crease]:
    """The mentolabial furrow (bowed, straight and lower, or two arcs), short lines of the mentalis, a cleft."""
    at, e = chart.at, chart.e
    lip = (0.5, float(chart.lm[57, 1]))
    shrug = (Drive("mouthShrugLower", 0.8), Drive("mouthRollLower", 0.3), Drive("mouthFrownLeft", 0.15),
             Drive("mouthFrownRight", 0.15))  # fmt: skip
    across = (-0.19, -0.1, 0, 0.1, 0.19)
    furrows = (
        np.stack([at(lip, du, -0.115 - 0.8 * du * du) for du in across]),
        np.stack([at(lip, 0.75 * du, -0.148 + 0.25 * du * du) for du in across]),
        np.stack([at(lip, 0.015, -0.105), at(lip, 0.07, -0.118), at(lip, 0.125, -0.155), at(lip, 0.16, -0.21)]),
    )
    out = [
        Crease("chin", points + chart.wobble(len(points), 0.002), 0.6 - 0.08 * k, 1.6, 0.45, 0.3, 0.1, shrug, course=k)
        for k, points in enumerate(furrows)
    ]
    for i in range(2):
        way = ((0.05 + 0.07 * i, -0.19), (0.075 + 0.07 * i, -0.25), (0.07 + 0.07 * i, -0.31))
        points = np.stack([at(lip, *w) for w in way]) + chart.wobble(3, 0.006)
        out.append(Crease("chin", points, 0.28, 0.8, 0.1, 0.6, drives=shrug[:1]))
    points = np.stack([[0.5 + 0.001 * e * k, lip[1] + e * dv] for k, dv in ((-1, -0.215), (1, -0.27), (-1, -0.33))])
    out.append(Crease("chin", points, 0.6, 1.5, 0.2, 0.3, 0.35, shrug[:1], role="cleft"))
    return out


_RADIALS = ((0, (6, 5), 0.27, (0.06, 0.1), 0.25), (1, (4, 4), 0.32, (0.08, 0.13), 0.45))
"""Course, lines above and below, mm, lengths in e, lean."""


def perioral(chart: Chart) -> list[Crease]:
    """Short radials out of the lips, in two layouts: many fine ones, or fewer and longer ones between them."""
    lm, e = chart.lm, chart.e
    purse = (Drive("mouthPucker", 1.0), Drive("mouthFunnel", 0.85), Drive("mouthRollUpper", 0.25),
             Drive("mouthClose", 0.1))  # fmt: skip
    out: list[Crease] = []
    for course, counts, depth, lengths, lean in _RADIALS:
        for rim, sign, count in ((lm[[51, 52, 53, 54]], 1.0, counts[0]), (lm[[57, 56, 55, 54]], -1.0, counts[1])):
            for i in range(count):
                s = (i + (0.5 if course == 0 else 0.95)) / (count + 0.4 * course) * 2.7
                k, f = min(int(s), 2), s - min(int(s), 2)
                root = rim[k] * (1 - f) + rim[k + 1] * f
                tilt, length = lean * s / 2.7, chart.rng.uniform(*lengths)
                points = np.stack(
                    [root + e * sign * np.array([tilt * sign * r, r]) for r in (0.006, length * 0.5, length)]
                )
                out.append(Crease("perioral", points + chart.wobble(3, 0.003), depth, 0.5, 0.75, 0.35, drives=purse,
                                  role="radial", place=sign, course=course))  # fmt: skip
    return out
