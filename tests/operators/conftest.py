"""Blender with the extension registered, a tiny face model, and a backend that answers at once and keeps count."""

from __future__ import annotations

import os

import numpy as np
import pytest

from dnpm.core.backend.types import BackendStatus, Pending, Reply
from dnpm.core.face_model.arkit import ARKIT_NAMES


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
        self.submitted: list[tuple[str, dict]] = []
        self.ended: list[str] = []
        self.speech: dict = {}
        self.sound_s = 3.0
        self.weights = "a"
        self.photo: dict = {}
        self.photo_arrays: dict = {}

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

    def request(self, channel, kind, *, arrays, params=None) -> int:
        ticket = len(self.asked) + 1
        self.asked.append({"channel": channel, "params": params, **arrays})
        # The newest of a channel waits, as in the real client.
        self.waiting = [reply for reply in self.waiting if reply.channel != channel]
        self.waiting.append(self._answer(ticket, channel, kind, arrays, params))
        return ticket

    def poll(self) -> list[Reply]:
        if self.held:
            return []
        answers, self.waiting = self.waiting, []
        return answers

    def call(self, kind, *, arrays=None, params=None, timeout=60) -> Reply:
        self.start()
        self.calls.append({"params": params, **arrays})
        return self._answer(0, "", kind, arrays, params)

    def submit(self, channel, kind, *, arrays=None, params=None, timeout=None) -> Pending:
        self.start()
        pending = Pending()
        params = dict(params or {})
        self.submitted.append((kind, params))
        if self.error:
            pending.deliver(Reply(0, channel, kind, error=self.error))
        elif kind == "info":
            pending.deliver(Reply(0, channel, kind, params={"weights": {"sha256": {"generator": self.weights}}}))
        elif kind == "displacements":
            both = zip(arrays["identity"], arrays["expression"], strict=True)
            maps = [self.map_of(i, e, params.get("resolution")) for i, e in both]
            pending.deliver(Reply(0, channel, kind, {"displacement": np.stack(maps)}, ms=5.0))
        elif kind.startswith("photo"):
            pending.deliver(self._look(channel, kind, params, dict(arrays or {})))
        else:
            pending.deliver(self._speak(channel, kind, params))
        return pending

    def _look(self, channel, kind, params, arrays) -> Reply:
        """The same person for any photo, turned a little; four stages a photo. What was asked is kept."""
        if kind == "photo":
            self.photo, self.photo_arrays = params | {"steps": 0}, arrays
            told = [one.get("path") or one["name"] for one in params["pictures"]]
            return Reply(0, channel, kind, params={"names": told, "stages": 2 + 2 * len(told)})
        if kind == "photo_end":
            self.ended.append(params["run"])
            return Reply(0, channel, kind)
        self.photo["steps"] += 1
        if self.photo["steps"] < 4:
            stage = ("fit", "texture", "detail")[self.photo["steps"] - 1]
            return Reply(0, channel, kind, params={"stage": stage, "done": False})
        made = self.photo_answer(
            len(self.photo["pictures"]), self.photo["keep_identity"], self.photo["keep_expression"]
        )
        return Reply(0, channel, kind, made, self.photo_facts(len(self.photo["pictures"])))

    @staticmethod
    def photo_answer(count: int, keep_identity=(), keep_expression=()) -> dict[str, np.ndarray]:
        """Arrays as the worker answers them for the tiny model."""
        rng = np.random.default_rng(3)
        arrays = {
            "identity": np.array([0.5, -1.0, 0.25], np.float32), "expression": np.array([0.5, 0, 0, 0.25], np.float32),
            "w_offset": rng.normal(0, 0.1, (18, 512)).astype(np.float32),
            "skin": np.array([0.45, 0.3, 0.2], np.float32),
            "texture": rng.uniform(0, 1, (64, 64, 4)).astype(np.float32),
        }  # fmt: skip
        for name, kept in (("identity", keep_identity), ("expression", keep_expression)):
            for place, value in kept:
                arrays[name][int(place)] = value
        a = np.radians(20)
        turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        for k in range(count):
            arrays[f"rotation_{k}"] = (np.diag([1.0, -1.0, -1.0]) @ turn).astype(np.float32)
            arrays[f"translation_{k}"] = np.array([5.0, -8.0, 600.0 + 100 * k], np.float32)
            arrays[f"centre_{k}"] = np.array([66.0, 75.0], np.float32)
            arrays[f"picture_{k}"] = rng.integers(0, 255, (160, 120, 3)).astype(np.uint8)
        return arrays

    @staticmethod
    def photo_facts(count: int) -> dict:
        camera = {"focal": 400.0, "size": [120, 160], "error": 0.02, "found": 1, "notes": ["has a note"]}
        return {"done": True, "cameras": [camera] * count, "detail_from": "the photo", "seconds": {"fit": 0.5}}

    def _speak(self, channel, kind, params) -> Reply:
        """Three seconds of sound in three steps, whatever the file; or as many as `seconds` says."""
        if kind == "speech":
            self.speech = params | {"steps": 0}
            values = {"seconds": params.get("seconds", self.sound_s), "weights": "fake", "speakers": ["a"]}
            return Reply(0, channel, kind, params=values)
        if kind == "speech_end":
            self.ended.append(params["run"])
            return Reply(0, channel, kind)
        self.speech["steps"] += 1
        if self.speech["steps"] < 3:
            return Reply(0, channel, kind, params={"share": self.speech["steps"] / 3, "done": False})
        fps, first = self.speech["fps"], self.speech["first"]
        times = first + np.arange(int(np.ceil((self.speech.get("seconds", self.sound_s) - first) * fps)) + 1) / fps
        arrays = {"times": times, "expression": self.curves_of(times)}
        if self.speech["controls"]["head_life"] > 0:
            arrays["rotations"] = np.zeros((len(times), 9), np.float32)
            arrays["rotations"][:, 0] = 0.1 * np.sin(times)
        return Reply(0, channel, kind, arrays, {"share": 1.0, "done": True})

    @staticmethod
    def curves_of(times: np.ndarray) -> np.ndarray:
        """(T, 52): the jaw swings, the brows stay up, all else rests."""
        curves = np.zeros((len(times), len(ARKIT_NAMES)), np.float32)
        curves[:, ARKIT_NAMES.index("jawOpen")] = 0.5 + 0.5 * np.sin(6 * times)
        curves[:, ARKIT_NAMES.index("browInnerUp")] = 0.25
        return curves

    def _answer(self, ticket, channel, kind, arrays, params) -> Reply:
        if self.error:
            return Reply(ticket, channel, kind, error=self.error)
        displacement = self.map_of(arrays["identity"], arrays["expression"], params["resolution"])
        return Reply(ticket, channel, kind, {"displacement": displacement}, ms=5.0)


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
    from dnpm.operators.scene.detail import live

    monkeypatch.setattr(compat, "in_background", lambda: False)
    monkeypatch.setattr(live, "run_timer", lambda: None)
    monkeypatch.setattr(live, "QUIET_S", 0.0)


@pytest.fixture
def face(backend):
    """A new face, active."""
    import bpy

    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    return bpy.context.object
