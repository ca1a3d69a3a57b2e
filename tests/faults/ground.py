"""What the fault modules stand on: tiny networks, processes that carry a mark, and folders that are compared."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
MARK = "DNPM_FAULT"
"""Environment variable by which a process and all that it starts are found again."""
Progress = Callable[[str], None]
_folder: tempfile.TemporaryDirectory[str] | None = None


@dataclass(frozen=True)
class Parts:
    """A tiny face model, and a folder of untrained weights that fit it: maps and speech, with its encoder."""

    model: Path
    weights: Path

    @property
    def words(self) -> list[str]:
        """For commands that start Blender."""
        return [f"--face-model={self.model}", f"--weights={self.weights}", "--device=cpu"]

    @property
    def environment(self) -> dict[str, str]:
        """For processes that find their parts by themselves."""
        return {
            "DNPM_FACE_MODEL": str(self.model), "DNPM_WEIGHTS": str(self.weights), "OMP_NUM_THREADS": "1",
            "DNPM_SPEECH_ENCODER": str(self.weights / "speech_encoder.safetensors"),
        }  # fmt: skip


@lru_cache(maxsize=1)
def parts() -> Parts:
    """Made once, for as long as this process runs."""
    global _folder
    _folder = tempfile.TemporaryDirectory(prefix="dnpm-faults-parts-")
    return make_parts(Path(_folder.name))


def make_parts(folder: Path) -> Parts:
    """Written by the test suite's own scripts."""
    parts = Parts(folder / "tiny.safetensors", folder / "weights")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import tiny_face; tiny_face.tiny_face_model().save(sys.argv[2])"
    )
    for command in (
        ["-c", code, str(TESTS), str(parts.model)],
        [str(TESTS / "tiny_weights.py"), str(parts.model), str(parts.weights), "256"],
        [str(TESTS / "tiny_speech.py"), str(parts.weights)],
    ):
        subprocess.run([sys.executable, *command], check=True, timeout=600, env=os.environ | {"OMP_NUM_THREADS": "1"})
    return parts


def dnpm(*words: str) -> list[str]:
    """The command line of a subcommand."""
    return [sys.executable, "-I", "-m", "dnpm", *words]


def side_by_side(jobs: Mapping[str, Callable[[], Any]]) -> list[Any]:
    """What each job gives, in their order, two at a time: they wait for other processes most of the time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda job: job(), jobs.values()))


def why_not() -> str | None:
    """Why nothing can be killed here; None where all can."""
    if not Path("/proc/self/environ").exists():
        return "processes are looked at as Linux shows them"
    return None if importlib.util.find_spec("bpy") is not None else "there is no bpy module in this Python"


def blender_command(task: str, *words: str) -> list[str]:
    """What runs a task of `in_blender.py`."""
    return [sys.executable, "-I", str(HERE / "in_blender.py"), task, *words]


def blender_side(task: str, parts: Parts, *words: str, limit_s: float = 3600, wrapper: list[str] | None = None) -> Any:
    """Run a task of `in_blender.py` in a process of its own; returns the JSON value that it prints last."""
    done = subprocess.run(
        [*(wrapper or []), *blender_command(task, *words)], env=os.environ | parts.environment, capture_output=True,
        text=True, timeout=limit_s, errors="replace",
    )  # fmt: skip
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("RESULT "):
            return json.loads(line.removeprefix("RESULT "))
    raise RuntimeError(f"{task} ended with {done.returncode} and no result:\n{(done.stdout + done.stderr)[-4000:]}")


class Marked:
    """A process that is found again, with all that it starts, also when they are nobody's children any more."""

    def __init__(self, command: list[str], env: dict[str, str] | None = None) -> None:
        self.token = secrets.token_hex(8)
        self.said = ""
        self.process = subprocess.Popen(
            command, env=os.environ | (env or {}) | {MARK: self.token}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip

    def family(self) -> list[int]:
        """All that run and carry the mark."""
        mark = f"{MARK}={self.token}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mark in (entry / "environ").read_bytes().split(b"\0") and is_running(int(entry.name)):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def has_worker(self) -> bool:
        """Whether a worker of the backend is among them."""
        return any("core.backend.worker.main" in command_of(pid) for pid in self.family())

    def end(self) -> None:
        """Leave nothing, whatever happened; what it printed is in `said` then. May be called again."""
        for pid in self.family():
            send(pid, signal.SIGKILL)
        if self.process.stdout is not None and not self.process.stdout.closed:
            self.said = self.process.communicate()[0]


def is_running(pid: int) -> bool:
    """Running, and no zombie."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def command_of(pid: int) -> str:
    """Its command line; empty when it is gone."""
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""


def wait_until(condition: Callable[[], Any], limit_s: float) -> Any:
    """What the condition becomes, or its last value when the time is over."""
    end = time.monotonic() + limit_s
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def contents(folder: Path, *endings: str) -> dict[str, str]:
    """File (below the folder) -> SHA-256, of the files with these endings (none: of all); of a picture that of its
    pixels, because Blender writes the time into PNG files."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(_told(path, bool(endings))).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (not endings or path.suffix in endings)
    }


def _told(path: Path, pixels: bool) -> bytes:
    if not pixels or path.suffix != ".png":
        return path.read_bytes()
    from PIL import Image

    with Image.open(path) as image:
        return repr((image.mode, image.size)).encode() + image.tobytes()


def unfinished(folder: Path) -> list[str]:
    """Files that some writer left half written."""
    return [path.name for path in folder.rglob("*") if ".part" in path.name or "partial" in path.name]


def send(pid: int, number: int) -> None:
    """A signal, to a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
