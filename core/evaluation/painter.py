"""Paints maps with the weights, for the figures."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..detail.card import check_face_model, weights_dir
from ..detail.weights import Detail, load_detail
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel


@dataclass(frozen=True)
class Painter:
    """Face model and networks."""

    model: FaceModel
    detail: Detail

    @classmethod
    def of(cls, args: argparse.Namespace) -> Painter:
        """What --face-model and --weights name, else the defaults. Raises DnpmError when they do not fit each other."""
        model = FaceModel.load(face_model_path(args.face_model))
        detail = load_detail(weights_dir(args.weights))
        check_face_model(detail.card, model)
        return cls(model, detail)

    def map(self, identity: np.ndarray, expression: np.ndarray, resolution: int) -> np.ndarray:
        """(n_id,), (n_exp,) -> (R, R) float32 mm, masked, as the networks make it: to compare with the teacher's."""
        return self._map(identity, expression, resolution, lambda image: image)

    def shown(self, identity: np.ndarray, expression: np.ndarray, resolution: int) -> np.ndarray:
        """The same map finished (core/detail/finish.py), as faces wear it."""
        return self._map(identity, expression, resolution, self.detail.finished)

    def _map(
        self, identity: np.ndarray, expression: np.ndarray, resolution: int, last: Callable[[Tensor], Tensor]
    ) -> np.ndarray:
        from ..training.teacher.teacher import resize

        with torch.inference_mode():
            image = last(
                self.detail.displacement(
                    torch.from_numpy(identity)[None], torch.from_numpy(expression)[None], resolution=resolution
                )
            )
        return image[0, 0].numpy() * resize(self.model.detail_mask, resolution)
