"""Where in a picture faces may be: the detector over the whole of it, and over overlapping squares for small ones.

The detector (BlazeFace, short range) sees a square of 128 pixels and finds faces that are 20 to 100 of them high: of 60
portraits reduced to 20 pixels it found all, at 17 four in five, at 14 one. Hence squares that halve in side find faces
of any size down to `LEAST_FACE`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .networks import DETECTOR_SIZE, LandmarkNetworks

LEAST_SCORE = 0.5
LEAST_FACE = 30
"""Pixels of the smallest face's height that is searched for."""
PORTRAIT = 0.25
"""A face of so much of the picture's shorter side is what the picture shows: smaller ones are not searched for."""
_SEEN = 20
"""Pixels of a face in the detector's square from which it is found."""
_STEP = 0.6
"""Of a square's side, from one to the next: what is smaller than the rest lies whole in one of them."""
_AT_ONCE = 16
_OVERLAP = 0.3


def whole_squares(width: int, height: int) -> list[tuple[float, float, float]]:
    """Squares (middle x, middle y, side) of the whole picture: as it is, small within a frame, and its middle."""
    side = float(max(width, height))
    return [(width / 2, height / 2, factor * side) for factor in (1.0, 1.6, 0.6)]


def boxes_of(values: Tensor, scores: Tensor) -> list[np.ndarray]:
    """What the detector said of one square, (896, 16) and (896,) -> (17,) each: centre, size, six key points in pixels
    of the square, score."""
    good = torch.nonzero(scores >= LEAST_SCORE).reshape(-1)
    return [np.append(values[k].numpy().astype(float), float(scores[k])) for k in good.tolist()]


def tiled(image: np.ndarray, networks: LandmarkNetworks) -> list[np.ndarray]:
    """Boxes (17,) of faces of all sizes down to LEAST_FACE, in the picture's pixels; (h, w, 3) float32 sRGB 0 to 1."""
    least = LEAST_FACE * DETECTOR_SIZE / _SEEN
    side, sides = float(max(image.shape[:2])), []
    while side > least:
        side = max(side / 2, least)
        sides.append(side)
    return [box for side in sides for box in _boxes_at(image, networks, side)]


def suppressed(boxes: list[np.ndarray]) -> list[np.ndarray]:
    """Overlapping boxes become their mean, weighted by score (MediaPipe's weighted suppression); the surest first."""
    if not boxes:
        return []
    rest: np.ndarray = np.stack(boxes)
    rest, result = rest[np.argsort(-rest[:, 16], kind="stable")], []
    while len(rest):
        near = _overlaps(rest[0], rest) > _OVERLAP
        near[0] = True
        weights = rest[near, 16]
        result.append((rest[near] * weights[:, None]).sum(0) / weights.sum())
        rest = rest[~near]
    return result


def _boxes_at(image: np.ndarray, networks: LandmarkNetworks, side: float) -> list[np.ndarray]:
    """Boxes found in squares of one side: the picture is made smaller once, squares are cut out of it."""
    height, width = image.shape[:2]
    tensor = torch.from_numpy(np.ascontiguousarray(image, np.float32)).permute(2, 0, 1)[None]
    shape = [max(1, round(n * DETECTOR_SIZE / side)) for n in (height, width)]
    if shape != [height, width]:
        tensor = functional.interpolate(tensor, shape, mode="bilinear", antialias=True, align_corners=False)
    scale = np.array([width / shape[1], height / shape[0]])
    # Black beyond the picture, where it is smaller than a square.
    tensor = functional.pad(tensor, (0, max(0, DETECTOR_SIZE - shape[1]), 0, max(0, DETECTOR_SIZE - shape[0])))
    places = [(x, y) for y in _starts(tensor.shape[2]) for x in _starts(tensor.shape[3])]
    found = []
    for group in _groups(places):
        squares = torch.cat([tensor[:, :, y : y + DETECTOR_SIZE, x : x + DETECTOR_SIZE] for x, y in group])
        values, scores = networks.boxes(squares.clamp(0, 1).permute(0, 2, 3, 1) * 2 - 1)
        for k, place in enumerate(group):
            for box in boxes_of(values[k], scores[k]):
                points = box[:16].reshape(8, 2)
                points[1] *= scale
                points[[0, *range(2, 8)]] = (points[[0, *range(2, 8)]] + place) * scale
                found.append(np.append(points.reshape(-1), box[16]))
    return found


def _starts(length: int) -> list[int]:
    """Where squares begin along one side, the last at its end."""
    count = 1 + int(np.ceil((length - DETECTOR_SIZE) / (_STEP * DETECTOR_SIZE)))
    return [round(k * (length - DETECTOR_SIZE) / max(1, count - 1)) for k in range(count)]


def _groups(places: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    for k in range(0, len(places), _AT_ONCE):
        yield places[k : k + _AT_ONCE]


def _overlaps(one: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of a box with (n, 17) boxes."""
    low = np.maximum(one[:2] - one[2:4] / 2, boxes[:, :2] - boxes[:, 2:4] / 2)
    high = np.minimum(one[:2] + one[2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2)
    common = np.maximum(high - low, 0).prod(1)
    return common / np.maximum(one[2:4].prod() + boxes[:, 2:4].prod(1) - common, 1e-9)
