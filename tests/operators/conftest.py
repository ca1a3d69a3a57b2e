"""Blender with the extension registered, a tiny face model, and a backend that answers at once and keeps count."""

from __future__ import annotations

import os

import numpy as np
import pytest

from dnpm.core.backend.types import BackendStatus, Reply


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

    from dnpm.operators.scene import live, session

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
    from dnpm.operators.scene import compat, live

    monkeypatch.setattr(compat, "in_background", lambda: False)
    monkeypatch.setattr(live, "run_timer", lambda: None)
    monkeypatch.setattr(live, "QUIET_S", 0.0)


@pytest.fixture
def face(backend):
    """A new face, active."""
    import bpy

    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    return bpy.context.object
