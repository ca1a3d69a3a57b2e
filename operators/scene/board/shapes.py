"""The drawings of the board: flat meshes that bones are shown as. In the board's units, facing the viewer (z)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import numpy as np

from . import layout, strokes

PREFIX = "DNPM Board"
_LINE = 0.035
"""Half the width of a line."""
_TRACK = 0.07
_BEHIND, _ON, _WRITING = -0.06, 0.0, 0.02

Outline = Sequence[tuple[float, float]]


class Drawing:
    """Flat pieces that become one mesh."""

    def __init__(self) -> None:
        self._points: list[tuple[float, float, float]] = []
        self._faces: list[list[int]] = []
        self._edges: list[tuple[int, int]] = []

    def fill(self, outline: Outline, z: float = _ON) -> None:
        """A convex piece, counter-clockwise."""
        first = len(self._points)
        self._points += [(x, y, z) for x, y in outline]
        self._faces.append(list(range(first, len(self._points))))

    def band(self, outer: Outline, inner: Outline, z: float = _ON) -> None:
        """What lies between two outlines with as many corners."""
        first, count = len(self._points), len(outer)
        self._points += [(x, y, z) for x, y in (*outer, *inner)]
        for k in range(count):
            n = (k + 1) % count
            self._faces.append([first + k, first + n, first + count + n, first + count + k])

    def add(self, points: np.ndarray, faces: list[list[int]]) -> None:
        """Pieces of another mesh: (V, 3) and the faces' corners."""
        first = len(self._points)
        self._points += [(float(x), float(y), float(z)) for x, y, z in points]
        self._faces += [[first + k for k in face] for face in faces]

    def write(self, text: str, x: float, y: float, size: float, *, middle: bool = False) -> None:
        """A line of writing, from x on or about it, standing on y; as lines, which are sharp at every distance."""
        if middle:
            x -= strokes.width(text, size) / 2
        for line in strokes.lines(text, size):
            first = len(self._points)
            self._points += [(x + px, y + py, _WRITING) for px, py in line]
            self._edges += [(k, k + 1) for k in range(first, len(self._points) - 1)]

    def box(self, left: float, right: float, low: float, high: float, round_: float, line: float, z: float) -> None:
        """An outline with round corners."""
        outer = rounded(left, right, low, high, round_)
        inner = rounded(left + line, right - line, low + line, high - line, max(round_ - line, 0.01))
        self.band(outer, inner, z)

    def object(self, name: str) -> bpy.types.Object:
        """The drawing, in no scene."""
        mesh = bpy.data.meshes.new(f"{PREFIX} {name}")
        mesh.from_pydata(self._points, self._edges, self._faces)
        return bpy.data.objects.new(f"{PREFIX} {name}", mesh)


def rounded(
    left: float, right: float, low: float, high: float, radius: float, steps: int = 5
) -> list[tuple[float, float]]:
    """A rectangle with round corners, counter-clockwise."""
    found = []
    corners = ((right, high, 0), (left, high, 1), (left, low, 2), (right, low, 3))
    for x, y, quarter in corners:
        cx = x - radius if quarter in (0, 3) else x + radius
        cy = y - radius if quarter in (0, 1) else y + radius
        for k in range(steps + 1):
            angle = (quarter + k / steps) * math.pi / 2
            found.append((cx + radius * math.cos(angle), cy + radius * math.sin(angle)))
    return found


def disc(radius: float, steps: int = 24, x: float = 0.0, y: float = 0.0) -> list[tuple[float, float]]:
    """A circle, counter-clockwise."""
    turns = [2 * math.pi * k / steps for k in range(steps)]
    return [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]


def knob() -> bpy.types.Object:
    """A control that moves one way."""
    drawing = Drawing()
    drawing.fill(rounded(-0.34, 0.34, -0.2, 0.2, 0.19), 0.06)
    return drawing.object("Knob")


def ball() -> bpy.types.Object:
    """A control that moves in a field."""
    drawing = Drawing()
    drawing.fill(disc(0.3), 0.06)
    return drawing.object("Ball")


