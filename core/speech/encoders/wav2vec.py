"""wav2vec 2.0 (Baevski et al. 2020), the paper's speech encoder, by transformers: from a folder or the cache.

Nothing is fetched: a model that is not on this computer is refused with what to do. Only safetensors, or weights that
load without running code, are read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from ...errors import DnpmError
from ...files import json_file, tensor_file, torch_file
from ...files.inputs import brief, one_line, regular_file
from ..audio import RATE
from .windows import SpeechEncoder

_LARGEST, _MOST_LAYERS = 1_000_000, 1000
"""Of any number in a configuration: the largest that is used is the feed-forward part's width, 4096; and of layers."""


class Wav2VecEncoder(SpeechEncoder):
    """Hidden states of the last layer, 49.95 a second, taken for 50."""

    kind: ClassVar[str] = "wav2vec2"
    DEFAULT = "facebook/wav2vec2-base-960h"

    def __init__(self, model: Any) -> None:
        """model: a transformers Wav2Vec2Model. Raises DnpmError when its steps are not 20 ms."""
        super().__init__()
        stride = 1
        for step in model.config.conv_stride:
            stride *= int(step)
        if stride * 50 != RATE:
            raise DnpmError(f"this wav2vec 2.0 makes a feature every {stride} samples; 320 are needed")
        self.model, self.width = model.eval().requires_grad_(False), int(model.config.hidden_size)

    def encode(self, samples: Tensor) -> Tensor:
        """See SpeechEncoder. Sound of mean 0 and deviation 1, as the model was trained; one feature more is held."""
        mean, deviation = samples.mean(1, keepdim=True), samples.std(1, keepdim=True, correction=0)
        # The convolutions hear 400 samples a step of 320: 40 on either side bring each feature over its own step.
        heard = functional.pad((samples - mean) / (deviation + 1e-7), (40, 40))
        features: Tensor = self.model(heard).last_hidden_state
        wanted = samples.shape[1] * 50 // RATE
        if features.shape[1] < wanted:
            features = torch.cat([features, features[:, -1:].expand(-1, wanted - features.shape[1], -1)], 1)
        return features[:, :wanted]

    @classmethod
    def load(cls, place: str, device: str = "cpu") -> Wav2VecEncoder:
        """place: a folder with config.json and weights, or a name that is in transformers' cache already."""
        try:
            from transformers import Wav2Vec2Config, Wav2Vec2Model
        except ImportError as error:
            raise DnpmError(
                f"wav2vec 2.0 needs the package transformers, which is not here ({error}): install it into the Python "
                "that runs the backend"
            ) from error
        weights = _look_through(Path(place)) if Path(place).is_dir() else None
        try:
            config = Wav2Vec2Config.from_pretrained(place, local_files_only=True)
            if config.model_type != "wav2vec2":
                raise DnpmError(f"{place}: holds a {one_line(config.model_type, 60)} model, not wav2vec2")
            if weights is not None:
                with torch.device("meta"):
                    parameters = sum(p.numel() for p in Wav2Vec2Model(config).parameters())
                if 2 * parameters > 1.1 * regular_file(weights):  # Two bytes each are the least.
                    raise DnpmError(f"{weights}: is too small for the {parameters:,} parameters of config.json")
            model = Wav2Vec2Model.from_pretrained(place, config=config, local_files_only=True)
            return cls(model.float()).to(device)
        except DnpmError as error:
            if str(place) in str(error):
                raise
            raise DnpmError(f"{place}: {error}") from error
        except Exception as error:  # transformers checks little of what a folder holds, and raises nearly anything
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise DnpmError(
                f"{place}: no wav2vec 2.0 on this computer under that name ({one_line(first)}); give a folder with "
                f"config.json and model.safetensors, such as `huggingface-cli download {cls.DEFAULT}` fetches"
            ) from error


def _look_through(folder: Path) -> Path:
    """The folder's file of weights. Raises DnpmError where there is none, or the configuration holds sizes that no
    wav2vec 2.0 has: transformers believes what it is told."""
    again = "give a folder that transformers' save_pretrained wrote"
    path = folder / "config.json"
    if not path.is_file():
        raise DnpmError(f"{folder}: holds no config.json; {again}")
    config = json_file.read(path, again)
    if not isinstance(config, dict):
        raise DnpmError(f"{path}: is not a JSON object; {again}")
    for key, value in config.items():
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int | float) and not abs(number) <= _LARGEST:
                raise DnpmError(
                    f"{path}: {one_line(key, 60)} is {brief(number)}, larger than wav2vec 2.0 has it; {again}"
                )
    layers = config.get("num_hidden_layers", 0)
    if not json_file.is_whole(layers, 0, _MOST_LAYERS):
        raise DnpmError(f"{path}: num_hidden_layers must be 0 to {_MOST_LAYERS}, is {brief(layers)}; {again}")
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            if name == "model.safetensors":
                tensor_file.read_metadata(folder / name)
            else:
                torch_file.look_through(folder / name, again)
            return folder / name
    raise DnpmError(f"{folder}: holds neither model.safetensors nor pytorch_model.bin; {again}")
