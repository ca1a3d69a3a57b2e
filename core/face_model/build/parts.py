"""Teeth, gums and lashes, made along the base mesh's coarse strips.

Every vertex is a fixed mixture of a strip's vertices. The strips follow MakeHuman's targets, so the parts fit every
head, and being mixtures they stay as linear in the identity as the head itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .head import MATERIALS, Head

TEETH_MM = (8.6, 6.8, 7.8, 7.2, 7.0, 10.2, 9.8)
"""Widths of one side's teeth from the middle out: incisors, canine, premolars, molars (Wheeler's averages, rounded)."""
_LOWER_TEETH_MM = (5.6, 6.2, 7.0, 7.2, 7.4, 11.0, 10.6)
# Profiles of incisors and canines, and of the teeth that chew: row on the strip, millimetres inwards of its front, and
# 1 where they count from the tooth's back. The latter have a cusp on either side of a furrow.
_CUTS = ((0.35, 0.5, 0), (1.05, -0.45, 0), (1.8, 0.0, 0), (2.02, 0.9, 0), (1.9, 0.0, 1), (0.2, 0.8, 1))
_CHEWS = ((0.35, 0.5, 0), (1.1, -0.45, 0), (1.98, 0.7, 0), (1.84, 2.4, 0), (1.92, -0.9, 1), (0.2, 0.8, 1))
_ROUNDED_MM, _CHEWS_ROUNDED_MM = 0.9, 0.6
_ACROSS, _CHEWS_ACROSS = (-0.015, 0.3, 0.7, 1.015), (-0.015, 0.16, 0.84, 1.015)
"""Where a tooth's columns lie between its neighbours. Those that chew are nearly square: rounded like incisors they
were pegs with gaps between, seen in an open mouth."""
_GUM_INSIDE = 0.3
"""How much higher the gum stands behind the teeth that chew than behind incisors, in rows of the strip: less is seen of
their inner sides than of their outer ones."""
_STRANDS = {"upper": 66, "lower": 36}
_STRAND_HALF_MM, _CLUMP = 0.11, 3
"""Half of a lash's width at its root; lashes stick together in bunches of about so many."""
_ROOT_WIDER = {"upper": 2.6, "lower": 1.4}
"""How much wider a lash is at its root: from afar, where no single hair is seen, the upper ones are one dark line."""
_GUM_COLUMNS = 41


@dataclass
class Parts:
    """The mesh made along the strips; its vertices are `mixture @ strips` (rows sum to 1)."""

    mixture: np.ndarray
    """(P, n_strips) float64; columns are the head's vertices from n_mesh on."""
    faces: np.ndarray
    uv: np.ndarray
    faces_uv: np.ndarray
    face_material: np.ndarray
    groups: dict[str, np.ndarray]
    strand_root: dict[str, np.ndarray] = field(default_factory=dict)
    """`lashes_left` -> for each of that group's vertices the mixture row of its strand's root, (n, n_strips)."""


def make_parts(head: Head, mean: np.ndarray) -> Parts:
    """head and its mean adult (V, 3) mm -> teeth, gums and lashes."""
    return _Maker(head, mean).parts()


def grid(quads: np.ndarray) -> np.ndarray:
    """(F, 4) quads of a rectangular sheet -> (rows, columns) vertex indices, rows the shorter way."""
    owners: dict[frozenset[int], list[int]] = {}
    table = quads.tolist()
    for f, quad in enumerate(table):
        for k in range(4):
            owners.setdefault(frozenset((quad[k - 1], quad[k])), []).append(f)
    place = dict(zip(table[0], [np.array(p) for p in ((0, 0), (1, 0), (1, 1), (0, 1))], strict=True))
    done, waiting = {0}, [0]
    while waiting:
        quad = table[waiting.pop()]
        for k in range(4):
            before, p, q, after = (quad[(k + s) % 4] for s in range(4))
            for f in set(owners[frozenset((p, q))]) - done:
                other = table[f]
                i, j = other.index(p), other.index(q)
                step = i - j if (i - j) in (-1, 1) else -(i - j) // 3
                # The sheet goes straight on across the shared edge.
                place[other[(i + step) % 4]] = 2 * place[p] - place[before]
                place[other[(j - step) % 4]] = 2 * place[q] - place[after]
                done.add(f)
                waiting.append(f)
    cells = np.array(list(place.values()))
    cells -= cells.min(0)
    result = np.full(cells.max(0) + 1, -1)
    result[cells[:, 0], cells[:, 1]] = list(place)
    if (result < 0).any():
        raise ValueError("the strip is not a rectangular sheet")
    return result if result.shape[0] <= result.shape[1] else result.T


def _profile(number: int) -> np.ndarray:
    """(6, 3): of a tooth of a row of 14, counted from one end; beyond the ends as at them."""
    return np.array(_CHEWS if _chews(number) else _CUTS)


def _chews(number: int) -> bool:
    """Whether a tooth, counted as for `_profile`, is a premolar or a molar."""
    return abs(number - 6.5) > 3


def _rounded_mm(number: int) -> float:
    return _CHEWS_ROUNDED_MM if _chews(number) else _ROUNDED_MM


