"""Time every stage, from the slider to the picture's mesh, and write the figures to a file in build.

The machine's load while it runs stands beside the figures: compare runs on a quiet machine.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .. import logs, processes, programs
from ..detail.card import weights_dir
from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..files.writing import write_text
from ..options import add_device
from ..paths import ROOT
from ..version import __version__

log = logs.logger(__name__)

_BLENDER_LIMIT_S = 900.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to measure with, and how thoroughly."""
    parser.add_argument(
        "what",
        nargs="?",
        choices=("all", "generator", "speech", "photo"),
        default="all",
        help="default: all; generator: the paper's size too",
    )
    parser.add_argument("--quick", action="store_true", help="fewer runs: a minute, and rougher figures")
    parser.add_argument("--no-blender", action="store_true", help="leave out what needs the bpy module")
    parser.add_argument("--face-model", metavar="FILE", help="another face model (.safetensors)")
    parser.add_argument("--weights", metavar="DIR", help="another folder of weights")
    add_device(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="where the figures go as JSON (default: build/bench.json, bench_generator.json ...)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(args: argparse.Namespace) -> int:
    """Measure one thing after the other, so that none meets another."""
    if args.what != "all":
        return _part(args)
    path, weights = face_model_path(args.face_model), str(weights_dir(args.weights))
    runs = 7 if args.quick else 31
    result: dict[str, Any] = {
        "dnpm": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "quick": bool(args.quick),
        "load_average_before": _load(),
    }
    start = time.monotonic()
    log.info("measuring the face model ...")
    result["face_model"] = _benchmark("face_model").measure(path, runs)
    log.info("measuring the backend's maps ...")
    result["backend"] = _benchmark("backend").measure(path, weights, args.device, runs)
    log.info("measuring the generator against a textbook one ...")
    # As the backend sets it for itself; it counts when torch is loaded, which is now.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    result["generator"] = _benchmark("generator").measure(runs=5 if args.quick else 15)
    log.info("measuring speech ...")
    result["speech"] = _benchmark("speech").measure(args.weights, *([(1, 10, 60)] if args.quick else []))
    log.info("measuring a photo ...")
    result["photo"] = _benchmark("photo").measure(args.face_model, args.weights, 1 if args.quick else 3)
    if args.no_blender:
        result["blender"] = {"skipped": "--no-blender"}
    else:
        log.info("measuring Blender ...")
        result["blender"] = _blender(path, weights, args.device, runs)
    result["load_average_after"] = _load()
    result["seconds"] = round(time.monotonic() - start, 1)
    _report(args, result, table(result))
    return 0


def table(result: dict[str, Any]) -> str:
    """The figures to read."""
    model, backend, blender = result["face_model"], result["backend"], result["blender"]
    rows = [
        ("identity update (numpy, 52 expressions)".replace("52", str(model["n_exp"])), model["identity_update"]),
        (f"preview map, {backend['preview_map']['resolution']}", backend["preview_map"]),
        (f"full map, {backend['full_map']['resolution']}", backend["full_map"]),
    ]
    for name, title in (
        ("slider_to_mesh", "expression slider to displaced mesh"),
        ("identity_slider_to_mesh", "identity slider to displaced mesh"),
        ("slider_to_mesh_blender_alone", "the same sliders, Blender alone"),
        ("slider_to_mesh_dragged", "expression slider while dragged"),
        ("identity_slider_to_mesh_dragged", "identity slider while dragged"),
        ("slider_to_coarse_mesh", "expression slider to coarse mesh"),
        ("full_map_to_mesh", "full map onto the mesh"),
    ):
        if name in blender:
            rows.append((f"Blender: {title}", blender[name]))
    lines = [f"{'':46}{'median':>10}{'95 %':>10}   samples"]
    lines += [f"{title:46}{row['median_ms']:7.1f} ms{row['p95_ms']:7.1f} ms{row['samples']:10}" for title, row in rows]
    if "skipped" in blender:
        lines.append(f"Blender: left out ({blender['skipped']})")
    if "scene_size" in blender:
        lines += ["", _scene_size(blender["scene_size"])]
    memory = backend["memory_mb"]
    lines += [
        "",
        f"backend: {backend['device']} ({backend['device_name']}), torch {backend['torch']}, weights "
        f"{backend['weights']!r}, ready after {backend['start_s']:.1f} s",
        "backend's memory: " + ", ".join(f"{name.replace('_', ' ')} {mb:.0f} MB" for name, mb in memory.items() if mb),
        "",
        _benchmark("generator").table(result["generator"]),
        "",
        _benchmark("speech").table(result["speech"]),
        "",
        _benchmark("photo").table(result["photo"]),
        "",
        f"load average {result['load_average_before']} before, {result['load_average_after']} after, "
        f"{result['cores']} cores; {result['seconds']:.0f} s",
    ]
    return "\n".join(lines)


def _scene_size(found: dict[str, Any]) -> str:
    """What the handlers cost at a change of a scene, by its size (benchmarks/scene_size.py)."""
    small, large = str(found["objects"][0]), str(found["objects"][-1])
    lines = [f"{'Blender: handlers at an update, objects:':46}{small:>10}{large:>13}{'later calls':>18}{'ratio':>8}"]
    for name, title in (
        ("no_face", "no face in the scene"),
        ("other_object", f"{found['faces']} faces, another object moves"),
        ("slider", f"{found['faces']} faces, one slider moves"),
        ("timer", f"{found['faces']} faces, a tick of the timer"),
    ):
        row = found[name]
        first = f"{row[small]['median_ms']:7.3f} ms{row[large]['median_ms']:10.3f} ms"
        lines.append(f"{title:46}{first}{row[small]['later_ms']:9.3f}{row[large]['later_ms']:6.3f} ms{row['ratio']:8}")
    return "\n".join(lines)


def _part(args: argparse.Namespace) -> int:
    """One benchmark alone; the generator at the paper's size too, which takes seconds a picture."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # As the backend sets it for itself.
    benchmark, before = _benchmark(args.what), _load()
    if args.what == "generator":
        result = benchmark.measure(runs=3 if args.quick else 9, paper=True)
    elif args.what == "speech":
        result = benchmark.measure(args.weights, *([(1, 10, 60)] if args.quick else []))
    else:
        result = benchmark.measure(args.face_model, args.weights, 1 if args.quick else 3)
    result |= {"dnpm": __version__, "cores": os.cpu_count(), "load_average_before": before, "load_average": _load()}
    _report(args, result, benchmark.table(result))
    return 0


def _report(args: argparse.Namespace, result: dict[str, Any], text: str) -> None:
    """Onto stdout, as the options say, and into the file."""
    out = args.out or ROOT / "build" / ("bench.json" if args.what == "all" else f"bench_{args.what}.json")
    write_text(out, json.dumps(result, indent=2) + "\n", make_folder=True)
    print(json.dumps(result, indent=2) if args.json else f"{text}\n\nwritten to {out}")


def _benchmark(name: str) -> Any:
    try:
        return importlib.import_module(f"...benchmarks.{name}", __package__)
    except ModuleNotFoundError as error:
        if "benchmarks" not in str(error.name):
            raise
        raise DnpmError("the benchmarks are part of the source repository, which this is not: clone it") from error


def _blender(path: Path, weights: str, device: str, runs: int) -> dict[str, Any]:
    """In a process of its own: Blender prints where it likes, and its process holds no torch."""
    if importlib.util.find_spec("bpy") is None:
        return {"skipped": "no bpy module in this Python"}
    with tempfile.TemporaryDirectory(prefix="dnpm-bench-") as folder:
        out = Path(folder, "blender.json")
        command = programs.module_command(
            sys.executable, "benchmarks.blender", "--face-model", str(path), "--weights", weights, "--device", device,
            "--runs", str(runs), "--out", str(out), "--preview", str(_benchmark("backend").PREVIEW),
        )  # fmt: skip
        profile = {"BLENDER_USER_RESOURCES": str(Path(folder, "profile"))}
        try:
            done = processes.run(command, _BLENDER_LIMIT_S, lifeline=True, env=profile)
        except subprocess.TimeoutExpired as error:
            raise DnpmError(f"the measurement in Blender took longer than {_BLENDER_LIMIT_S:.0f} s") from error
        if done.returncode or not out.is_file():
            last = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace").splitlines()[-8:]
            raise DnpmError(f"the measurement in Blender failed (exit code {done.returncode}): {' | '.join(last)}")
        return json.loads(out.read_text(encoding="utf-8"))


def _load() -> list[float] | None:
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None
