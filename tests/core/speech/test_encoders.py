"""Encoders: Whisper's equals transformers', streams equal wholes, wav2vec 2.0 loads from a folder and never fetches."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.errors import DnpmError
from dnpm.core.speech import ctranslate2
from dnpm.core.speech.encoders import WAV2VEC2, WHISPER, open_encoder
from dnpm.core.speech.encoders.whisper import WhisperEncoder, _installed, encoder_path
from dnpm.core.speech.encoders.windows import SpeechEncoder, at_rate
from dnpm.core.speech.mel import log_mel


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n = round(seconds * 16000)
    envelope = np.interp(np.arange(n), np.linspace(0, n, 40), rng.random(40))
    return (0.3 * envelope * rng.normal(0, 1, n)).astype(np.float32)


@pytest.fixture(scope="module")
def whisper(encoder_file: Path) -> WhisperEncoder:
    return WhisperEncoder.load(encoder_file)


def test_it_is_transformers_encoder(whisper: WhisperEncoder):
    """transformers' own WhisperModel with the weights of the same model.bin, on a mel of its own extractor."""
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    variables = ctranslate2.read(_installed()).variables
    config = WhisperConfig(
        d_model=384, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536, decoder_layers=1,
        decoder_attention_heads=6, decoder_ffn_dim=16, vocab_size=16, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1, max_target_positions=8,
    )  # fmt: skip
    theirs = WhisperModel(config).eval().encoder
    get = lambda key: torch.from_numpy(np.array(variables[f"encoder/{key}"], np.float32))  # noqa: E731
    state = {"embed_positions.weight": get("position_encodings/encodings"),
             "layer_norm.weight": get("layer_norm/gamma"), "layer_norm.bias": get("layer_norm/beta")}  # fmt: skip
    for name in ("conv1", "conv2"):
        state |= {f"{name}.weight": get(f"{name}/weight"), f"{name}.bias": get(f"{name}/bias")}
    for i in range(4):
        qkv, bias = (get(f"layer_{i}/self_attention/linear_0/{end}").split(384) for end in ("weight", "bias"))
        assert (bias[1] == 0).all()  # Whisper's keys have no bias.
        for k, part in enumerate("qkv"):
            state[f"layers.{i}.self_attn.{part}_proj.weight"] = qkv[k]
            if part != "k":
                state[f"layers.{i}.self_attn.{part}_proj.bias"] = bias[k]
        for ours, path in (("self_attn.out_proj", "self_attention/linear_1"), ("fc1", "ffn/linear_0"),
                           ("fc2", "ffn/linear_1")):  # fmt: skip
            state |= {f"layers.{i}.{ours}.{end}": get(f"layer_{i}/{path}/{end}") for end in ("weight", "bias")}
        for ours, path in (("self_attn_layer_norm", "self_attention"), ("final_layer_norm", "ffn")):
            state[f"layers.{i}.{ours}.weight"] = get(f"layer_{i}/{path}/layer_norm/gamma")
            state[f"layers.{i}.{ours}.bias"] = get(f"layer_{i}/{path}/layer_norm/beta")
    theirs.load_state_dict(state)
    samples = sound(30)
    mel = WhisperFeatureExtractor()(samples, sampling_rate=16000, return_tensors="pt").input_features
    np.testing.assert_allclose(log_mel(torch.from_numpy(samples)[None]).numpy(), mel.numpy(), atol=2e-4)
    with torch.inference_mode():
        np.testing.assert_allclose(whisper(mel).numpy(), theirs(mel).last_hidden_state.numpy(), atol=1e-5)


class Counter(SpeechEncoder):
    """A feature is the mean of its 320 samples: what a stream must give is known."""

    kind, width = "counter", 1

    def __init__(self) -> None:
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def encode(self, samples: torch.Tensor) -> torch.Tensor:
        assert samples.shape == (1, 160_000)
        return samples.reshape(1, -1, 320).mean(2, keepdim=True)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 200_000), min_size=1, max_size=6), st.integers(0, 99))
def test_a_stream_is_whole_in_any_blocks(sizes, seed):
    whole = np.random.default_rng(seed).normal(size=sum(sizes)).astype(np.float32)
    encoder = Counter()
    got = np.concatenate(list(encoder.stream(np.split(whole, np.cumsum(sizes)[:-1]))))
    padded = np.pad(whole, (0, -len(whole) % 320)).reshape(-1, 320).mean(1)
    assert len(got) == encoder.count_for(len(whole)) == len(padded)
    np.testing.assert_allclose(got[:, 0], padded, atol=1e-6)


