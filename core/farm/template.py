"""A job for a farm as an Open Job Description template: what a task runs, in which parts, in which environment.

Specification: https://github.com/OpenJobDescription/openjd-specifications/wiki/2023-09-Template-Schemas. None of its
extensions is used, so that every implementation runs it: a task's first number steps by the size of a chunk, and the
command takes FIRST:COUNT.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERSION = "jobtemplate-2023-09"
STOP_S = 30
"""A task that is cancelled gets SIGTERM, on which dnpm ends its Blender, and this long before it is killed."""
CHECK_S = 600
"""So long a machine may take to show that it can do the work; the first import of torch is slow."""
_MOST_NAME = 128


@dataclass(frozen=True)
class Work:
    """One job: a batch, or a .blend that is rendered or baked. Paths are absolute and the submitter's."""

    kind: str
    """"batch", "render" or "bake"."""
    source: Path
    """The job file or the .blend."""
    out: Path
    first: int
    last: int
    """Frames; of a batch its items, counted from 1."""
    chunk: int
    """Frames or items a task."""
    face_model: Path | None = None
    weights: Path | None = None
    """Other ones than the machine's own."""
    inputs: tuple[Path, ...] = ()
    """All other files that a task reads."""
    words: tuple[str, ...] = field(default=())
    """Further options of the command."""
    gpu: bool = False
    """Whether only machines with a graphics card will do."""


def template(work: Work) -> dict[str, Any]:
    """The template, as JSON data."""
    steps = [_step(work, work.kind.capitalize(), _command(work), chunked=True)]
    if work.kind == "bake":
        steps.append(_step(work, "Collect", _command(work, "collect"), chunked=False, after="Bake"))
    return {
        "specificationVersion": VERSION,
        "name": _name(f"DNPM Face: {work.kind} {work.source.name}"),
        "description": _about(work),
        "parameterDefinitions": _parameters(work),
        "jobEnvironments": [_environment(work)],
        "steps": steps,
    }


def values(work: Work) -> dict[str, str | int]:
    """The parameters' values for this work, by name."""
    paths = {_SOURCE[work.kind]: work.source, "OutDir": work.out, "FaceModel": work.face_model, "Weights": work.weights}
    numbers = {"First": work.first, "Last": work.last, "ChunkSize": work.chunk}
    return {name: str(path) for name, path in paths.items() if path is not None} | numbers


_SOURCE = {"batch": "JobFile", "render": "BlendFile", "bake": "BlendFile"}


def _name(text: str) -> str:
    """As long as a name may be, without control characters, and no reference to a value."""
    clean = re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).replace("{{", "{ {").replace("}}", "} }")
    return clean[:_MOST_NAME]


def _about(work: Work) -> str:
    what = "items" if work.kind == "batch" else "frames"
    return (
        f"Made by `dnpm farm`. Each task makes ChunkSize {what}. What is finished is skipped, so a task may be run "
        "again. Every machine needs DNPM Face and Blender (docs/farm.md)."
    )


def _parameters(work: Work) -> list[dict[str, Any]]:
    source = _SOURCE[work.kind]
    what = "item" if work.kind == "batch" else "frame"
    parameters = [
        _path(source, "FILE", "IN", "What the job is about; paths inside that are relative count from here."),
        _path("OutDir", "DIRECTORY", "OUT", "Folder for the results, which all tasks share."),
        _number("First", work.first, f"The first {what}."),
        _number("Last", work.last, f"The last {what}."),
        _number("ChunkSize", work.chunk, f"So many {what}s a task.", least=1),
        _text("Dnpm", "dnpm", "The command on the machines: its full path where it is not in PATH."),
        _text("Blender", "", "A Blender program on the machines; empty: the Python module bpy beside dnpm."),
        _text("Device", "auto", "What computes the detail: auto, cpu, cuda, ..."),
    ]
    if work.face_model is not None:
        parameters.append(_path("FaceModel", "FILE", "IN", "The face model (.safetensors)."))
    if work.weights is not None:
        parameters.append(_path("Weights", "DIRECTORY", "IN", "The folder of weights."))
    return parameters


def _path(name: str, kind: str, flow: str, about: str) -> dict[str, Any]:
    return {"name": name, "type": "PATH", "objectType": kind, "dataFlow": flow, "description": about}


def _number(name: str, default: int, about: str, least: int = 0) -> dict[str, Any]:
    return {"name": name, "type": "INT", "default": default, "minValue": least, "description": about}


def _text(name: str, default: str, about: str) -> dict[str, Any]:
    return {"name": name, "type": "STRING", "default": default, "description": about}


def _with(work: Work) -> list[str]:
    words = ["--device={{Param.Device}}"]
    if work.face_model is not None:
        words.append("--face-model={{Param.FaceModel}}")
    if work.weights is not None:
        words.append("--weights={{Param.Weights}}")
    return words


def _command(work: Work, action: str = "") -> list[str]:
    """The words after dnpm."""
    common = ["--out={{Param.OutDir}}", "--path-mapping={{Session.PathMappingRulesFile}}",
              "--blender={{Param.Blender}}", "--openjd", *_with(work), *work.words]  # fmt: skip
    if work.kind == "batch":
        return ["batch", "{{Param.JobFile}}", *common]
    return ["scene", action or work.kind, "{{Param.BlendFile}}", "--frames={{Param.First}}-{{Param.Last}}", *common]


def _step(work: Work, name: str, words: list[str], *, chunked: bool, after: str = "") -> dict[str, Any]:
    step: dict[str, Any] = {"name": name}
    if after:
        step["dependencies"] = [{"dependsOn": after}]
    if work.gpu:
        step["hostRequirements"] = {"amounts": [{"name": "amount.worker.gpu", "min": 1}]}
    if chunked:
        starts = {"name": "Start", "type": "INT", "range": "{{Param.First}}-{{Param.Last}}:{{Param.ChunkSize}}"}
        step["parameterSpace"] = {"taskParameterDefinitions": [starts]}
        words = [*words, "--chunk={{Task.Param.Start}}:{{Param.ChunkSize}}"]
    stop = {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": STOP_S}
    step["script"] = {"actions": {"onRun": {"command": "{{Param.Dnpm}}", "args": words, "cancelation": stop}}}
    return step


def _environment(work: Work) -> dict[str, Any]:
    """Before a machine takes its first task it shows that it has face model, weights and backend."""
    check = {"command": "{{Param.Dnpm}}", "args": ["info", *_with(work)], "timeout": CHECK_S}
    return {
        "name": "DNPM Face",
        "description": "Checks that this machine has what the tasks need; logs stay in the session's folder.",
        "variables": {"DNPM_LOG_FOLDER": "{{Session.WorkingDirectory}}/dnpm-log"},
        "script": {"actions": {"onEnter": check}},
    }
