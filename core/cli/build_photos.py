"""What folders of portraits teach: `dnpm build photo-habits`, `photo-albedo`, `photo-regressor`, `skin-lines`,
`skin-age` and `hidden-parts`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import progress as bars
from ..photo.portraits import HALVES


def add_kinds(kinds: Any) -> None:
    """To the subparsers of `dnpm build`."""
    _kind(
        kinds, "photo-habits", _photo_habits,
        "how the landmark networks err in photos beyond that (shipped; minutes)",
        "Fits a folder of portraits, a person each, and keeps what their landmarks' errors have in common "
        "beyond an error model measured on renders. labels.csv in the folder (columns file, person, sex: f or m) lets "
        "women and men count alike.",
    )  # fmt: skip
    _kind(
        kinds, "photo-albedo", _photo_albedo,
        "the skin's usual light and dark, for reading a face's shape from its shading (shipped; minutes)",
        "Fits a folder of portraits, a person each, takes each one's light off, and keeps the mean of what "
        "is left at the vertices, and how far people differ from it.",
        labels=False,
    )  # fmt: skip
    regressor = _kind(
        kinds, "photo-regressor", _photo_regressor,
        "whose face it is from a photo's pixels, for the fit (shipped; an hour)",
        "Dresses random people of the face model in the skins of a folder's portraits, sets them into "
        "these, and learns to tell them from what the landmark network sees. A second run makes missing pictures only. "
        "labels.csv in the folder (columns file, person, sex: f or m) lets women and men count alike.",
    )  # fmt: skip
    regressor.add_argument(
        "--folder", type=Path, metavar="DIR", help="keeps the pictures (default: build/photo_regressor)"
    )
    regressor.add_argument("--count", type=int, default=2000, help="pictures (default %(default)s)")
    regressor.add_argument("--seed", type=int, default=0, help="of the pictures (default %(default)s)")
    lines = _kind(
        kinds, "skin-lines", _skin_lines,
        "what a photo's lines say of the skin's components (shipped; half an hour)",
        "Simulates photos of random people's skins in the light and sharpness of a folder's portraits, and "
        "learns to read skin components from their lines. labels.csv in the folder (columns file, person, age: "
        "years by eye) says what lines photos show at which age. A second run makes missing rows only.",
    )  # fmt: skip
    lines.add_argument("--folder", type=Path, metavar="DIR", help="keeps the rows (default: build/skin_lines)")
    lines.add_argument("--weights", metavar="DIR", help="another folder of weights")
    lines.add_argument("--count", type=int, default=900, help="simulated photos (default %(default)s)")
    lines.add_argument("--seed", type=int, default=0, help="of the people (default %(default)s)")
    _kind(
        kinds, "skin-age", _skin_age,
        "how old a photo's skin is, by shape and lines (shipped; a quarter of an hour)",
        "Fits a folder of portraits of people whose age is known, and learns to read the age from their "
        "shape and the lines of their skin. labels.csv in the folder (columns file, person, age: years when the photo "
        "was taken); who has no age there is left out.",
        half="all",
    )  # fmt: skip
    hidden = _kind(
        kinds, "hidden-parts", _hidden_parts,
        "what lies before a face: masks, hands, microphones (shipped; a quarter of an hour)",
        "Draws things over a folder's portraits, a person each, and teaches a small network to find them.",
        labels=False,
    )  # fmt: skip
    hidden.add_argument("--steps", type=int, default=760, help="of 16 pictures (default %(default)s)")
    hidden.add_argument("--seed", type=int, default=0, help="of weights and pictures (default %(default)s)")


def _kind(
    kinds: Any, name: str, build: Callable[[argparse.Namespace], int], summary: str, description: str,
    labels: bool = True, half: str = "calibration",
) -> argparse.ArgumentParser:  # fmt: skip
    """One of them, with what all have."""
    parser: argparse.ArgumentParser = kinds.add_parser(name, help=summary, description=description)
    parser.add_argument("photos", type=Path, metavar="DIR", help="a folder of portraits")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help=f"default: weights/{name.replace('-', '_')}.safetensors"
    )
    parser.add_argument("--face-model", metavar="FILE", help="another face model")
    if labels:
        parser.add_argument("--labels", type=Path, metavar="FILE", help="default: labels.csv in the folder, if there")
    parser.add_argument(
        "--half", choices=HALVES, default=half,
        help="of the people, by a hash of their names: `dnpm evaluate likeness --half test` measures on the others "
        "(default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--people", type=int, metavar="N", help="at most so many (default: all)")
    parser.add_argument("--licence", default="unknown", metavar="TEXT", help="the portraits', for the file's card")
    parser.set_defaults(build=build)
    return parser


def _photo_habits(args: argparse.Namespace) -> int:
    from ..face_model.locate import face_model_path
    from ..face_model.model import FaceModel
    from ..paths import ROOT
    from ..photo.fit.measure_photos import measure_bias, portraits_of
    from ..photo.fit.photo_bias import FILE, PhotoLandmarkBias
    from ..photo.fit.solve import Fitter
    from ..photo.landmarks.networks import LandmarkNetworks
    from ..photo.portraits import chosen, people_of

    path = args.out or ROOT / "weights" / FILE
    model, networks = FaceModel.load(face_model_path(args.face_model)), LandmarkNetworks.load()
    people = chosen(people_of(args.photos, args.labels), args.half, args.people)
    fitter = Fitter(model, networks.canonical, photos=PhotoLandmarkBias.none())
    portraits = portraits_of(people, networks)
    with bars.share("photo habits") as tell:
        habits = measure_bias(fitter, networks.canonical, portraits, tell)
        second = Fitter(model, networks.canonical, photos=habits, shading=False, smiles=False)
        habits = measure_bias(second, networks.canonical, portraits, tell)
    sexes = [one.sex for one in portraits]
    habits.save(path, model, {
        "command": f"dnpm build photo-habits DIR --half {args.half}", "licence": args.licence,
        "portraits": f"{len(portraits)} ({sexes.count('f')} women, {sexes.count('m')} men)",
    })  # fmt: skip
    print(path)
    return 0


def _photo_albedo(args: argparse.Namespace) -> int:
    from ..face_model.locate import face_model_path
    from ..face_model.model import FaceModel
    from ..paths import ROOT
    from ..photo.fit.measure_albedo import measure_albedo, seen_of, skin_vertices
    from ..photo.fit.shading import FILE, Skin
    from ..photo.fit.solve import Fitter
    from ..photo.landmarks.networks import LandmarkNetworks
    from ..photo.portraits import chosen, people_of

    path = args.out or ROOT / "weights" / FILE
    model, networks = FaceModel.load(face_model_path(args.face_model)), LandmarkNetworks.load()
    people = chosen(people_of(args.photos), args.half, args.people)
    fitter = Fitter(model, networks.canonical, shading=False)
    vertices = skin_vertices(model, fitter.bilinear.rest)
    with bars.share("photo albedo") as tell:
        portraits = seen_of(people, fitter, networks, Skin(model, vertices), tell)
    measure_albedo(vertices, portraits).save(path, model, {
        "command": f"dnpm build photo-albedo DIR --half {args.half}", "licence": args.licence,
        "portraits": str(len(portraits)),
    })  # fmt: skip
    print(path)
    return 0


def _photo_regressor(args: argparse.Namespace) -> int:
    from ..face_model.locate import face_model_path
    from ..face_model.model import FaceModel
    from ..paths import ROOT
    from ..photo.fit.photo_regressor import FILE
    from ..photo.fit.solve import Fitter
    from ..photo.landmarks.networks import LandmarkNetworks
    from ..photo.portraits import chosen, people_of
    from ..training.photo.dressed import Dresser
    from ..training.photo.regressor import learn, pictures_seen, sitters_of

    path, folder = args.out or ROOT / "weights" / FILE, args.folder or ROOT / "build" / "photo_regressor"
    model, networks = FaceModel.load(face_model_path(args.face_model)), LandmarkNetworks.load()
    people = chosen(people_of(args.photos, args.labels), args.half, args.people)
    # Sitters are fitted by their landmarks: the regressor that is to be learnt is not there yet.
    fitter = Fitter(model, networks.canonical, regressor=False, shading=False)
    with bars.share("sitters") as tell:
        sitters = sitters_of(people, model, fitter, networks, tell)
    with bars.share("pictures") as tell:
        seen = pictures_seen(
            folder, Dresser(model, fitter, sitters, args.seed), networks, args.count,
            {"half": args.half, "portraits": [person.name for person in people]}, tell,
        )  # fmt: skip
    labels = {label: k for k, label in enumerate(model.identity_labels)}
    learnt = learn(*seen, sitters, labels.get("Masculine"))
    sexes = [one.sex for one in sitters]
    learnt.regressor.save(path, model, {
        "command": f"dnpm build photo-regressor DIR --half {args.half} --count {args.count} --seed {args.seed}",
        "licence": args.licence,
        "portraits": f"{len(sitters)} ({sexes.count('f')} women, {sexes.count('m')} men)",
        "r2": json.dumps([round(float(value), 3) for value in learnt.r2]), "ridge": f"{learnt.strength:g}",
    })  # fmt: skip
    print(path)
    return 0


def _skin_lines(args: argparse.Namespace) -> int:
    from ..training.photo.skin_lines import build

    print(build(args))
    return 0


def _skin_age(args: argparse.Namespace) -> int:
    from ..training.photo.skin_age import build

    print(build(args))
    return 0


def _hidden_parts(args: argparse.Namespace) -> int:
    from ..training.photo.hidden_parts import build

    print(build(args))
    return 0
