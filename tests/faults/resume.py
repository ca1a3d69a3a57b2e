"""Batches and baked sequences, killed in the middle and begun again: the result is that of an undisturbed run."""

from __future__ import annotations

import json
import random
import signal
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ground

LIMIT_S = 600.0
Begin = Callable[[Path], list[str]]
"""From a folder to the command that fills it."""
ENDINGS = (".png", ".exr", ".obj", ".ply")
"""Of files that come out the same; glTF and .blend hold names and times."""


def run(short: bool, progress: ground.Progress) -> dict[str, Any]:
    """{"tried", "recovered", "by": {what: [tried, recovered]}, "kills"}: how many runs were killed and begun again, how
    many of them ended like an undisturbed one, and how often they were killed."""
    if why := ground.why_not():
        return {"tried": 0, "recovered": 0, "skipped": why}
    with tempfile.TemporaryDirectory(prefix="dnpm-faults-") as folder:
        parts = ground.parts()
        jobs = {
            "batch": partial(
                _resumed, "batch", _batch(parts, 2 if short else 6), _items, 1 if short else 4, 2 if short else 5
            ),
            "bake": partial(_resumed, "bake", _bake, _frames, 1 if short else 8, 1 if short else 3),
        }
        jobs = {what: partial(job, parts, Path(folder), progress) for what, job in jobs.items()}
        found = dict(zip(jobs, ground.side_by_side(jobs), strict=True))
    return {
        "tried": sum(tried for tried, _, _ in found.values()), "recovered": sum(same for _, same, _ in found.values()),
        "by": {what: [tried, same] for what, (tried, same, _) in found.items()},
        "kills": sum(kills for _, _, kills in found.values()),
    }  # fmt: skip


def _resumed(
    what: str, begin: Begin, state: Callable[[Path], Any], count: int, most: int, parts: ground.Parts, folder: Path,
    progress: ground.Progress,
) -> tuple[int, int, int]:  # fmt: skip
    """Runs tried, runs that ended like an undisturbed one, and kills that met a running one."""
    rng, same, kills = random.Random(what), 0, 0
    progress(f"resume: {what}, undisturbed")
    wanted_in = folder / f"{what}-wanted"
    took = _whole(begin, parts, wanted_in)
    for k in range(count):
        progress(f"resume: {what}, killed and begun again ({k + 1} of {count})")
        out = folder / f"{what}-{k}"
        for _ in range(most):
            kills += _killed(begin, parts, out, rng.uniform(0.2, 0.9) * took)
        _whole(begin, parts, out)
        same += state(out) == state(wanted_in) and not ground.unfinished(out)
    return count, same, kills


def _batch(parts: ground.Parts, people: int) -> Begin:
    words = ["batch", f"--seeds=1-{people}", "--outputs=png,exr,map_png,obj,ply", "--size=96x120", "--samples=4",
             "--map-size=256", *parts.words]  # fmt: skip
    return lambda out: ground.dnpm(*words, f"--out={out}")


def _bake(out: Path) -> list[str]:
    out.mkdir(exist_ok=True)
    return ground.blender_command("sequence", str(out))


def _whole(begin: Begin, parts: ground.Parts, out: Path) -> float:
    """Run it to its end; seconds from the moment at which it has its worker."""
    command = ground.Marked(begin(out), parts.environment)
    try:
        ground.wait_until(command.has_worker, LIMIT_S)
        start = time.monotonic()
        said = command.process.communicate(timeout=LIMIT_S)[0]
        if command.process.returncode:
            raise RuntimeError(f"it ended with {command.process.returncode}:\n{said[-3000:]}")
        return time.monotonic() - start
    finally:
        command.end()


def _killed(begin: Begin, parts: ground.Parts, out: Path, delay_s: float) -> bool:
    """Kill it so long after it has its worker; whether it was still running."""
    command = ground.Marked(begin(out), parts.environment)
    try:
        ground.wait_until(command.has_worker, LIMIT_S)
        time.sleep(delay_s)
        running = command.process.poll() is None
        ground.send(command.process.pid, signal.SIGKILL)
        ground.wait_until(lambda: not command.family(), 10.0)
        return running
    finally:
        command.end()


def _items(out: Path) -> dict[str, Any]:
    """Every item's files, and what its marker says of them."""
    marks = {}
    for path in sorted(out.glob("*/done.json")):
        mark = json.loads(path.read_text(encoding="utf-8"))
        marks[path.parent.name] = (mark["fingerprint"], sorted(mark["files"]))
    return {"files": ground.contents(out, *ENDINGS), "marks": marks}


def _frames(out: Path) -> list[str]:
    """The maps in the order of their frames; stems differ from folder to folder."""
    return [digest for _, digest in sorted(ground.contents(out, ".exr").items())]
