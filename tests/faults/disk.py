"""Disks that are full, and folders that are read-only: every writer names the file, and leaves nothing half written.

How: in a mount namespace of its own (Linux: `unshare --mount`, as root or through a user namespace) a tmpfs of as many
bytes as are to be free, or a read-only one. Where that cannot be had: a limit on the size of files (RLIMIT_FSIZE), and
a folder without permission, for what needs no worker; the result says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ground
import numpy as np

PAGE = 4096
_SCRIPT = """
place=$1; options=$2; filler=$3; shift 3
mount -t tmpfs -o "$options" tmpfs "$place" || exit 99
if [ "$filler" = ro ]; then mount -o remount,ro "$place" || exit 99
elif [ "$filler" != 0 ]; then head -c "$filler" /dev/zero > "$place/filler" || exit 99; fi
"$@"; status=$?
echo; echo "LEFT $(cd "$place" && find . -type f -printf '%P|')"
exit $status
"""
# A page is the least that a tmpfs can have: for none it is filled.
DISKS = {
    "full": (f"size={PAGE}", str(PAGE)), "almost full": (f"size={8 * PAGE}", "0"), "read-only": (f"size={PAGE}", "ro"),
}  # fmt: skip
Job = Callable[[], list[Any]]


def run(short: bool, progress: ground.Progress) -> dict[str, Any]:
    """{"how", "tried", "recovered", "named", "left", "traceback", "failed"}: writers and commands, how many of them
    ended as they should, how many named the file, how many files they left half written, how many ended in a traceback,
    which ones fell short."""
    with tempfile.TemporaryDirectory(prefix="dnpm-faults-") as folder:
        how = namespace(Path(folder))
        parts = ground.parts()
        jobs = _writers(Path(folder), parts, how)
        if how is not None and ground.why_not() is None:
            jobs |= _in_blender(short, Path(folder), parts, how) | _commands(short, Path(folder), parts, how)
        progress(f"disk: {', '.join(jobs)}")
        results = [result for found in ground.side_by_side(jobs) for result in found]
    failed = [f"{r['name']}: {r['said'][-300:]}" for r in results if not r["named"] or r["left"] or r["traceback"]]
    return {
        "how": "tmpfs" if how is not None else "limits", "tried": len(results),
        "recovered": len(results) - len(failed), "failed": failed,
        "named": sum(r["named"] for r in results), "left": sum(len(r["left"]) for r in results),
        "traceback": sum(r["traceback"] for r in results),
    }  # fmt: skip


def namespace(folder: Path) -> list[str] | None:
    """The command that gives what follows a mount namespace of its own; None where there is none to be had."""
    program = shutil.which("unshare")
    trial = folder / "trial"
    trial.mkdir()
    for options in (["--mount"], ["--user", "--map-root-user", "--mount"]):
        if program is not None:
            command = [
                program,
                *options,
                "/bin/sh",
                "-c",
                _SCRIPT,
                "sh",
                str(trial),
                *DISKS["almost full"],
                "/bin/true",
            ]
            if subprocess.run(command, capture_output=True).returncode == 0:
                return [program, *options, "/bin/sh", "-c", _SCRIPT, "sh"]
    return None


def _result(name: str, wanted: str, said: str, left: list[str], *, failed: bool = True) -> dict[str, Any]:
    """wanted: what has to be named. failed: whether it failed as it had to."""
    halves = [file for file in left if "partial" in file or ".part" in file]
    named = failed and wanted in said and "cannot be written" in said
    return {"name": name, "said": said, "named": named, "left": halves, "traceback": "Traceback" in said}


def _left(output: str) -> list[str]:
    lines = [line for line in output.splitlines() if line.startswith("LEFT ")]
    return [file for file in lines[-1].removeprefix("LEFT ").split("|") if file] if lines else ["no list of files"]


def _writers(folder: Path, parts: ground.Parts, how: list[str] | None) -> dict[str, Job]:
    """Every writer of the package by itself, in one process a disk."""

    def job(name: str, options: str, filler: str) -> list[Any]:
        place = _place(folder, f"writers {name}")
        wrapper = [*how, str(place), options, filler] if how is not None else []
        command = [*wrapper, sys.executable, "-I", str(ground.HERE / "writers.py"), str(place), str(parts.model)]
        if how is None:
            command.append(name)
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, errors="replace")
        found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not found:
            raise RuntimeError(f"the writers ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
        told = json.loads(found[-1].removeprefix("RESULT ")).items()
        # Where there is some room a small file may be whole.
        kept = [(file, said, left) for file, (said, left) in told if said or name != "almost full"]
        return [_result(f"{file} ({name})", file, said, left) for file, said, left in kept]

    return {f"every writer ({name})": partial(job, name, *disk) for name, disk in DISKS.items()}


def _in_blender(short: bool, folder: Path, parts: ground.Parts, how: list[str]) -> dict[str, Job]:
    def job(name: str) -> list[Any]:
        place = _place(folder, f"blender {name}")
        reported = ground.blender_side("disk", parts, str(place), wrapper=[*how, str(place), *DISKS[name]])
        return [_result(f"Blender: {file} ({name})", file, said, []) for file, said in reported.items()]

    return {f"Blender's operators ({name})": partial(job, name) for name in ("full", "read-only")[: 1 if short else 2]}


def _commands(short: bool, folder: Path, parts: ground.Parts, how: list[str]) -> dict[str, Job]:
    sound = folder / "a.wav"
    _noise(sound)
    outputs = "--outputs=png,exr,map_png,obj,ply,gltf,blend"
    commands = {
        "animate": ["animate", f"--audio={sound}"],
        "batch": ["batch", "--seeds=1", outputs, "--size=48x64", "--samples=1", "--map-size=256", *parts.words],
        "face": ["face", "--seed=1", "--resolution=256", "--no-picture", *parts.words],
        "clip": ["animate", f"--audio={sound}", "--frames", "--last=2", "--size=48x64", "--map-size=256"],
    }

    def job(name: str, disk: str) -> list[Any]:
        place = _place(folder, f"{name} {disk}")
        out = place / "out"
        command = [*how, str(place), *DISKS[disk], *ground.dnpm(*commands[name], f"--out={out}")]
        done = subprocess.run(
            command, env=os.environ | parts.environment, capture_output=True, text=True, timeout=900, errors="replace"
        )
        said = done.stdout + done.stderr
        return [_result(f"dnpm {name} ({disk})", str(out), said, _left(said), failed=done.returncode in (1, 2))]

    chosen = [("animate", "full"), ("batch", "full"), ("batch", "read-only")]
    if not short:
        chosen = [(name, disk) for name in commands for disk in DISKS]
    return {f"dnpm {name} ({disk})": partial(job, name, disk) for name, disk in chosen}


def _place(folder: Path, name: str) -> Path:
    place = folder / name.replace(" ", "-")
    place.mkdir()
    return place


def _noise(path: Path) -> None:
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.random.default_rng(0).integers(-3000, 3000, 16000 * 20, np.int16).tobytes())
