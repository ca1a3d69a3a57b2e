"""What the worker can be asked about heads of other programs: `worker/handlers/transfer.py` answers. Numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .messages import Message
from .requests import Request, TaskEnded


@dataclass(frozen=True, kw_only=True)
class TransferOpened(Message):
    """The mesh was taken, nothing is computed yet."""

    stages: int
    """About how many `TransferStep` there are."""


@dataclass(frozen=True, kw_only=True)
class TransferOpen(Request[TransferOpened]):
    """Lay the face model over a mesh."""

    KIND = "transfer"
    ANSWER = TransferOpened

    task: str = ""
    """Given by `TransferTask`."""
    vertices: np.ndarray
    """(V, 3) float32, in any unit; core's axes where it stands upright."""
    triangles: np.ndarray
    """(T, 3) int32."""
    pins: np.ndarray | None = None
    """(N, 4) float32: a landmark's number (0 to 67, multi-PIE's order) and its place in the mesh's space."""


@dataclass(frozen=True, kw_only=True)
class TransferFace(Message):
    """The correspondence, as core/transfer/correspondence.py has it."""

    detail_uv: np.ndarray
    """(V, 2) float32."""
    weight: np.ndarray
    """(V,) float32, 0 to 1."""
    distance: np.ndarray
    """(V,) float32 mm."""
    identity: np.ndarray
    """(n_id,) float32."""
    landmarks: np.ndarray
    """(68, 3) float32: the face model's landmarks on the head, in the mesh's space; NaN for one outside of it."""
    scale: float
    """Millimetres of the model's size in a unit of the mesh."""
    median_mm: float
    p95_mm: float
    covered: float
    """Share of the face that was found on the mesh."""
    exact: bool
    """Whether it is MakeHuman's mesh, on which every vertex is known."""
    problem: str = ""
    """What looks wrong; empty when nothing does."""


@dataclass(frozen=True, kw_only=True)
class TransferStepped(Message):
    """A stage is done."""

    stage: str = ""
    """The next one."""
    face: TransferFace | None = None
    """The result, with the last stage."""


@dataclass(frozen=True, kw_only=True)
class TransferStep(Request[TransferStepped]):
    """Compute the next stage."""

    KIND = "transfer_step"
    ANSWER = TransferStepped

    task: str = ""
    """Of the `TransferOpen`."""


@dataclass(frozen=True, kw_only=True)
class TransferEnd(Request[TaskEnded]):
    """Give the mesh up."""

    KIND = "transfer_end"
    ANSWER = TaskEnded

    task: str = ""
    """Of the `TransferOpen`."""
