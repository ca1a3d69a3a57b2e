"""Whether a photo's face has the person's lines and no others: portraits of a folder are fitted, rendered in grey
through the fitted camera under one light, and their oriented line energy (`line_energy.py`) is held against the
photos'.

For each of "read" (the product), "fitted" (the sliders' map of the fit alone), and baselines that
must lose: "mean" (the mean person's map on everybody), "random" (the next person's map), "coarse" (no map); "photo" is
the photo itself, where that makes sense:

  own_rank                       mean rank of the own photo among all; partly circular
  second_rank, second_forehead,  of another photo of the person: all regions, and two alone; null where nobody has one
  second_folds
  age_auc                        how often somebody of at least 60 years has more lines than one of at most 40, by ages
                                 in labels.csv (column age; null without): of maps lit alike on the detail UV, for
                                 renders have the coarse face's shading as well
  years_auc                      the same by the skin's age in years, "read" and "fitted" (by the shape)
  false_lines, true_lines        mean energy (in thousandths) at places where a photo shows fewer lines than two thirds
                                 of the others, and more than two thirds of them
  small_mm                       error of the map of the same photo reduced to 64 px of face, against that of the sharp
                                 photo: "read" and "fitted"
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import logs, progress
from ..detail.card import check_face_model, weights_dir
from ..detail.mesh import masked
from ..detail.weights import load_detail
from ..errors import DnpmError
from ..face_model.checks import age_regression
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..geometry.uv_map import mask_at
from ..photo.camera import Camera
from ..photo.degrade import reduced
from ..photo.fit.solve import Picture as FitPicture
from ..photo.image_file import Picture, read_picture
from ..photo.landmarks.detect import find_faces
from ..photo.landmarks.networks import LandmarkNetworks
from ..photo.line_features import LineFilter
from ..photo.portraits import HALVES, LABELS, Person, chosen, people_of
from ..photo.reconstruct import Reconstruction, Reconstructor
from ..photo.render import Lights, Paint
from ..photo.restore.pipeline import open_restorer
from ..photo.sheet import smooth
from ..photo.skin_view import SkinView
from . import likeness_measures as measures
from .line_energy import REGIONS, LineReader, Lines, likeness

log = logs.logger(__name__)

PURPOSE = "portraits: has the face the lines that the photo shows, and no others; old and young; second photos"
KINDS = ("read", "fitted", "mean", "random", "coarse")
OLD, YOUNG = 60.0, 40.0
_SIDE, _MAP, _SMALL_FACE, _BLUR_MM = 256, 512, 64, 0.7
_GREY = np.array([0.62, 0.62, 0.62], np.float32)
_GROUND = np.array([0.45, 0.45, 0.45], np.float32)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which portraits."""
    parser.add_argument("photos", type=Path, metavar="DIR", help="a folder of portraits")
    parser.add_argument(
        "--half", choices=HALVES, default="all", help="of the people, as in `evaluate likeness` (default %(default)s)"
    )
    parser.add_argument("--people", type=int, metavar="N", help="at most so many, by that hash (default: all)")
    parser.add_argument("--labels", type=Path, metavar="FILE", help=f"default: {LABELS} in the folder, if it is there")
    parser.add_argument("--small", type=int, default=0, metavar="N", help="of so many people also at 64 px (default 0)")


@dataclass
class Seen:
    """One person: lines of the photo, of each kind's render, of a second photo; the maps of both kinds."""

    person: Person
    lines: dict[str, Lines] = field(default_factory=dict)
    amount: dict[str, float] = field(default_factory=dict)
    """By kind: how lined the map is."""
    years: dict[str, float] = field(default_factory=dict)
    small: dict[str, float] = field(default_factory=dict)


def evaluate(args: argparse.Namespace) -> dict:
    """See the module. Raises DnpmError with fewer than three people whose faces are found."""
    people = chosen(people_of(args.photos, args.labels), args.half, args.people)
    model = FaceModel.load(face_model_path(args.face_model))
    folder = weights_dir(args.weights)
    detail = load_detail(folder)
    check_face_model(detail.card, model)
    networks = LandmarkNetworks.load()
    tools = {
        "read": Reconstructor(model, networks, detail, open_restorer(model, detail, folder)),
        "fitted": Reconstructor(model, networks, detail, lines=False),
    }  # fmt: skip
    viewer, seen, left_out, before = _Viewer(model, tools), list[Seen](), list[dict[str, str]](), None
    for person in progress.each(people, "people"):
        try:
            one, before = viewer.look(person, before, len(seen) < args.small)
            seen.append(one)
        except DnpmError as problem:
            left_out.append({"file": person.files[0].name, "reason": str(problem)})
    if len(seen) < 3:
        raise DnpmError(f"{args.photos}: {len(seen)} people's faces were found; at least 3 can be compared")
    return figures(seen) | {"half": args.half, "left_out": left_out}


