"""A picture to faces: boxes first (`search.py`), then 478 points on each: three times, so that the last look is well
centred, and then from several sides (`looks.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ...errors import DnpmError
from .augmentation import augment_at_test_time, other_side
from .blur import SHARP, blur_of, sharpened
from .networks import DETECTOR_SIZE, POINTS_SIZE, LandmarkNetworks
from .search import PORTRAIT, boxes_of, suppressed, tiled, whole_squares
from .teeth import teeth_gap

LEAST_PRESENCE = 0.5
_MOST = 300
"""Boxes that are looked into; no picture shows so many faces that could be used."""
_ROOM = 1.5
"""A face's square over its box: MediaPipe's region of interest."""
_EYES = (33, 263)
"""Outer corners, the subject's right first."""


@dataclass(frozen=True)
class Face:
    """One face: box (left, top, width, height) in pixels, points (478, 3) in pixels (z alike, less is nearer), presence
    (0 to 1), scores by ARKit's names; how far several looks at it lie apart (`looks.py`), the blur that was measured
    and taken out for these looks (`blur.py`), and the gap between the rows of teeth (`teeth.py`; None: not seen), all
    three in its eye distances. appearance (4096,): what the face looks like to the network (`appearance_of`); None of a
    face that was not looked at closely."""

    box: tuple[float, float, float, float]
    points: np.ndarray
    presence: float
    scores: dict[str, float] = field(default_factory=dict)
    spread: float = 0.005
    blur: float = 0.0
    teeth_gap: float | None = None
    appearance: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def eye_distance(self) -> float:
        """Pixels between the eyes' outer corners."""
        return float(np.linalg.norm(self.points[_EYES[0], :2] - self.points[_EYES[1], :2]))


def find_faces(
    image: np.ndarray, networks: LandmarkNetworks, box: tuple[float, float, float, float] | None = None,
    closely: int | None = None,
) -> list[Face]:  # fmt: skip
    """Faces of a picture (h, w, 3) float32 sRGB 0 to 1, the largest first; empty when none is found.

    box: (left, top, width, height) in pixels of one face, which is then not searched for. closely: how many of the
    largest are looked at from several sides (None: all); the others have the points of one look, and no scores. The
    whole picture is searched first; when no face in it is as large as a portrait's, small ones are searched for in
    overlapping squares. Raises DnpmError when the box lies outside.
    """
    height, width = image.shape[:2]
    if box is not None:
        left, top, w, h = box
        if w <= 0 or h <= 0 or left >= width or top >= height or left + w <= 0 or top + h <= 0:
            raise DnpmError(f"the box {tuple(box)} does not lie in the picture of {width} x {height} pixels")
        found = _placed(image, networks, np.array([left + w / 2, top + h / 2]), max(w, h), 0.0)
        return [] if found is None else [_looked_at(image, networks, found)]
    faces = placed_faces(image, networks)
    count = len(faces) if closely is None else closely
    return [
        _looked_at(image, networks, face) if k < count else face.face(face.points, 0.0, {})
        for k, face in enumerate(faces)
    ]


def placed_faces(image: np.ndarray, networks: LandmarkNetworks, small: bool = True) -> list[PlacedFace]:
    """Faces of a picture (h, w, 3) float32 sRGB 0 to 1 with the points of one look, the largest first. small: whether
    faces smaller than a portrait's are searched for, which takes many times as long where there is none."""
    height, width = image.shape[:2]
    faces: list[PlacedFace] = []
    for square in whole_squares(width, height):
        _add(faces, image, networks, suppressed(_boxes(image, networks, *square)))
        if faces:
            break
    if small and max((face.size[1] for face in faces), default=0.0) < PORTRAIT * min(width, height):
        _add(faces, image, networks, suppressed(tiled(image, networks)))
    return sorted(faces, key=lambda face: -face.size.prod())


def _add(faces: list[PlacedFace], image: np.ndarray, networks: LandmarkNetworks, boxes: list[np.ndarray]) -> None:
    """Look into boxes; what shows a face that is not among `faces` joins them."""
    for box in boxes[:_MOST]:
        eyes = box[4:8].reshape(2, 2)
        angle = float(np.arctan2(*(eyes[1] - eyes[0])[::-1]))
        placed = _placed(image, networks, box[:2], float(max(box[2:4])), angle)
        if placed is not None and not any(_same(placed, other) for other in faces):
            faces.append(placed)


def _boxes(image: np.ndarray, networks: LandmarkNetworks, x: float, y: float, side: float) -> list[np.ndarray]:
    """(17,) each: centre, size, six key points in the picture's pixels, score."""
    square, affine = cut(image, np.array([x, y]), side, 0.0, DETECTOR_SIZE)
    (values,), (scores,) = networks.boxes(square * 2 - 1)
    found = []
    for box in boxes_of(values, scores):
        points = box[:16].reshape(8, 2)
        points[1] *= side / DETECTOR_SIZE
        points[[0, *range(2, 8)]] = points[[0, *range(2, 8)]] @ affine[:, :2].T + affine[:, 2]
        found.append(np.append(points.reshape(-1), box[16]))
    return found


