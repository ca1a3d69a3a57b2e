"""A face recognition network that the user brings, as the trunk of the identity term (Eq. 14), read from a TFLite file.

Any network of 112 x 112 RGB pictures with an embedding at its end serves: MobileFaceNet (Chen et al. 2018), or
ArcFace's converted. Its levels are the last features of each size, and the embedding. None is shipped: whose photos
such networks were taught on is seldom told.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import DnpmError
from ..files import tensor_file
from ..files.inputs import read_bytes, reading
from ..tflite.graph import Graph
from ..tflite.reader import read_network
from .perceptual import RANGE_MM

_MOST_BYTES = 500_000_000
_CONVERT = "give a TFLite file of a face recognition network, such as MobileFaceNet's"


class IdentityNetwork(nn.Module):
    """`layers`: pictures to features; `name` says which network it is. Frozen; gradients go through to the pictures."""

    def __init__(self, graph: Graph, side: int, name: str, range_mm: float = RANGE_MM) -> None:
        """graph: one input (B, side, side, 3), pixels from -1 to 1, one output. Raises DnpmError when it is another."""
        super().__init__()
        self.side, self.name, self.range_mm = side, name, range_mm
        graph.outputs = _levels(graph, side, name)
        self.graph = graph.eval().requires_grad_(False)

    @classmethod
    def load(cls, path: Path) -> IdentityNetwork:
        """Raises DnpmError when the file is missing, is no TFLite, or holds another kind of network."""
        data = read_bytes(path, _MOST_BYTES, _CONVERT)
        steps, constants, inputs, outputs = read_network(data, str(path))
        for step in steps:
            if step.kind == "RESHAPE":
                # Some files fix the number of pictures.
                step.options["shape"] = [-1, *step.options["shape"][1:]]
        held = {k: torch.from_numpy(np.asarray(v, np.float32) if v.dtype == np.float16 else v.copy())
                for k, v in constants.items()}  # fmt: skip
        with reading(path, _CONVERT):
            graph = Graph(steps, held, inputs, outputs)
            return cls(graph, 112, f"{Path(path).name} (sha256 {tensor_file.sha256(path)[:12]})")

    def layers(self, picture: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [-1, 1] -> (B, C, h, w) of each level, the embedding last, as (B, C, 1, 1)."""
        small = functional.interpolate(picture, (self.side, self.side), mode="bilinear", antialias=True)
        found: list[Tensor] = self.graph(small.permute(0, 2, 3, 1))
        return [x.permute(0, 3, 1, 2) if x.ndim == 4 else x.flatten(1)[..., None, None] for x in found]


def _levels(graph: Graph, side: int, name: str) -> list[int]:
    """The numbers of the last tensor of each size, and of the output."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise DnpmError(f"{name}: has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, not one each")
    try:
        shapes = graph.shapes((1, side, side, 3))
    except DnpmError as error:
        raise DnpmError(f"{name}: does not take pictures of {side} x {side} RGB ({error}); {_CONVERT}") from error
    whole, last = graph.outputs[0], {}
    for number in (step.outputs[0] for step in graph.steps):
        shape = shapes[number]
        if len(shape) == 4 and 1 < shape[1] < side and shape[1] == shape[2]:
            last[shape[1]] = number
    if len(last) < 2 or math.prod(shapes[whole]) < 32:
        raise DnpmError(
            f"{name}: is not a face recognition network (features of several sizes, then numbers); {_CONVERT}"
        )
    return [*(last[size] for size in sorted(last, reverse=True) if last[size] != whole), whole]
