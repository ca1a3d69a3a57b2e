"""A simulated phone moves a face, and its take becomes keyframes."""

from __future__ import annotations

import math
import socket
import struct
import time

import bpy
import numpy as np
import pytest

from dnpm.core.capture.names import CHANNELS
from dnpm.operators.scene.motion import live_capture
from dnpm.panels.live_capture import state_text


def packet(frame: int, **values: float) -> bytes:
    row = np.zeros(61, np.float32)
    for name, value in values.items():
        row[CHANNELS.index(name)] = value
    data = b"\x06" + b"".join(struct.pack(">i", len(text)) + text for text in (b"id", b"Phone"))
    return data + struct.pack(">ifii", frame, 0.0, 60, 1) + b"\x3d" + struct.pack(">61f", *row)


@pytest.fixture
def phone(face):
    """Sends packets to a session that is on, and lets it take them."""
    group = face.dnpm_live_capture
    group.address, group.smoothing = "127.0.0.1", 0.0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        group.port = free.getsockname()[1]
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(*sent: bytes):
        running = live_capture.running()
        before = running.counts.received + running.counts.ignored
        for data in sent:
            out.sendto(data, ("127.0.0.1", group.port))
        end = time.monotonic() + 10
        while running.counts.received + running.counts.ignored < before + len(sent) and time.monotonic() < end:
            time.sleep(0.002)
        assert live_capture.tick() is not None

    yield send
    out.close()
    live_capture.stop()


def key(face, name):
    return face.data.shape_keys.key_blocks[name].value


def test_the_face_follows_and_stops(face, phone):
    assert bpy.ops.dnpm.live_capture() == {"FINISHED"}
    running = live_capture.running()
    assert "Nothing yet" in state_text(running)
    phone(packet(1, jawOpen=0.25), packet(2, jawOpen=0.5))
    assert key(face, "jawOpen") == pytest.approx(0.5)
    phone(b"rubbish")
    assert "Phone" in state_text(running)
    assert "1 ignored" in state_text(running)
    assert bpy.ops.dnpm.live_capture() == {"FINISHED"}
    assert live_capture.running() is None
    assert key(face, "jawOpen") == pytest.approx(0.5), "it stays as it is"
    assert not [thread for thread in __import__("threading").enumerate() if thread.name == "dnpm-live-capture"]


def test_mirror_and_neutral(face, phone):
    bpy.ops.dnpm.live_capture()
    face.dnpm_live_capture.mirror = True
    phone(packet(1, mouthSmileLeft=0.5))
    assert key(face, "mouthSmileRight") == pytest.approx(0.5)
    face.dnpm_live_capture.mirror = False
    bpy.ops.dnpm.live_capture_neutral()
    start, frame = time.monotonic(), 10
    while live_capture.running().is_calibrating and time.monotonic() - start < 10:
        frame += 1
        phone(packet(frame, jawOpen=0.2))
        time.sleep(0.01)
    phone(packet(frame + 1, jawOpen=0.2))
    assert key(face, "jawOpen") == pytest.approx(0, abs=1e-6)
    phone(packet(frame + 2, jawOpen=0.6))
    assert key(face, "jawOpen") == pytest.approx(0.5)


def test_a_take_becomes_keyframes_with_the_packets_own_time(face, phone):
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 30, 1.0
    scene.frame_set(11)
    face.dnpm_live_capture.head = "OBJECT"
    face.rotation_euler = (0, 0, 0.3)
    bpy.ops.dnpm.live_capture()
    assert bpy.ops.dnpm.live_capture_record() == {"CANCELLED"}, "nothing to undo yet"
    # Two seconds of sixty frames that arrive in two lumps, as on a busy network.
    sent = [packet(k, jawOpen=0.5 - 0.5 * math.cos(k / 10), headYaw=0.2 if k > 60 else 0.0) for k in range(121)]
    phone(*sent[:70])
    phone(*sent[70:])
    assert bpy.ops.dnpm.live_capture_record() == {"FINISHED"}
    assert live_capture.running() is None
    scene.frame_set(11 + 30)
    assert key(face, "jawOpen") == pytest.approx(0.5 - 0.5 * math.cos(6), abs=0.02)
    assert face.rotation_euler.z == pytest.approx(0.3, abs=1e-3)
    scene.frame_set(11 + 60)
    assert key(face, "jawOpen") == pytest.approx(0.5 - 0.5 * math.cos(12), abs=0.02)
    assert face.rotation_euler.z == pytest.approx(0.5, abs=1e-3)


def test_what_cannot_be_is_said(face, phone):
    with pytest.raises(RuntimeError, match="Live Capture is not on"):
        bpy.ops.dnpm.live_capture_record()
    face.dnpm_live_capture.source = "IFACIALMOCAP"
    with pytest.raises(RuntimeError, match="phone's address"):
        bpy.ops.dnpm.live_capture()
    face.dnpm_live_capture.source = "LIVE_LINK"
    bpy.ops.dnpm.live_capture()
    bpy.ops.dnpm.live_capture_record()
    with pytest.raises(RuntimeError, match="nothing was recorded"):
        bpy.ops.dnpm.live_capture_record()
    bpy.data.objects.remove(face)
    live_capture.running().receiver._accept(packet(1, jawOpen=1))
    assert live_capture.tick() is None
    assert live_capture.running() is None


def test_sixty_packets_a_second_cost_little(face, phone):
    bpy.ops.dnpm.live_capture()
    times = []
    for k in range(60):
        start = time.perf_counter()
        live_capture.running().receiver._accept(packet(k, jawOpen=k / 60, browInnerUp=k / 80))
        live_capture.running().advance()
        times.append((time.perf_counter() - start) * 1e3)
    assert key(face, "jawOpen") == pytest.approx(59 / 60)
    # Not a figure (those are in the bench): that nothing is done a thousand times.
    assert np.median(times) < 100
