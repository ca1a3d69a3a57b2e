"""Animate from Audio with the real worker: the same keys from the same sound, any rate and channels, bad sounds."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

from dnpm.core.backend.client.client import BackendClient
from dnpm.operators.scene import compat, session
from dnpm.operators.scene.detail import live

soundfile = pytest.importorskip("soundfile")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def client(tiny_parts: Path):
    """A worker with tiny networks for maps and for speech."""
    command = [sys.executable, str(ROOT / "tests" / "tiny_speech.py"), str(tiny_parts / "weights")]
    subprocess.run(command, check=True, timeout=180)
    os.environ["DNPM_SPEECH_ENCODER"] = str(tiny_parts / "weights" / "speech_encoder.safetensors")
    made = BackendClient(
        sys.executable, "cpu", str(tiny_parts / "weights"), str(tiny_parts / "tiny.safetensors"), threads=1
    )
    yield made
    made.stop()
    del os.environ["DNPM_SPEECH_ENCODER"]


@pytest.fixture
def face(registered, client, monkeypatch):
    """A face in an empty scene, every key kept."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    live.forget()
    monkeypatch.setattr(session, "_client", client)
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    group = bpy.context.object.dnpm_speech
    group.tolerance, group.add_sound = 0.0, False
    return bpy.context.object


def noise(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.repeat(rng.normal(0, 0.1, (round(seconds * rate), 1)), channels, axis=1)


def speak(path: Path) -> dict[str, list[float]]:
    """The keys of every curve."""
    assert bpy.ops.dnpm.animate_from_audio(filepath=str(path)) == {"FINISHED"}
    found = {}
    for curve in compat.curves_of(bpy.context.object.data.shape_keys.animation_data):
        points = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", points)
        found[curve.data_path] = points.reshape(-1, 2).tolist()
    return found


def test_the_same_sound_and_seed_give_the_same_keys(face, tmp_path):
    soundfile.write(tmp_path / "a.flac", noise(2.0, 22050), 22050)
    first = speak(tmp_path / "a.flac")
    assert first == speak(tmp_path / "a.flac")
    jaw = np.array(first['key_blocks["jawOpen"].value'])
    assert len(jaw) == 49
    assert jaw[:, 1].max() > 0.05
    face.dnpm_speech.jaw = 0.5
    half = np.array(speak(tmp_path / "a.flac")['key_blocks["jawOpen"].value'])
    assert np.allclose(half[:, 1], 0.5 * jaw[:, 1], atol=1e-4)


@pytest.mark.parametrize(
    ("suffix", "rate", "channels", "gain"),
    [("wav", 8000, 1, 1), ("wav", 192000, 8, 1), ("wav", 44100, 2, 60), ("ogg", 48000, 2, 1), ("mp3", 44100, 1, 1)],
)
def test_any_sound(face, tmp_path, suffix: str, rate: int, channels: int, gain: float):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.clip(gain * noise(1.0, rate, channels), -1, 1), rate)
    found = speak(path)
    assert len(found['key_blocks["jawOpen"].value']) in (25, 26, 27)
    assert np.isfinite(np.concatenate(list(found.values()))).all()


def hours(path: Path, count: int) -> None:
    """A wav of silence, of which the disk holds the header alone."""
    size = count * 3600 * 8000 * 2
    with path.open("wb") as file:
        file.write(
            b"RIFF" + struct.pack("<I", size + 36) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
        )
        file.write(b"data" + struct.pack("<I", size))
        file.truncate(44 + size)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("text", "is not a sound that can be read"), ("empty", "its length is zero"), ("nan", "not numbers of a sound"),
        ("folder", "is a folder"), ("absent", "no such file"), ("locked", "cannot be read"), ("hours", "180 minutes"),
    ],
)  # fmt: skip
def test_bad_sounds_change_nothing(face, tmp_path, kind: str, message: str):
    path = tmp_path / "a.wav"
    if kind == "text":
        path.write_text("this is not a sound")
    elif kind == "empty":
        soundfile.write(path, np.zeros(0), 16000)
    elif kind == "nan":
        samples = noise(2.0, 16000)
        samples[20000] = np.nan
        soundfile.write(path, samples, 16000, subtype="FLOAT")
    elif kind == "folder":
        path.mkdir()
    elif kind == "hours":
        hours(path, 3)
    elif kind == "locked":
        soundfile.write(path, noise(1.0, 16000), 16000)
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("this user may read everything")
    key = face.data.shape_keys
    key.key_blocks["jawOpen"].value = 0.25
    before = len(bpy.data.actions), len(bpy.data.objects), bpy.context.scene.frame_current
    with pytest.raises(RuntimeError, match=message):
        bpy.ops.dnpm.animate_from_audio(filepath=str(path))
    assert (len(bpy.data.actions), len(bpy.data.objects), bpy.context.scene.frame_current) == before
    assert key.key_blocks["jawOpen"].value == 0.25
    assert key.animation_data is None or key.animation_data.action is None


def test_a_part_of_hours_is_fine(face, tmp_path):
    hours(tmp_path / "a.wav", 3)
    face.dnpm_speech.skip, face.dnpm_speech.length = 10000.0, 1.0
    found = speak(tmp_path / "a.wav")
    assert len(found['key_blocks["browInnerUp"].value']) == 25


def test_maps_are_baked_by_the_worker(face, tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(0.1, 16000), 16000)
    speak(tmp_path / "a.wav")
    scene, group = bpy.context.scene, face.dnpm_sequence
    scene.frame_end = 3
    group.folder, group.size = str(tmp_path / "maps"), "256"
    with pytest.raises(RuntimeError, match="these weights make maps of"):
        bpy.ops.dnpm.bake_sequence()
    group.size = "1024"  # the networks' own, whatever it is
    assert bpy.ops.dnpm.bake_sequence() == {"FINISHED"}
    assert len(list((tmp_path / "maps").glob("*.exr"))) == 3
