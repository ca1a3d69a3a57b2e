"""The client with a real worker: round trip, newest wins, errors."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from dnpm.core.backend.requests import InfoRequest, MapRequest, MapsRequest, RandomMapRequest
from dnpm.core.errors import DnpmError


@pytest.fixture(scope="module")
def expected(tiny_weights, tiny_model_file):
    """The map as the networks make it in this process."""
    import torch

    from dnpm.core.detail.weights import load_detail
    from dnpm.core.face_model.model import FaceModel

    detail, mask = load_detail(tiny_weights), FaceModel.load(tiny_model_file).detail_mask

    def make(identity, expression, resolution):
        with torch.inference_mode():
            displacement = detail.displacement(
                torch.from_numpy(identity)[None], torch.from_numpy(expression)[None], resolution=resolution
            )
        block = len(mask) // resolution
        smaller = mask.reshape(resolution, block, resolution, block).mean((1, 3))
        return displacement[0, 0].numpy() * smaller

    return make


def test_round_trip(make_client, sliders, expected, wait_for):
    client = make_client()
    assert client.status.state == "off"
    client.start()
    assert client.status.state in ("starting", "ready")
    ticket = client.request("Face", MapRequest(**sliders, resolution=64))
    (reply,) = wait_for(client.poll)
    assert (reply.ticket, reply.channel, reply.error, reply.stale) == (ticket, "Face", None, False)
    displacement = reply.answer.displacement
    assert displacement.dtype == np.float32
    assert np.allclose(displacement, expected(*sliders.values(), 64), atol=1e-5)
    assert displacement.std() > 0.01
    assert (displacement[:8] == 0).all(), "the mask was not applied"
    assert reply.request.resolution == 64
    status = client.status
    assert (status.state, status.device, status.weights_name, status.restarts) == ("ready", "cpu", "tiny-weights", 0)
    assert status.torch_version
    assert status.last_ms == reply.ms > 0


def test_kinds(shared_client, sliders, expected):
    client = shared_client
    small = client.call(MapRequest(**sliders, resolution=32)).answer.displacement
    assert np.allclose(small, expected(*sliders.values(), 32), atol=1e-5)

    batch = {name: np.stack([a, a * 0, a * 0.5]) for name, a in sliders.items()}
    many = client.call(MapsRequest(**batch)).answer.displacement
    assert many.shape == (3, 64, 64)
    for k in range(3):
        assert np.allclose(many[k], expected(batch["identity"][k], batch["expression"][k], 64), atol=1e-5)

    offset = np.random.default_rng(0).normal(0, 1, (10, 32)).astype(np.float32)
    moved = client.call(MapRequest(**{**sliders, "w_offset": offset})).answer.displacement
    assert not np.allclose(moved, many[0], atol=1e-3)

    gain = np.zeros((16, 16), np.float32)
    still = client.call(MapRequest(**{**sliders, "gain": gain})).answer.displacement
    assert not still.any()
    mixed = {"mix_identity": sliders["identity"] + 1}
    fine = client.call(MapRequest(**{**sliders, **mixed}, mix_from=32)).answer.displacement
    assert not np.array_equal(fine, client.call(MapRequest(**sliders)).answer.displacement)
    with pytest.raises(DnpmError, match="does not say what age is"):
        client.call(MapRequest(**sliders, age=5.0))
    mean = client.call(MapRequest(**sliders, truncation=0.0)).answer.displacement
    other = client.call(MapRequest(**{n: a * 2 for n, a in sliders.items()}, truncation=0.0))
    assert np.array_equal(mean, other.answer.displacement)

    first, again, different = (client.call(RandomMapRequest(seed=seed)).answer.displacement for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, different)

    facts = client.call(InfoRequest()).answer
    assert facts.weights.name == "tiny-weights"
    assert len(facts.weights.sha256["generator.safetensors"]) == 64
    assert facts.face_model.n_id == 3


def test_answers_larger_than_the_first_segment(shared_client, sliders):
    client = shared_client
    batch = {name: np.repeat(array[None], 400, 0) for name, array in sliders.items()}
    many = client.call(MapsRequest(**batch)).answer.displacement  # 6.5 MB
    assert many.shape == (400, 64, 64)
    assert np.array_equal(many[0], many[-1])
    assert client.call(MapRequest(**sliders)).answer.displacement.shape == (64, 64)


def test_newest_wins(make_client, sliders, wait_for):
    client = make_client()
    client.start()
    tickets = [
        client.request("Face", MapRequest(**{**sliders, "identity": sliders["identity"] * k / 50})) for k in range(50)
    ]
    other = client.request("Other", MapRequest(**sliders))
    wait_for(lambda: client.status.state == "ready")
    seen = []
    wait_for(lambda: seen.extend(client.poll()) or {r.ticket for r in seen} >= {tickets[-1], other})
    # All were made before the worker was ready: of each channel the newest alone waited.
    assert sorted(r.ticket for r in seen) == [tickets[-1], other]
    assert not any(reply.stale for reply in seen)


def test_a_dragged_slider_moves_the_face_and_ends_right(make_client, sliders, wait_for):
    client = make_client()
    client.start()
    wait_for(lambda: client.status.state == "ready")
    seen, last = [], 0
    for k in range(200):
        time.sleep(0.003)
        last = client.request(
            "Face", MapRequest(**{**sliders, "identity": sliders["identity"] * k / 200}, resolution=32)
        )
        seen.extend(client.poll())
    wait_for(lambda: seen.extend(client.poll()) or (seen and seen[-1].ticket == last))
    tickets = [reply.ticket for reply in seen]
    assert tickets == sorted(set(tickets)), "an older answer came after a newer one"
    assert len(tickets) > 10, "nothing was shown while the slider was dragged"
    assert any(reply.stale for reply in seen)
    assert not seen[-1].stale


def test_calls_beside_requests(shared_client, sliders, wait_for):
    client = shared_client
    for _ in range(5):
        ticket = client.request("Face", MapRequest(**sliders))
        assert client.call(RandomMapRequest(seed=3)).answer.displacement.shape == (64, 64)
        (reply,) = wait_for(client.poll)
        assert reply.ticket == ticket


@pytest.mark.parametrize(
    ("kind", "arrays", "params", "message"),
    [
        ("displacement", {"identity": (5,)}, {}, "identity: has the shape"),
        ("displacement", {"expression": (1, 4)}, {}, "must have 1 dimensions"),
        ("displacement", {"expression": None}, {}, "expression is missing"),
        ("displacement", {"nonsense": (3,)}, {}, "nonsense"),
        ("displacement", {}, {"resolution": 100}, "resolution 100"),
        ("displacement", {}, {"resolution": "big"}, "resolution 'big' is not a valid whole number"),
        ("displacement", {}, {"truncation": "a"}, "truncation"),
        ("displacement", {}, {"strength": 1}, "does not know the parameters strength"),
        ("displacement", {}, {"final": "yes"}, "final 'yes' is not a valid truth value"),
        ("random", {}, {"seed": -1}, "seed"),
        ("knit", {}, {}, "'knit' is none that this backend knows"),
    ],
)
def test_bad_requests(shared_client, raw, sliders, kind, arrays, params, message):
    sent = sliders if kind == "displacement" else {}
    for name, shape in arrays.items():
        sent = {k: v for k, v in sent.items() if k != name}
        if shape is not None:
            sent[name] = np.zeros(shape, np.float32)
    with pytest.raises(DnpmError, match=message):
        shared_client.call(raw(kind, params, sent))
    assert shared_client.status.state in ("ready", "busy")


def test_nan_is_named(shared_client, sliders):
    bad = {**sliders, "identity": np.array([0, np.nan, 0], np.float32)}
    with pytest.raises(DnpmError, match="identity: holds numbers that are not finite"):
        shared_client.call(MapRequest(**bad))


def test_what_cannot_be_sent(shared_client, sliders):
    with pytest.raises(DnpmError, match="array 'identity': object"):
        shared_client.request("Face", MapRequest(identity=np.array([None]), expression=sliders["expression"]))
    with pytest.raises(DnpmError, match=r"'displacement': .*nan.* cannot be sent"):
        shared_client.request("Face", MapRequest(**sliders, truncation=float("nan")))


@pytest.fixture(scope="module")
def shared_client(tiny_weights, tiny_model_file):
    from dnpm.core.backend.client.client import BackendClient

    client = BackendClient(device="cpu", weights=str(tiny_weights), face_model=str(tiny_model_file))
    yield client
    client.stop()


def test_off_and_stopped(make_client, sliders, shared_names):
    client = make_client()
    client.request("Face", MapRequest(**sliders))
    (reply,) = client.poll()
    assert "off" in reply.error
    client.call(InfoRequest())
    process = client.status.pid
    client.request("Face", MapRequest(**sliders))
    client.stop()
    client.stop()
    assert client.status.state == "off"
    assert client.poll() == []
    assert not shared_names()
    assert not alive(process)
    assert client.call(RandomMapRequest()).answer.displacement.shape == (64, 64), "it does not start again"


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
