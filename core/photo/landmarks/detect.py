"""A picture to faces: boxes first, then 478 points on each: three times, so that the last look is well centred, and
then from several sides (`looks.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ...errors import DnpmError
from .looks import other_side, several_looks
from .networks import DETECTOR_SIZE, POINTS_SIZE, LandmarkNetworks

LEAST_SCORE, LEAST_PRESENCE = 0.5, 0.5
_OVERLAP = 0.3
_ROOM = 1.5
"""A face's square over its box: MediaPipe's region of interest."""
_EYES = (33, 263)
"""Outer corners, the subject's right first."""


@dataclass(frozen=True)
class Face:
    """One face: box (left, top, width, height) in pixels, points (478, 3) in pixels (z alike, less is nearer), presence
    (0 to 1), scores by ARKit's names, and how far several looks at it lie apart, in its eye distances (`looks.py`)."""

    box: tuple[float, float, float, float]
    points: np.ndarray
    presence: float
    scores: dict[str, float] = field(default_factory=dict)
    spread: float = 0.005

    @property
    def eye_distance(self) -> float:
        """Pixels between the eyes' outer corners."""
        return float(np.linalg.norm(self.points[_EYES[0], :2] - self.points[_EYES[1], :2]))


def find_faces(
    image: np.ndarray, networks: LandmarkNetworks, box: tuple[float, float, float, float] | None = None
) -> list[Face]:
    """Faces of a picture (h, w, 3) float32 sRGB 0 to 1, the largest first; empty when none is found.

    box: (left, top, width, height) in pixels of one face, which is then not searched for. The whole picture is looked
    at first; then it is made small within a frame (faces that fill it), then in overlapping parts (small faces).
    Raises DnpmError when the box lies outside.
    """
    height, width = image.shape[:2]
    if box is not None:
        left, top, w, h = box
        if w <= 0 or h <= 0 or left >= width or top >= height or left + w <= 0 or top + h <= 0:
            raise DnpmError(f"the box {tuple(box)} does not lie in the picture of {width} x {height} pixels")
        found = _look(image, networks, np.array([left + w / 2, top + h / 2]), max(w, h), 0.0)
        return [found] if found is not None else []
    faces: list[Face] = []
    for squares in _searches(width, height):
        boxes = _suppressed([b for square in squares for b in _boxes(image, networks, *square)])
        for found_box in boxes:
            eyes = found_box[4:8].reshape(2, 2)
            angle = float(np.arctan2(*(eyes[1] - eyes[0])[::-1]))
            face = _look(image, networks, found_box[:2], float(max(found_box[2:4])), angle)
            if face is not None and not any(_same(face, other) for other in faces):
                faces.append(face)
        if faces:
            break
    return sorted(faces, key=lambda face: -face.box[2] * face.box[3])


def _searches(width: int, height: int) -> list[list[tuple[float, float, float]]]:
    """Squares (middle x, middle y, side) that are searched one group after the other."""
    x, y, side = width / 2, height / 2, float(max(width, height))
    groups = [[(x, y, side)], [(x, y, 1.6 * side)], [(x, y, 0.6 * side)]]
    for parts in (2, 4):
        step = side / (parts + 1)
        apart = [step * (k + 1) - side / 2 for k in range(parts)]
        groups.append(
            [
                (x + u, y + v, 2 * step) for u in apart for v in apart
                if abs(u) < width / 2 + step and abs(v) < height / 2 + step
            ]
        )  # fmt: skip
    return groups


def _boxes(image: np.ndarray, networks: LandmarkNetworks, x: float, y: float, side: float) -> list[np.ndarray]:
    """(17,) each: centre, size, six key points in the picture's pixels, score."""
    square, affine = _cut(image, np.array([x, y]), side, 0.0, DETECTOR_SIZE)
    values, scores = networks.boxes(square * 2 - 1)
    good = torch.nonzero(scores >= LEAST_SCORE).reshape(-1)
    found = []
    for k in good.tolist():
        row = values[k].numpy().astype(float)
        points = row.reshape(8, 2).copy()
        points[1] *= side / DETECTOR_SIZE
        points[[0, *range(2, 8)]] = points[[0, *range(2, 8)]] @ affine[:, :2].T + affine[:, 2]
        found.append(np.append(points.reshape(-1), float(scores[k])))
    return found


