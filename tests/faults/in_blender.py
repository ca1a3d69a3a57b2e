"""The side of the fault modules that is Blender: python in_blender.py TASK WORD ..., one task a process.

Prints "RESULT " and a JSON value last. The tasks:
    drag COUNT SEED       sliders are dragged while the worker is killed; the map must be that of the last sliders
    bake COUNT SEED       a sequence is baked meanwhile; its files must be those of an undisturbed one
    speech COUNT SEED     a face is made to speak meanwhile; its keys must be those of an undisturbed one
    stops                 the worker is stopped (SIGSTOP): saving, playing, dragging, ending
    sequence FOLDER       one sequence is baked into the folder
    disk FOLDER           everything that operators write goes into a folder that takes nothing
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("BLENDER_USER_RESOURCES", tempfile.mkdtemp(prefix="dnpm-faults-profile-"))

import bpy
import numpy as np

import dnpm
from dnpm.core.backend.client.client import BackendClient
from dnpm.core.backend.requests import InfoRequest
from dnpm.core.backend.types import Limits
from dnpm.operators.scene import compat, session
from dnpm.operators.scene.detail import live, map_image, map_state

LIMIT_S = 180.0
FRAMES = 12


def start(**limits: float) -> bpy.types.Object:
    """An empty scene with a face, and a worker that may die as often as it likes."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    live.forget()
    patience = Limits(restarts=10**6, start_s=LIMIT_S, **limits)
    session.use(BackendClient(sys.executable, "cpu", limits=patience, threads=1))
    assert bpy.ops.dnpm.add_face() == {"FINISHED"}
    session.client().call(InfoRequest(), timeout=LIMIT_S)
    return bpy.context.object


def worker() -> int:
    """Its process, waited for."""
    end = time.monotonic() + LIMIT_S
    while (pid := session.status().pid) is None and time.monotonic() < end:
        time.sleep(0.005)
    assert pid is not None, session.status()
    return pid


def kill(number: int = signal.SIGKILL) -> None:
    """The worker there is, or the next one."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker(), number)


@contextlib.contextmanager
def killed_after(delay_s: float) -> Iterator[None]:
    """The worker is killed so much later, at the latest at the end."""
    timer = threading.Timer(delay_s, kill)
    timer.start()
    try:
        yield
    finally:
        timer.join()


@contextlib.contextmanager
def as_with_a_window() -> Iterator[None]:
    """Live updates ask the backend; the timer is ticked here."""
    before = compat.in_background, live.run_timer
    compat.in_background, live.run_timer = (lambda: False), (lambda: None)
    try:
        yield
    finally:
        compat.in_background, live.run_timer = before


def move(face: bpy.types.Object, rng: random.Random) -> None:
    """Another person with another expression."""
    face.data.shape_keys.key_blocks["jawOpen"].value = rng.random()
    face.dnpm_face.identity[1].value = rng.uniform(-2, 2)
    bpy.context.view_layer.update()


def settle(face: bpy.types.Object) -> bool:
    """Tick until nothing is under way; whether the image is the map of the sliders as they are."""
    end = time.monotonic() + LIMIT_S
    while live.tick() is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    entry = map_state.of(face)
    if not entry.shows(entry.wanted):
        return False
    reply = session.client().call(entry.request, timeout=LIMIT_S)
    return np.array_equal(reply.answer.displacement, map_image.read_map(face))


def drag(count: str, seed: str) -> dict[str, int]:
    rng, recovered = random.Random(seed), 0
    with as_with_a_window():
        face = start()
        assert settle(face), map_state.of(face).problem
        for _ in range(int(count)):
            before = session.status().restarts
            with killed_after(rng.uniform(0, 0.3)):
                end = time.monotonic() + 0.4
                while time.monotonic() < end:
                    move(face, rng)
                    live.tick()
                    time.sleep(0.01)
            move(face, rng)
            recovered += settle(face) and session.status().restarts > before
    return {"tried": int(count), "recovered": recovered}


def keyed(face: bpy.types.Object) -> None:
    """The jaw opens over the frames."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, FRAMES
    jaw = face.data.shape_keys.key_blocks["jawOpen"]
    for frame, value in ((1, 0.0), (FRAMES, 1.0)):
        jaw.value = value
        jaw.keyframe_insert("value", frame=frame)


def baked(face: bpy.types.Object, folder: Path) -> list[bytes]:
    """The files of a baked sequence, in the order of their frames."""
    face.dnpm_sequence.folder, face.dnpm_sequence.size = str(folder), "256"
    assert bpy.ops.dnpm.bake_sequence() == {"FINISHED"}
    files = [path.read_bytes() for path in sorted(folder.glob("*.exr"))]
    assert bpy.ops.dnpm.live_detail() == {"FINISHED"}
    return files


