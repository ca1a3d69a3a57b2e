"""Small files in the formats of other face models, for the readers' tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SIDE = 6


def grid(side: int = SIDE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A bulged square: vertices (V, 3), uv (V, 2) in [0, 1], quads (F, 4)."""
    v, u = (a.ravel() for a in np.mgrid[0:side, 0:side] / (side - 1))
    vertices = np.stack([u * 16 - 8, v * 20 - 10, 4 * np.cos((u - 0.5) * 2)], 1)
    row, column = (a.ravel() for a in np.mgrid[0 : side - 1, 0 : side - 1])
    corner = row * side + column
    return vertices, np.stack([u, v], 1), np.stack([corner, corner + 1, corner + side + 1, corner + side], 1)


def write_obj(
    path: Path, vertices: np.ndarray, uv: np.ndarray, parts: list[tuple[str, np.ndarray, np.ndarray]]
) -> None:
    """parts: (material, faces (F, 4), faces_uv (F, 4)), -1 as a triangle's fourth corner."""
    lines = ["# test", "mtllib Some.mtl"]
    lines += ["v {:.9f} {:.9f} {:.9f}".format(*row) for row in vertices]
    lines += ["vt {:.7f} {:.7f}".format(*row) for row in uv]
    for material, faces, faces_uv in parts:
        lines.append(f"usemtl {material}")
        lines += [
            "f " + " ".join(f"{a + 1}/{b + 1}" for a, b in zip(f, t, strict=True) if a >= 0)
            for f, t in zip(faces, faces_uv, strict=True)
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
