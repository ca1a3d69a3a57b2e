"""The package's frame: nothing is forgotten in a wheel, pins agree, each room imports only what it may."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import dnpm

ROOMS = ("core", "operators", "panels")
# What Blender's own process imports: numpy and the standard library alone.
LIGHT = re.compile(
    r"^(__init__|(panels|operators)/.*|core/(__init__|errors|paths|version)|core/files/(__init__|tensor_file|writing|inputs|exr|png|names|path_mapping)|core/capture/.*"
    r"|core/face_model/(__init__|model|arkit|units|locate|presets|sampling)|core/detail/(__init__|card)"
    r"|core/batch/(__init__|arguments|chunks|frames|job|ledger|sequence|sliders|views)"
    r"|core/backend/(__init__|protocol|types|segment|requests|messages)|core/backend/client/.*)\.py$"
)
SCRIPTS = {"core/module_main.py", "core/backend/worker/main.py", "operators/headless/run.py"}
"""Started by path, before there is a package: they import it by its name."""
HEAVY = {"torch", "scipy", "safetensors", "PIL", "OpenEXR", "anny", "soundfile", "av", "pillow_heif",
         "transformers"}  # fmt: skip


def project_files(repository: Path) -> list[Path]:
    return sorted(file for room in ROOMS for file in (repository / room).rglob("*.py"))


def module_imports(file: Path, *, inside_functions: bool) -> set[str]:
    """Top-level names of absolute imports; lazily imported ones (inside functions) only when asked for."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    hidden: set[int] = set()
    for node in ast.walk(tree):
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not inside_functions
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if lazy or for_types:
            hidden.update(id(child) for child in ast.walk(node))
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_core_never_imports_bpy(repository: Path) -> None:
    guilty = [
        str(file.relative_to(repository))
        for file in project_files(repository)
        if file.is_relative_to(repository / "core")
        and module_imports(file, inside_functions=True) & {"bpy", "mathutils", "bmesh", "gpu"}
    ]
    assert guilty == []


def test_what_blender_imports_is_light(repository: Path) -> None:
    light = [f for f in [repository / "__init__.py", *project_files(repository)]
             if LIGHT.match(f.relative_to(repository).as_posix())]  # fmt: skip
    assert len(light) > 10
    guilty = {str(f): found for f in light if (found := module_imports(f, inside_functions=True) & HEAVY)}
    assert guilty == {}


def test_every_import_inside_the_project_is_relative(repository: Path) -> None:
    guilty = [
        str(file)
        for file in project_files(repository)
        if file.relative_to(repository).as_posix() not in SCRIPTS
        and module_imports(file, inside_functions=True) & {"dnpm", "core", "operators", "panels"}
    ]
    assert guilty == []


def test_every_folder_with_modules_is_a_package(repository: Path) -> None:
    folders = {file.parent for file in project_files(repository)}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_no_file_is_longer_than_a_sitting(repository: Path) -> None:
    files = [*project_files(repository), *(repository / "tests").rglob("*.py"), *(repository / "scripts").glob("*")]
    long = {str(f): n for f in files if f.is_file() and (n := len(f.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}


def test_pins_agree(repository: Path) -> None:
    """Every direct dependency has the same exact version in pyproject.toml and in constraints.txt."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    groups = [
        project["dependencies"],
        *(optional[name] for name in ("dev", "docs", "build", "perceptual", "transformers", "testdata")),
    ]
    direct = {line.replace('"', "'") for group in groups for line in group}
    pins = {
        line.replace('"', "'")
        for line in (repository / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    assert direct - pins == set()
    assert all(re.match(r"^[A-Za-z0-9_.-]+==[0-9][^\s;]*(; .+)?$", line) for line in pins)


def test_what_is_bundled_loads_beside_every_blenders_numpy(repository: Path) -> None:
    """The extension's wheels run with the numpy that Blender carries: 1.24.3 in 4.2, and newer ones."""
    rows = re.findall(r'"([\d.]+) (3\.\d+) ([\d.]+)"', (repository / "scripts/blender_venvs.sh").read_text())
    assert ("4.2.23", "3.11", "1.24.3") in rows
    assert [row[0] for row in rows if row[1] == "3.13"] == ["5.2.3", "5.3.0"]
    names = re.search(r"WHEELS = \((.*?)\)", (repository / "scripts/build_extension.py").read_text(), re.DOTALL)
    assert names is not None
    bundled = re.findall(r'"([\w-]+)"', names[1])
    assert {"torch", "scipy", "soundfile", "av", "pillow", "pillow-heif"} <= set(bundled)
    for name in bundled:
        for line in metadata.requires(name) or []:
            wanted = Requirement(line)
            if wanted.name.lower() == "numpy" and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
                for blender, _, version in rows:
                    assert version in wanted.specifier, f"{name}: {line}, and Blender {blender} has {version}"


def test_version_is_the_manifests(repository: Path) -> None:
    manifest = tomllib.loads((repository / "blender_manifest.toml").read_text())
    assert manifest["version"] == dnpm.__version__


@pytest.mark.timeout(180)
def test_wheel_carries_every_module(repository: Path, tmp_path: Path) -> None:
    """Built from what git tracks, because a build in place would leave its folders in the working tree."""
    source = tmp_path / "clone"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository, capture_output=True, check=True,
    ).stdout.decode().split("\0")  # fmt: skip
    for name in filter(None, tracked):
        if (repository / name).is_file() and not name.startswith(("tests/", "docs/", "benchmarks/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((repository / name).read_bytes())
    code = "from setuptools import build_meta; build_meta.build_wheel('out')"
    (source / "out").mkdir()
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = (source / "out").glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"dnpm/{file.relative_to(source).as_posix()}" for file in project_files(source)}
    wanted |= {
        f"dnpm/weights/{f.name}" for f in (source / "weights").glob("*") if f.suffix in {".safetensors", ".json"}
    }
    assert wanted - inside == set()
    assert not any(name.startswith(("dnpm/tests", "dnpm/build", "tests/")) for name in inside)


@pytest.mark.parametrize("arguments", [["--help"], ["batch", "--help"]])
def test_help_teaches(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "dnpm", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert len(done.stdout) > 400
