"""What is installed, and what would be used: versions, device, face model, weights with their checksums and card.

Starts the backend process to ask it, as Blender does. Exit code 1 when a part is missing; the table says which, and
what to do about it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .. import logs
from ..backend.client.client import BackendClient
from ..backend.requests import InfoRequest
from ..detail.card import checked_files, read_card, weights_dir
from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..files import tensor_file
from ..options import add_device
from ..version import __version__

_START_S = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Other parts than the default ones."""
    parser.add_argument("--face-model", metavar="FILE", help="another face model (.safetensors)")
    parser.add_argument("--weights", metavar="DIR", help="another folder of weights")
    add_device(parser)
    parser.add_argument("--python", metavar="PROGRAM", help="the Python with PyTorch that the backend runs in")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(args: argparse.Namespace) -> int:
    """Print what there is."""
    facts = gather(args)
    wrong = problems(facts)
    for given, part in (
        (args.face_model, "face_model"),
        (args.weights, "weights"),
        (args.python or args.device != "auto", "backend"),
    ):
        if given and part in wrong:
            raise DnpmError(wrong[part])  # It was asked for: bad input, and not something that is yet to be made.
    print(json.dumps(facts, indent=2) if args.json else table(facts))
    return 1 if wrong else 0


def gather(args: argparse.Namespace) -> dict[str, Any]:
    """Everything, as JSON values; a part that is missing is {"problem": message}."""
    return {
        "dnpm": __version__,
        "python": {"version": platform.python_version(), "path": sys.executable},
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "cores": os.cpu_count(),
        "numpy": np.__version__,
        "blender_module": _version("bpy"),
        "log": str(logs.folder()),
        "face_model": _part(lambda: _face_model(args.face_model)),
        "weights": _part(lambda: _weights(args.weights)),
        "backend": _part(lambda: _backend(args)),
    }


def problems(facts: dict[str, Any]) -> dict[str, str]:
    """Part -> what is wrong with it."""
    return {name: part["problem"] for name, part in facts.items() if isinstance(part, dict) and "problem" in part}


def table(facts: dict[str, Any]) -> str:
    """The same to read."""
    lines = [
        ("DNPM Face", facts["dnpm"]),
        ("Python", f"{facts['python']['version']}  {facts['python']['path']}"),
        ("system", f"{facts['system']}, {facts['cores']} cores"),
        ("numpy", facts["numpy"]),
        ("log files", facts["log"]),
        ("Blender module", facts["blender_module"] or "not in this Python (pip install bpy, for pictures)"),
    ]
    wrong = problems(facts)
    model, weights, backend = facts["face_model"], facts["weights"], facts["backend"]
    if "face_model" not in wrong:
        lines += [
            ("face model", f"{model['name']}: {model['n_id']} identity components x {model['n_exp']} expressions, "
                           f"{model['vertices']:,} vertices"),
            ("", model["path"]),
            ("", f"sha256 {model['sha256']}"),
        ]  # fmt: skip
    if "weights" not in wrong:
        card = weights["card"]
        lines += [("weights", f"{weights['name']}  ({card['licence']})"), ("", weights["folder"])]
        lines += [("", f"sha256 {digest}  {name}") for name, digest in weights["sha256"].items()]
        lines += [("made with", f"{card['command']}  (seed {card['seed']}, {card['hours']:.1f} h)")]
        lines += [("data", card["data"])]
        lines += [("scores" if k == 0 else "", text) for k, text in enumerate(_scores(card["scores"]))]
    if "backend" not in wrong:
        lines += [
            ("device", f"{backend['device']}  {backend['device_name']}  (PyTorch here sees: "
                       f"{', '.join(backend['devices'])})"),
            *([("", backend["device_note"])] if backend.get("device_note") else []),
            ("PyTorch", f"{backend['torch_version']}  in {backend['python']} ({backend['python_version']})"),
            ("memory", f"{backend['memory_mb']['resident'] or 0:.0f} MB in the backend process"),
        ]  # fmt: skip
    lines += [(name.replace("_", " "), f"MISSING: {message}") for name, message in wrong.items()]
    width = max(len(name) for name, _ in lines) + 2
    return "\n".join(f"{name:{width}}{value}".rstrip() for name, value in lines)


def _part(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return ask()
    except DnpmError as error:
        return {"problem": str(error)}


def _face_model(explicit: str | None) -> dict[str, Any]:
    path = face_model_path(explicit)
    model = FaceModel.load(path)
    return {
        "name": model.name,
        "path": str(Path(path).absolute()),
        "sha256": tensor_file.sha256(path),
        "n_id": model.n_id,
        "n_exp": model.n_exp,
        "vertices": len(model.neutral),
        "metadata": dict(model.metadata),
    }


def _weights(explicit: str | None) -> dict[str, Any]:
    folder = weights_dir(explicit)
    card = read_card(folder)
    checked_files(folder, card)
    return {
        "name": card["name"],
        "folder": str(folder.absolute()),
        "sha256": {name: entry["sha256"] for name, entry in card["files"].items()},
        "card": card,
    }


def _backend(args: argparse.Namespace) -> dict[str, Any]:
    client = BackendClient(args.python, args.device, args.weights, args.face_model)
    try:
        return asdict(client.call(InfoRequest(), timeout=_START_S).answer)
    finally:
        client.stop()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _scores(scores: dict[str, Any], prefix: str = "") -> list[str]:
    """One line for each group of numbers in a card's nested scores."""
    numbers = [f"{name} {value:.4g}" for name, value in scores.items() if isinstance(value, (int, float))]
    lines = [f"{prefix.strip()}  {', '.join(numbers)}".strip()] if numbers else []
    for name, value in scores.items():
        if isinstance(value, dict):
            lines += _scores(value, f"{prefix} {name}")
    return lines
