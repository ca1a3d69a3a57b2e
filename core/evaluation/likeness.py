"""Whose face it is: portraits of a folder are fitted, rendered through the fitted camera, and recognised among all.

The recogniser (`core/photo/recogniser.py`) was not used by the fit. It sees photos and renders cut alike, aligned by
each one's own landmarks. Every figure stands beside a baseline that must lose ("baselines", the same keys): the mean
person with everybody's own camera, expression and light, which shows what pose and mouth alone give away; worse photos
of somebody else; the mean person's wrinkles; sexes dealt out by chance.

  grey_rank1, grey_mean_rank     the fitted face in grey with its detail: share recognised, mean rank of the own photo
  grey_rank1_centred,            the same, each side's mean descriptor taken off first: what all renders have in common
  grey_mean_rank_centred         against photos is not likeness
  textured_rank1                 with the photo's colours
  identity_ratio                 distance between people's sliders over that between a photo and its 64 px version
  identity_ratio_blur            the same with a blur of .03 eye distances
  own_nearest_blur               share of blurred photos whose own person's sliders are the nearest
  common_share                   share of the identity's squared length that all people have in common
  own_wrinkle_rank               mean rank of the own photo by oriented line energy against the re-rendered grey face
                                 (`line_energy.py`); partly circular, for the detail comes from that photo
  second_photo_rank              the same against another photo of the person; null where nobody has one
  own_map_rank, second_map_rank  both by the map alone, lit from above: in the render the coarse face's light and dark
                                 outweighs lines
  sex_auc                        area under the curve of the slider "Masculine", or of a model without one of the
                                 identity sliders' left-out discriminant; needs labels

Who is on which file, and the halves: `core/photo/portraits.py`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import logs, progress
from ..detail.card import check_face_model, weights_dir
from ..detail.weights import load_detail
from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..photo.choices import WRINKLES
from ..photo.degrade import blurred, resized
from ..photo.fit.solve import Picture as FitPicture
from ..photo.image_file import Picture, read_picture
from ..photo.landmarks.detect import Face, find_faces
from ..photo.landmarks.networks import LandmarkNetworks
from ..photo.portraits import HALVES, LABELS, Person, chosen, people_of
from ..photo.recogniser import Recogniser, aligned
from ..photo.reconstruct import Reconstruction, Reconstructor
from ..photo.render import Lights, Paint
from ..photo.restore.pipeline import open_restorer
from ..photo.sheet import photo_paint, smooth
from . import likeness_measures as measures
from .line_energy import LineReader, Lines, likeness
from .photo import small_fit

log = logs.logger(__name__)

PURPOSE = "portraits: is the fitted face recognised, in grey and with its colours; sliders of worse photos; wrinkles"
SIDE, BLUR = 256, 0.03
_ROOM = 1.6
_MAP = 512
_MAPS = {"grey": "map", "mean": "mean map"}
_GREY = np.array([0.62, 0.62, 0.62], np.float32)
_GROUND = np.array([0.45, 0.45, 0.45], np.float32)
_EYES = np.array([0.08, 0.08, 0.08], np.float32)
_DEALS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which portraits."""
    parser.add_argument("photos", type=Path, metavar="DIR", help="a folder of portraits")
    parser.add_argument(
        "--half", choices=HALVES, default="all",
        help="of the people, by a hash of their names that never changes: what is developed on one half is tested on "
        "the other (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--people", type=int, metavar="N", help="at most so many, by that hash (default: all)")
    parser.add_argument("--labels", type=Path, metavar="FILE", help=f"default: {LABELS} in the folder, if it is there")
    parser.add_argument("--recogniser", type=Path, metavar="FILE", help="another converted face recogniser")
    parser.add_argument("--landmarks", metavar="FILE", help="another file of landmark networks")
    parser.add_argument(
        "--wrinkles", type=float, default=WRINKLES, metavar="W",
        help="strength of the photo's own wrinkles, 0 to 2 (default %(default)s)",
    )  # fmt: skip


