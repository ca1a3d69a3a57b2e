"""A person's photos to a face in the worker, a stage at a time: between two of them other faces' maps get their turn.

`core/backend/requests.py` says what comes and goes, `core/backend/client/task.py` is the client's side. The networks
are loaded with the first photo.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from .... import devices
from ....errors import DnpmError
from ... import needs
from ...requests import (
    Photo,
    PhotoCamera,
    PhotoEnd,
    PhotoFace,
    PhotoOpen,
    PhotoOpened,
    PhotoStep,
    PhotoStepped,
    TaskEnded,
)
from ..engine import Engine
from ..job import Job
from ..registry import handler
from ..task_registry import TaskRegistry

if TYPE_CHECKING:
    from ....photo.image_file import Picture
    from ....photo.reconstruct import Reconstruction, Reconstructor
    from ....photo.wanted_face import PictureOptions

MOST = 12
"""Photos of one person at once."""
_TASKS = 2
_TEXELS = 1024 * 1024
"""The networks' work, as maps count it: several threads are good."""


class _Photos:
    """What one engine holds for photos: networks by trust and refinement, and the tasks under way."""

    def __init__(self) -> None:
        self.tools: dict[tuple[float, int], Reconstructor] = {}
        self.tasks: TaskRegistry[str, list[Reconstruction]] = TaskRegistry(_TASKS)


_of_engine: WeakKeyDictionary[Engine, _Photos] = WeakKeyDictionary()


def _photos(engine: Engine) -> _Photos:
    return _of_engine.setdefault(engine, _Photos())


@handler(PhotoOpen)
def open_photos(engine: Engine, request: PhotoOpen, job: Job) -> PhotoOpened:
    """Read pictures and check all that can be checked before computing."""
    needs.require("read photos", needs.PHOTOS)
    from ....photo.choices import TRUST
    from ....photo.fit.solve import Locks

    asked = request.pictures
    if not asked:
        raise DnpmError("photo: pictures must be a list of at least one")
    if len(asked) > MOST:
        raise DnpmError(f"{len(asked)} photos are too many: at most {MOST} of one person are fitted together")
    for name in ("refine", "resolution"):
        _check_count(name, getattr(request, name))
    options = [_options(one) for one in asked]
    tools = _reconstructor(engine, TRUST if request.trust is None else request.trust, request.refine)
    locks = Locks(dict(request.keep_identity), dict(request.keep_expression))
    pictures = [_picture(one) for one in asked]
    work = tools.steps(pictures, options, locks, request.resolution)
    next(work)  # Its first stage's name.
    _photos(engine).tasks.open(request.task, work)
    return PhotoOpened(stages=2 + 2 * len(pictures))


@handler(PhotoStep)
def step_photos(engine: Engine, request: PhotoStep, job: Job) -> PhotoStepped:
    """Compute the next stage."""
    if engine.device.type == "cpu":
        devices.use_threads_for(_TEXELS)
    stage, made = _photos(engine).tasks.advance(request.task, job)
    return PhotoStepped(stage=stage or "") if made is None else PhotoStepped(face=_face(made))


@handler(PhotoEnd)
def end_photos(engine: Engine, request: PhotoEnd, job: Job) -> TaskEnded:
    """Forget the photos."""
    _photos(engine).tasks.end(request.task)
    return TaskEnded()


def _face(made: Sequence[Reconstruction]) -> PhotoFace:
    from ....face_model.photo_colours import encoded

    first = made[0]
    return PhotoFace(
        identity=_float32(first.identity),
        expression=_float32(first.expression),
        w_offset=None if first.w_offset is None else _float32(first.w_offset),
        relief=None if first.relief is None else _float32(first.relief),
        texture=_float32(np.concatenate([first.texture.colour, first.alpha[..., None]], axis=2)),
        skin=_float32(first.skin),
        colours=json.dumps(encoded(first.texture.colour, first.alpha, first.skin).as_json()),
        cameras=tuple(_camera(one) for one in made),
        detail_from=first.detail_from,
        seconds=first.seconds,
        iris=None if first.iris is None else _float32(first.iris),
        skin_age=float(first.skin_settings.age),
        regions={name: float(value) for name, value in first.skin_settings.regions.items()},
        corrective=None if first.corrective is None else _float32(first.corrective),
    )


def _camera(made: Reconstruction) -> PhotoCamera:
    camera = made.camera
    return PhotoCamera(
        name=made.picture.name,
        rotation=_float32(camera.rotation),
        translation=_float32(camera.translation),
        focal=float(camera.focal),
        centre=_float32(camera.centre),
        picture=np.round(made.picture.image * 255).astype(np.uint8),
        error=float(made.error),
        found=made.found,
        notes=tuple(made.notes),
    )


def _float32(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, np.float32)


def _check_count(name: str, value: int) -> None:
    if value < 0:
        raise DnpmError(f"photo: {name} {value}: must be a whole number, 0 or larger")


def _options(photo: Photo) -> PictureOptions:
    from ....photo.fit.solve import Pin
    from ....photo.wanted_face import PictureOptions

    _check_count("which", photo.which)
    if photo.box is not None and min(photo.box[2:]) <= 0:
        raise DnpmError(f"photo: box {photo.box}: its width and height must be larger than 0")
    return PictureOptions(photo.box, photo.which, tuple(Pin(vertex, (x, y)) for vertex, x, y in photo.pins))


def _picture(photo: Photo) -> Picture:
    from ....photo.image_file import picture_of, read_picture

    if (photo.path is None) == (photo.pixels is None):
        raise DnpmError("photo: give a picture either a path or pixels")
    return read_picture(str(photo.path)) if photo.pixels is None else picture_of(photo.pixels, photo.name)


def _reconstructor(engine: Engine, trust: float, refine: int) -> Reconstructor:
    """Models and networks, on the processor: the engine's own may be on a device that previews need."""
    from ....photo.open import open_reconstructor

    tools = _photos(engine).tools
    if (trust, refine) not in tools:
        tools.clear()  # One set at a time: they are large.
        tools[trust, refine] = open_reconstructor(engine.face_model.path, engine.weights.folder, None, trust, refine)
    return tools[trust, refine]
