"""Who may import whom: rooms import downwards only, core knows no Blender, Blender's process loads no torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLENDER = {"bpy", "bmesh", "mathutils", "gpu", "blf", "bpy_extras", "idprop"}
HEAVY = {"torch", "scipy", "OpenEXR", "PIL", "safetensors", "anny"}
# What Blender's side uses of core.
LIGHT = [
    "core.backend.client.client",
    "core.backend.protocol",
    "core.backend.client.interpreters",
    "core.capture.read",
    "core.capture.resample",
    "core.capture.write",
    "core.errors",
    "core.export.fidelity",
    "core.export.manifest",
    "core.export.visemes",
    "core.face_model.arkit",
    "core.face_model.locate",
    "core.face_model.model",
    "core.face_model.sampling",
    "core.face_model.units",
    "core.files.writing",
    "core.processes",
    "core.programs",
    "core.speech.card",
    "core.video.formats",
    "core.video.pose",
    "core.files.tensor_file",
]
# Run by the bpy wheel for pictures without a window, not by an artist's Blender.
HEADLESS = ROOT / "operators" / "headless"


def imports(file: Path) -> set[str]:
    """The top-level names that a file imports anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").split(".")[0])
    return names


def python_files(*rooms: str) -> list[Path]:
    return sorted(file for room in rooms for file in (ROOT / room).rglob("*.py"))


def test_core_knows_no_blender():
    files = python_files("core")
    assert len(files) > 30
    wrong = {str(file.relative_to(ROOT)): found for file in files if (found := imports(file) & BLENDER)}
    assert not wrong


def test_imports_are_relative():
    files = [*python_files("core", "operators", "panels"), ROOT / "__init__.py"]
    # The script that makes the package `dnpm` itself, under that name.
    allowed = {ROOT / "core/module_main.py"}
    wrong = [str(file.relative_to(ROOT)) for file in files if file not in allowed and "dnpm" in imports(file)]
    assert not wrong


def loaded_by(modules: list[str]) -> set[str]:
    """Top-level modules in memory after the given modules of the package were imported in a fresh process."""
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module('dnpm.' + name)\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_core_that_blender_uses_is_light():
    assert "torch" in loaded_by(["core.detail.weights"]), "this test cannot see torch"
    loaded = loaded_by(LIGHT)
    assert "numpy" in loaded
    assert not loaded & (HEAVY | BLENDER)


def test_the_worker_needs_torch_and_numpy_alone():
    """The bundled wheels hold nothing else (scripts/build_extension.py)."""
    loaded = loaded_by(["core.backend.worker.process", "core.backend.worker.handlers.maps"])
    assert "torch" in loaded
    assert not loaded & (HEAVY - {"torch"} | BLENDER)


def test_every_part_of_core_loads_without_blender():
    modules = [
        str(file.relative_to(ROOT).with_suffix("")).replace("/", ".")
        for file in python_files("core")
        if file.relative_to(ROOT).as_posix() not in ("core/backend/worker/main.py",) and file.name != "__init__.py"
    ]
    assert not loaded_by(modules) & BLENDER


