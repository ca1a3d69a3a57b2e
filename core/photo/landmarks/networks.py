"""The three networks of face_landmarker.task, and how they are fed (MediaPipe's face_landmarker graphs, v1.0).

detector     128 x 128, -1 to 1 -> 896 boxes with six key points: BlazeFace, short range (Bazarevsky et al. 2019)
points       256 x 256, 0 to 1 -> 478 points in its pixels, and whether a face is there (Kartynnik et al. 2019)
scores       146 of those points in the picture's pixels -> 52 scores by ARKit's names, the first for the rest
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...errors import DnpmError
from ...face_model.arkit import ARKIT_NAMES
from ...files import tensor_file
from ...files.inputs import brief, reading
from ...files.json_file import is_whole, to_dataclass
from ...paths import ROOT
from ...tflite.graph import Graph, Step
from .build import FILE, FORMAT, NETWORKS

_BUILD = "build it once with `dnpm build landmarks`"
DETECTOR_SIZE, POINTS_SIZE = 128, 256
SCORES_OF = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80, 81,
    82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154,
    155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263,
    267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321,
    323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387,
    388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)  # fmt: skip
"""The points that the third network reads, in its order (face_blendshapes_graph.cc)."""
SCORE_NAMES = ("_neutral", *sorted(name for name in ARKIT_NAMES if name != "tongueOut"))
"""The third network's outputs in its order, which is the alphabet's."""


_SHAPES: dict[str, tuple[tuple[int, ...], list[tuple[int, ...]]]] = {
    "face_detector": ((1, DETECTOR_SIZE, DETECTOR_SIZE, 3), [(1, 896, 16), (1, 896, 1)]),
    "face_landmarks_detector": ((1, POINTS_SIZE, POINTS_SIZE, 3), [(1, 1, 1, 1434), (1, 1, 1, 1)]),
    "face_blendshapes": ((1, len(SCORES_OF), 2), [(52,)]),
}  # fmt: skip
"""What each network reads, and gives first."""
_INNER, _CELLS = ((16, 16, 128), (4, 4, 128)), 4
"""Of the second network: how tensors are shaped whose numbers say what a face looks like, and cells a side that these
are averaged over. The finer one sees shading and folds, the coarser one whole parts."""
_MAPS = ((64, 64, 32), (32, 32, 64), (16, 16, 128), (2, 2, 128))
"""Of the second network, too: the shapes of `LandmarkNetworks.maps`."""


@dataclass(frozen=True)
class LandmarkNetworks:
    """Detector, points and scores; the canonical face's points (468, 3) mm and triangles (T, 3)."""

    detector: Graph
    points: Graph
    scores: Graph
    canonical: np.ndarray
    triangles: np.ndarray

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> LandmarkNetworks:
        """The file of `dnpm build landmarks`. Raises DnpmError when it is missing, damaged or another."""
        file = landmarks_path(path)
        arrays, metadata = tensor_file.load(file)
        if metadata.get("format") != FORMAT:
            raise DnpmError(f"{file}: holds no landmark networks of this project; {_BUILD}")
        described = tensor_file.metadata_json(file, metadata, "networks", _BUILD)
        with reading(file, _BUILD):
            detector, points, scores = (_known(described[name], name, arrays) for name in NETWORKS)
            canonical, triangles = arrays["canonical.points"], arrays["canonical.triangles"]
            wrong = canonical.shape != (468, 3) or canonical.dtype.kind != "f" or triangles.dtype.kind not in "iu"
            if wrong or triangles.ndim != 2 or triangles.shape[1] != 3 or not triangles.size:
                raise DnpmError("its canonical face is not one of 468 points and triangles")
            if triangles.min() < 0 or triangles.max() >= len(canonical):
                raise DnpmError("its canonical face's triangles name points that are not there")
            return cls(detector, points, scores, canonical, triangles)

    def boxes(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 128, 128, 3), -1 to 1 -> (B, 896, 16) as centre, size and six key points in pixels of the square, and
        (B, 896) probabilities."""
        with torch.inference_mode():
            regressors, classes = self.detector(image)
        values = regressors.clone()
        anchors = _anchors() * DETECTOR_SIZE
        values[..., :2] += anchors
        values[..., 4:] = (values[..., 4:].unflatten(-1, (6, 2)) + anchors[:, None]).flatten(-2)
        return values, classes[..., 0].clamp(-100, 100).sigmoid()

    def on_face(self, image: Tensor) -> tuple[np.ndarray, float]:
        """(1, 256, 256, 3), 0 to 1 -> (478, 3) in pixels of the square (z alike, less is nearer), and the probability
        that there is a face."""
        with torch.inference_mode():
            points, presence = self.points(image)[:2]
        return points.reshape(-1, 3).numpy(), float(presence.sigmoid())

    def appearance(self, images: Tensor) -> np.ndarray | None:
        """(B, 256, 256, 3), 0 to 1: pictures of one face -> (4096,) float32: what the second network sees in the middle
        of its work, averaged over cells and pictures. None of a network that works otherwise."""
        if not self._inner:
            return None
        with torch.inference_mode():
            found = [
                functional.adaptive_avg_pool2d(x.permute(0, 3, 1, 2), _CELLS).mean(0).permute(1, 2, 0).reshape(-1)
                for x in self.points.up_to(self._inner, images)
            ]
        return torch.cat(found).float().numpy()

    @cached_property
    def _inner(self) -> tuple[int, ...]:
        """Numbers of the second network's tensors that `appearance` reads: the last sum of each shape."""
        shapes = self.points.shapes((1, POINTS_SIZE, POINTS_SIZE, 3))
        sums = [step.outputs[0] for step in self.points.steps if step.kind == "ADD"]
        found = [[k for k in sums if shapes[k] == (1, *shape)] for shape in _INNER]
        return tuple(numbers[-1] for numbers in found) if all(found) else ()

    @cached_property
    def maps(self) -> tuple[int, ...]:
        """Numbers of the second network's tensors that a video's reader looks at (`core/video/appearance.py`): what its
        pools read at a quarter, an eighth and a sixteenth of the picture's side, and what its last layer reads.

        Raises DnpmError when the network has other ones.
        """
        shapes = self.points.shapes((1, POINTS_SIZE, POINTS_SIZE, 3))
        pooled = [step.inputs[0] for step in self.points.steps if step.kind == "MAX_POOL_2D"]
        last = [step.inputs[0] for step in self.points.steps if step.kind == "CONV_2D"][-1:]
        found = [k for side in (4, 8, 16) for k in pooled if shapes[k][1] == POINTS_SIZE // side]
        numbers = (*found, *last)
        if [shapes[k] for k in numbers] != [(1, *shape) for shape in _MAPS]:
            raise DnpmError(f"the landmark networks are not those that a video's reader was measured with; {_BUILD}")
        return numbers

    def expression(self, points: np.ndarray) -> dict[str, float]:
        """(478, 2) pixels of the picture -> score by ARKit's name, 0 to 1 (tongueOut has none)."""
        given = torch.from_numpy(np.ascontiguousarray(points[list(SCORES_OF), :2], np.float32))[None]
        with torch.inference_mode():
            scores = self.scores(given)[0]
        return {name: float(s) for name, s in zip(SCORE_NAMES, scores.reshape(-1), strict=True) if name in ARKIT_NAMES}


def landmarks_path(explicit: str | os.PathLike[str] | None = None) -> Path:
    """The explicit file, else `DNPM_FACE_LANDMARKER`, else the built one, else the one that the extension carries.

    Raises DnpmError when there is none, or when the one that was asked for is missing.
    """
    wanted = explicit or os.environ.get("DNPM_FACE_LANDMARKER")
    if wanted:
        if not Path(wanted).is_file():
            raise DnpmError(f"{wanted}: no such file of landmark networks; {_BUILD}")
        return Path(wanted)
    for folder in ("build", "assets"):
        if (path := ROOT / folder / FILE).is_file():
            return path
    raise DnpmError(f"no landmark networks yet ({ROOT / 'build' / FILE}): {_BUILD}")


def graph_of(described: dict, name: str, arrays: dict[str, np.ndarray]) -> Graph:
    """A network's description and tensors (`NAME.number`) -> the network. Raises DnpmError when they contradict each
    other; read it inside `inputs.reading`."""
    if not isinstance(described, dict):
        raise DnpmError(f"the description of {name} is not an object")
    constants = {
        int(key.rpartition(".")[2]): torch.from_numpy(
            value.astype(np.float32) if value.dtype == np.float16 else value.copy()
        )
        for key, value in arrays.items()
        if key.startswith(f"{name}.")
    }
    for key in ("steps", "inputs", "outputs"):
        if not isinstance(described.get(key), list):
            raise DnpmError(f"the description of {name} lacks the list {key!r}")
    if not all(is_whole(k, 0) for k in (*described["inputs"], *described["outputs"])):
        raise DnpmError(f"the inputs and outputs of {name} must be whole numbers")
    steps = [to_dataclass(Step, step, f"{name}: an operator") for step in described["steps"]]
    return Graph(steps, constants, described["inputs"], described["outputs"]).eval()


def _known(described: dict, name: str, arrays: dict[str, np.ndarray]) -> Graph:
    """One of the three networks, of the shapes that it must have."""
    graph, (reads, gives) = graph_of(described, name, arrays), _SHAPES[name]
    found = graph.shapes(reads)
    shapes = [found[k] for k in graph.outputs]
    if [math.prod(shape) for shape in shapes[: len(gives)]] != [math.prod(shape) for shape in gives]:
        raise DnpmError(f"{name} gives the shapes {brief(shapes)}, not {gives}")
    return graph


def _anchors() -> Tensor:
    """(896, 2): centres, 0 to 1: two a cell of 8 pixels, six a cell of 16 (ssd_anchors with fixed sizes)."""
    layers = []
    for cells, count in ((16, 2), (8, 6)):
        middle = (torch.arange(cells) + 0.5) / cells
        y, x = torch.meshgrid(middle, middle, indexing="ij")
        layers.append(torch.stack([x, y], -1).reshape(-1, 1, 2).expand(-1, count, 2).reshape(-1, 2))
    return torch.cat(layers)
