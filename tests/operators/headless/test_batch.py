"""A batch from the command line to the files: made, skipped, recomputed, failed, and the exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from dnpm.core.face_model.photo_colours import encoded
from dnpm.core.face_model.presets import Preset, write_preset

USES_BLENDER = True  # in the processes that it starts: tests/run.py runs it with every version

RUN = Path(__file__).resolve().parents[3] / "operators" / "headless" / "run.py"


@pytest.fixture(scope="module")
def parts(tiny_parts: Path) -> list[str]:
    """A tiny face model and weights for it, as arguments."""
    model, weights = tiny_parts / "tiny.safetensors", tiny_parts / "weights"
    return [f"--face-model={model}", f"--weights={weights}", f"--python={sys.executable}", "--device=cpu"]


def batch(job: Path, out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RUN), "--", str(job), f"--out={out}", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)


def write(path: Path, items: list[dict], **settings: object) -> Path:
    common = {"size": [48, 64], "samples": 1, "map_size": 64, "subdivision": 1}
    path.write_text(json.dumps({"settings": common | settings, "items": items}))
    return path


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.startswith("[")]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_items_of_any_script_in_any_encoding(parts: list[str], tmp_path: Path, encoding: str) -> None:
    job = write(tmp_path / "job.json", [{"name": "лицо", "outputs": ["exr"], "detail": 0}])
    command = [sys.executable, str(RUN), "--", str(job), f"--out={tmp_path / '顔'}", *parts]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, timeout=300, stdin=subprocess.DEVNULL, env=environment)
    assert done.returncode == 0, done.stderr.decode(encoding)
    told = done.stdout.decode(encoding)
    assert r"[1/1] \u043b\u0438\u0446\u043e: displacement.exr" in told
    assert r"1 made, 0 skipped, 0 failed" in told
    assert (tmp_path / "顔" / "лицо" / "displacement.exr").is_file()


def test_all_kinds_of_files_then_nothing_twice(parts: list[str], tmp_path: Path) -> None:
    outputs = ["png", "exr", "map_png", "obj", "ply", "gltf", "blend"]
    job = write(
        tmp_path / "job.json",
        [
            {"name": "open", "identity": {"seed": 2}, "expression": {"jawOpen": 1}, "outputs": outputs,
             "views": ["front", "closeup"]},
            {"name": "bad", "expression": {"noseWiggle": 1}},
            {"name": "smooth", "identity": [1.5], "detail": 0},
        ],
    )  # fmt: skip
    out = tmp_path / "out"
    done = batch(job, out, *parts)
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(lines(done)) == 3
    assert "bad: FAILED: expression 'noseWiggle'" in lines(done)[1]
    assert "2 made, 0 skipped, 1 failed" in done.stdout
    assert "Traceback" not in done.stdout
    made = {file.name for file in (out / "open").iterdir()}
    assert made == {"front.png", "closeup.png", "displacement.exr", "displacement.png", "face.obj", "face.ply",
                    "face.glb", "face.blend", "done.json"}  # fmt: skip
    front = np.asarray(Image.open(out / "open" / "front.png"))
    assert front.shape == (64, 48, 3)
    assert front[20:44, 16:32].std() > 2, "the tiny model, a sheet, is in the middle"
    assert not np.array_equal(front, np.asarray(Image.open(out / "smooth" / "front.png")))

    smooth = (out / "smooth" / "front.png").stat().st_mtime_ns
    data = json.loads(job.read_text())
    data["items"][1]["expression"] = {"jawOpen": 0.25}
    data["items"][0]["expression"] = {"jawOpen": 0.5}
    job.write_text(json.dumps(data))
    again = batch(job, out, *parts)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "2 made, 1 skipped, 0 failed" in again.stdout
    assert "smooth: skipped" in lines(again)[2]
    assert (out / "smooth" / "front.png").stat().st_mtime_ns == smooth


@pytest.fixture(scope="module")
def faces(face_model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """The built face model in a batch: sRGB pictures (h, w, 3) by name."""
    folder = tmp_path_factory.mktemp("faces")
    smile = {f"mouthSmile{side}": 0.9 for side in ("Left", "Right")}
    items = [
        {"name": "rest", "identity": {"seed": 46}},
        {"name": "open", "identity": {"seed": 46}, "expression": {"jawOpen": 0.7}},
        {"name": "smile", "identity": {"seed": 57}, "expression": smile, "look": {"tone": "brown"}},
        {"name": "nobody", "identity": {"seed": 46}, "views": [{"name": "front", "azimuth": 180, "target": "head"}]},
    ]
    settings = {"size": [160, 192], "samples": 4, "subdivision": 1, "detail": 0, "views": ["front"]}
    (folder / "job.json").write_text(json.dumps({"settings": settings, "items": items}))
    done = batch(folder / "job.json", folder / "out", f"--face-model={face_model_file}", "--device=cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    read = lambda name: np.asarray(Image.open(folder / "out" / name / "front.png").convert("RGB"), np.float32) / 255  # noqa: E731
    return {item["name"]: read(item["name"]) for item in items}


def test_there_is_a_face_in_the_picture(faces: dict[str, np.ndarray]) -> None:
    """As our own landmark networks see it: one, in the middle, upright, with the expression that was asked for; and
    none at the back of the head."""
    from dnpm.core.photo.landmarks.detect import find_faces
    from dnpm.core.photo.landmarks.networks import LandmarkNetworks

    networks = LandmarkNetworks.load()
    found = {name: find_faces(image, networks) for name, image in faces.items()}
    assert [len(found[name]) for name in ("rest", "open", "smile", "nobody")] == [1, 1, 1, 0]
    for name in ("rest", "open", "smile"):
        (face,) = found[name]
        assert face.presence > 0.8
        left, top, width, height = face.box
        assert abs(left + width / 2 - 80) < 10, "the face looks into the camera"
        assert 0.3 * 192 < height < 0.9 * 192
        assert 35 < top + height / 2 < 157
        right_eye, left_eye = face.points[33], face.points[263]
        assert abs(right_eye[1] - left_eye[1]) < 0.05 * face.eye_distance
        assert face.points[152, 1] - face.points[10, 1] > 1.2 * face.eye_distance
    scores = {name: found[name][0].scores for name in ("rest", "open", "smile")}
    assert scores["open"]["jawOpen"] > scores["rest"]["jawOpen"] + 0.3
    assert min(scores["smile"]["mouthSmileLeft"], scores["smile"]["mouthSmileRight"]) > 0.3
    assert scores["rest"]["mouthSmileLeft"] < 0.3


def test_a_look_reaches_the_picture_and_a_new_one_makes_it_anew(parts: list[str], tmp_path: Path) -> None:
    items = [{"name": "light", "look": {"tone": "porcelain"}, "detail": 0}, {"name": "dark", "detail": 0}]
    job = write(tmp_path / "job.json", items)
    done = batch(job, tmp_path / "out", "--look=tone=deep,stubble=.5", *parts)
    assert done.returncode == 0, done.stdout + done.stderr
    light, dark = (
        np.asarray(Image.open(tmp_path / "out" / name / "front.png"))[20:44, 16:32].mean() for name in ("light", "dark")
    )
    assert dark < 0.7 * light
    told = json.loads((tmp_path / "out" / "dark" / "done.json").read_text())["look"]
    assert (told["tone"], told["stubble"]) == ("deep", 0.5)
    again = batch(job, tmp_path / "out", "--look=tone=brown", *parts)
    assert "1 made, 1 skipped, 0 failed" in again.stdout
    wrong = batch(job, tmp_path / "other", "--look=tone=purple", *parts)
    assert wrong.returncode == 2
    assert "purple" in wrong.stderr


def test_the_map_and_the_displaced_mesh_are_the_cores(parts: list[str], tiny_model, tmp_path: Path) -> None:
    """What comes out of Blender is what the networks said, in millimetres, and the mesh is moved by it."""
    expression = {"mouthSmileLeft": 1.0, "browInnerUp": 0.5}
    items = [
        {"name": "with", "expression": expression, "detail": 2},
        {"name": "without", "expression": expression, "detail": 0},
    ]
    job = write(tmp_path / "job.json", items, outputs=["exr", "obj"])
    done = batch(job, tmp_path / "out", *parts)
    assert done.returncode == 0, done.stdout + done.stderr
    channels = OpenEXR.File(str(tmp_path / "out" / "with" / "displacement.exr"), separate_channels=True).channels()
    from dnpm.core.backend.client.client import BackendClient
    from dnpm.core.backend.requests import MapRequest

    model, weights, python, _ = (word.split("=", 1)[1] for word in parts)
    client = BackendClient(python=python, device="cpu", weights=weights, face_model=model)
    try:
        arrays = {"identity": np.zeros(tiny_model.n_id, np.float32), "expression": tiny_model.expression(**expression)}
        wanted = client.call(MapRequest(**arrays, resolution=64)).answer.displacement
    finally:
        client.stop()
    assert np.abs(wanted).max() > 0.01
    assert np.allclose(channels["R"].pixels, wanted, atol=1e-4)

    points = {name: vertices(tmp_path / "out" / name / "face.obj") for name in ("with", "without")}
    moved_mm = np.linalg.norm(points["with"] - points["without"], axis=1) * 1000
    assert 0.2 * 2 * np.abs(wanted).max() < moved_mm.max() <= 2 * np.abs(wanted).max() * 1.01
    assert (moved_mm < 1e-3).any(), "outside of the detail layer nothing moves"


def vertices(path: Path) -> np.ndarray:
    return np.array([line.split()[1:4] for line in path.read_text().splitlines() if line.startswith("v ")], float)


def test_a_wrong_job_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text('{"items": [{"name": "a", "sise": 3}]}')
    done = batch(tmp_path / "job.json", tmp_path / "out")
    assert done.returncode == 2
    assert "unknown key 'sise'" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("word", ["--weights=nowhere", "--face-model=nowhere"])
def test_missing_parts_are_told(parts: list[str], word: str, tmp_path: Path) -> None:
    job = write(tmp_path / "job.json", [{"name": "a"}])
    done = batch(job, tmp_path / "out", *parts, word)
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_torch_the_smooth_face_is_made_and_the_rest_told(parts: list[str], tmp_path: Path) -> None:
    job = write(tmp_path / "job.json", [{"name": "smooth", "detail": 0}, {"name": "detailed"}])
    done = batch(job, tmp_path / "out", *parts, "--python=/no/such/python")
    assert done.returncode == 1
    assert (tmp_path / "out" / "smooth" / "front.png").is_file()
    assert "detailed: FAILED: " in lines(done)[1]
    assert "/no/such/python" in lines(done)[1]


def test_a_folder_that_cannot_be_written_is_told(parts: list[str], tmp_path: Path) -> None:
    job = write(tmp_path / "job.json", [{"name": "a"}])
    (tmp_path / "file").write_text("in the way")
    done = batch(job, tmp_path / "file" / "out", *parts)
    assert done.returncode == 2
    assert "error: " in done.stderr


def test_a_presets_photo_colours_the_face(parts: list[str], tmp_path: Path) -> None:
    blue = encoded(np.full((64, 64, 3), (0.1, 0.2, 0.8)), np.ones((64, 64)), np.array([0.1, 0.2, 0.8]))
    job, preset = write(tmp_path / "job.json", [{"name": "a", "preset": "a.dnpm.json", "detail": 0}]), tmp_path / "out"
    blueness = []
    for photo, said in ((blue, "front.png"), ("none", "front.png"), ("none", "skipped")):
        write_preset(tmp_path / "a.dnpm.json", Preset("", identity={}, photo=photo))
        done = batch(job, preset, *parts)
        assert done.returncode == 0, done.stdout + done.stderr
        assert said in lines(done)[0], "another photo is another face"
        middle = np.asarray(Image.open(preset / "a" / "front.png")).astype(int)[24:40, 18:30]
        blueness.append(float((middle[..., 2] - middle[..., 0]).mean()))
    assert blueness[0] > 30 > 0 > blueness[1] == blueness[2]
