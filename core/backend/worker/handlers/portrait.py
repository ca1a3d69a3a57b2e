"""Pictures of presets, drawn without Blender (`core/backend/portrait_requests.py` says what comes and goes)."""

from __future__ import annotations

import numpy as np
import torch

from .... import devices
from ....detail.controls import Controls
from ....errors import DnpmError
from ... import needs
from ...portrait_requests import PortraitAnswer, PortraitRequest
from ..engine import Engine
from ..job import Job
from ..registry import handler

SIZES = (32, 512)
_MAP = 512
"""Texels a side of the map: more is not seen in a small picture."""


@handler(PortraitRequest)
def portrait(engine: Engine, request: PortraitRequest, job: Job) -> PortraitAnswer:
    """Read the presets, make the map, draw."""
    needs.require("draw a preset", needs.PORTRAITS)
    from ....face_model.model import FaceModel
    from ....face_model.presets import from_text
    from ....face_model.skin_settings import SkinSettings
    from ....photo.portrait import portrait_of

    if not SIZES[0] <= request.size <= SIZES[1]:
        raise DnpmError(f"size {request.size}: must be {SIZES[0]} to {SIZES[1]} pixels")
    preset = from_text(request.preset, "the preset")
    actor = from_text(request.actor, "the actor's preset") if request.actor else None
    model = FaceModel.load(engine.face_model.path)
    resolution = max(size for size in engine.detail.generator.config.resolutions if size <= _MAP)

    def displacement(
        identity: np.ndarray, expression: np.ndarray, offset: np.ndarray | None, relief: np.ndarray | None
    ) -> np.ndarray:
        skin = preset.skin or SkinSettings()
        gain = skin.gain(model)
        controls = Controls(
            age=skin.age, gain=None if gain is None else torch.from_numpy(gain),
            relief=None if relief is None else torch.from_numpy(relief),
        )  # fmt: skip
        offsets = None if offset is None else offset[None]
        return engine.displacement(identity[None], expression[None], offsets, resolution, controls)[0]

    job.check()
    if engine.device.type == "cpu":
        devices.use_threads_for(_MAP * _MAP)
    return PortraitAnswer(picture=portrait_of(preset, model, displacement, request.size, actor))