def test_what_blender_loads_is_light():
    """The extension's own modules, in a process with Blender in it."""
    if subprocess.run([sys.executable, "-c", "import bpy"], capture_output=True).returncode:
        pytest.skip("no Blender module in this Python")
    modules = [
        str((file.parent if file.name == "__init__.py" else file.with_suffix("")).relative_to(ROOT)).replace("/", ".")
        for file in python_files("operators", "panels")
        if HEADLESS not in file.parents
    ]
    code = (
        "import importlib, os, sys\n"
        f"for name in {modules!r}: importlib.import_module('dnpm.' + name)\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), flush=True)\n"
        "os._exit(0)"  # Blender's own end is slow, and some versions crash in it
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "bpy" in loaded
    assert not loaded & HEAVY


# The module that starts processes, and what starts one or looks for a program elsewhere than in `core/programs.py`.
STARTS = ROOT / "core" / "processes.py"
STARTING = {
    "subprocess": {"Popen", "run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"},
    "os": {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile"},
    "shutil": {"which"},
    "ctypes.util": {"find_library"},
    "multiprocessing": {"Pool", "Process", "get_context", "Manager", "shared_memory"},
    "concurrent.futures": {"ProcessPoolExecutor"},
    "webbrowser": {"open"},
}


def starts(file: Path) -> set[str]:
    """What a file uses of `STARTING`, as a call or as an import."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            module, name = ast.unparse(node.value), node.attr
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                if alias.name in STARTING.get(node.module or "", ()):
                    found.add(f"{node.module}.{alias.name}")
            continue
        else:
            continue
        if name in STARTING.get(module, ()) or (module == "os" and name.startswith(("exec", "spawn"))):
            found.add(f"{module}.{name}")
    return found


def test_one_place_starts_processes_and_finds_programs():
    files = python_files("core", "operators", "panels", "benchmarks")
    assert starts(STARTS) == {
        "subprocess.Popen",
        "multiprocessing.get_context",
        "concurrent.futures.ProcessPoolExecutor",
    }
    wrong = {str(file.relative_to(ROOT)): found for file in files if file != STARTS and (found := starts(file))}
    assert not wrong


# Where something is written without `core/files/writing.py`: into a folder that is thrown away, or beside its place
# already.
WRITES = ROOT / "core" / "files" / "writing.py"
WRITING = {"write_text", "write_bytes", "touch", "tofile", "mkdir", "makedirs", "mkstemp", "NamedTemporaryFile"}
BESIDE = {"beside", "part", "card_part", "writing"}
ALLOWED = {
    "core/training/speech/voices.py": {"script.write_text"},  # what festival is to run, in a temporary folder
    "core/evaluation/clips.py": {"av.open"},  # into memory
    "operators/scene/motion/sounds.py": {"tempfile.NamedTemporaryFile"},  # a packed sound for the worker
}


def writes(file: Path) -> set[str]:
    """What a file uses of `WRITING`, and what it opens to be written."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        place, name = ast.unparse(node.func.value), node.func.attr
        modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        opens = name == "open" and any(set(mode) & set("wax") and len(mode) < 4 for mode in modes)
        if (name in WRITING or opens) and place not in BESIDE:
            found.add(f"{place}.{name}")
    return found


def test_one_place_writes_files():
    assert writes(WRITES), "what is looked for is found where it is"
    wrong = {}
    for file in python_files("core", "operators", "panels"):
        name = file.relative_to(ROOT).as_posix()
        if file != WRITES and (found := writes(file) - ALLOWED.get(name, set())):
            wrong[name] = found
    assert not wrong


# The rooms from the ground up: each may import those before it. docs/architecture.md says what lives in them.
ORDER = [
    *(f"core.{room}" for room in (
        "version", "paths", "errors", "geometry", "files", "logs", "progress", "torch_advice", "devices", "programs",
        "module_main", "processes", "tflite", "face_model", "capture", "export", "detail", "speech", "photo", "video",
        "transfer", "measures", "options", "dataset", "training", "evaluation", "batch", "farm", "backend",
        "diagnostics", "cli",
    )),
    "operators.scene", "operators.properties", "operators", "panels",
]  # fmt: skip


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def internal_imports() -> dict[str, set[str]]:
    """Every module of the package -> the modules that it imports anywhere in it, for types too."""
    modules = {module_name(file): file for file in python_files("core", "operators", "panels")}
    found: dict[str, set[str]] = {}
    for name, file in modules.items():
        package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
        found[name] = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.ImportFrom) and node.level):
                continue
            base = package[: len(package) - node.level + 1]
            source = ".".join([*base, *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                target = f"{source}.{alias.name}"
                found[name].add(target if target in modules else source)
        found[name].discard(name)
    return found


def room(module: str) -> int:
    """Its place in `ORDER`."""
    places = [place for place, name in enumerate(ORDER) if module == name or module.startswith(name + ".")]
    assert places, f"{module} belongs to no room: name it in ORDER and in docs/architecture.md"
    return max(places, key=lambda place: len(ORDER[place]))


def test_imports_run_downwards() -> None:
    upward = [
        f"{name} -> {target}"
        for name, targets in internal_imports().items()
        if name not in ("core",)
        for target in targets
        if room(target) > room(name)
    ]
    assert upward == []


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in graph.get(name, ()):
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            component = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(component) > 1:
                found.append(sorted(component))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def test_no_circle() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]], "what is looked for is found where it is"
    assert circles(internal_imports()) == []
