"""How well does our detail fit heads of other programs? Landmarks, and displacements at corresponding places.

Own people (`remesh.py`): random people of the face model, made anew as a grid of another topology with other UVs, unit
and axes, so that every vertex's true place is known. Bent people: the same, and bent smoothly by some millimetres, as
no person of the model is. ICT-FaceKit (a file of it beside the repository; else left out): its own 68 landmarks; and
people of its topology, each registered by itself: one vertex is one place of the face on all of them, so that what two
people's registrations give it must agree.

landmark_mm: distances between our landmarks on the registered sheet and theirs, in millimetres of the model's size;
median over eyes, nose and mouth (27 to 67), which both mark alike, and over all but the jaw (17 to 67): ICT marks the
brows 4 to 8 mm higher than we do and 5 to 13 farther out. brow_ridge_mm: how far the ridge over the eyes is off in
height, by the surface alone (`brow_ridge.py`), so that no convention counts. correlation: of the displacements of one
map (a frowning, smiling person's) at vertices where the truth's mask is above one half; correlation_broad: of the same
map smoothed by 2 mm, for a fine line that lies 2 mm off shares nothing with the true one, while a fold is still in its
place. along_skin_mm: from where a vertex was put to where it is, median, and what nine in ten stay below (p90).
pairs_mm: from where one person's registration put a vertex to where another's did, on the mean face.
Baseline: the first alignment alone (a similarity of the landmarks) and nearest places on the mean face.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from .. import progress
from ..detail.card import weights_dir
from ..detail.detailed_3dmm import Detailed3DMM
from ..detail.weights import load_detail
from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..face_model.sampling import random_identity
from ..files.inputs import reading
from ..files.npz import ArrayFile
from ..geometry.rasteriser import all_triangles
from ..geometry.uv_map import UVMap, sample
from ..paths import ROOT
from ..photo.fit.calibrate import load_offsets
from ..photo.fit.points import SurfacePoints, mediapipe_points
from ..photo.landmarks.networks import LandmarkNetworks
from ..transfer.correspondence import Correspondence, read_off, skin_of
from ..transfer.register import Registration, register, unregistered
from ..transfer.target import Target
from ..transfer.template import Template
from ..transfer.views import find_face
from . import brow_ridge
from .remesh import bent, foreign

PURPOSE = "detail on heads of other programs: landmarks after registration (mm), displacements' correlation"
ICT = ROOT.parent / "shared" / "data" / "ict_facekit.npz"
_FROWN_SMILE = {
    "browDownLeft": 0.8, "browDownRight": 0.8, "mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "browInnerUp": 0.4,
}  # fmt: skip
_BROAD_MM = 2.0
IRISES = ("M_IrisLeft", "M_IrisRight", "M_LacrimalFluid", "M_EyeBlend", "M_EyeOcclusion")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many, and which."""
    parser.add_argument("--people", type=int, default=3, metavar="N", help="of our own model (default %(default)s)")
    parser.add_argument("--bent-people", type=int, default=3, metavar="N", help="bent ones (default %(default)s)")
    parser.add_argument("--ict-people", type=int, default=3, metavar="N", help="of ICT-FaceKit (default %(default)s)")
    parser.add_argument("--seed", type=int, default=500, help="the first person's seed (default %(default)s)")
    parser.add_argument("--ict", type=Path, default=ICT, metavar="FILE", help="ICT-FaceKit's arrays (.npz)")


def evaluate(args: argparse.Namespace) -> dict:
    """The figures, ours and the baseline's."""
    if args.people < 1 or args.ict_people < 0 or args.bent_people < 0:
        raise DnpmError("--people must be 1 or more, --bent-people and --ict-people 0 or more")
    bench = _Bench(args)
    result: dict[str, Any] = {"face_model": bench.model.name, "seed": args.seed}
    for kind, people in (("own", args.people), ("bent", args.bent_people)):
        with progress.share(f"{kind} people") as tell:
            rows = []
            for k in range(people):
                rows.append(bench.own(args.seed + k, is_bent=kind == "bent"))
                tell((k + 1) / people)
        if rows:
            result[kind] = {"people": people} | _means(rows)
    if args.ict_people and args.ict.is_file():
        result["ict_facekit"] = {"people": args.ict_people} | bench.ict(args.ict, args.ict_people, args.seed)
    return result


