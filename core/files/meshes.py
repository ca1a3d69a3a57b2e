"""Meshes as OBJ and PLY files, in core's millimetres and axes (y up, face along +z); written beside, then renamed.

Own writers, because both formats are a page, and quads, several UV corners a vertex and a face without UV must survive.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from ..geometry.mesh import Mesh
from .writing import write_bytes

Layer = Literal["texture", "detail"]


def write_obj(path: Path, mesh: Mesh, material_names: tuple[str, ...], layer: Layer = "texture") -> Path:
    """Wavefront OBJ: vertices, normals, one UV layer, a group a material. A face outside of the layer has no UV.

    Raises DnpmError when the file cannot be written.
    """
    uv, faces_uv = _layer(mesh, layer)
    parts = [
        "# DNPM Face. Unit: millimetre. Axes: y up, the face looks along +z. "
        f"Texture coordinates: the {layer} layer.\no face\n",
        _rows("v %.5f %.5f %.5f\n", mesh.vertices),
        _rows("vt %.6f %.6f\n", uv),
        _rows("vn %.4f %.4f %.4f\n", mesh.normals),
    ]
    for material in np.unique(mesh.face_material):
        name = material_names[material].replace(" ", "_")
        parts.append(f"g {name}\nusemtl {name}\n")
        chosen = mesh.face_material == material
        for size in (3, 4):
            for mapped in (True, False):
                rows = chosen & ((mesh.faces[:, 3] >= 0) == (size == 4)) & ((faces_uv[:, 0] >= 0) == mapped)
                corners, places = mesh.faces[rows, :size] + 1, faces_uv[rows, :size] + 1
                if mapped:
                    table = np.stack([corners, places, corners], 2)
                    parts.append(_rows("f" + " %d/%d/%d" * size + "\n", table))
                else:
                    parts.append(_rows("f" + " %d//%d" * size + "\n", np.stack([corners, corners], 2)))
    return write_bytes(path, "".join(parts).encode("ascii"))


def write_ply(path: Path, mesh: Mesh, layer: Layer = "texture") -> Path:
    """Binary PLY with normals and texture coordinates s, t per vertex: a vertex with several UV corners is written once
    for each, and where the layer does not reach s = t = 0.

    Raises DnpmError when the file cannot be written.
    """
    uv, faces_uv = _layer(mesh, layer)
    used = mesh.faces >= 0
    pairs = np.stack([mesh.faces[used], faces_uv[used]], 1)
    pairs, index = np.unique(pairs, axis=0, return_inverse=True)
    faces = np.full(mesh.faces.shape, -1, np.int32)
    faces[used] = index.ravel()
    places = np.where(pairs[:, 1:] >= 0, uv[pairs[:, 1]], 0)
    vertices = np.concatenate([mesh.vertices[pairs[:, 0]], mesh.normals[pairs[:, 0]], places], 1).astype("<f4")
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"comment DNPM Face, unit millimetre, y up, the face looks along +z, s t: the {layer} layer\n"
        f"element vertex {len(vertices)}\n"
        + "".join(f"property float {name}\n" for name in ("x", "y", "z", "nx", "ny", "nz", "s", "t"))
        + f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    blocks = []
    for size in (4, 3):
        chosen = faces[(faces[:, 3] >= 0) == (size == 4), :size]
        block = np.empty(len(chosen), np.dtype([("n", "u1"), ("corners", "<i4", (size,))]))
        block["n"], block["corners"] = size, chosen
        blocks.append(block.tobytes())
    return write_bytes(path, header.encode("ascii") + vertices.tobytes() + b"".join(blocks))


def _layer(mesh: Mesh, layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    return (mesh.uv, mesh.faces_uv) if layer == "texture" else (mesh.detail_uv, mesh.faces_detail_uv)


def _rows(line: str, table: np.ndarray) -> str:
    """One line a row; a single call of the formatter is many times quicker than a loop."""
    return (line * len(table)) % tuple(table.ravel().tolist())