def frame() -> bpy.types.Object:
    """The rim, by which the whole board is moved."""
    drawing = Drawing()
    half, tall = layout.WIDTH / 2, layout.HEIGHT / 2
    drawing.box(-half, half, layout.MIDDLE - tall, layout.MIDDLE + tall, 0.7, 0.14, _ON)
    return drawing.object("Frame")


def panels() -> bpy.types.Object:
    """The fields of the groups."""
    drawing = Drawing()
    for panel in layout.PANELS:
        drawing.fill(rounded(panel.left, panel.right, panel.low, panel.high, 0.35), _BEHIND)
    return drawing.object("Panels")


def tracks() -> bpy.types.Object:
    """Where the controls move."""
    drawing = Drawing()
    for one in layout.controls():
        (left, right), (low, high) = one.across, one.up
        if one.is_field:
            drawing.box(one.x + left, one.x + right, one.y + low, one.y + high, 0.12, _TRACK, _ON)
            drawing.fill(_bar(one.x + left, one.x + right, one.y - _LINE, one.y + _LINE))
            drawing.fill(_bar(one.x - _LINE, one.x + _LINE, one.y + low, one.y + high))
        else:
            drawing.fill(_bar(one.x - _TRACK, one.x + _TRACK, one.y + low, one.y + high))
            for y in {low, 0.0, high}:
                drawing.fill(_bar(one.x - 0.2, one.x + 0.2, one.y + y - _LINE, one.y + y + _LINE))
    return drawing.object("Tracks")


def _bar(left: float, right: float, low: float, high: float) -> list[tuple[float, float]]:
    return [(left, low), (right, low), (right, high), (left, high)]


def writing() -> bpy.types.Object:
    """Labels and titles."""
    drawing = Drawing()
    for panel in layout.PANELS:
        drawing.write(panel.title, panel.left + 0.35, panel.high - 0.75, layout.TITLE)
    for one in layout.controls():
        for k, line in enumerate(one.label.split("\n")):
            y = one.y + one.up[0] - 0.72 - 1.6 * k * layout.LABEL
            drawing.write(line, one.x + sum(one.across) / 2, y, layout.LABEL, middle=True)
    drawing.write("R", -8.3, 4.9, 0.7, middle=True)
    drawing.write("L", 8.3, 4.9, 0.7, middle=True)
    return drawing.object("Writing")


def ring(name: str, radius: float, width: float) -> bpy.types.Object:
    """A ring that lies flat (around y), for head and neck."""
    points: list[tuple[float, float, float]] = []
    for r, y in ((radius, -width), (radius, width)):
        points += [(x, y, z) for x, z in disc(r, 48)]
    faces = [[k, (k + 1) % 48, 48 + (k + 1) % 48, 48 + k] for k in range(48)]
    drawing = Drawing()
    drawing.add(np.array(points), faces)
    return drawing.object(name)


def arc(reach: float, drop: float, radius: float) -> bpy.types.Object:
    """A bow about the chin, seen from the joint of the jaw: `reach` forward (z), `drop` down."""
    points: list[tuple[float, float, float]] = []
    steps = 20
    for y in (-drop - 0.12, -drop + 0.12):
        for k in range(steps + 1):
            turn = math.pi * (0.15 + 0.7 * k / steps)
            points.append((radius * math.cos(turn), y, reach + radius * (math.sin(turn) - 1)))
    faces = [[k, k + 1, steps + 2 + k, steps + 1 + k] for k in range(steps)]
    drawing = Drawing()
    drawing.add(np.array(points), faces)
    return drawing.object("Jaw")


def target(half: float) -> bpy.types.Object:
    """What both eyes look at."""
    drawing = Drawing()
    drawing.box(-half - 1.0, half + 1.0, -1.0, 1.0, 0.98, 0.12, _ON)
    return drawing.object("Eyes")


def eye_target() -> bpy.types.Object:
    """What one eye looks at."""
    drawing = Drawing()
    drawing.band(disc(0.55), disc(0.42))
    drawing.fill(disc(0.14))
    return drawing.object("Eye")
