"""Detail for a mesh of another program, without Blender: a head in, displacement maps in its own UVs out.

Writes into --out:
  detail.exr, or detail.1001.exr ...  the map in the mesh's own UVs, one a UDIM tile; 32-bit float millimetres
  map.exr                             the same in the detail layer
  detail_uv.obj                       the mesh's face with the detail layer as texture coordinates
  transfer.json                       the person, the head's size and how well the face model fits
  vertices.csv                        for every vertex: u, v in the detail layer, weight, millimetres of distance

The mesh shows a human face at rest, in any unit, any way round. OBJ alone is read: any 3D program writes it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import logs
from ..errors import DnpmError
from ..files.displacement_maps import write_exr
from ..files.obj import read_obj
from ..files.writing import folder as made_folder
from ..files.writing import write_text
from ..transfer.resample import resampled

if TYPE_CHECKING:
    from ..transfer.correspondence import Correspondence

log = logs.logger(__name__)

EPILOG = """\
  dnpm transfer head.obj --out detail
  dnpm transfer head.obj --expression mouthSmileLeft=1,mouthSmileRight=1 --size 2048 --out smile

The detail is of the person that was fitted to the mesh.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, and of whom."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("mesh", type=Path, metavar="MESH", help="the head at rest (.obj)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go")
    parser.add_argument(
        "--size", type=int, default=2048, metavar="N", help="texels a side of a tile (default %(default)s)"
    )
    parser.add_argument(
        "--expression", default="", metavar="NAME=V,...", help="ARKit's names, 0 to 1 (default: at rest)"
    )
    parser.add_argument("--strength", type=float, default=1.0, metavar="S", help="factor on the heights (default 1)")
    parser.add_argument("--face-model", metavar="FILE", help="another face model (.safetensors)")
    parser.add_argument("--weights", metavar="DIR", help="another folder of weights")
    parser.add_argument("--landmarks", metavar="FILE", help="another file of landmark networks")


def run(args: argparse.Namespace) -> int:
    """Fit, compute, resample, write."""
    if args.mesh.suffix.lower() != ".obj":
        raise DnpmError(f"{args.mesh}: give an OBJ file; other formats can be exported as OBJ by any 3D program")
    if not 64 <= args.size <= 16384:
        raise DnpmError(f"--size {args.size}: must be 64 to 16384")
    from ..face_model.locate import face_model_path
    from ..face_model.model import FaceModel
    from ..geometry.rasteriser import all_triangles
    from ..photo.landmarks.networks import LandmarkNetworks
    from ..transfer.correspondence import correspond
    from ..transfer.target import Target

    start = time.perf_counter()
    model = FaceModel.load(face_model_path(args.face_model))
    expression = model.expression(**_pairs(args.expression))
    mesh = read_obj(args.mesh)
    triangles = all_triangles(mesh.faces)
    work = correspond(model, Target(mesh.vertices, triangles), LandmarkNetworks.load(args.landmarks))
    try:
        while True:
            log.info("%s", next(work))
    except StopIteration as end:
        found: Correspondence = end.value
    if found.problem:
        log.warning("%s: %s", args.mesh, found.problem)
    heights = args.strength * _map(model, args.weights, found.identity, expression)
    folder = made_folder(args.out)
    write_exr(folder / "map.exr", heights)
    names = ["map.exr", *_own_maps(folder, mesh, found, heights, args.size)]
    rows = np.column_stack([found.detail_uv, found.weight, found.distance])
    lines = [",".join(f"{value:.6g}" for value in row) for row in rows]
    write_text(folder / "vertices.csv", "\n".join(["u,v,weight,distance_mm", *lines]) + "\n")
    _write_detail_mesh(folder / "detail_uv.obj", mesh, found)
    about: dict[str, Any] = {
        "mesh": args.mesh.name, "exact": found.exact, "median_mm": found.median_mm, "p95_mm": found.p95_mm,
        "covered": found.covered, "problem": found.problem, "mm_per_unit": found.scale,
        "rotation": found.rotation.tolist(), "shift_mm": found.shift.tolist(),
        "identity": [round(float(value), 4) for value in found.identity], "maps": names,
        "seconds": round(time.perf_counter() - start, 2),
    }  # fmt: skip
    write_text(folder / "transfer.json", json.dumps(about, indent=2) + "\n")
    print(folder)
    return 0


def _own_maps(folder: Path, mesh: Any, found: Correspondence, heights: np.ndarray, size: int) -> list[str]:
    """The maps in the mesh's own UVs; their names."""
    if not len(mesh.uv):
        log.warning("the mesh has no texture coordinates: only map.exr is written")
        return []
    uv = np.where(mesh.faces_uv[..., None] >= 0, mesh.uv[np.maximum(mesh.faces_uv, 0)], np.nan)
    quads = mesh.faces[:, 3] >= 0
    corners = np.concatenate([uv[:, :3], uv[quads][:, [0, 2, 3]]])
    triangles = np.concatenate([mesh.faces[:, :3], mesh.faces[quads][:, [0, 2, 3]]])
    tiles = resampled(heights, found.detail_uv, found.weight, triangles, corners, size)
    names = []
    for number, tile in tiles.items():
        name = "detail.exr" if set(tiles) == {1001} else f"detail.{number}.exr"
        write_exr(folder / name, tile)
        names.append(name)
    return names


def _write_detail_mesh(path: Path, mesh: Any, found: Correspondence) -> None:
    """The faces that have detail, every vertex with its place in the detail layer."""
    faces = mesh.faces[(np.where(mesh.faces >= 0, found.weight[np.maximum(mesh.faces, 0)], 0) > 0).any(1)]
    lines = ["# texture coordinates: the detail layer of DNPM Face"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in mesh.vertices]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in found.detail_uv]
    lines += ["f " + " ".join(f"{i + 1}/{i + 1}" for i in face if i >= 0) for face in faces.tolist()]
    write_text(path, "\n".join(lines) + "\n")


def _map(model: Any, weights: str | None, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
    """(R, R) mm of this person."""
    import torch

    from ..detail.card import weights_dir
    from ..detail.detailed_3dmm import Detailed3DMM
    from ..detail.weights import load_detail

    full = Detailed3DMM(model, load_detail(weights_dir(weights)))
    with torch.no_grad():
        made = full.displacement(torch.from_numpy(identity)[None], torch.from_numpy(expression)[None])
    return np.asarray(made[0, 0].numpy(), np.float32)


def _pairs(text: str) -> dict[str, float]:
    pairs = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        try:
            pairs[name.strip()] = float(value)
        except ValueError as error:
            raise DnpmError(f"--expression {part!r}: give NAME=VALUE, such as jawOpen=0.5") from error
        if not 0 <= pairs[name.strip()] <= 1:
            raise DnpmError(f"--expression {part}: must be 0 to 1")
    return pairs