@dataclass(frozen=True)
class PlacedFace:
    """A face that was found: points (478, 3) pixels, presence, and the square about its points: middle, side, turn."""

    points: np.ndarray
    presence: float
    middle: np.ndarray
    side: float
    angle: float

    @property
    def size(self) -> np.ndarray:
        """Width and height of its points."""
        return np.ptp(self.points[:, :2], axis=0)

    def face(self, points: np.ndarray, spread: float, scores: dict[str, float]) -> Face:
        """With these points; spread in pixels."""
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
        face = Face(box, points.astype(np.float32), self.presence, scores)
        return replace(face, spread=spread / max(face.eye_distance, 1e-6)) if spread else face


def _same(a: PlacedFace, b: PlacedFace) -> bool:
    apart = float(np.linalg.norm(a.points[:, :2].mean(0) - b.points[:, :2].mean(0)))
    return apart < 0.3 * max(a.size[0], b.size[0])


def _placed(
    image: np.ndarray, networks: LandmarkNetworks, middle: np.ndarray, size: float, angle: float
) -> PlacedFace | None:  # fmt: skip
    """Points within a box, then twice within the square of those points; None where there is no face."""
    presence, points = 0.0, np.zeros((0, 3))
    side = _ROOM * size
    for _ in range(3):
        square, affine = cut(image, middle, side, angle, POINTS_SIZE)
        inside, presence = networks.on_face(square)
        points = np.concatenate([inside[:, :2] @ affine[:, :2].T + affine[:, 2], inside[:, 2:] * side / POINTS_SIZE], 1)
        if presence < LEAST_PRESENCE:
            return None
        middle, side, angle = square_about(points)
    return PlacedFace(points, presence, middle, side, angle)


def square_about(points: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Middle (2,), side and turn of the square that a face is looked at in next, from its points (478, 2 or 3)."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    line = points[_EYES[1], :2] - points[_EYES[0], :2]
    return (low + high) / 2, _ROOM * float((high - low).max()), float(np.arctan2(line[1], line[0]))


def _looked_at(image: np.ndarray, networks: LandmarkNetworks, placed: PlacedFace) -> Face:
    """The mean of several looks at a face whose blur was taken out, and what it expresses."""
    face = _sharpened_looks(image, networks, placed)
    return replace(
        face, teeth_gap=teeth_gap(image, face.points, face.eye_distance),
        appearance=appearance_of(image, face.points, networks),
    )  # fmt: skip


def appearance_of(image: np.ndarray, points: np.ndarray, networks: LandmarkNetworks) -> np.ndarray | None:
    """(4096,) float32: what a face with these points (478 or 468, 2 or 3) looks like, mean of the picture and its
    mirror image (`LandmarkNetworks.appearance`). Sex, age, fullness and the forms of brow, nose and jaw can be told
    from it (`fit/photo_regressor.py`)."""
    square, _ = cut(image, *square_about(points), POINTS_SIZE)
    return networks.appearance(torch.cat([square, square.flip(2)]))


def _sharpened_looks(image: np.ndarray, networks: LandmarkNetworks, placed: PlacedFace) -> Face:
    blur = blur_of(image, placed.points)
    if blur > SHARP:
        part, corner, scale = sharpened(image, placed.points, blur)
        size = placed.side / _ROOM * float(scale.mean())
        again = _placed(part, networks, (placed.middle - corner) * scale, size, placed.angle)
        if again is not None:  # Else it shows no face any more, and what was found stands.
            # Its box stays the one that it was found by: the largest come first by these.
            box = placed.face(placed.points, 0.0, {}).box
            return replace(_moved(_looks(part, networks, again), corner, scale), box=box, blur=blur)
    return replace(_looks(image, networks, placed), blur=blur)


def _looks(image: np.ndarray, networks: LandmarkNetworks, placed: PlacedFace) -> Face:
    within = lambda *square: cut(image, *square)  # noqa: E731
    points, spread = augment_at_test_time(
        placed.points, placed.middle, placed.side, placed.angle, within, networks.on_face,
        other_side(networks.canonical), POINTS_SIZE,
    )  # fmt: skip
    return placed.face(points, spread, networks.expression(points))


def _moved(face: Face, corner: np.ndarray, scale: np.ndarray) -> Face:
    """The points of a face in a part of a picture, in the picture's pixels."""
    points = face.points / np.append(scale, scale.mean())
    points[:, :2] += corner
    return replace(face, points=points.astype(np.float32))


def cut(image: np.ndarray, middle: np.ndarray, side: float, angle: float, size: int) -> tuple[Any, np.ndarray]:
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