@dataclass
class Seen:
    """What was made of one person's first photo."""

    person: Person
    result: Reconstruction
    worse: dict[str, np.ndarray | None] = field(default_factory=dict)
    """Identity of the photo at 64 px and blurred; None where no face was found."""
    faces: dict[str, np.ndarray] = field(default_factory=dict)
    """Aligned pictures: photo, grey, textured, mean."""
    lines: dict[str, Lines] = field(default_factory=dict)
    """Of photo, grey, mean, map, mean map; second where there is another photo."""


def evaluate(args: argparse.Namespace) -> dict:
    """See the module. Raises DnpmError without a recogniser, or with fewer than three people whose faces are found."""
    recogniser = Recogniser.load(args.recogniser)
    people = chosen(people_of(args.photos, args.labels), args.half, args.people)
    model = FaceModel.load(face_model_path(args.face_model))
    folder = weights_dir(args.weights)
    detail = load_detail(folder)
    check_face_model(detail.card, model)
    networks = LandmarkNetworks.load(args.landmarks)
    tools = Reconstructor(model, networks, detail, open_restorer(model, detail, folder), args.wrinkles)
    labels = {label: k for k, label in enumerate(model.identity_labels)}
    viewer, seen, left_out = Viewer(tools), list[Seen](), list[dict[str, str]]()
    for person in progress.each(people, "people"):
        try:
            seen.append(viewer.look(person))
        except DnpmError as problem:
            left_out.append({"file": person.files[0].name, "reason": str(problem)})
    if len(seen) < 3:
        raise DnpmError(f"{args.photos}: {len(seen)} people's faces were found; at least 3 can be compared")
    return figures(seen, recogniser, labels.get("Masculine")) | {
        "half": args.half,
        "recogniser": recogniser.name,
        "left_out": left_out,
    }


class Viewer:
    """Fits and renders one person after the other."""

    def __init__(self, tools: Reconstructor) -> None:
        self.tools, self.model = tools, tools.model
        self.reader = LineReader(self.model)
        self.grey = Paint(np.broadcast_to(_GREY, (8, 8, 3)), _GREY, _EYES)
        self.mean = np.zeros(self.model.n_id, np.float32)

    def look(self, person: Person) -> Seen:
        """Raises DnpmError when the photo cannot be read, or shows no face."""
        picture = read_picture(person.files[0])
        result = self.tools.run([picture], resolution=_MAP)[0]
        corner, scale = _square(result.face)
        camera = result.camera.cropped(corner[0], corner[1], (1, 1)).scaled(scale)
        camera = type(camera)(camera.rotation, camera.translation, camera.focal, camera.centre, (SIDE, SIDE))
        inside = lambda points: (np.asarray(points)[:, :2] - corner) * scale  # noqa: E731
        photo = _cut(picture.image, corner, scale)
        landmarks = camera.project(self.tools.fitter.points.of(result.vertices))[0]
        nobody = self.model.vertices(self.mean, result.expression)
        of_nobody = self.tools.fitter.placed(self.mean, result.expression, camera)
        own_map = self.tools.guessed(self.mean, result.expression, _MAP)
        render = lambda vertices, paint, lights, bumps: smooth(  # noqa: E731
            self.model, vertices, camera, paint, lights, bumps, _GROUND
        )
        grey = render(result.vertices, self.grey, Lights(), result.displacement)
        mean = render(nobody, self.grey, Lights(), own_map)
        colours = render(result.vertices, photo_paint(result), _FLAT, None)
        seen = Seen(person, result, self._worse(picture, result.face))
        seen.faces = {
            "photo": aligned(photo, inside(result.face.points)), "grey": aligned(grey, landmarks),
            "textured": aligned(colours, landmarks), "mean": aligned(mean, of_nobody),
        }  # fmt: skip
        seen.lines = {
            "photo": self.reader.read(photo, result.vertices, camera),
            "grey": self.reader.read(grey, result.vertices, camera), "mean": self.reader.read(mean, nobody, camera),
            "map": self.reader.of_map(result.displacement), "mean map": self.reader.of_map(own_map),
        }  # fmt: skip
        if len(person.files) > 1:
            seen.lines["second"] = self._lines_of(person.files[1])
        return seen

    def _lines_of(self, file: Path) -> Lines:
        picture = read_picture(file)
        faces = find_faces(picture.image, self.tools.networks)
        if not faces:
            raise DnpmError(f"{file.name}: no face was found")
        size = (picture.image.shape[1], picture.image.shape[0])
        fit = self.tools.fitter.fit([FitPicture(faces[0], size, image=picture.image)])
        return self.reader.read(picture.image, self.model.vertices(fit.identity, fit.expressions[0]), fit.cameras[0])

    def _worse(self, picture: Picture, face: Face) -> dict[str, np.ndarray | None]:
        """Identity of the picture at 64 px of face and blurred."""
        small = small_fit(picture, face, self.tools.networks, self.tools.fitter)
        image = blurred(picture.image, BLUR * face.eye_distance)
        found = find_faces(image, self.tools.networks)
        soft = None
        if found:
            size = (image.shape[1], image.shape[0])
            soft = self.tools.fitter.fit([FitPicture(found[0], size, image=image)]).identity
        return {"small": small[1].identity if small is not None else None, "blur": soft}