class _Viewer:
    def __init__(self, model: FaceModel, tools: dict[str, Reconstructor]) -> None:
        self.model, self.tools, self.reader = model, tools, LineReader(model)
        self.filter, self.age = LineFilter(tools["read"].viewer), age_regression(model)
        inside = tools["read"].viewer.inside
        light = 0.25 * np.ones_like(inside), 0.35 * np.ones_like(inside)
        self.evenly = SkinView(0 * inside, inside, light, _BLUR_MM, tools["read"].viewer.mm)
        self.grey = Paint(np.broadcast_to(_GREY, (8, 8, 3)), _GREY, np.full(3, 0.08, np.float32))

    def look(self, person: Person, before: np.ndarray | None, small: bool) -> tuple[Seen, np.ndarray]:
        """One person, and the map that the next person's face gets as a baseline."""
        picture = read_picture(person.files[0])
        made = {kind: tools.run([picture], resolution=_MAP)[0] for kind, tools in self.tools.items()}
        result = made["read"]
        camera = _close(result)
        mean = self.tools["read"].guessed(np.zeros(self.model.n_id, np.float32), result.expression, _MAP)
        maps = {
            "read": result.displacement, "fitted": made["fitted"].displacement, "mean": masked(self.model, mean),
            "random": result.displacement if before is None else before, "coarse": None,
        }  # fmt: skip
        one = Seen(person)
        for kind, heights in maps.items():
            picture_of = smooth(self.model, result.vertices, camera, self.grey, Lights(), heights, _GROUND)
            one.lines[kind] = self.reader.read(picture_of, result.vertices, camera)
            if heights is not None:
                one.amount[kind] = float(np.log(self.filter.of_map(heights, self.evenly).energy.mean(1) + 5e-4).mean())
        if self.age is not None:
            weights, middle = self.age
            one.years = {
                kind: middle + float(weights @ which.identity) + which.skin_settings.age for kind, which in made.items()
            }
        one.lines["photo"] = self.reader.read(picture.image, result.vertices, result.camera)
        if len(person.files) > 1:
            one.lines["second"] = self._lines_of(person.files[1])
        if small:
            one.small = self._small(picture, result)
        return one, result.displacement

    def _lines_of(self, file: Path) -> Lines:
        picture, tools = read_picture(file), self.tools["read"]
        faces = find_faces(picture.image, tools.networks)
        if not faces:
            raise DnpmError(f"{file.name}: no face was found")
        size = picture.image.shape[1], picture.image.shape[0]
        fit = tools.fitter.fit([FitPicture(faces[0], size, image=picture.image)])
        return self.reader.read(picture.image, self.model.vertices(fit.identity, fit.expressions[0]), fit.cameras[0])

    def _small(self, picture: Picture, result: Reconstruction) -> dict[str, float]:
        """By kind the map's error at 64 px of face against that of the sharp photo, both read."""
        longest = max(8, round(max(picture.image.shape[:2]) * _SMALL_FACE / result.face.box[3]))
        little = replace(picture, image=reduced(picture.image, longest))
        mask = mask_at(self.model.detail_mask, _MAP) > 0.5
        return {
            kind: float(np.abs(tools.run([little], resolution=_MAP)[0].displacement - result.displacement)[mask].mean())
            for kind, tools in self.tools.items()
        }


