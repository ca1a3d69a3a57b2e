"""How good is the face model? Reconstruction of people who were not in it, lids and lips that meet, the detail layout.

Reconstruction: fresh adults are drawn (another seed than the model's), and their 52 expressions carried over as the
build does, with the last touches that all get; each is fitted from the mesh at rest alone, by least squares over the
face. The error is the distance of vertices of the face at rest, in every expression at 1, and in random mixtures. Gaps:
largest distance between the rims of upper and lower lids at eyeBlink 1, of the lips at jawOpen 1 with mouthClose 1,
over the fitted and over random identities.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from ..face_model.build.face_model import Builder, people
from ..face_model.build.finish import Finish
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..face_model.sampling import random_expression, random_identity
from ..files.inputs import reading
from ..files.npz import ArrayFile
from ..geometry.uv_map import UVMap
from ..paths import ROOT

PURPOSE = "reconstruction error on held-out people, lid and lip gaps, UV coverage and texel size"
_RIDGE = 1e-4
"""mm^2 a vertex: keeps the fit from chasing the smallest components."""
_TEXELS = 1024
_STRENGTH_UNITS = ("mouthPucker", "noseSneerLeft", "noseSneerRight")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many, and which."""
    parser.add_argument("--identities", type=int, default=40, metavar="N", help="held-out adults (default 40)")
    parser.add_argument("--mixtures", type=int, default=20, metavar="N", help="random expressions each (default 20)")
    parser.add_argument(
        "--seed", type=int, default=1000, help="which adults (default 1000; the model's own seed is refused)"
    )


def evaluate(args: argparse.Namespace) -> dict:
    """The figures (keys as documented). Raises DnpmError when the model or what it is compared with is missing."""
    path = face_model_path(args.face_model)
    model = FaceModel.load(path)
    if args.identities < 1 or args.mixtures < 0:
        raise DnpmError("--identities must be 1 or more, --mixtures 0 or more")
    if model.metadata.get("seed") == str(args.seed):
        raise DnpmError(f"--seed {args.seed} drew the people that the model was built from; take another")
    result: dict = {
        "face_model": path.name, "vertices": len(model.neutral), "identity_components": model.n_id,
        "expressions": model.n_exp, "held_out_identities": args.identities, "seed": args.seed,
    }  # fmt: skip
    identities = [random_identity(model, args.seed + i) for i in range(args.identities)]
    if "inputs" in model.metadata:
        fitted, result["reconstruction_mm"], result["reconstruction_rest_mm"] = _reconstruction(model, args)
        identities += fitted
    else:
        # Another model's people are not at hand: what was never measured is null.
        result["reconstruction_mm"] = {"mean": None, "p95": None}
    result["gap_identities"] = len(identities)
    lids = ("lid_upper_left", "lid_lower_left"), ("lid_upper_right", "lid_lower_right")
    blink, close = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, {"jawOpen": 1.0, "mouthClose": 1.0}
    result["lid_gap_mm_max"] = _gap(model, identities, blink, lids)
    result["lip_gap_mm_max"] = _gap(model, identities, close, (("lips_upper", "lips_lower"),))
    result["uv_coverage"], result["texel_mm_median"] = layout(model)
    strength = _strength(model, ROOT.parent / "shared" / "data" / "ict_facekit.npz")
    return result | ({"strength_mm_max": strength} if strength else {})


def table(result: dict) -> str:
    """The figures for reading."""
    number = lambda value, unit="mm": "not measured" if value is None else f"{value:.3f} {unit}"  # noqa: E731
    error = result["reconstruction_mm"]
    lines = [
        f"{result['face_model']}: {result['vertices']} vertices, {result['identity_components']} identity components, "
        f"{result['expressions']} expressions",
        f"reconstruction, {result['held_out_identities']} people not in it, mean      {number(error['mean'])}",
        f"                                        95 %      {number(error['p95'])}",
        f"lid gap at eyeBlink 1, largest                  {number(result['lid_gap_mm_max'])}",
        f"lip gap at jawOpen 1 + mouthClose 1, largest    {number(result['lip_gap_mm_max'])}",
        f"detail UV coverage                              {100 * result['uv_coverage']:.1f} %",
        f"texel at {_TEXELS}, median                         {number(result['texel_mm_median'])}",
    ]
    for name, row in result.get("strength_mm_max", {}).items():
        lines.append(f"{name:<20} {row['ours']:.1f} mm, ICT-FaceKit's {row['ict_facekit']:.1f} mm")
    return "\n".join(lines)


