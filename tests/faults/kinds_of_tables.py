"""Kinds of file: the tables that ship beside the networks, by which photos and videos are read."""

from __future__ import annotations

from pathlib import Path

from dnpm.tests.faults.kinds import model


def make_fit_tables(folder: Path) -> None:
    from dnpm.core.paths import ROOT

    for name in ("landmark_offsets", "landmark_habits", "photo_habits", "photo_regressor", "photo_albedo", "skin_lines",
                 "skin_age", "hidden_parts", "video_reader"):  # fmt: skip
        (folder / f"{name}.safetensors").write_bytes((ROOT / "weights" / f"{name}.safetensors").read_bytes())


def read_offsets(path: Path) -> None:
    from dnpm.core.photo.fit.calibrate import load_offsets

    load_offsets(path)


def read_habits(path: Path) -> None:
    from dnpm.core.photo.fit.landmark_errors import LandmarkErrorModels

    LandmarkErrorModels.load(model(), path)


def read_photo_habits(path: Path) -> None:
    from dnpm.core.photo.fit.photo_bias import PhotoLandmarkBias

    PhotoLandmarkBias.load(model(), path)


def read_photo_regressor(path: Path) -> None:
    from dnpm.core.photo.fit.photo_regressor import PhotoRegressor

    PhotoRegressor.load(model(), path)


def read_photo_albedo(path: Path) -> None:
    from dnpm.core.photo.fit.shading import UsualSkin

    UsualSkin.load(model(), path)


def read_skin_age(path: Path) -> None:
    from dnpm.core.photo.skin_age import SkinAge

    SkinAge.load(model(), path)


def read_hidden_parts(path: Path) -> None:
    from dnpm.core.photo.hidden_parts import HiddenParts

    HiddenParts.load(model(), path)


def read_video_reader(path: Path) -> None:
    from dnpm.core.video.reader import Reader

    Reader.load(model(), path)