_FLAT = Lights(np.array([[0.0, 0.0, -1.0]]), np.zeros((1, 3)), np.full(3, 1.33), 0.0)
"""The photo's colours speak for themselves."""


def figures(seen: list[Seen], recogniser: Recogniser, masculine: int | None = None) -> dict[str, Any]:
    """All keys of the module, and "baselines". masculine: the number of the identity slider of that name, if any."""
    count, own = len(seen), np.arange(len(seen))
    described = {kind: recogniser.describe([one.faces[kind] for one in seen]) for kind in seen[0].faces}
    ranks = lambda kind: measures.own_ranks(measures.similarities(described[kind], described["photo"]), own)  # noqa: E731
    apart = {kind: measures.centred(rows) for kind, rows in described.items()}
    middle = lambda kind: measures.own_ranks(apart[kind] @ apart["photo"].T, own)  # noqa: E731
    people = np.stack([one.result.identity for one in seen]).astype(float)
    wrinkles = lambda kind: measures.own_ranks(  # noqa: E731
        likeness([one.lines[kind] for one in seen], [one.lines["photo"] for one in seen]), own
    )
    result: dict[str, Any] = {"people": count}
    base: dict[str, Any] = {}
    for kind, into in (("grey", result), ("mean", base)):
        into["grey_rank1"] = float((ranks(kind) == 1).mean())
        into["grey_mean_rank"] = float(ranks(kind).mean())
        into["grey_rank1_centred"] = float((middle(kind) == 1).mean())
        into["grey_mean_rank_centred"] = float(middle(kind).mean())
        into["own_wrinkle_rank"] = float(wrinkles(kind).mean())
        into["own_map_rank"] = float(wrinkles(_MAPS[kind]).mean())
        into["second_photo_rank"], into["second_map_rank"] = _second(seen, kind), _second(seen, _MAPS[kind])
    result["textured_rank1"], base["textured_rank1"] = float((ranks("textured") == 1).mean()), base["grey_rank1"]
    for key, kind in (("identity_ratio", "small"), ("identity_ratio_blur", "blur")):
        there = np.array([one.worse[kind] is not None for one in seen], bool)
        found = [one.worse[kind] for one in seen]
        again = np.stack([person if worse is None else worse for person, worse in zip(people, found, strict=True)])
        enough = there.sum() > 2
        result[key] = measures.ratio_of(people[there], again[there]) if enough else None
        base[key] = measures.shuffled_ratio(people[there], again[there]) if enough else None
        if kind == "blur":
            result["own_nearest_blur"] = measures.nearest_is_own(people[there], again[there]) if enough else None
            base["own_nearest_blur"] = 1 / max(int(there.sum()), 1)
    result["common_share"], base["common_share"] = measures.common_share(people), 1 / count
    result["sex_auc"], base["sex_auc"] = _sexes(seen, people, masculine)
    result["residual_mean"] = float(np.mean([one.result.residual for one in seen]))
    result["nme_mean"] = float(np.mean([one.result.error for one in seen]))
    tidy = lambda values: {k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()}  # noqa: E731
    return tidy(result) | {"chance_rank": (count + 1) / 2, "baselines": tidy(base)}


