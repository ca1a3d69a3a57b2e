"""Writes untrained weights that fit a face model: python tiny_weights.py MODEL FOLDER [RESOLUTION]."""

from __future__ import annotations

import sys

import torch

from dnpm.core.detail.card import face_model_entry
from dnpm.core.detail.config import EncoderConfig, GeneratorConfig
from dnpm.core.detail.encoder import Encoder
from dnpm.core.detail.generator import Generator
from dnpm.core.detail.weights import save_detail
from dnpm.core.face_model.model import FaceModel

model = FaceModel.load(sys.argv[1])
torch.manual_seed(0)
resolution = int(sys.argv[3]) if len(sys.argv) > 3 else 64
generator = Generator(GeneratorConfig(channel_base=512, channel_max=16, resolution=resolution, w_dim=32, z_dim=32))
encoder = Encoder(
    EncoderConfig(model.n_id, model.n_exp, (16,) * 5, False, w_dim=32, groups=(4, 3, generator.config.w_layers - 7))
)
about = {"name": "tiny", "face_model": face_model_entry(model), "data": "", "licence": "", "command": "", "seed": 0}
save_detail(sys.argv[2], generator, encoder, torch.zeros(32), about | {"hours": 0.0, "scores": {}})
