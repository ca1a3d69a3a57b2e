"""The client's side of `photo_handlers.py`: photos of one person to a face, without ever waiting. Needs numpy alone.

job = PhotoJob(client, [Photo(path="ann.jpg")])
while (face := job.advance()) is None: ...           # from a timer; `job.share`, `job.stage` say how far it is
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..types import Reply
from .task import Asker, Run


@dataclass(frozen=True)
class Photo:
    """A file (path), or pixels (h, w, 1 to 4) with a name; box (left, top, width, height) and pins (vertex, x, y) in
    the photo's pixels, its first row being the top; which: 0 is the largest face."""

    path: str = ""
    pixels: np.ndarray | None = None
    name: str = ""
    box: tuple[float, float, float, float] | None = None
    which: int = 0
    pins: tuple[tuple[int, float, float], ...] = ()


@dataclass(frozen=True)
class PhotoCamera:
    """The camera of one picture, as core/photo/camera.py has it: rotation (3, 3) and translation (3,) mm into camera
    space (x right, y down, z away), focal and centre (2,) in pixels of `picture` (h, w, 3) uint8 sRGB, upright.
    error: mean distance of the landmarks from the fitted face, eye distances. found: faces in the picture."""

    name: str
    rotation: np.ndarray
    translation: np.ndarray
    focal: float
    centre: np.ndarray
    picture: np.ndarray
    error: float
    found: int
    notes: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture."""
        return self.picture.shape[1], self.picture.shape[0]


@dataclass(frozen=True)
class PhotoFace:
    """What the photos became. identity (n_id,); expression (n_exp,), w_offset (18, 512) or None, texture (R, R, 4):
    sRGB and how much of it is to be shown, row 0 the top, and skin (3,) sRGB: those of the first picture."""

    identity: np.ndarray
    expression: np.ndarray
    w_offset: np.ndarray | None
    texture: np.ndarray
    skin: np.ndarray
    cameras: tuple[PhotoCamera, ...]
    detail_from: str
    seconds: dict[str, float]


class PhotoJob(Run[PhotoFace]):
    """One person's photos under way."""

    stage = "reading"
    """What is being done."""

    def __init__(self, client: Asker, photos: Sequence[Photo], **params: Any) -> None:
        """params: trust, refine, resolution, keep_identity, keep_expression of the request `photo`. Raises DnpmError
        when a parameter cannot be sent."""
        self._names: list[str] = []
        self._steps, self._stages = 0, 1
        arrays = {f"pixels_{k}": one.pixels for k, one in enumerate(photos) if one.pixels is not None}
        pictures = [_picture(one, f"pixels_{k}") for k, one in enumerate(photos)]
        super().__init__(client, "photo", arrays, {**params, "pictures": pictures})

    def opened(self, reply: Reply) -> None:
        """See `Run`."""
        self._names, self._stages, self._steps = list(reply.params["names"]), int(reply.params["stages"]), 0
        self.stage = "landmarks"

    def stepped(self, reply: Reply) -> None:
        """See `Run`."""
        self._steps += 1
        self.share, self.stage = self._steps / self._stages, str(reply.params["stage"])

    def made(self, reply: Reply) -> PhotoFace:
        """See `Run`."""
        arrays, facts = reply.arrays, reply.params
        cameras = tuple(
            PhotoCamera(
                name, arrays[f"rotation_{k}"], arrays[f"translation_{k}"], float(one["focal"]), arrays[f"centre_{k}"],
                arrays[f"picture_{k}"], float(one["error"]), int(one["found"]), tuple(one["notes"]),
            )
            for k, (name, one) in enumerate(zip(self._names, facts["cameras"], strict=True))
        )  # fmt: skip
        return PhotoFace(
            arrays["identity"], arrays["expression"], arrays.get("w_offset"), arrays["texture"], arrays["skin"],
            cameras, str(facts["detail_from"]), dict(facts["seconds"]),
        )  # fmt: skip


def _picture(photo: Photo, array: str) -> Mapping[str, Any]:
    source = {"path": photo.path} if photo.pixels is None else {"array": array, "name": photo.name}
    box = {} if photo.box is None else {"box": list(photo.box)}
    return {**source, **box, "which": photo.which, "pins": [list(pin) for pin in photo.pins]}
