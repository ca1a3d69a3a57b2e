"""Blender with the extension registered, a tiny face model, and a backend that answers at once and keeps count."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from dnpm.core.backend.portrait_requests import PortraitAnswer, PortraitRequest
from dnpm.core.backend.requests import (
    Curves,
    FaceModelInfo,
    InfoAnswer,
    InfoRequest,
    MapAnswer,
    MapRequest,
    MapsRequest,
    PhotoCamera,
    PhotoEnd,
    PhotoFace,
    PhotoOpen,
    PhotoOpened,
    PhotoStep,
    PhotoStepped,
    Request,
    SpeechEnd,
    SpeechOpen,
    SpeechOpened,
    SpeechStep,
    SpeechStepped,
    TaskEnded,
    WeightsInfo,
)  # fmt: skip
from dnpm.core.backend.style_requests import StyleEnd, StyleMade, StyleOpen, StyleOpened, StyleStep, StyleStepped
from dnpm.core.backend.transfer_requests import (
    TransferEnd,
    TransferFace,
    TransferOpen,
    TransferOpened,
    TransferStep,
    TransferStepped,
)
from dnpm.core.backend.types import BackendStatus, Pending, Reply
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.face_model.photo_colours import encoded


class FakeClient:
    """BackendClient's interface; a request is answered at the next poll, the way that the real one answers.

    Its map is a smooth function of the sliders, so that two faces, or two sizes of one, can be told apart.
    """

    def __init__(self) -> None:
        self.status = BackendStatus()
        self.asked: list[dict] = []
        self.calls: list[dict] = []
        self.waiting: list[Reply] = []
        self.error: str | None = None
        self.held = False
        self.submitted: list[Request] = []
        self.ended: list[str] = []
        self.speech: SpeechOpen | None = None
        self.sound_s = 3.0
        self.weights = "a"
        self.photo: PhotoOpen | None = None
        self.transfer: TransferOpen | None = None
        self.transfer_scale = 1.0
        self.transfer_weight = 1.0
        self.steps = 0

    @staticmethod
    def map_of(identity: np.ndarray, expression: np.ndarray, resolution: int | None) -> np.ndarray:
        side = resolution or 1024
        x = (np.arange(side, dtype=np.float32) + 0.5) / side
        bump = np.sin(np.pi * x)[:, None] * np.sin(np.pi * x)[None]
        height = 0.3 + 0.4 * float(expression @ np.arange(1, len(expression) + 1)) - 0.1 * float(identity.sum())
        return (height * bump * (1 + 0.5 * x[:, None])).astype(np.float32)

    def start(self) -> None:
        self.status = BackendStatus(state="ready", device="cpu", device_name="a processor")

    def stop(self) -> None:
        self.status, self.waiting = BackendStatus(), []

    def request(self, channel, request) -> int:
        ticket = len(self.asked) + 1
        self.asked.append({"channel": channel} | self.as_dict(request))
        # The newest of a channel waits, as in the real client.
        self.waiting = [reply for reply in self.waiting if reply.channel != channel]
        self.waiting.append(self._map(ticket, channel, request))
        return ticket

    @staticmethod
    def as_dict(request) -> dict:
        """Its arrays, and the rest as `params`: what is not at its default, beside resolution and final."""
        arrays, params = request.pack()
        return {"params": {"resolution": request.resolution, "final": request.final} | params, **arrays}

    def poll(self) -> list[Reply]:
        if self.held:
            return []
        answers, self.waiting = self.waiting, []
        return answers

    def call(self, request, *, timeout=60) -> Reply:
        self.start()
        if isinstance(request, PortraitRequest):
            return Reply(0, "", request, self._portrait(request))
        self.calls.append(self.as_dict(request))
        return self._map(0, "", request)

    def submit(self, channel, request, *, timeout=None) -> Pending:
        self.start()
        pending = Pending()
        self.submitted.append(request)
        if self.error:
            pending.deliver(Reply(0, channel, request, error=self.error))
        else:
            pending.deliver(Reply(0, channel, request, self._answers[type(request)](self, request), ms=5.0))
        return pending

    def _info(self, request: InfoRequest) -> InfoAnswer:
        weights = WeightsInfo("fake", "", {"generator": self.weights}, 1024)
        return InfoAnswer(
            python="", python_version="", torch_version="", device="cpu", device_name="", devices=("cpu",),
            weights_name="fake", weights=weights, face_model=FaceModelInfo("tiny", "", 3, 4, 0),
        )  # fmt: skip

    def _portrait(self, request: PortraitRequest) -> PortraitAnswer:
        """A picture whose red is the preset's length."""
        picture = np.zeros((request.size, request.size, 3), np.uint8)
        picture[..., 0] = len(request.preset) % 256
        return PortraitAnswer(picture=picture)

    def _one_map(self, request: MapRequest) -> MapAnswer:
        return MapAnswer(displacement=self.map_of(request.identity, request.expression, request.resolution))

    def _maps(self, request: MapsRequest) -> MapAnswer:
        both = zip(request.identity, request.expression, strict=True)
        return MapAnswer(displacement=np.stack([self.map_of(i, e, request.resolution) for i, e in both]))

    def _open_photos(self, request: PhotoOpen) -> PhotoOpened:
        """What was asked is kept."""
        self.photo, self.steps = request, 0
        return PhotoOpened(stages=2 + 2 * len(request.pictures))

    def _step_photos(self, request: PhotoStep) -> PhotoStepped:
        """The same person for any photo, turned a little; four stages."""
        self.steps += 1
        if self.steps < 4:
            return PhotoStepped(stage=("fit", "texture", "detail")[self.steps - 1])
        asked = self.photo
        face = self.photo_answer(len(asked.pictures), asked.keep_identity, asked.keep_expression)
        named = zip(face.cameras, asked.pictures, strict=True)
        return PhotoStepped(
            face=replace(face, cameras=tuple(replace(camera, name=one.path or one.name) for camera, one in named))
        )

    def _end(self, request: PhotoEnd | SpeechEnd | TransferEnd) -> TaskEnded:
        self.ended.append(request.task)
        return TaskEnded()

    @staticmethod
    def photo_answer(count: int, keep_identity=(), keep_expression=()) -> PhotoFace:
        """As the worker answers for the tiny model."""
        rng = np.random.default_rng(3)
        identity, expression = np.array([0.5, -1.0, 0.25], np.float32), np.array([0.5, 0, 0, 0.25], np.float32)
        for values, kept in ((identity, keep_identity), (expression, keep_expression)):
            for place, value in kept:
                values[place] = value
        offset = rng.normal(0, 0.1, (18, 512)).astype(np.float32)
        texture = rng.uniform(0, 1, (64, 64, 4)).astype(np.float32)
        a = np.radians(20)
        turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        cameras = [
            PhotoCamera(
                f"photo {k}", (np.diag([1.0, -1.0, -1.0]) @ turn).astype(np.float32),
                np.array([5.0, -8.0, 600.0 + 100 * k], np.float32), 400.0, np.array([66.0, 75.0], np.float32),
                rng.integers(0, 255, (160, 120, 3)).astype(np.uint8), 0.02, 1, ("has a note",),
            )
            for k in range(count)
        ]  # fmt: skip
        skin = np.array([0.45, 0.3, 0.2], np.float32)
        relief = np.round(rng.uniform(-127, 127, (32, 32))).astype(np.float32)
        relief[0, 0] = -127
        relief *= np.float32(0.003)
        corrective = np.zeros((13 * 13, 3), np.float32)
        corrective[5:9] = [1.27, -0.6, 0.2]
        return PhotoFace(identity, expression, offset, relief, texture, skin, tuple(cameras), "the photo", {"fit": 0.5},
                         np.array([0.08, 0.1, 0.13], np.float32), corrective,
                         json.dumps(encoded(texture[..., :3], texture[..., 3], skin).as_json()))  # fmt: skip

    def _open_transfer(self, request: TransferOpen) -> TransferOpened:
        """What was asked is kept."""
        self.transfer, self.steps = request, 0
        return TransferOpened(stages=2)

    def _step_transfer(self, request: TransferStep) -> TransferStepped:
        """The mesh seen from the front is the layer: places by x and z of its middle, weights 0 at its edge."""
        self.steps += 1
        if self.steps < 2:
            return TransferStepped(stage="person")
        points = self.transfer.vertices
        low, high = points.min(0), points.max(0)
        uv = ((points - low) / np.maximum(high - low, 1e-9))[:, :2].astype(np.float32)
        inside = ((uv > 0.2) & (uv < 0.8)).all(1)
        return TransferStepped(
            face=TransferFace(
                detail_uv=uv, weight=self.transfer_weight * inside.astype(np.float32),
                distance=np.full(len(uv), 1.0, np.float32),
                identity=np.array([0.5, -1.0, 0.25], np.float32), landmarks=points[:68].astype(np.float32),
                scale=self.transfer_scale, median_mm=0.2, p95_mm=0.9, covered=1.0, exact=False,
            )
        )  # fmt: skip

    def _open_speech(self, request: SpeechOpen) -> SpeechOpened:
        self.speech, self.steps = request, 0
        return SpeechOpened(seconds=request.seconds or self.sound_s, weights="fake", speakers=("a",))

    def _step_speech(self, request: SpeechStep) -> SpeechStepped:
        """Three seconds of sound in three steps, whatever the file; or as many as `seconds` says."""
        self.steps += 1
        if self.steps < 3:
            return SpeechStepped(share=self.steps / 3)
        asked = self.speech
        length = (asked.seconds or self.sound_s) - asked.first
        times = asked.first + np.arange(int(np.ceil(length * asked.fps)) + 1) / asked.fps
        rotations = None
        if asked.controls.head_life > 0:
            rotations = np.zeros((len(times), 9), np.float32)
            rotations[:, 0] = 0.1 * np.sin(times)
        return SpeechStepped(share=1.0, curves=Curves(times, self.curves_of(times), rotations, "fake"))

    @staticmethod
    def curves_of(times: np.ndarray) -> np.ndarray:
        """(T, 52): the jaw swings, the brows stay up, all else rests."""
        curves = np.zeros((len(times), len(ARKIT_NAMES)), np.float32)
        curves[:, ARKIT_NAMES.index("jawOpen")] = 0.5 + 0.5 * np.sin(6 * times)
        curves[:, ARKIT_NAMES.index("browInnerUp")] = 0.25
        return curves

    def _open_style(self, request: StyleOpen) -> StyleOpened:
        self.style, self.steps = request, 0
        return StyleOpened(seconds=request.seconds or self.sound_s)

    def _step_style(self, request: StyleStep) -> StyleStepped:
        """Three steps; the card is written as the worker's is."""
        self.steps += 1
        if self.steps < 3:
            return StyleStepped(share=self.steps / 3)
        path = Path(self.style.out) / f"{self.style.name}.style.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
        return StyleStepped(share=1.0, made=StyleMade(str(path), "jaw 0.70 (default style 0.60)", ("90 frames",)))

    def _map(self, ticket, channel, request: MapRequest) -> Reply:
        if self.error:
            return Reply(ticket, channel, request, error=self.error)
        displacement = self.map_of(request.identity, request.expression, request.resolution)
        return Reply(ticket, channel, request, MapAnswer(displacement=displacement), ms=5.0)

    _answers: ClassVar = {
        PortraitRequest: _portrait, InfoRequest: _info, MapRequest: _one_map, MapsRequest: _maps,
        TransferOpen: _open_transfer, TransferStep: _step_transfer, TransferEnd: _end,
        PhotoOpen: _open_photos, PhotoStep: _step_photos, PhotoEnd: _end,
        StyleOpen: _open_style, StyleStep: _step_style, StyleEnd: _end,
        SpeechOpen: _open_speech, SpeechStep: _step_speech, SpeechEnd: _end,
    }  # fmt: skip


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory, tiny_model):
    """The tiny model on disk; for the whole process it is the face model that is found."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    tiny_model.save(path)
    os.environ["DNPM_FACE_MODEL"] = str(path)
    return path


@pytest.fixture(scope="session")
def registered(tiny_file):
    """The extension, registered once for the process."""
    import dnpm

    dnpm.register()
    return dnpm


@pytest.fixture
def backend(registered, monkeypatch):
    """An empty scene and a fake backend."""
    import bpy

    from dnpm.operators.scene import session
    from dnpm.operators.scene.detail import live

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    monkeypatch.setenv("DNPM_FACE_MODEL", os.environ["DNPM_FACE_MODEL"])
    fake = FakeClient()
    live.forget()
    session.use(fake)
    yield fake
    session.use(None)
    live.forget()


@pytest.fixture
def window(monkeypatch):
    """Behave as with a window: live updates ask the backend; the test ticks the timer itself."""
    from dnpm.operators.scene import compat
    from dnpm.operators.scene.detail import dragging, live

    monkeypatch.setattr(compat, "in_background", lambda: False)
    monkeypatch.setattr(dragging, "TARGET_MS", 1e9)  # A busy machine is not to change what a test sees.
    monkeypatch.setattr(dragging, "lighten_new", lambda obj: False)
    monkeypatch.setattr(live, "run_timer", lambda: None)
    monkeypatch.setattr(live, "QUIET_S", 0.0)


@pytest.fixture
def face(backend):
    """A new face, active."""
    import bpy

    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    return bpy.context.object
