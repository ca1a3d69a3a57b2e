"""Encoders on disk: states that training goes on from, and finished encoders that read points of the mesh.

A finished E_id,exp is written as ordinary weights (`detail/weights.py`). One that reads points fits no slider, so it
is a file of its own: `encoder_1700.safetensors`, its description in the metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...detail import config
from ...detail.encoder import Encoder
from ...detail.weights import load_detail
from ...errors import DnpmError
from ...files import tensor_file
from ...files.inputs import reading
from ...files.network_file import built
from .. import checkpoint
from ..precision import precision_entry
from .inputs import PointInputs
from .trainer import EncoderTrainer, Plan

STATE_FORMAT, POINTS_FORMAT = "dnpm-encoder-state-1", "dnpm-point-encoder-1"


@dataclass(frozen=True)
class PointEncoder:
    """E_1700 or E_5000, ready to use."""

    encoder: Encoder
    inputs: PointInputs
    w_mean: Tensor
    about: dict[str, Any]

    def w_plus(self, identity: np.ndarray, expression: np.ndarray) -> Tensor:
        """(B, n_id), (B, n_exp) -> (B, rows, w_dim), by way of the mesh."""
        return self.w_mean + self.encoder(*self.inputs(identity, expression))


def encoder_of(folder: Path, wanted: config.EncoderConfig) -> Encoder:
    """The E of weights, to be trained on. Raises DnpmError when they cannot be read, or their E has other sizes."""
    encoder = load_detail(folder).encoder
    if encoder.config != wanted:
        raise DnpmError(f"{folder}: its encoder has other sizes than this training's ({encoder.config}, {wanted})")
    return encoder.requires_grad_(True).train()


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values."""
    return asdict(plan) | {"config": config.to_json(plan.config)}


def belongs(trainer: EncoderTrainer, about: Mapping[str, Any]) -> dict[str, Any]:
    """What a state must agree with: the plan, and what `about` names (samples, generator, inputs, ...)."""
    return plan_json(trainer.plan) | dict(about) | precision_entry(trainer.precision)


def save_state(path: Path, trainer: EncoderTrainer, about: Mapping[str, Any]) -> None:
    """The trainer's state; `about` names what it belongs to (samples, generator, inputs, ...)."""
    checkpoint.save_state(path, trainer.state(), STATE_FORMAT, belongs(trainer, about))


def load_state(path: Path, trainer: EncoderTrainer, about: Mapping[str, Any]) -> None:
    """Go on from a state. Raises DnpmError when it belongs to another plan, naming what differs."""
    checkpoint.resume(trainer, path, STATE_FORMAT, belongs(trainer, about))


def save_points(path: Path, encoder: Encoder, inputs: PointInputs, w_mean: Tensor, about: Mapping[str, Any]) -> None:
    """A finished encoder of points, float32."""
    arrays = {f"encoder.{k}": v.detach().cpu().numpy() for k, v in encoder.state_dict().items()}
    arrays |= {
        "w_mean": w_mean.detach().cpu().numpy().astype(np.float32),
        "picks": inputs.vertex_indices,
        "basis": inputs.basis,
    }
    metadata = {
        "format": POINTS_FORMAT,
        "config": _text(config.to_json(encoder.config)),
        "scale_mm": repr(inputs.scale_mm),
        "about": _text(dict(about)),
    }
    tensor_file.save(path, arrays, metadata)


def load_points(path: Path) -> PointEncoder:
    """What `save_points` wrote. Raises DnpmError when the file is another, or does not fit its description."""
    arrays, metadata = tensor_file.load(path)
    if metadata.get("format") != POINTS_FORMAT:
        raise DnpmError(f"{path}: is no encoder of points; `dnpm train encoder --inputs 1700` writes one")
    again = "train it again with `dnpm train encoder --inputs 1700`"
    sizes, about = (tensor_file.metadata_json(path, metadata, key, again) for key in ("config", "about"))
    with reading(path, again):
        sizes = config.from_json(config.EncoderConfig, sizes)
        inputs = PointInputs(arrays["picks"], arrays["basis"], float(metadata["scale_mm"]))
        vertices, basis, w_mean = inputs.vertex_indices, inputs.basis, arrays["w_mean"]
        if vertices.ndim != 1 or vertices.dtype.kind not in "iu" or basis.ndim != 2 or not inputs.scale_mm > 0:
            raise DnpmError("its points are not a list of vertices and a table of their positions")
        if inputs.n_exp != sizes.n_exp or basis.shape[1] != inputs.n_exp:
            raise DnpmError(f"{len(vertices)} points do not fit the encoder's {sizes.n_exp} inputs")
        if w_mean.shape not in ((sizes.w_dim,), (sizes.w_layers, sizes.w_dim)) or not isinstance(about, dict):
            raise DnpmError(f"w_mean has the shape {w_mean.shape}, or it does not say what it was trained on")
        state = {k.removeprefix("encoder."): v for k, v in arrays.items() if "." in k}
        encoder = built(lambda: Encoder(sizes), state, path, again)
    return PointEncoder(encoder, inputs, torch.from_numpy(w_mean.astype(np.float32)), about)


def _text(values: Any) -> str:
    return json.dumps(values, sort_keys=True, allow_nan=False)