def layout(model: FaceModel) -> tuple[float, float]:
    """(share of the square that the detail layer fills, median size of its texels in mm at 1024 on the mean face)."""
    uv_map = UVMap(model.faces, model.detail_uv, model.faces_detail_uv, _TEXELS)
    metric = uv_map.metric(model.neutral)[uv_map.covered].astype(np.float64)
    area = np.sqrt(np.maximum(metric[:, 0] * metric[:, 2] - metric[:, 1] ** 2, 0.0))
    return float(uv_map.covered.mean()), float(np.median(np.sqrt(area)) / _TEXELS)


def rim_gap(points: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> float:
    """Largest distance (mm) of a vertex of either rim from the other rim's line; points (V, 3), rims in order."""
    return max(_to_line(points[upper], points[lower]).max(), _to_line(points[lower], points[upper]).max())


def _reconstruction(model: FaceModel, args: argparse.Namespace) -> tuple[list[np.ndarray], dict, dict]:
    builder = Builder()
    crowd = people(builder, builder.population.draw(args.identities, args.seed), workers=2)
    face = model.vertex_groups["face"]
    basis = model.core[1:, 0][:, face].astype(np.float64).reshape(model.n_id, -1)
    normal = basis @ basis.T + _RIDGE * len(face) * np.eye(model.n_id)
    errors, at_rest, fitted = [], [], []
    expressions = [random_expression(model, args.seed + i) for i in range(args.mixtures)]
    finish = Finish(builder.head, crowd.rests.mean(0))
    for drawn, added in zip(crowd.rests, crowd.deltas, strict=True):
        rest, deltas = finish.rest(drawn), finish.mixed(added)
        offset = (rest[face] - model.neutral[face]).astype(np.float64).ravel()
        identity = np.linalg.solve(normal, basis @ offset).astype(np.float32)
        fitted.append(identity)
        rest_error = model.neutral_of(identity)[face] - rest[face]
        delta_error = model.expression_deltas(identity)[:, face] - deltas[:, face]
        at_rest.append(np.linalg.norm(rest_error, axis=-1))
        errors += [at_rest[-1], *np.linalg.norm(rest_error + delta_error, axis=-1)]
        errors += [np.linalg.norm(rest_error + np.tensordot(e, delta_error, 1), axis=-1) for e in expressions]
    return fitted, _summary(errors), _summary(at_rest)


def _summary(errors: list[np.ndarray]) -> dict:
    everything = np.concatenate(errors)
    return {"mean": float(everything.mean()), "p95": float(np.percentile(everything, 95)), "meshes": len(errors)}


def _gap(
    model: FaceModel, identities: list[np.ndarray], values: dict[str, float], rims: tuple[tuple[str, str], ...]
) -> float | None:
    groups = model.vertex_groups
    if any(name not in groups for pair in rims for name in pair) or not values.keys() <= model.expression_index.keys():
        return None
    expression = model.expression(**values)
    worst = 0.0
    for identity in identities:
        points = model.vertices(identity, expression).astype(np.float64)
        worst = max(worst, *(rim_gap(points, groups[upper], groups[lower]) for upper, lower in rims))
    return worst


def _to_line(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """(n, 3) points -> (n,) distance from the polyline (m, 3)."""
    start, step = line[:-1], np.diff(line, axis=0)
    share = ((points[:, None] - start) * step).sum(-1) / np.maximum((step**2).sum(-1), 1e-12)
    nearest = start + np.clip(share, 0.0, 1.0)[..., None] * step
    return np.linalg.norm(points[:, None] - nearest, axis=-1).min(1)


def _strength(model: FaceModel, path: Path) -> dict[str, dict[str, float]]:
    """Largest displacement of weak units beside ICT-FaceKit's, at the same distance of the outer eye corners."""
    if not path.is_file() or model.landmarks68.min() < 0 or not set(_STRENGTH_UNITS) <= set(model.expression_names):
        return {}
    with ArrayFile(path) as data, reading(path):
        planes = (data.get("exp_hi").astype(np.uint16) << 8) | data.get("exp_lo")
        shapes = planes.view(np.int16).astype(np.float32) * float(data.get("step"))
        names, mix = list(data.get("arkit_names")), data.get("arkit_from_ict")
        corners = data.get("neutral")[data.get("landmarks68")[[36, 45]]]
        first, last = data.get("group_vert_range")[0]
    ours = model.neutral[model.landmarks68[[36, 45]]]
    scale = np.linalg.norm(ours[0] - ours[1]) / np.linalg.norm(corners[0] - corners[1])
    result = {}
    for name in _STRENGTH_UNITS:
        theirs = scale * np.tensordot(mix[names.index(name)], shapes[:, first:last], 1)
        delta = model.core[0, 1 + model.expression_index[name], model.vertex_groups["face"]].astype(np.float32)
        largest = lambda field: float(np.linalg.norm(field, axis=1).max())  # noqa: E731
        result[name] = {"ours": largest(delta), "ict_facekit": largest(theirs)}
    return result