def _second(seen: list[Seen], kind: str) -> float | None:
    """Mean rank, by wrinkles, of a second photo of the person among everybody's first ones, the own first left out."""
    with_one = [k for k, one in enumerate(seen) if "second" in one.lines]
    if not with_one:
        return None
    ranks = []
    for k in with_one:
        photos = [one.lines["second" if j == k else "photo"] for j, one in enumerate(seen)]
        scores = likeness([one.lines[kind] for one in seen], photos)
        ranks.append(float(measures.own_ranks(scores[k : k + 1], np.array([k]))[0]))
    return float(np.mean(ranks))


def _sexes(seen: list[Seen], people: np.ndarray, place: int | None) -> tuple[float | None, float | None]:
    """The slider at `place`, or the sliders' left-out discriminant, against the labels, and against labels dealt out by
    chance (mean of many deals)."""
    known = np.array([one.person.sex in ("f", "m") for one in seen])
    female = np.array([one.person.sex == "f" for one in seen])[known]
    if min(female.sum(), (~female).sum()) < 2:
        return None, None
    rows, rng = people[known], np.random.default_rng(0)

    def area(kind: np.ndarray) -> float:
        scores = -rows[:, place] if place is not None else measures.left_out_scores(rows, kind)
        return measures.auc(scores, kind) or 0.0

    return area(female), float(np.mean([area(rng.permutation(female)) for _ in range(_DEALS)]))


def _square(face: Face) -> tuple[np.ndarray, float]:
    """Corner (2,) in the picture's pixels of the square around a face, and what its pixels are scaled by."""
    left, top, width, height = face.box
    side = _ROOM * max(width, height)
    return np.array([left + width / 2, top + 0.45 * height]) - side / 2, SIDE / side


def _cut(image: np.ndarray, corner: np.ndarray, scale: float) -> np.ndarray:
    """(SIDE, SIDE, 3) of the picture, its edge repeated outside."""
    from scipy import ndimage

    if scale < 1:  # Fewer pixels than there are: averaged first.
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        exact = np.array([size[0] / image.shape[1], size[1] / image.shape[0]])
        image, corner, scale = resized(image, size), corner * exact, 1.0
    places = (np.arange(SIDE) + 0.5) / scale - 0.5
    rows, columns = np.meshgrid(places + corner[1], places + corner[0], indexing="ij")
    planes = [
        ndimage.map_coordinates(image[..., k], [rows, columns], order=1, mode="nearest") for k in range(3)
    ]  # fmt: skip
    return np.clip(np.stack(planes, -1), 0, 1).astype(np.float32)


def table(result: dict) -> str:
    """Readable lines."""
    number = lambda value: "-" if value is None else f"{value:.3f}"  # noqa: E731
    lines = [
        f"{result['people']} people ({result['half']}), recogniser {result['recogniser']}; a rank by chance is "
        f"{result['chance_rank']:.1f}",
        f"{'':26s}{'':>10s}{'baseline':>10s}",
    ]
    lines += [f"{key:26s}{number(result[key]):>10s}{number(value):>10s}" for key, value in result["baselines"].items()]
    lines.append(f"landmarks: error {number(result['nme_mean'])}, after usual errors {number(result['residual_mean'])}")
    lines += [f"left out: {one['file']}: {one['reason']}" for one in result["left_out"]]
    return "\n".join(lines)
