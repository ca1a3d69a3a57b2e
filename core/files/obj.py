"""Reads Wavefront OBJ: what face models use of it (positions, texture corners, polygons, material and group names).

Source: Wavefront's "Object Files (.obj)", appendix B1 of the Advanced Visualizer manual, and what programs write beyond
it: colours after a position, a byte order mark, names in Latin-1, indentation, any line ends.
"""

from __future__ import annotations

import codecs
import io
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from .inputs import read_bytes

LARGEST = 200_000_000
"""Bytes of the largest file that is read: about four million polygons."""
_INDEX_MAX = 2**31 - 1
# Where a comment begins: anywhere among numbers; among names only when it stands alone, as in 3ds Max's "Material #27".
_COMMENT_AFTER_NAMES = re.compile(r"(?:^|\s)#(?:\s|$)")
_NAMED = ("usemtl", "mtllib", "g", "o")


@dataclass(frozen=True)
class ObjMesh:
    """One OBJ file. Polygons of more than four corners are fans of triangles; a triangle's fourth entry is -1."""

    vertices: np.ndarray
    """(V, 3) float64, in the file's unit; colours and weights after the position are left out."""
    uv: np.ndarray
    """(U, 2) float32, v up; (0, 2) when the file has none."""
    faces: np.ndarray
    """(F, 4) int32."""
    faces_uv: np.ndarray
    """(F, 4) int32, -1 in all corners of a face without texture corners."""
    material: np.ndarray
    """(F,) int32 into material_names."""
    material_names: tuple[str, ...]
    group: np.ndarray
    """(F,) int32 into group_names."""
    group_names: tuple[str, ...]
    """What the `g` lines say; a file without any has one nameless group."""


def read_obj(path: Path) -> ObjMesh:
    """Read a mesh. Raises DnpmError with the file's name and line when it is not one."""
    polygons = _Polygons()
    points, uv = _Rows(path, "v", 3), _Rows(path, "vt", 2)
    materials: dict[str, int] = {}
    groups: dict[str, int] = {"": 0}
    material = group = 0
    for number, words in _statements(path):
        key = words[0]
        if key == "v":
            points.add(number, words)
        elif key == "vt":
            uv.add(number, words if len(words) != 2 else [*words, "0"])  # A texture of one dimension lies at v = 0.
        elif key == "f":
            try:
                vertex, texture = _corners(words[1:], len(points), len(uv))
            except ValueError as error:
                raise _unreadable(path, number, words, error) from error
            if len(vertex) < 3:
                raise DnpmError(f"{path}, line {number}: a polygon has {len(vertex)} corners; at least 3 are needed")
            polygons.add(vertex, texture, number, material, group)
        elif key == "usemtl":
            material = materials.setdefault(" ".join(words[1:]), len(materials))
        elif key == "g":
            group = groups.setdefault(" ".join(words[1:]), len(groups))
    if not len(polygons.counts):
        raise DnpmError(f"{path}: has no polygons; give an OBJ file of a mesh")
    polygons.check(path, len(points), len(uv))
    faces, faces_uv, of_polygon = polygons.tables()
    # A file without `usemtl` has one nameless material; one that starts late gives its first faces the first name.
    return ObjMesh(
        points.table(np.float64), uv.table(np.float32), faces, faces_uv,
        np.asarray(polygons.material, np.int32)[of_polygon], tuple(materials) or ("",),
        np.asarray(polygons.group, np.int32)[of_polygon], tuple(groups),
    )  # fmt: skip


def read_positions(path: Path, count: int) -> np.ndarray:
    """(count, 3) float64: only the `v` lines of a mesh of known topology.

    Raises DnpmError as `read_obj`, and when the file has another number of vertices.
    """
    points = _Rows(path, "v", 3)
    for number, words in _statements(path, "v"):
        points.add(number, words)
    if len(points) != count:
        raise DnpmError(
            f"{path}: has {len(points)} vertices, the neutral mesh has {count}; all must be of one topology"
        )
    return points.table(np.float64)


class _Rows:
    """The numbers of one kind of line."""

    def __init__(self, path: Path, key: str, width: int) -> None:
        self.path, self.key, self.width = path, key, width
        self.numbers, self.lines = array("d"), array("q")

    def __len__(self) -> int:
        return len(self.lines)

    def add(self, number: int, words: list[str]) -> None:
        row = words[1 : self.width + 1]
        if len(row) < self.width:
            count = ("two", "three")[self.width - 2]
            raise DnpmError(f"{self.path}, line {number}: a `{self.key}` line has fewer than {count} numbers")
        try:
            self.numbers.extend(map(float, row))
        except ValueError as error:
            raise _unreadable(self.path, number, words, error) from error
        self.lines.append(number)

    def table(self, dtype: type) -> np.ndarray:
        """(rows, width). Raises DnpmError when a number is not finite."""
        with np.errstate(over="ignore"):
            table: np.ndarray = np.array(self.numbers, dtype).reshape(-1, self.width)
        wrong = np.flatnonzero(~np.isfinite(table).all(1))
        if len(wrong):
            raise DnpmError(
                f"{self.path}, line {self.lines[wrong[0]]}: a `{self.key}` line has numbers that are not finite"
            )
        return table