def test_whisper_streams_alike_in_any_blocks(whisper: WhisperEncoder):
    samples = sound(13)
    whole = whisper.features(samples)
    assert whole.shape == (650, 384)
    parts = np.concatenate(list(whisper.stream(np.array_split(samples, 7))))
    np.testing.assert_array_equal(whole, parts)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([23.976, 24.0, 25.0, 30.0, 60.0]), st.lists(st.integers(1, 120), min_size=1, max_size=6),
)  # fmt: skip
def test_features_at_another_rate(target, sizes):
    count = sum(sizes)
    ramp = np.stack([np.arange(count) / 50, np.ones(count)], 1).astype(np.float32)
    got = np.concatenate(list(at_rate(np.split(ramp, np.cumsum(sizes)[:-1]), 50, target)))
    assert len(got) == int(np.ceil(count / 50 * target - 1e-6))
    times = np.minimum(np.arange(len(got)) / target, (count - 1) / 50)
    np.testing.assert_allclose(got[:, 0], times, atol=1e-4)
    np.testing.assert_allclose(got[:, 1], 1, atol=1e-6)


def tiny_wav2vec(folder: Path) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    torch.manual_seed(0)
    config = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2, vocab_size=8,
    )  # fmt: skip
    Wav2Vec2Model(config).save_pretrained(folder)


def test_wav2vec_from_a_folder(tmp_path: Path):
    tiny_wav2vec(tmp_path)
    encoder = open_encoder(WAV2VEC2, tmp_path)
    samples = sound(1.23)
    features = encoder.features(samples)
    assert features.shape == (encoder.count_for(len(samples)), 16) == (62, 16)
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(features, np.concatenate(list(encoder.stream(np.array_split(samples, 3)))))
    # Its numbers are transformers' own.
    window = np.zeros(160_000, np.float32)
    window[16_000 : 16_000 + len(samples)] = samples
    heard = torch.from_numpy((window - window.mean()) / (window.std() + 1e-7))[None]
    with torch.inference_mode():
        theirs = encoder.model(torch.nn.functional.pad(heard, (40, 40))).last_hidden_state[0, 50:112]
    np.testing.assert_allclose(features, theirs.numpy(), atol=1e-5)


def test_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(DnpmError, match=r"no wav2vec 2\.0 on this computer"):
        open_encoder(WAV2VEC2, "nobody/nothing-of-this-name")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DnpmError, match=r"holds no config\.json"):
        open_encoder(WAV2VEC2, tmp_path / "empty")


def test_what_is_no_encoder_is_refused(tmp_path: Path, encoder_file: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(DnpmError, match="is not known"):
        open_encoder("hubert")
    with pytest.raises(DnpmError, match="no such speech encoder"):
        encoder_path(tmp_path / "absent")
    (tmp_path / "text").write_text("hello there, this is a text")
    with pytest.raises(DnpmError, match="safetensors"):
        open_encoder(WHISPER, tmp_path / "text")
    monkeypatch.setenv("DNPM_SPEECH_ENCODER", str(encoder_file))
    assert encoder_path() == encoder_file


def ct2_file(size: int | None = None, kind: int = 0, version: int = 6) -> bytes:
    text = lambda s: struct.pack("<H", len(s) + 1) + s.encode() + b"\0"  # noqa: E731
    numbers = np.arange(6, dtype="<f4").tobytes()
    variable = text("encoder/a") + struct.pack("<BIIBI", 2, 2, 3, kind, len(numbers) if size is None else size)
    head = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, 1)
    return head + variable + numbers + struct.pack("<I", 1) + text("b") + text("encoder/a")


def test_ctranslate2_is_read():
    model = ctranslate2.parse(ct2_file(), "x")
    assert (model.specification, model.revision) == ("WhisperSpec", 3)
    np.testing.assert_array_equal(model.variables["b"], np.arange(6).reshape(2, 3))


@pytest.mark.parametrize(
    "data",
    [b"", b"abc", ct2_file(version=9), ct2_file(kind=9), ct2_file(size=20), ct2_file(size=2**32 - 1), ct2_file()[:-4],
     ct2_file() + b"more", ct2_file()[:40]],
)  # fmt: skip
def test_damaged_ctranslate2_is_refused(data: bytes):
    with pytest.raises(DnpmError, match="is not a CTranslate2 model, or damaged"):
        ctranslate2.parse(data, "x.bin")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 120), st.integers(0, 255))
def test_no_byte_makes_the_reader_burst(place, value):
    data = bytearray(ct2_file())
    data[place % len(data)] = value
    with contextlib.suppress(DnpmError):
        ctranslate2.parse(bytes(data), "x.bin")
