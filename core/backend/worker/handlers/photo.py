"""A person's photos to a face in the worker, a stage at a time: between two of them other faces' maps get their turn.

photo: read the pictures. Nothing is computed yet.
    params: run (a name of the client's choice); pictures, a list of objects of
        path, or else array (the name of one of the request's, as `picture_of` takes it) and name (for messages);
        box (left, top, width, height) around the face, and pins, a list of [vertex, x, y]: in the photo's own pixels;
        which (0 is the largest face);
        and trust (0 to 1), refine (steps), resolution (texels), keep_identity and keep_expression: [index, value] each
    answer's params: names, stages (how many `photo_step` there are)
photo_step: the next stage.
    params: run
    answer's params: done, stage (the name of the one that comes next); with the last one
    arrays: identity (n_id,); of the first picture expression (n_exp,), texture (R, R, 4) float32: sRGB and how much
        of it is to be shown, skin (3,) sRGB, the usual colour, and, where the photo gave one, w_offset (18, 512);
        of picture k rotation_k (3, 3), translation_k (3,) mm, centre_k (2,) px, picture_k (h, w, 3) uint8 sRGB, upright
    params: cameras, a list of objects of focal (px), size (width, height), error (eye distances), found (faces), notes;
        in the pixels of picture_k; detail_from, seconds
photo_end: forget a run, finished or not.
    params: run

The networks are loaded with the first photo. `core/backend/client/photo.py` is the client's side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from .... import devices
from ....errors import DnpmError
from ... import needs
from ..engine import Engine
from ..job import Job
from ..registry import Answer, handler, read_number, read_params
from ..task_registry import Runs, run_name

if TYPE_CHECKING:
    from ....photo.image_file import Picture
    from ....photo.reconstruct import Reconstruction, Reconstructor, Wish

MOST = 12
"""Photos of one person at once."""
_RUNS = 2
_TEXELS = 1024 * 1024
"""The networks' work, as maps count it: several threads are good."""
_IN_A_PICTURE = {"path", "array", "name", "box", "which", "pins"}


class _Photos:
    """What one engine holds for photos: networks by trust and refinement, and the runs under way."""

    def __init__(self) -> None:
        self.tools: dict[tuple[float, int], Reconstructor] = {}
        self.runs: Runs[str, list[Reconstruction]] = Runs(_RUNS)


_of_engine: WeakKeyDictionary[Engine, _Photos] = WeakKeyDictionary()


def _photos(engine: Engine) -> _Photos:
    return _of_engine.setdefault(engine, _Photos())


@handler("photo")
def photo(engine: Engine, job: Job) -> Answer:
    """Read pictures and check all that can be checked before computing."""
    values = read_params(
        job, {"run": None, "pictures": None, "trust": None, "refine": 0, "resolution": 1024, "keep_identity": [],
              "keep_expression": []},
    )  # fmt: skip
    run = run_name(values)
    needs.require("read photos", needs.PHOTOS)
    from ....photo.choices import TRUST
    from ....photo.fit.solve import Locks

    asked = values["pictures"]
    if not isinstance(asked, list) or not asked or not all(isinstance(one, dict) for one in asked):
        raise DnpmError("photo: pictures must be a list of objects, one a picture")
    if len(asked) > MOST:
        raise DnpmError(f"{len(asked)} photos are too many: at most {MOST} of one person are fitted together")
    wishes = [_wish(one) for one in asked]
    trust = TRUST if values["trust"] is None else read_number(values, "trust")
    tools = _reconstructor(engine, trust, _whole(values, "refine"))
    locks = Locks(_kept(values, "keep_identity"), _kept(values, "keep_expression"))
    pictures = [_picture(job, one) for one in asked]
    work = tools.steps(pictures, wishes, locks, _whole(values, "resolution"))
    next(work)  # Its first stage's name.
    _photos(engine).runs.open(run, work)
    return {}, {"names": [one.name for one in pictures], "stages": 2 + 2 * len(pictures)}


