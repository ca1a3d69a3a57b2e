"""`dnpm evaluate photo` and `dnpm evaluate fit`: their keys, and known values."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dnpm.core.cli.main import main
from dnpm.core.evaluation import fit, photo
from dnpm.core.photo.landmarks.detect import Face


def test_a_photo_and_what_is_none(astronaut_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source = Image.open(astronaut_file).convert("RGB")
    source.save(tmp_path / "a.png")
    Image.new("RGB", (16, 16)).save(tmp_path / "b.png")
    (tmp_path / "c.jpg").write_bytes(b"text")
    assert main(["evaluate", "photo", str(tmp_path), "--json", "--resolution", "128"]) == 0
    result = json.loads(capsys.readouterr().out)
    one, two, three = result["images"]
    assert [row["file"] for row in result["images"]] == ["a.png", "b.png", "c.jpg"]
    assert one["found"]
    assert 0 < one["nme_residual"] < one["nme"] < 0.03
    assert 0 < one["nme_64"] < 0.04
    assert {"landmarks", "fit", "texture", "detail", "all"} <= set(one["seconds"])
    for row, reason in ((two, "no face"), (three, "is not a picture")):
        assert not row["found"]
        assert row["nme"] is None
        assert reason in row["reason"]
    assert result["found"] == 1
    assert "1 of 3 found" in photo.table(result)


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["evaluate", "photo", str(tmp_path / "none")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_distance_counts_in_eyes() -> None:
    points = np.zeros((478, 3), np.float32)
    points[263, 0] = 50
    face = Face((0, 0, 1, 1), points, 1.0, {})
    assert photo.distance(points[:468, :2] + [3, 4], face, 468) == pytest.approx(0.1)


def test_a_rendered_face_is_the_same_each_time(face_model) -> None:
    one, two = (fit.known_face(face_model, 7, 96) for _ in range(2))
    np.testing.assert_array_equal(one.image, two.image)
    assert one.image.shape == (96, 96, 3)
    assert not np.array_equal(one.image, fit.known_face(face_model, 8, 96).image)


def test_fit_has_the_keys_that_are_promised() -> None:
    args = argparse.Namespace(face_model=None, landmarks=None, faces=1, seed=1000)
    result = fit.evaluate(args)
    assert result["lost"] == 0
    for key in ("pose_deg_median", "vertex_mm_median", "vertex_mm_median_64", "pose_deg_median_64"):
        assert 0 < result[key] < 12
    assert "1 rendered faces" in fit.table(result)
