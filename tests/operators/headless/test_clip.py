"""`dnpm animate` with Blender: the .blend, the pictures, the film; what is there is left; what is wrong is told."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dnpm.core.capture.track import CurveTrack
from dnpm.core.capture.write import write_track
from dnpm.core.face_model.arkit import ARKIT_NAMES

USES_BLENDER = True  # in the processes that it starts: tests/run.py runs it with every version

ROOT = Path(__file__).resolve().parents[3]
RUN = ROOT / "operators" / "headless" / "run.py"
FPS = 24000 / 1001

LOOK_INTO = """
import json, sys
import bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[-1])
scene = bpy.context.scene
(face,) = [o for o in bpy.data.objects if o.type == "MESH" and o.data.shape_keys]
found = {"fps": scene.render.fps / scene.render.fps_base, "frames": [scene.frame_start, scene.frame_end], "jaw": []}
for frame in (1, 2, 5):
    scene.frame_set(frame)
    found["jaw"].append(face.data.shape_keys.key_blocks["jawOpen"].value)
found["turn"] = tuple(face.rotation_euler)
editor = scene.sequence_editor
strips = [] if editor is None else getattr(editor, "strips", None) or editor.sequences
found["sounds"] = len(strips)
found["sound"] = bpy.app.build_options.audaspace
print("FOUND " + json.dumps(found), flush=True)
import os
os._exit(0)
"""


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((6000 * np.sin(np.arange(4000))).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def made_with(tiny_parts: Path) -> list[str]:
    model, weights = tiny_parts / "tiny.safetensors", tiny_parts / "weights"
    return [f"--face-model={model}", f"--detail-weights={weights}", f"--python={sys.executable}", "--device=cpu",
            "--size=34x33", "--map-size=64", "--subdivision=1", "--samples=1"]  # fmt: skip


def jaw() -> np.ndarray:
    return np.linspace(0, 1, 7)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Seven frames of curves, as `dnpm animate` writes them."""
    expression = np.zeros((7, 52), np.float32)
    expression[:, ARKIT_NAMES.index("jawOpen")] = jaw()
    rotations = np.zeros((7, 9), np.float32)
    rotations[:, 0] = 0.3 * jaw()
    write_track(tmp_path / "out" / "curves.csv", CurveTrack(np.arange(7) / FPS, expression, (), rotations))
    return tmp_path / "out"


def clip(out: Path, audio: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RUN), "--", "clip", f"--audio={audio}", f"--out={out}", f"--fps={FPS!r}", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)


def test_scene_pictures_and_film(out: Path, audio: Path, made_with: list[str], tmp_path: Path) -> None:
    done = clip(out, audio, *made_with, "--frames", "--first=2", "--last=4")
    assert done.returncode == 0, done.stderr
    assert "3 frames rendered, 0 were there" in done.stdout
    pictures = sorted(path.name for path in (out / "frames").glob("*.png"))
    assert pictures == [f"frame_{k:04d}.png" for k in (2, 3, 4)]
    images = [np.asarray(Image.open(out / "frames" / name).convert("RGB"), float) for name in pictures]
    assert images[0].shape == (33, 34, 3)
    assert np.abs(images[0] - images[2]).max() > 8, "the face moves"
    film = (out / "clip.mp4").read_bytes()
    assert b"avc1" in film
    assert (b"mp4a" in film) != ("without sound" in done.stdout)

    look = tmp_path / "look.py"
    look.write_text(LOOK_INTO)
    seen = subprocess.run([sys.executable, str(look), str(out / "clip.blend")], capture_output=True, text=True)
    found = json.loads(seen.stdout.split("FOUND ")[1])
    assert found["fps"] == pytest.approx(FPS, rel=1e-6)
    assert found["frames"] == [1, 7]
    assert found["jaw"] == pytest.approx([jaw()[0], jaw()[1], jaw()[4]], abs=1e-5)
    assert found["turn"][2] == pytest.approx(0.3 * jaw()[4], abs=1e-5)
    assert found["sounds"] == found["sound"]

    stamp = (out / "frames" / pictures[0]).stat().st_mtime_ns
    done = clip(out, audio, *made_with, "--frames", "--first=2", "--last=5")
    assert "1 frames rendered, 3 were there" in done.stdout
    assert (out / "frames" / pictures[0]).stat().st_mtime_ns == stamp


def test_what_is_wrong_is_told(out: Path, audio: Path, made_with: list[str]) -> None:
    done = clip(out, audio, *made_with, "--frames", "--first=9")
    assert done.returncode == 2
    assert "the clip has frames 1 to 7" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (out / "clip.mp4").exists()


def test_from_the_sound_to_the_film(audio: Path, made_with: list[str], tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    spec = importlib.util.spec_from_file_location("tiny_speech", ROOT / "tests" / "tiny_speech.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "speech").mkdir()
    speech = module.write(tmp_path / "speech")
    command = [sys.executable, "-m", "dnpm", "animate", f"--audio={audio}", f"--out={tmp_path / 'out'}", "--fps=12",
               f"--weights={speech}", f"--encoder-file={speech / 'speech_encoder.safetensors'}", "--json", "--frames",
               "--last=1", "--head-life=1", *made_with]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["clip"] == ["clip.blend", "clip.mp4", "frames"]
    assert said["frames"] == 4
