"""Reads Wavefront OBJ: what face models use of it (positions, texture corners, polygons, material names)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DnpmError


@dataclass(frozen=True)
class ObjMesh:
    """One OBJ file. Polygons of more than four corners are fans of triangles; a triangle's fourth entry is -1."""

    vertices: np.ndarray
    """(V, 3) float64, in the file's unit."""
    uv: np.ndarray
    """(U, 2) float32, v up; (0, 2) when the file has none."""
    faces: np.ndarray
    """(F, 4) int32."""
    faces_uv: np.ndarray
    """(F, 4) int32, -1 in all corners of a face without texture corners."""
    material: np.ndarray
    """(F,) int32 into material_names."""
    material_names: tuple[str, ...]


def read_obj(path: Path) -> ObjMesh:
    """Read a mesh. Raises DnpmError with the file's name and line when it is not one."""
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    polygons: list[tuple[list[int], list[int], int]] = []
    materials: dict[str, int] = {}
    current = 0
    for number, line in enumerate(_text(path).split("\n"), 1):
        words = line.split()
        if not words:
            continue
        try:
            if words[0] == "v":
                vertices.append([float(word) for word in words[1:4]])
            elif words[0] == "vt":
                uv.append([float(word) for word in words[1:3]])
            elif words[0] == "usemtl":
                current = materials.setdefault(" ".join(words[1:]), len(materials))
            elif words[0] == "f":
                corners = [_corner(word, len(vertices), len(uv)) for word in words[1:]]
                polygons.append(([v for v, _ in corners], [t for _, t in corners], current))
        except (ValueError, IndexError) as error:
            raise DnpmError(f"{path}, line {number}: cannot be read as OBJ ({line.strip()[:60]!r}: {error})") from error
    if not polygons:
        raise DnpmError(f"{path}: has no polygons; give an OBJ file of a mesh")
    # A file without `usemtl` has one nameless material; one that starts late gives its first faces the first name.
    names = tuple(materials) or ("",)
    faces, faces_uv, material = _tables(path, polygons)
    points = _points(path, vertices)
    for table, count, what in ((faces, len(points), "vertices"), (faces_uv, len(uv), "texture corners")):
        if table.max() >= count or table.min() < -1:
            raise DnpmError(f"{path}: a polygon names {what} that are not there ({count} are)")
    return ObjMesh(points, _uv(path, uv), faces, faces_uv, material, names)


def read_positions(path: Path, count: int) -> np.ndarray:
    """(count, 3) float64: only the `v` lines of a mesh of known topology, quickly.

    Raises DnpmError when the file has another number of vertices.
    """
    rows = [line.split()[1:4] for line in _text(path).split("\n") if line.startswith(("v ", "v\t"))]
    try:
        points = np.array(rows, dtype=np.float64).reshape(-1, 3)
    except ValueError as error:
        raise DnpmError(f"{path}: a `v` line has no three numbers") from error
    if len(points) != count:
        raise DnpmError(
            f"{path}: has {len(points)} vertices, the neutral mesh has {count}; all must be of one topology"
        )
    if not np.isfinite(points).all():
        raise DnpmError(f"{path}: has vertices that are not finite numbers")
    return points


def _text(path: Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="strict")
    except OSError as error:
        raise DnpmError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise DnpmError(f"{path}: is no text file, so no OBJ") from error


def _corner(word: str, n_vertices: int, n_uv: int) -> tuple[int, int]:
    """`7`, `7/3`, `7/3/5`, `7//5`, counted from 1, or from the end when negative -> (vertex, texture corner or -1)."""
    parts = word.split("/")
    vertex, texture = int(parts[0]), int(parts[1]) if len(parts) > 1 and parts[1] else 0
    if vertex == 0 or vertex < -n_vertices or texture < -n_uv:
        raise ValueError("indices count from 1, or back from -1")
    return vertex - 1 if vertex > 0 else n_vertices + vertex, texture - 1 if texture >= 0 else n_uv + texture


def _tables(path: Path, polygons: list[tuple[list[int], list[int], int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    faces, faces_uv, material = [], [], []
    for corners, texture, kind in polygons:
        if len(corners) < 3:
            raise DnpmError(f"{path}: a polygon has {len(corners)} corners; at least 3 are needed")
        if min(texture) < 0:
            texture = [-1] * len(corners)
        fan = [[0, k, k + 1] for k in range(1, len(corners) - 1)]
        parts = [[0, 1, 2, 3]] if len(corners) == 4 else fan
        for part in parts:
            pad = [-1] * (4 - len(part))
            faces.append([corners[k] for k in part] + pad)
            faces_uv.append([texture[k] for k in part] + pad)
            material.append(kind)
    return np.array(faces, np.int32), np.array(faces_uv, np.int32), np.array(material, np.int32)


def _points(path: Path, vertices: list[list[float]]) -> np.ndarray:
    if any(len(row) != 3 for row in vertices):
        raise DnpmError(f"{path}: a `v` line has no three numbers")
    points = np.array(vertices, np.float64).reshape(-1, 3)
    if not np.isfinite(points).all():
        raise DnpmError(f"{path}: has vertices that are not finite numbers")
    return points


def _uv(path: Path, uv: list[list[float]]) -> np.ndarray:
    # One coordinate alone is a 1-d texture, which no face model has.
    if any(len(row) != 2 for row in uv):
        raise DnpmError(f"{path}: a `vt` line has no two numbers")
    table = np.array(uv, np.float32).reshape(-1, 2)
    if not np.isfinite(table).all():
        raise DnpmError(f"{path}: has texture coordinates that are not finite numbers")
    return table
