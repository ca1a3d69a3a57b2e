"""A head of another program in the worker, a stage at a time; `core/backend/transfer_requests.py` says what travels."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from .... import devices
from ... import needs
from ...requests import TaskEnded
from ...transfer_requests import (
    TransferEnd,
    TransferFace,
    TransferOpen,
    TransferOpened,
    TransferStep,
    TransferStepped,
)
from ..engine import Engine
from ..job import Job
from ..registry import handler
from ..task_registry import TaskRegistry

if TYPE_CHECKING:
    from ....transfer.correspondence import Correspondence

_TASKS = 2
_STAGES = 40
_TEXELS = 256 * 256
_of_engine: WeakKeyDictionary[Engine, TaskRegistry[str, TransferFace]] = WeakKeyDictionary()


def _tasks(engine: Engine) -> TaskRegistry[str, TransferFace]:
    return _of_engine.setdefault(engine, TaskRegistry(_TASKS))


@handler(TransferOpen)
def open_transfer(engine: Engine, request: TransferOpen, job: Job) -> TransferOpened:
    """Check the mesh."""
    needs.require("lay the face model over a mesh", needs.PHOTOS)
    from ....transfer.target import Target

    target = Target(request.vertices, request.triangles)
    pins = [] if request.pins is None else [(int(row[0]), row[1:4].astype(float)) for row in request.pins]
    _tasks(engine).open(request.task, _work(engine, target, pins))
    return TransferOpened(stages=_STAGES)


@handler(TransferStep)
def step_transfer(engine: Engine, request: TransferStep, job: Job) -> TransferStepped:
    """Compute the next stage."""
    if engine.device.type == "cpu":
        devices.use_threads_for(_TEXELS)
    stage, face = _tasks(engine).advance(request.task, job)
    return TransferStepped(stage=stage or "", face=face)


@handler(TransferEnd)
def end_transfer(engine: Engine, request: TransferEnd, job: Job) -> TaskEnded:
    """Forget the mesh."""
    _tasks(engine).end(request.task)
    return TaskEnded()


def _work(engine: Engine, target, pins) -> Generator[str, None, TransferFace]:  # type: ignore[no-untyped-def]
    from ....face_model.model import FaceModel
    from ....transfer.correspondence import correspond

    # The engine holds the model in torch's form: the registration wants the file's.
    model = FaceModel.load(engine.face_model.path)
    made = yield from correspond(model, target, pins=pins)
    return _face(made)


def _face(made: Correspondence) -> TransferFace:
    return TransferFace(
        detail_uv=made.detail_uv, weight=made.weight, distance=made.distance, identity=made.identity,
        landmarks=made.landmarks.astype(np.float32), scale=float(made.scale), median_mm=made.median_mm,
        p95_mm=made.p95_mm, covered=made.covered, exact=made.exact, problem=made.problem,
    )  # fmt: skip