def table(result: dict) -> str:
    """The figures for reading."""
    lines = []
    titles = (("own", "own people, remeshed"), ("bent", "own people, bent, remeshed"), ("ict_facekit", "ICT-FaceKit"))
    for name, title in titles:
        if name not in result:
            continue
        row = result[name]
        lines.append(f"{title}: {row['people']} people                     ours   baseline")
        for key in sorted(row["ours"]):
            other = row["baseline"].get(key)
            lines.append(f"  {key:<42} {row['ours'][key]:>8.3f} {'' if other is None else f'{other:>9.3f}'}")
    return "\n".join(lines)


class _Bench:
    """Model, networks and one person's map."""

    def __init__(self, args: argparse.Namespace) -> None:
        import torch

        path = face_model_path(args.face_model)
        self.model = FaceModel.load(path)
        self.template = Template.of(self.model)
        self.networks = LandmarkNetworks.load()
        self.points: SurfacePoints = mediapipe_points(self.model, self.networks.canonical, load_offsets())
        full = Detailed3DMM(self.model, load_detail(weights_dir(args.weights)))
        identity = random_identity(self.model, args.seed + 77)
        face = self.model.expression(**{k: v for k, v in _FROWN_SMILE.items() if k in self.model.expression_index})
        with torch.no_grad():
            made = full.displacement(torch.from_numpy(identity)[None], torch.from_numpy(face)[None])
        self.map = made[0, 0].numpy().astype(np.float32)
        del full
        self.texels = UVMap(self.model.faces, self.model.detail_uv, self.model.faces_detail_uv, 512)
        self.broad = ndimage.gaussian_filter(self.map, _BROAD_MM / self._mm_a_texel())
        place = np.full(len(self.model.neutral), -1)
        place[self.template.vertices] = np.arange(len(self.template.vertices))
        self.marks = place[self.model.landmarks68]

    def _mm_a_texel(self) -> float:
        """Of the map, on the mean face."""
        places = self.texels.to_texels(self.model.neutral)
        middle = slice(len(places) * 2 // 5, len(places) * 3 // 5)
        steps = np.linalg.norm(np.diff(places[middle, middle], axis=1), axis=2)
        return float(np.median(steps)) * len(places) / len(self.map)

    def laid(
        self, target: Target
    ) -> tuple[Correspondence, Registration, Correspondence, Registration, dict[str, float]]:
        """Ours and the baseline's, and ours' seconds."""
        start, busy = time.perf_counter(), time.process_time()
        found = _run(find_face(target, self.points.of(self.model.neutral), self.networks))
        skin = target.part(skin_of(target, found))
        made = _run(register(self.template, skin, found, self.points))
        ours = read_off(self.template, skin, made)
        seconds = {"seconds": time.perf_counter() - start, "processor_seconds": time.process_time() - busy}
        plain = unregistered(self.template, skin, found)
        return ours, made, read_off(self.template, skin, plain), plain, seconds

    def marks_off(self, made: Registration, truth: np.ndarray) -> dict[str, float]:
        """truth (68, 3) in the target's space."""
        theirs = made.scale * truth @ made.rotation.T + made.shift
        known = self.marks >= 0
        off = np.full(68, np.nan)
        off[known] = np.linalg.norm(made.sheet[self.marks[known]] - theirs[known], axis=1)
        groups = {"": slice(27, 68), "_with_brows": slice(17, 68), "_brows": slice(17, 27), "_jaw": slice(0, 17)}
        found = {f"landmark_mm{name}": float(np.nanmedian(off[part])) for name, part in groups.items()}
        return found | {"brow_ridge_mm": self._ridge_off(made, theirs)}

    def _ridge_off(self, made: Registration, marks: np.ndarray) -> float:
        """marks (68, 3): the head's landmarks in the model's space."""
        own = self.model.neutral_of(made.identity)[self.model.landmarks68].astype(float)
        person = self.template.finer @ self.template.rest(made.identity)
        head = (made.target.vertices, made.target.triangles, marks)
        return brow_ridge.off_mm(person, made.sheet, self.template.triangles, own, head)

    def own(self, seed: int, *, is_bent: bool = False) -> dict[str, dict[str, float]]:
        """One person of ours, as somebody else's mesh."""
        identity = random_identity(self.model, seed)
        vertices = self.model.neutral_of(identity).astype(float)
        if is_bent:
            vertices = bent(vertices, seed)
        mesh = foreign(self.model, vertices)
        ours, made, baseline, plain, seconds = self.laid(mesh.target)
        place = np.full(len(self.model.neutral), -1)
        place[self.template.vertices] = np.arange(len(self.template.vertices))
        corners = place[mesh.corners]
        inside = (corners >= 0).all(1)
        true_uv = np.einsum("nk,nkc->nc", mesh.weights, self.template.detail[np.maximum(corners, 0)])
        inside &= sample(self.model.detail_mask, true_uv) > 0.5
        marks = mesh.carried(vertices[self.model.landmarks68])
        rows = {}
        for name, found, how in (("ours", ours, made), ("baseline", baseline, plain)):
            apart = np.linalg.norm(self._apart(found, true_uv, vertices, inside), axis=1)
            rows[name] = self.marks_off(how, marks) | {
                "correlation": _alike(self.map, found, true_uv, inside),
                "correlation_broad": _alike(self.broad, found, true_uv, inside),
                "along_skin_mm": float(np.median(apart)),
                "along_skin_mm_p90": float(np.percentile(apart, 90)),
            }  # fmt: skip
        rows["ours"] |= {
            "distance_mm": ours.median_mm, "scale_error": abs(ours.scale / 1000.0 - 1.0), **seconds,
        }  # fmt: skip
        return rows

    def _apart(
        self, found: Correspondence, true_uv: np.ndarray, vertices: np.ndarray, inside: np.ndarray
    ) -> np.ndarray:
        """(n, 3) mm on the person between where a vertex was put and where it is."""
        texels = self.texels.to_texels(vertices)
        return _at(texels, found.detail_uv[inside]) - _at(texels, true_uv[inside])

    def ict(self, path: Path, people: int, seed: int) -> dict:
        """People of ICT-FaceKit: its neutral first."""
        with ArrayFile(path) as data, reading(path):
            faces = data.get("faces").astype(np.int64)
            names = [str(name) for name in data.get("material_names")]
            kept = ~np.isin(data.get("face_material"), [names.index(name) for name in IRISES])
            planes = (data.get("id_hi").astype(np.uint16) << 8) | data.get("id_lo")
            deltas = planes.view(np.int16)[:50].astype(np.float32) * float(data.get("step"))
            neutral, marks = data.get("neutral").astype(float), data.get("landmarks68").astype(np.int64)
        triangles = all_triangles(faces[kept])
        rows: list[dict[str, dict[str, float]]] = []
        found: list[tuple[Correspondence, Correspondence]] = []
        with progress.share("ICT-FaceKit") as tell:
            for k in range(people):
                drawn = np.random.default_rng((seed, k)).normal(size=50) * (0.8 if k else 0.0)
                target = Target(neutral + np.tensordot(drawn, deltas, 1), triangles)
                ours, made, baseline, plain, seconds = self.laid(target)
                rows.append({
                    "ours": self.marks_off(made, target.vertices[marks])
                    | {"distance_mm": ours.median_mm, "covered": ours.covered} | seconds,
                    "baseline": self.marks_off(plain, target.vertices[marks]),
                })  # fmt: skip
                found.append((ours, baseline))
                tell((k + 1) / people)
        result = _means(rows)
        if people > 1:
            # Where every registration found skin.
            used = np.array([one.weight for pair in found for one in pair]).min(0) > 0.5
            texels = self.texels.to_texels(self.model.neutral)
            for i, name in enumerate(("ours", "baseline")):
                places = [_at(texels, pair[i].detail_uv[used]) for pair in found]
                apart = [np.median(np.linalg.norm(a - b, axis=1)) for a, b in itertools.combinations(places, 2)]
                result[name]["pairs_mm"] = float(np.mean(apart))
        return result


def _alike(displaced: np.ndarray, found: Correspondence, true_uv: np.ndarray, inside: np.ndarray) -> float:
    """Correlation of the heights that vertices get with those of their true places."""
    lifted = (sample(displaced, found.detail_uv) * found.weight)[inside]
    return float(np.corrcoef(lifted, sample(displaced, true_uv)[inside])[0, 1])


def _at(texels: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(R, R, 3) at (N, 2) -> (N, 3)."""
    return np.stack([sample(texels[..., c], uv) for c in range(3)], 1)


def _means(rows: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {name: {key: float(np.mean([row[name][key] for row in rows])) for key in rows[0][name]} for name in rows[0]}


def _run(work: Generator[str, None, Any]) -> Any:
    """A generator's result."""
    try:
        while True:
            next(work)
    except StopIteration as end:
        return end.value
