"""A photo to a finished face, by stage (landmarks, fit, texture, detail), in a process of its own, with its peak of
memory. The photo is a render of a known face (512 x 512), so that it needs no picture of anybody.

python -I core/module_main.py benchmarks.photo --json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from statistics import median
from typing import Any

from ..core import processes, programs
from .speech import peak_mb

RUNS = 3
_LIMIT_S = 1800.0


def measure(face_model: str | None = None, weights: str | None = None, runs: int = RUNS) -> dict[str, Any]:
    """Figures of a process that does nothing else; {"skipped": why} where a face model cannot be photographed (its
    render shows no face, or it lacks landmarks). Raises RuntimeError with its last lines when it fails otherwise."""
    command = programs.module_command(sys.executable, "benchmarks.photo", "--json", "--runs", str(runs))
    for name, value in (("--face-model", face_model), ("--weights", weights)):
        command += [name, value] if value else []
    done = processes.run(command, _LIMIT_S, lifeline=True)
    if done.returncode:
        raise RuntimeError("\n".join(done.stderr.decode("utf-8", "replace").strip().splitlines()[-8:]))
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def table(result: dict[str, Any]) -> str:
    """The figures to read."""
    if "skipped" in result:
        return f"photo to face: left out ({result['skipped']})"
    stages = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in result["stages_s"].items())
    peak = "-" if result["peak_mb"] is None else f"{result['peak_mb']:.0f} MB"
    return (
        f"photo to face, {result['resolution']} map: {result['total_s']:.2f} s ({stages}), networks loaded in "
        f"{result['load_s']:.2f} s; peak memory {peak}; detail from {result['detail_from']}"
    )


def main() -> None:
    """Measure in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--face-model")
    parser.add_argument("--weights")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    from ..core.errors import DnpmError

    try:
        result = _measured(args)
    except DnpmError as error:
        result = {"skipped": str(error)}
    print(json.dumps(result) if args.json else table(result))


def _measured(args: argparse.Namespace) -> dict[str, Any]:
    from ..core.evaluation.fit import known_face
    from ..core.photo.image_file import Picture
    from ..core.photo.open import open_reconstructor

    begun = time.perf_counter()
    tools = open_reconstructor(args.face_model, args.weights, None)
    loaded = time.perf_counter() - begun
    known = known_face(tools.model, 4)
    height, width = known.image.shape[:2]
    picture = Picture(name="a render", image=known.image, size=(width, height))
    rows = [tools.run([picture])[0] for _ in range(args.runs)]
    stages = {name: round(median(row.seconds[name] for row in rows), 3) for name in rows[0].seconds}
    return {
        "resolution": len(rows[0].displacement), "runs": args.runs, "load_s": round(loaded, 2), "stages_s": stages,
        "total_s": round(sum(stages.values()), 2), "detail_from": rows[0].detail_from,
        "peak_mb": peak_mb(),
    }  # fmt: skip


if __name__ == "__main__":
    main()