@handler("photo_step")
def photo_step(engine: Engine, job: Job) -> Answer:
    """Compute one stage of a run."""
    if engine.device.type == "cpu":
        devices.use_threads_for(_TEXELS)
    stage, made = _photos(engine).runs.advance(job)
    if made is None:
        return {}, {"done": False, "stage": stage}
    return _answer(made)


@handler("photo_end")
def photo_end(engine: Engine, job: Job) -> Answer:
    """Forget a run."""
    _photos(engine).runs.end(job)
    return {}, {}


def _answer(made: Sequence[Reconstruction]) -> Answer:
    first = made[0]
    arrays = {"identity": first.identity, "expression": first.expression, "skin": first.skin,
              "texture": np.concatenate([first.texture.colour, first.alpha[..., None]], axis=2)}  # fmt: skip
    if first.w_offset is not None:
        arrays["w_offset"] = first.w_offset
    cameras: list[dict[str, Any]] = []
    pictures: dict[str, np.ndarray] = {}
    for k, one in enumerate(made):
        camera = one.camera
        for name in ("rotation", "translation", "centre"):
            arrays[f"{name}_{k}"] = getattr(camera, name)
        pictures[f"picture_{k}"] = np.round(one.picture.image * 255).astype(np.uint8)
        cameras.append({
            "focal": float(camera.focal), "size": list(camera.size), "error": float(one.error), "found": one.found,
            "notes": one.notes,
        })  # fmt: skip
    facts = {"done": True, "cameras": cameras, "detail_from": first.detail_from, "seconds": first.seconds}
    return {name: np.asarray(array, np.float32) for name, array in arrays.items()} | pictures, facts


def _whole(values: dict[str, Any], name: str) -> int:
    value = values.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise DnpmError(f"photo: {name} {value!r}: must be a whole number, 0 or larger")
    return value


def _rows(value: object, name: str, width: int) -> list[list[float]]:
    """A list of lists of `width` numbers."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(r, (list, tuple)) and len(r) == width for r in value):
        raise DnpmError(f"photo: {name} must be a list of rows of {width} numbers, is {value!r}")
    return [[read_number({name: part}, name) for part in row] for row in value]


def _kept(values: dict[str, Any], name: str) -> dict[int, float]:
    return {int(place): value for place, value in _rows(values[name], name, 2)}


def _wish(asked: dict[str, Any]) -> Wish:
    from ....photo.fit.solve import Pin
    from ....photo.reconstruct import Wish

    if unknown := set(asked) - _IN_A_PICTURE:
        raise DnpmError(f"photo: a picture has no {', '.join(sorted(unknown))}; it has {', '.join(_IN_A_PICTURE)}")
    pins = tuple(Pin(int(vertex), (x, y)) for vertex, x, y in _rows(asked.get("pins", []), "pins", 3))
    box = asked.get("box")
    if box is None:
        return Wish(None, _whole(asked, "which"), pins)
    ((left, top, width, height),) = _rows([box], "box", 4)
    if min(width, height) <= 0:
        raise DnpmError(f"photo: box {box!r}: its width and height must be larger than 0")
    return Wish((left, top, width, height), _whole(asked, "which"), pins)


def _picture(job: Job, asked: dict[str, Any]) -> Picture:
    from ....photo.image_file import picture_of, read_picture

    path, array = asked.get("path"), asked.get("array")
    if (path is None) == (array is None):
        raise DnpmError("photo: give a picture either a path or an array")
    if path is not None:
        return read_picture(str(path))
    if array not in job.arrays:
        raise DnpmError(f"photo: the array {array!r} is missing")
    return picture_of(job.arrays[array], str(asked.get("name", array)))


def _reconstructor(engine: Engine, trust: float, refine: int) -> Reconstructor:
    """Models and networks, on the processor: the engine's own may be on a device that previews need."""
    from ....photo.open import open_reconstructor

    tools = _photos(engine).tools
    if (trust, refine) not in tools:
        tools.clear()  # One set at a time: they are large.
        tools[trust, refine] = open_reconstructor(
            engine.face_model["path"], engine.weights["folder"], None, trust, refine
        )
    return tools[trust, refine]
