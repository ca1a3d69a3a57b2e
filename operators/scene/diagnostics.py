"""Blender's side of the log, and the report that goes to whoever looks into a fault."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import bpy

from ...core import diagnostics, logs
from ...core.detail.card import weights_dir
from ...core.errors import DnpmError
from ...core.face_model.locate import face_model_path
from ...core.files import tensor_file
from ...core.version import __version__
from . import compat, session, settings

log = logs.logger(__name__)
_opened = False


def open_log() -> None:
    """At register: what Blender's side and its worker log goes to files in the extension's own folder, and what an
    artist should know to the console. A command line that has set its log up already keeps it."""
    global _opened
    if not logs.is_configured():
        place = compat.user_folder(settings.PACKAGE, "log")
        logs.configure("blender", default_folder=place, strict=False, prefix="DNPM Face: ")
        _opened = True
        log.info("%s %s in Blender %s", settings.PACKAGE, __version__, bpy.app.version_string)


def close_log() -> None:
    """At unregister."""
    global _opened
    if _opened:
        logs.reset()
        _opened = False


def text() -> str:
    """Versions, device, weights, settings and the last log lines; of paths the last names alone."""
    status, chosen = session.status(), settings.current()
    sections: dict[str, dict[str, object]] = {
        "Versions": {
            "extension": f"{__version__} ({settings.PACKAGE})",
            "Blender": f"{bpy.app.version_string} ({bpy.app.build_platform.decode(errors='replace')})",
            "Python": platform.python_version(),
            "PyTorch of the backend": status.torch_version or "not known: the backend has not started",
            "PyTorch in Blender's Python": _installed("torch"),
            "platform": platform.platform(),
        },
        "Backend": {
            "state": status.state,
            "message": status.message or "none",
            "device": f"{status.device or 'none yet'} {status.device_name}".strip(),
            "Python": status.python or "none yet",
            "restarts": status.restarts,
            "last answer": "none" if status.last_ms is None else f"{status.last_ms:.0f} ms",
        },
        "Weights": _weights(chosen),
        "Settings": asdict(chosen),
    }
    workers = diagnostics.tail(logs.folder() / "worker.log")
    lines = diagnostics.last_lines(diagnostics.not_forwarded(logs.recent(), workers), workers)
    return diagnostics.report(sections, lines, Path("~").expanduser())


def _weights(chosen: settings.Settings) -> dict[str, object]:
    """Name and sha256 of the files that would be used; what is missing is said in their place."""
    found: dict[str, object] = {}
    try:
        folder = weights_dir(chosen.weights or None)
        found |= {file.name: _digest(file) for file in sorted(folder.glob("*.safetensors"))}
    except DnpmError as error:
        found["weights"] = error
    try:
        model = face_model_path(chosen.face_model or None)
        found[Path(model).name] = _digest(Path(model))
    except DnpmError as error:
        found["face model"] = error
    return found


def _digest(file: Path) -> str:
    try:
        return f"sha256 {tensor_file.sha256(file)}"
    except DnpmError as error:
        return str(error)


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"