class _Polygons:
    """All corners one after the other, and what each polygon has of them."""

    def __init__(self) -> None:
        self.vertex, self.texture = array("q"), array("q")
        self.counts, self.lines, self.material, self.group = array("q"), array("q"), array("q"), array("q")

    def add(self, vertex: list[int], texture: list[int], line: int, material: int, group: int) -> None:
        self.vertex.extend(vertex)
        # A polygon with texture corners has one at every corner.
        self.texture.extend(texture if min(texture) >= 0 else [-1] * len(texture))
        self.counts.append(len(vertex))
        self.lines.append(line)
        self.material.append(material)
        self.group.append(group)

    def check(self, path: Path, n_vertices: int, n_uv: int) -> None:
        """Raises DnpmError when a corner names what the whole file does not hold."""
        ends = np.cumsum(self.counts)
        for corners, count, what in ((self.vertex, n_vertices, "vertices"), (self.texture, n_uv, "texture corners")):
            wrong = np.flatnonzero(np.asarray(corners) >= count)
            if len(wrong):
                line = self.lines[int(np.searchsorted(ends, wrong[0], "right"))]
                raise DnpmError(f"{path}, line {line}: a polygon names {what} that are not there ({count} are)")

    def tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(F, 4) vertices and (F, 4) texture corners of quads and triangles, (F,) the polygon that each is part of."""
        counts = np.asarray(self.counts)
        starts = np.cumsum(counts) - counts
        parts = np.where(counts == 4, 1, counts - 2)
        of_polygon = np.repeat(np.arange(len(counts)), parts)
        k = np.arange(len(of_polygon)) - np.repeat(np.cumsum(parts) - parts, parts)  # The place in a fan.
        first, quad = starts[of_polygon], counts[of_polygon] == 4
        corners = np.stack([first, first + k + 1, first + k + 2, np.where(quad, first + 3, first)], 1)
        faces = np.asarray(self.vertex, np.int32)[corners]
        faces_uv = np.asarray(self.texture, np.int32)[corners]
        faces[~quad, 3] = faces_uv[~quad, 3] = -1
        return faces, faces_uv, of_polygon


def _statements(path: Path, only: str | None = None) -> Iterator[tuple[int, list[str]]]:
    """Line number and words of each statement: comments cut off, lines that end in a backslash joined."""
    lines = enumerate(_lines(path), 1)
    for number, line in lines:
        words = _words(line)
        # A path in `mtllib` may end in a backslash itself.
        while words and words[-1].endswith("\\") and words[0] != "mtllib":
            words[-1] = words[-1][:-1]
            if not words[-1]:
                words.pop()
            words += _words(next(lines, (0, ""))[1])
        if words and (only is None or words[0] == only):
            yield number, words


def _words(line: str) -> list[str]:
    if "#" in line:
        named = (line.split(None, 1) or [""])[0] in _NAMED
        line = _COMMENT_AFTER_NAMES.split(line, 1)[0] if named else line.partition("#")[0]
    return line.split()


def _lines(path: Path) -> io.TextIOWrapper:
    """The file as text: UTF-8, UTF-16 with a byte order mark, or else Latin-1, in which names alone can differ."""
    data = read_bytes(path, LARGEST).removeprefix(codecs.BOM_UTF8)
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not wide and b"\0" in data:
        raise DnpmError(f"{path}: is not a text file, so not an OBJ")
    encoding = "utf-16" if wide else "utf-8"
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        if wide:
            raise DnpmError(f"{path}: is not a text file, so not an OBJ") from error
        encoding = "latin-1"
    return io.TextIOWrapper(io.BytesIO(data), encoding)


def _corners(words: list[str], n_vertices: int, n_uv: int) -> tuple[list[int], list[int]]:
    """`7`, `7/3`, `7/3/5`, `7//5` each, counted from 1, or from the end when negative -> vertices, texture corners (-1
    for none), counted from 0. Raises ValueError."""
    joined = "/".join(words)
    parts = words[0].count("/") + 1 if words else 1
    if words and "//" not in joined and joined[-1] != "/" and all(word.count("/") == parts - 1 for word in words):
        numbers = [int(part) for part in joined.split("/")]
        vertex, texture = numbers[::parts], numbers[1::parts] if parts > 1 else [0] * len(words)
    else:
        fields = [word.split("/") for word in words]
        vertex = [int(field[0]) for field in fields]
        texture = [int(field[1]) if len(field) > 1 and field[1] else 0 for field in fields]
    if words and (max(vertex) > _INDEX_MAX or max(texture) > _INDEX_MAX):
        raise ValueError("an index is larger than any mesh")
    if words and (0 in vertex or min(vertex) < -n_vertices or min(texture) < -n_uv):
        raise ValueError("indices count from 1, or back from -1")
    return [v - 1 if v > 0 else n_vertices + v for v in vertex], [t - 1 if t >= 0 else n_uv + t for t in texture]


def _unreadable(path: Path, number: int, words: list[str], error: ValueError) -> DnpmError:
    return DnpmError(f"{path}, line {number}: cannot be read as OBJ ({' '.join(words)[:60]!r}: {str(error)[:80]})")