class _Maker:
    def __init__(self, head: Head, mean: np.ndarray) -> None:
        self._head, self._mean = head, mean
        self._rows: list[np.ndarray] = []
        self._faces: list[list[int]] = []
        self._uv: list[tuple[float, float]] = []
        self._material: list[int] = []
        self._groups: dict[str, list[int]] = {}
        self._roots: dict[str, list[np.ndarray]] = {}

    def parts(self) -> Parts:
        for jaw in ("upper", "lower"):
            self._teeth(jaw)
        for side in ("left", "right"):
            for lid in ("upper", "lower"):
                self._lashes(side, lid)
        faces = np.array(self._faces, np.int32)
        return Parts(
            np.stack(self._rows), faces, np.array(self._uv, np.float32), faces, np.array(self._material, np.uint8),
            {name: np.array(v, np.int32) for name, v in self._groups.items()},
            {name: np.stack(v) for name, v in self._roots.items()},
        )  # fmt: skip

    def _sheet(self, name: str) -> np.ndarray:
        """The strip's grid: columns from the subject's right to the left."""
        table = grid(self._head.cages[name])
        x = self._mean[table, 0].mean(0)
        return table if x[0] < x[-1] else table[:, ::-1]

    def _at(self, sheet: np.ndarray, row: float, column: float) -> np.ndarray:
        """Mixture that lies at (row, column) of the strip; beyond its edges it goes on straight."""
        mix = np.zeros(len(self._mean) - self._head.n_mesh)
        r0 = int(np.clip(np.floor(row), 0, sheet.shape[0] - 2))
        c0 = int(np.clip(np.floor(column), 0, sheet.shape[1] - 2))
        fr, fc = row - r0, column - c0
        for dr, wr in ((0, 1 - fr), (1, fr)):
            for dc, wc in ((0, 1 - fc), (1, fc)):
                mix[sheet[r0 + dr, c0 + dc] - self._head.n_mesh] += wr * wc
        return mix

    def _add(self, group: str, mixtures: list[np.ndarray], uv: list[tuple[float, float]]) -> list[int]:
        start = len(self._rows)
        indices = list(range(start, start + len(mixtures)))
        self._rows += mixtures
        self._uv += uv
        self._groups.setdefault(group, []).extend(indices)
        return indices

    def _quads(self, table: np.ndarray, material: str, flip: bool) -> None:
        for r in range(table.shape[0] - 1):
            for c in range(table.shape[1] - 1):
                quad = [table[r, c], table[r, c + 1], table[r + 1, c + 1], table[r + 1, c]]
                self._faces.append([int(i) for i in (quad[::-1] if flip else quad)])
                self._material.append(MATERIALS.index(material))

    def _teeth(self, jaw: str) -> None:
        sheet = self._sheet(f"teeth_{jaw}")
        # The inner row bends back behind the teeth: its arch is the narrowest.
        narrow = np.abs(self._mean[sheet, 0]).mean(1)
        if narrow[0] < narrow[-1]:
            sheet = sheet[::-1]
        points = self._mean[sheet]
        depth = np.linalg.norm(points[3] - points[1], axis=1)
        length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points[1], axis=0), axis=1))])
        columns = np.arange(sheet.shape[1], dtype=float)
        half = np.array(TEETH_MM if jaw == "upper" else _LOWER_TEETH_MM)
        borders = np.concatenate([-np.cumsum(half)[::-1], [0], np.cumsum(half)])
        borders = length[-1] / 2 + borders * (0.97 * length[-1] / 2 / half.sum())
        column = lambda s: float(np.interp(s, length, columns))  # noqa: E731

        def at(row: float, s: float, inwards_mm: float) -> np.ndarray:
            c = column(s)
            share = inwards_mm / float(np.interp(c, columns, depth))
            back = self._at(sheet, 3.0, c) - self._at(sheet, 1.0, c)
            return self._at(sheet, row, c) + share * back

        upwards = jaw == "lower"
        for k in range(len(borders) - 1):
            a, b = borders[k], borders[k + 1]
            tooth = abs(k - 6.5)
            mixtures, uv = [], []
            # Rows run from the gum over the front and the biting edge down the back; columns across the tooth. Sides
            # are open, therefore a tooth is as thick there as its neighbour.
            profile = _profile(k)
            for line in range(len(profile)):
                for j, t in enumerate(_CHEWS_ACROSS if _chews(k) else _ACROSS):
                    side = j in (0, 3)
                    # Where a tooth meets one of the other kind, both have the mean of the two.
                    neighbour = k + {0: -1, 3: 1}.get(j, 0)
                    beside = _profile(neighbour)
                    row, inwards, at_back = 0.5 * (profile[line] + beside[line])
                    rounded = 0.5 * (_rounded_mm(k) + _rounded_mm(neighbour))
                    thick = _thickness(abs(k + t - 7))
                    # Towards its neighbours a tooth draws in, in front and behind: what tells one from the next.
                    drawn = rounded if side else 0.0
                    depth_mm = inwards + at_back * thick + (1.0 - 2.0 * at_back) * drawn
                    edge = row >= 1.5
                    short = 0.133 * rounded if side and edge else 0.0
                    point = 0.10 if abs(tooth - 2.5) < 0.1 and not side and edge else 0.0
                    mixtures.append(at(row - short + point, a + t * (b - a), depth_mm))
                    uv.append((0.02 + 0.96 * (k + t) / 14, 0.5 + (0.04 + 0.2 * row) * (1 if upwards else -1)))
            table = np.array(self._add(f"teeth_{jaw}", mixtures, uv)).reshape(len(profile), 4)
            self._quads(table, "teeth", flip=not upwards)

        mixtures, uv = [], []
        # From the lip over the ridge that the teeth stand in, and down behind them. Under the lip it turns inwards: in
        # a smile with an open jaw it would come through the chin.
        for row, inwards, scallop, behind in (
            (-0.8, 2.2, 0.0, 0.0), (0.35, -0.85, 1.0, 0.0), (0.4, 0.9, 0.3, 1.0), (-1.0, 2.6, 0.0, 1.0),
        ):  # fmt: skip
            for s in np.linspace(borders[0], borders[-1], _GUM_COLUMNS):
                k = int(np.clip(np.searchsorted(borders, s) - 1, 0, len(borders) - 2))
                t = (s - borders[k]) / (borders[k + 1] - borders[k])
                papilla = 0.34 * scallop * np.cos(2 * np.pi * t)
                higher = _GUM_INSIDE * (row > 0) * behind * float(np.interp(abs(k + t - 7), (2.5, 4.0), (0.0, 1.0)))
                mixtures.append(at(row + higher + papilla, s, inwards + behind * _thickness(abs(k + t - 7))))
                uv.append((float(s / length[-1]), 0.5 + 0.1 * (row + 1.1) * (1 if upwards else -1)))
        table = np.array(self._add(f"teeth_{jaw}", mixtures, uv)).reshape(4, _GUM_COLUMNS)
        self._quads(table, "gums", flip=not upwards)

    def _lashes(self, side: str, lid: str) -> None:
        sheet = self._sheet(f"lashes_{lid}_{side}")
        # Row 0 lies within the eyeball, row 1 on the rim of the lid, the last row at the tips.
        if self._mean[sheet[0], 2].mean() > self._mean[sheet[-1], 2].mean():
            sheet = sheet[::-1]
        count, rows, columns = _STRANDS[lid], sheet.shape[0] - 1, sheet.shape[1] - 1
        spacing = np.linalg.norm(np.diff(self._mean[sheet[1]], axis=0), axis=1)
        # The same strands on both sides, mirrored.
        rng = np.random.default_rng((7, lid == "upper"))
        jitter, bunches = rng.uniform(-1, 1, (count, 3)), rng.uniform(-1, 1, (count, 2))
        group = "lashes"
        for i in range(count):
            t = (i + 0.5 + 0.45 * jitter[i, 0]) / count
            bunch = i // _CLUMP
            middle_of_bunch = (bunch + 0.5) * _CLUMP / count
            # Lashes are longest beyond the middle, short at the inner corner, and fan outwards.
            reach = (0.5 + 0.4 * np.sin(np.pi * t) ** 0.7 + 0.14 * jitter[i, 1] + 0.1 * bunches[bunch, 0]) * (
                0.92 if lid == "upper" else 0.62
            )
            lean = 0.6 * (t - 0.35) + 0.18 * jitter[i, 2] + 0.22 * bunches[bunch, 1]
            lean += 0.7 * columns * (middle_of_bunch - t)
            place = t if side == "left" else 1 - t
            direction = 1 if side == "left" else -1
            column = 0.4 + place * (columns - 0.8)
            half = _STRAND_HALF_MM / float(np.interp(column, np.arange(columns) + 0.5, spacing))
            tip = 1.0 + reach * (rows - 1.0)
            middle = 0.5 * (1.0 + tip)
            root = self._at(sheet, 0.85, column)
            mixtures = []
            for row, shift, width in (
                (0.95, 0.0, _ROOT_WIDER[lid] * half),
                (middle, 0.4 * lean, 0.9 * half),
                (tip, lean, 0.0),
            ):
                ends = (-width, width) if width else (0.0,)
                mixtures += [self._at(sheet, row, column + direction * shift + end) for end in ends]
            uv = [(0.0, 0.0), (0.02, 0.0), (0.0, 0.5), (0.02, 0.5), (0.01, 1.0)]
            v = self._add(f"{group}_{side}", mixtures, uv)
            self._groups.setdefault(group, []).extend(v)
            self._roots.setdefault(f"{group}_{side}", []).extend([root] * 5)
            self._faces += [[v[0], v[1], v[3], v[2]], [v[2], v[3], v[4], -1]]
            self._material += [MATERIALS.index("lashes")] * 2


def _thickness(tooth: float) -> float:
    """Millimetres from a tooth's front to its back: its place is 0.5 and 1.5 for incisors, 2.5 for a canine."""
    return float(np.interp(tooth, (2.5, 3.5, 4.5, 5.5), (2.2, 4.5, 4.5, 7.0)))
