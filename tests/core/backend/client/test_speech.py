"""Sound through a real worker: the same curves as without it, in pieces, given up half way, bad sounds."""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dnpm.core.backend.client.client import BackendClient
from dnpm.core.backend.client.task import SpeechTask
from dnpm.core.backend.requests import Curves, MapRequest, SpeechOpen
from dnpm.core.errors import DnpmError
from dnpm.core.speech.animate import animate, open_animator
from dnpm.core.speech.audio import open_sound
from dnpm.core.speech.controls import Controls

CONTROLS = {"jaw": 0.5, "blinks": True, "head_life": 1.0, "seed": 3}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("tiny_speech", Path(__file__).parents[3] / "tiny_speech.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = module.write(tmp_path_factory.mktemp("speech"))
    rng = np.random.default_rng(0)
    soundfile.write(folder / "long.wav", rng.normal(0, 0.1, 60 * 16000), 16000)
    soundfile.write(folder / "a.wav", rng.normal(0, 0.1, (3 * 22050, 2)), 22050)
    return folder


@pytest.fixture(scope="module")
def shared_client(tiny_weights, tiny_model_file):
    client = BackendClient(device="cpu", weights=str(tiny_weights), face_model=str(tiny_model_file))
    yield client
    client.stop()


def task(client, parts: Path, name: str = "a.wav", **params) -> SpeechTask:
    networks = {"weights": str(parts), "encoder": str(parts / "speech_encoder.safetensors")}
    return SpeechTask(client, SpeechOpen(path=str(parts / name), **(networks | params)))


def test_the_same_curves_as_without_the_worker(shared_client, parts: Path) -> None:
    shares: list[float] = []
    asked = task(shared_client, parts, fps=24000 / 1001, first=0.01, controls=Controls(**CONTROLS))
    made = asked.wait(shares.append)
    expected = animate(
        open_sound(parts / "a.wav"), open_animator(parts, parts / "speech_encoder.safetensors"), fps=24000 / 1001,
        first=0.01, controls=Controls(**CONTROLS),
    ).track  # fmt: skip
    assert np.allclose(made.times, expected.times)
    assert made.times[0] == pytest.approx(0.01)
    assert made.expression.shape == (len(made.times), 52)
    assert np.allclose(made.expression, expected.expression, atol=1e-5)
    assert np.allclose(made.rotations, expected.rotations, atol=1e-6)
    assert (made.weights, asked.seconds) == ("tiny-speech", pytest.approx(3.0))
    assert shares == sorted(shares)
    assert asked.share == 1.0


def test_a_part_of_the_file(shared_client, parts: Path) -> None:
    whole = task(shared_client, parts, fps=30).wait()
    part = task(shared_client, parts, fps=30, begin=1.0, seconds=1.5).wait()
    assert len(whole.times) == 91
    assert len(part.times) == 46
    with pytest.raises(DnpmError, match=r"nothing is left from 9\.00 s"):
        task(shared_client, parts, begin=9.0).wait()


def test_samples_and_determinism(shared_client, parts: Path) -> None:
    samples = soundfile.read(parts / "a.wav", dtype="float32")[0]
    networks = {"weights": str(parts), "encoder": str(parts / "speech_encoder.safetensors")}

    def spoken(samples: np.ndarray) -> Curves:
        return SpeechTask(shared_client, SpeechOpen(samples=samples, rate=22050.0, fps=30, **networks)).wait()

    made = [spoken(samples) for _ in range(2)]
    assert np.array_equal(made[0].expression, made[1].expression)
    assert np.allclose(made[0].expression, task(shared_client, parts, fps=30).wait().expression, atol=1e-5)
    opposite = np.stack([samples.mean(1), -samples.mean(1)], 1)
    assert "opposite phase" in spoken(opposite).notes[0]
    samples[1000] = np.nan
    with pytest.raises(DnpmError, match=r"not numbers of a sound \(at 0\.045 s\)"):
        spoken(samples)


def test_maps_come_between_the_pieces(shared_client, parts: Path, sliders) -> None:
    asked = task(shared_client, parts, "long.wav", fps=30)
    shares = []
    while (curves := asked.advance()) is None:
        reply = shared_client.call(MapRequest(**sliders, resolution=32))
        assert reply.answer.displacement.shape == (32, 32)
        shares.append(asked.share)
    assert len(curves.times) == 1801
    assert any(0 < share < 0.999 for share in shares), "the long sound was one piece"


def test_given_up_half_way(shared_client, parts: Path, sliders) -> None:
    asked = task(shared_client, parts, "long.wav", fps=30)
    limit = time.monotonic() + 60
    while asked.share == 0.0 and time.monotonic() < limit:
        assert asked.advance() is None
        time.sleep(0.005)
    asked.cancel()
    asked.cancel()
    with pytest.raises(DnpmError, match="given up"):
        asked.advance()
    shared_client.call(MapRequest(**sliders, resolution=32))
    with pytest.raises(DnpmError, match="no such task"):
        shared_client.call(asked._step)


def test_a_replaced_worker_begins_anew(make_client, parts: Path) -> None:
    client = make_client()
    asked = task(client, parts, "long.wav", fps=30)
    while asked.share == 0.0:
        assert asked.advance() is None
        time.sleep(0.005)
    os.kill(client.status.pid, 9)
    curves = asked.wait()
    assert len(curves.times) == 1801
    assert client.status.restarts == 1


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("speech.json", {}, "is not a sound that can be read"),
        ("", {}, "is a folder"),
        ("none.wav", {}, "no such file"),
        ("a.wav", {"fps": 0.1}, "give 1 to 1000"),
        ("a.wav", {"speaker": "nobody"}, "speaker 'nobody' is not one"),
        ("a.wav", {"weights": "/nowhere"}, "no speech weights there"),
    ],
)
def test_bad_input(shared_client, parts: Path, name: str, params: dict, message: str) -> None:
    with pytest.raises(DnpmError, match=message):
        task(shared_client, parts, name, **params).wait()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"controls": {"jaw": 9}}, "jaw must be 0 to 3"),
        ({"controls": {"ears": 1}}, "speech: controls: does not know the parameters ears"),
        ({"controls": {"gate": 1.5}}, r"controls\.gate 1\.5 is not a valid truth value"),
        ({"colour": 1}, "does not know the parameters colour"),
        ({"task": ""}, "the parameter task is missing"),
        ({"path": None}, "give either a path or samples"),
        ({"seconds": True}, "seconds True is not a valid number"),
    ],
)
def test_bad_requests(shared_client, raw, parts: Path, params: dict, message: str) -> None:
    asked = {"task": "a", "path": str(parts / "a.wav"), "weights": str(parts),
             "encoder": str(parts / "speech_encoder.safetensors")}  # fmt: skip
    with pytest.raises(DnpmError, match=message):
        shared_client.call(raw("speech", asked | params))