def spoken(face: bpy.types.Object, sound: str) -> list[list[float]]:
    """The keys of every curve."""
    assert bpy.ops.dnpm.animate_from_audio(filepath=sound) == {"FINISHED"}
    found = []
    for curve in compat.curves_of(face.data.shape_keys.animation_data):
        points = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", points)
        found.append(points.tolist())
    return found


def disturbed(action: Callable[[int], Any], count: int, seed: str) -> dict[str, int]:
    """action(k) undisturbed, then as often with a worker that is killed meanwhile: the result must be the same."""
    rng, recovered = random.Random(seed), 0
    begun = time.monotonic()
    wanted = action(-1)
    took = time.monotonic() - begun
    for k in range(count):
        before = session.status().restarts
        with killed_after(rng.uniform(0, took)):
            found = action(k)
        session.client().call(InfoRequest(), timeout=LIMIT_S)
        recovered += found == wanted and session.status().restarts > before
    return {"tried": count, "recovered": recovered}


def bake(count: str, seed: str) -> dict[str, int]:
    face = start()
    keyed(face)
    with tempfile.TemporaryDirectory() as folder:
        return disturbed(lambda k: baked(face, Path(folder, str(k))), int(count), seed)


def speech(count: str, seed: str) -> dict[str, int]:
    import wave

    face = start()
    face.dnpm_speech.tolerance, face.dnpm_speech.add_sound = 0.0, False
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "a.wav"))
        with wave.open(path, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(np.random.default_rng(0).integers(-3000, 3000, 16000 * 20, np.int16).tobytes())
        return disturbed(lambda _: spoken(face, path), int(count), seed)


def stops() -> dict[str, int]:
    """What a stopped worker may cost: a second to save, a second to play, the limit of a request to drag."""
    rng, checks = random.Random(0), {}
    with as_with_a_window(), tempfile.TemporaryDirectory() as folder:
        face = start(request_s=20.0)
        assert settle(face)
        keyed(face)
        kill(signal.SIGSTOP)
        move(face, rng)
        begun = time.monotonic()
        bpy.ops.wm.save_as_mainfile(filepath=str(Path(folder, "a.blend")))
        checks["save"] = time.monotonic() - begun < 3
        kill(signal.SIGCONT)
        checks["after saving"] = settle(face)
        face.dnpm_face.on_playback = True
        kill(signal.SIGSTOP)
        begun, background = time.monotonic(), compat.in_background
        compat.in_background = lambda: True  # Frames count as played.
        for frame in range(1, FRAMES + 1):
            bpy.context.scene.frame_set(frame)
        compat.in_background = background
        checks["playback"] = time.monotonic() - begun < 5
        kill(signal.SIGCONT)
        live.on_sliders_changed(face)
        checks["after playback"] = settle(face)
    face = start(request_s=1.0)
    stopped = worker()
    kill(signal.SIGSTOP)
    with as_with_a_window():
        move(face, rng)
        end = time.monotonic() + LIMIT_S
        while session.status().pid in (stopped, None) and time.monotonic() < end:
            live.tick()
            time.sleep(0.01)
        move(face, rng)
        checks["replaced"] = settle(face)
    kill(signal.SIGSTOP)
    stopped = worker()
    begun = time.monotonic()
    session.stop()
    checks["ended"] = time.monotonic() - begun < 4 and not Path("/proc", str(stopped)).exists()
    return {"tried": len(checks), "recovered": sum(checks.values()), "failed": [k for k, v in checks.items() if not v]}


def sequence(folder: str) -> int:
    """Its output says when it begins to write, so that it can be killed meanwhile."""
    face = start()
    face.name = "Face"
    keyed(face)
    print("BAKING", flush=True)
    return len(baked(face, Path(folder)))


def disk(folder: str) -> dict[str, list[str]]:
    """action -> what was reported; an empty text where it went through all the same."""
    face = start()
    keyed(face)
    place = Path(folder)
    face.dnpm_sequence.folder, face.dnpm_sequence.size = folder, "256"
    bpy.context.preferences.filepaths.save_version = 0
    actions = {
        "displacement.exr": lambda: bpy.ops.dnpm.save_map(filepath=str(place / "displacement.exr")),
        "Face": lambda: bpy.ops.dnpm.bake_sequence(),
        "curves.csv": lambda: bpy.ops.dnpm.export_live_link(filepath=str(place / "curves.csv")),
    }
    reported = {}
    for name, action in actions.items():
        try:
            action()
            reported[name] = ""
        except RuntimeError as error:
            reported[name] = str(error)
    return reported


TASKS = {task.__name__: task for task in (drag, bake, speech, stops, sequence, disk)}

if __name__ == "__main__":
    status = 1
    dnpm.register()
    try:
        print("RESULT " + json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])), flush=True)
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        session.stop()
        sys.stdout.flush()
        sys.stderr.flush()
        # With a class still registered some versions crash or hang when the interpreter is torn down.
        os._exit(status)