def _suppressed(boxes: list[np.ndarray]) -> list[np.ndarray]:
    """Overlapping boxes become their mean, weighted by score (MediaPipe's weighted suppression)."""
    rest, result = sorted(boxes, key=lambda b: -b[16]), []
    while rest:
        best = rest[0]
        near = [b for b in rest if _overlap(best, b) > _OVERLAP]
        weights = np.array([b[16] for b in near])
        result.append((np.stack(near) * weights[:, None]).sum(0) / weights.sum())
        rest = [b for b in rest if _overlap(best, b) <= _OVERLAP]
    return result


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    low = np.maximum(a[:2] - a[2:4] / 2, b[:2] - b[2:4] / 2)
    high = np.minimum(a[:2] + a[2:4] / 2, b[:2] + b[2:4] / 2)
    common = float(np.prod(np.maximum(high - low, 0)))
    return common / max(float(np.prod(a[2:4]) + np.prod(b[2:4])) - common, 1e-9)


def _same(a: Face, b: Face) -> bool:
    return float(np.linalg.norm(a.points[:, :2].mean(0) - b.points[:, :2].mean(0))) < 0.3 * max(a.box[2], b.box[2])


def _look(
    image: np.ndarray, networks: LandmarkNetworks, middle: np.ndarray, size: float, angle: float
) -> Face | None:  # fmt: skip
    """Points within a box, then twice within the square of those points, then the mean of several such looks."""
    presence, points = 0.0, np.zeros((0, 3))
    side = _ROOM * size
    for _ in range(3):
        square, affine = _cut(image, middle, side, angle, POINTS_SIZE)
        inside, presence = networks.on_face(square)
        points = np.concatenate([inside[:, :2] @ affine[:, :2].T + affine[:, 2], inside[:, 2:] * side / POINTS_SIZE], 1)
        if presence < LEAST_PRESENCE:
            return None
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        line = points[_EYES[1], :2] - points[_EYES[0], :2]
        angle = float(np.arctan2(line[1], line[0]))
        middle, side = (low + high) / 2, _ROOM * float((high - low).max())
    cut = lambda *square: _cut(image, *square)  # noqa: E731
    points, spread = several_looks(
        points, middle, side, angle, cut, networks.on_face, other_side(networks.canonical), POINTS_SIZE
    )
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
    face = Face(box, points.astype(np.float32), presence, networks.expression(points))
    return replace(face, spread=spread / max(face.eye_distance, 1e-6))


def _cut(image: np.ndarray, middle: np.ndarray, side: float, angle: float, size: int) -> tuple[Any, np.ndarray]:
    """A turned square of the picture (1, size, size, 3), black outside, and the (2, 3) that takes its pixels back."""
    scale = side / size
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    turn = np.array([[c, -s], [s, c]])
    affine = np.concatenate([turn, (middle - turn @ np.array([size / 2, size / 2]))[:, None]], 1)
    tensor = torch.from_numpy(np.ascontiguousarray(image, np.float32)).permute(2, 0, 1)[None]
    factor = 1.0
    if scale > 1.5:  # A grid of single look-ups would skip pixels.
        factor = 1.0 / scale
        shape = [max(1, round(n * factor)) for n in tensor.shape[2:]]
        tensor = functional.interpolate(tensor, shape, mode="bilinear", antialias=True, align_corners=False)
    grid = torch.arange(size) + 0.5
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    places = torch.stack([x, y], -1).reshape(-1, 2).double() @ torch.from_numpy(affine[:, :2].T) + torch.from_numpy(
        affine[:, 2]
    )
    height, width = image.shape[:2]
    places = places / torch.tensor([width, height]) * 2 - 1
    square = functional.grid_sample(
        tensor, places.reshape(1, size, size, 2).float(), mode="bicubic" if scale < 1 else "bilinear",
        padding_mode="zeros", align_corners=False,
    )  # fmt: skip
    return square.clamp(0, 1).permute(0, 2, 3, 1), affine
