"""Workers killed and stopped, parents killed: what was asked for comes all the same, and nothing is left behind.

The worker is killed (SIGKILL) at random moments while sliders are dragged, a sequence is baked, a face is made to speak
and a photo is fitted; the result must be that of an undisturbed run. It is stopped (SIGSTOP) while a file is saved and
frames are played. Commands that have children are killed, asked to end and interrupted; all of their processes must be
gone within 5 seconds, with nothing written any more and nothing half written left.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import ground
import numpy as np

GONE_S = 5.0
LIMIT_S = 240.0
_LONG = {"drag": 40, "bake": 25, "speech": 25, "photo": 10}
_SHORT = {"drag": 4, "bake": 3, "speech": 2, "photo": 1}
_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def run(short: bool, progress: ground.Progress) -> dict[str, Any]:
    """{"tried", "recovered", "by": {what: [tried, recovered]}}; 100 kills of the worker, 10 in the short form."""
    if why := ground.why_not():
        return {"tried": 0, "recovered": 0, "skipped": why}
    by: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory(prefix="dnpm-faults-") as folder:
        parts = ground.parts()
        counts = _SHORT if short else _LONG
        progress("kills: the worker, " + ", ".join(f"{count} times at: {what}" for what, count in counts.items()))

        jobs = {what: partial(ground.blender_side, what, parts, str(count), "1") for what, count in counts.items()}
        jobs["photo"] = partial(photo, counts["photo"])
        for what, found in zip(jobs, ground.side_by_side(jobs), strict=True):
            by[what] = [found["tried"], found["recovered"]]
        progress("kills: a stopped worker")
        found = ground.blender_side("stops", parts)
        by["stops"] = [found["tried"], found["recovered"]]
        by["parents"] = parents(short, parts, Path(folder), progress)
    return {"tried": sum(n for n, _ in by.values()), "recovered": sum(n for _, n in by.values()), "by": by}


def photo(count: int) -> dict[str, int]:
    """A drawn person fitted by the real networks, with a worker that is killed meanwhile."""
    from dnpm.core.backend.client.client import BackendClient, Limits
    from dnpm.core.backend.client.task import PhotoTask
    from dnpm.core.backend.requests import InfoRequest, Photo, PhotoOpen
    from dnpm.core.face_model.locate import face_model_path
    from dnpm.core.face_model.model import FaceModel
    from dnpm.core.photo.camera import Camera, turned
    from dnpm.core.photo.render import Paint, render

    model = FaceModel.load(face_model_path(None))
    vertices = model.vertices(np.eye(model.n_id, dtype=np.float32)[1], np.zeros(model.n_exp))
    camera = Camera.before((320, 400), rotation=turned(12, 4, 3))
    pixels, _ = render(model, vertices, camera, Paint.of(model, resolution=256))
    rng, recovered = random.Random(1), 0
    client = BackendClient(sys.executable, "cpu", limits=Limits(restarts=10**6, start_s=LIMIT_S), threads=1)

    def fitted() -> tuple[np.ndarray, ...]:
        made = PhotoTask(client, PhotoOpen(pictures=(Photo(pixels=pixels, name="drawn"),))).wait()
        return made.identity, made.expression, made.texture, made.w_offset

    def kill() -> None:
        while (pid := client.status.pid) is None:
            time.sleep(0.005)
        ground.send(pid, signal.SIGKILL)

    try:
        begun = time.monotonic()
        wanted = fitted()
        took = time.monotonic() - begun
        for _ in range(count):
            before = client.status.restarts
            timer = threading.Timer(rng.uniform(0, took), kill)
            timer.start()
            found = fitted()
            timer.join()
            client.call(InfoRequest(), timeout=LIMIT_S)
            same = all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
            recovered += same and client.status.restarts > before
    finally:
        client.stop()
    return {"tried": count, "recovered": recovered}


def parents(short: bool, parts: ground.Parts, folder: Path, progress: ground.Progress) -> list[int]:
    """Commands that have children, each ended in each way."""
    rng, results = random.Random(2), []
    commands = {
        "batch": ["batch", "--seeds=1-60", "--outputs=png,exr", "--size=160x200", "--samples=8", "--map-size=256"],
        "animate": ["animate", f"--audio={_sound(folder)}", "--frames", "--size=160x200", "--map-size=256"],
    }
    if not short:
        commands["face"] = ["face", "--seed=1", "--resolution=256", "--size=900x900"]
        commands["reconstruct"] = ["reconstruct", str(_photos(folder))]
    chances = [(name, number) for name in commands for number in _SIGNALS]
    if short:
        chances = [("batch", signal.SIGKILL), ("batch", signal.SIGTERM), ("animate", signal.SIGINT)]
    for k, (name, number) in enumerate(chances):
        out = folder / f"out-{k}"
        words = [*commands[name], f"--out={out}"]
        if name in ("batch", "face"):
            words += parts.words
        progress(f"kills: {signal.Signals(number).name} to dnpm {name}")
        wrong = _wrong(words, parts, out, number, rng.uniform(0, 3), with_worker=name != "reconstruct")
        for line in wrong:
            progress(f"kills: {signal.Signals(number).name} to dnpm {name}: {line}")
        results.append(not wrong)
    return [len(results), sum(results)]


def _wrong(
    words: list[str], parts: ground.Parts, out: Path, number: int, delay_s: float, *, with_worker: bool
) -> list[str]:  # fmt: skip
    """What is not as it should be after the signal: all ends in time, and the folder is quiet and whole then."""
    # A photo needs the real networks, which are found by default.
    command = ground.Marked(ground.dnpm(*words), parts.environment if with_worker else {})
    try:
        if not ground.wait_until(lambda: command.has_worker() if with_worker else out.is_dir(), LIMIT_S):
            command.end()
            return [f"it never began to work: {command.said[-500:]}"]
        time.sleep(delay_s)
        ground.send(command.process.pid, number)
        gone = ground.wait_until(lambda: not command.family(), GONE_S)
        before = ground.contents(out) if out.is_dir() else {}
        time.sleep(0.5)
        after = ground.contents(out) if out.is_dir() else {}
        left = [ground.command_of(pid) for pid in command.family()]
        command.end()
        status = command.process.returncode
        # The command itself cannot tidy up when it is killed; its children can.
        halves = [] if number == signal.SIGKILL and not with_worker else ground.unfinished(out)
        checks = {
            f"after {GONE_S:g} s there were still {left}": bool(gone),
            "something was written after the end": before == after,
            f"half-written files: {halves}": not halves,
            f"exit code {status}": status in ((-number,) if number == signal.SIGKILL else (128 + number, 0)),
            f"a traceback: {command.said[-1500:]}": "Traceback" not in command.said,
        }
        return [wrong for wrong, right in checks.items() if not right]
    finally:
        command.end()


def _sound(folder: Path) -> Path:
    """Some seconds of noise."""
    import wave

    path = folder / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.random.default_rng(0).integers(-3000, 3000, 16000 * 6, np.int16).tobytes())
    return path


def _photos(folder: Path) -> Path:
    """Drawn people, enough to be busy with."""
    from dnpm.core.face_model.locate import face_model_path
    from dnpm.core.face_model.model import FaceModel
    from dnpm.core.photo.camera import Camera
    from dnpm.core.photo.image_file import write_png
    from dnpm.core.photo.render import Paint, render

    model, place = FaceModel.load(face_model_path(None)), folder / "photos"
    for k in range(6):
        vertices = model.vertices(np.eye(model.n_id, dtype=np.float32)[k], np.zeros(model.n_exp))
        picture, _ = render(model, vertices, Camera.before((320, 400)), Paint.of(model, resolution=256, seed=k))
        write_png(place / f"{k}.png", picture)
    return place