def figures(seen: list[Seen]) -> dict[str, Any]:
    """All keys of the module, by kind."""
    own = np.arange(len(seen))
    of = lambda kind: [one.lines[kind] for one in seen]  # noqa: E731
    photos, result = of("photo"), dict[str, Any]()
    for kind in (*KINDS, "photo"):
        row: dict[str, float | None] = {}
        if kind != "photo":
            row["own_rank"] = float(measures.own_ranks(likeness(of(kind), photos), own).mean())
        for key, regions in (
            ("second_rank", REGIONS), ("second_forehead", ("forehead",)), ("second_folds", ("nasolabial",)),
        ):  # fmt: skip
            row[key] = _second(seen, kind, regions)
        if kind not in ("photo", "coarse"):
            row["age_auc"] = _age([(one.person.age, one.amount.get(kind)) for one in seen])
        if kind in KINDS[:2]:
            row["years_auc"] = _age([(one.person.age, one.years.get(kind)) for one in seen])
        if kind != "photo":
            row["false_lines"], row["true_lines"] = _where(of(kind), photos)
        result[kind] = {key: None if value is None else round(value, 4) for key, value in row.items()}
    small = {
        kind: round(float(np.mean([one.small[kind] for one in seen if one.small])), 5)
        for kind in KINDS[:2] if any(one.small for one in seen)
    }  # fmt: skip
    return {"people": len(seen), "chance_rank": (len(seen) + 1) / 2, "small_mm": small, "kinds": result}


def _second(seen: list[Seen], kind: str, regions: tuple[str, ...]) -> float | None:
    """Mean rank of a second photo among everybody's first ones, the own first left out; of "photo": by the first."""
    ranks = []
    for k, one in enumerate(seen):
        if "second" not in one.lines:
            continue
        photos = [other.lines["second" if j == k else "photo"] for j, other in enumerate(seen)]
        scores = likeness([other.lines[kind] for other in seen], photos, regions)
        ranks.append(float(measures.own_ranks(scores[k : k + 1], np.array([k]))[0]))
    return float(np.mean(ranks)) if ranks else None


def _age(scores: list[tuple[float | None, float | None]]) -> float | None:
    """Of ages and what should grow with them."""
    known = [(age, score) for age, score in scores if age is not None and score is not None and not YOUNG < age < OLD]
    if not known:
        return None
    return measures.auc(np.array([score for _, score in known]), np.array([age >= OLD for age, _ in known]))


def _where(ours: list[Lines], photos: list[Lines]) -> tuple[float, float]:
    """Thousandths: energy where a photo shows less than two thirds of the others, and more than two thirds."""
    less, more = [], []
    for name in REGIONS:
        theirs = np.stack([one.values[name].mean(1) for one in photos])
        made = np.stack([one.values[name].mean(1) for one in ours])
        both = np.isfinite(theirs) & np.isfinite(made)
        for cell in np.flatnonzero(both.sum(0) >= 3):
            there = both[:, cell]
            low, high = np.quantile(theirs[there, cell], (1 / 3, 2 / 3))
            less.append(made[there, cell][theirs[there, cell] <= low].mean())
            more.append(made[there, cell][theirs[there, cell] >= high].mean())
    if not less:
        return float("nan"), float("nan")
    return 1000 * float(np.mean(less)), 1000 * float(np.mean(more))


def _close(result: Reconstruction) -> Camera:
    """The fitted camera on the face alone, `_SIDE` pixels a side."""
    left, top, width, height = result.face.box
    side = 1.6 * max(width, height)
    camera = result.camera.cropped(left + width / 2 - side / 2, top + 0.45 * height - side / 2, (1, 1))
    camera = camera.scaled(_SIDE / side)
    return Camera(camera.rotation, camera.translation, camera.focal, camera.centre, (_SIDE, _SIDE))


def table(result: dict) -> str:
    """Readable lines."""
    keys = list(result["kinds"]["read"])
    number = lambda value: "-" if value is None else f"{value:.3f}"  # noqa: E731
    lines = [
        f"{result['people']} people ({result['half']}); a rank by chance is {result['chance_rank']:.1f}",
        f"{'':10s}" + "".join(f"{key:>17s}" for key in keys),
    ]
    lines += [
        f"{kind:10s}" + "".join(f"{number(row.get(key)):>17s}" for key in keys) for kind, row in result["kinds"].items()
    ]
    if result["small_mm"]:
        lines.append("at 64 px, mm from the sharp photo's map: " + ", ".join(
            f"{kind} {value:.4f}" for kind, value in result["small_mm"].items()
        ))  # fmt: skip
    lines += [f"left out: {one['file']}: {one['reason']}" for one in result["left_out"]]
    return "\n".join(lines)
