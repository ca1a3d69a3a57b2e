"""A folder full of files that are named as modules and programs are: nothing that is started in it runs one of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

USES_BLENDER = True  # in the processes that it starts: tests/run.py runs it with every version

pytestmark = pytest.mark.skipif(os.name == "nt", reason="scripts stand in for programs")
ROOT = Path(__file__).resolve().parents[1]
OTHERS = (
    "bpy", "torch", "numpy", "scipy", "PIL", "OpenEXR", "soundfile", "av", "tqdm", "sitecustomize", "usercustomize",
    "dnpm", "core", "operators", "benchmarks",
)  # fmt: skip
PROGRAMS = (
    "python", "python3", Path(sys.executable).name, "blender", "festival", "flite", "espeak-ng", "ffmpeg", "ffprobe",
    "gs", "git", "gcc", "cc", "ld", "ldconfig", "objdump", "uname", "file", "sh", "nvidia-smi", "torchrun",
)  # fmt: skip
# What the console script of an installed package is.
CONSOLE = "import sys\nfrom dnpm.core.cli.main import main\nsys.exit(main())\n"
HELP = """
from dnpm.core.cli import main
for command in main.COMMANDS:
    for words in ([command], *([command, what] for what in ("generator", "encoder", "speech", "teacher", "table1"))):
        try:
            main.main([*words, "--help"])
        except SystemExit:
            pass
"""
ADDON = """
import sys
import bpy
import dnpm
dnpm.register()
from dnpm.operators.scene import session, settings
from dnpm.operators.scene.detail import live
settings.override(settings.Settings(device="cpu", weights=sys.argv[1], face_model=sys.argv[2]))
assert bpy.ops.dnpm.add_face() == {"FINISHED"}
live.update_now(bpy.context.object)
print("device", session.status().device)
session.stop()
sys.stdout.flush()
__import__("os")._exit(0)
"""


class Trap:
    """The folder, and what of it has run."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.traces = folder, folder / "traces"
        self.traces.mkdir(parents=True)
        for name in {*sys.stdlib_module_names, *OTHERS}:
            (folder / f"{name}.py").write_text(f"open({str(self.traces / name)!r}, 'a').write('ran')\n")
        for name in PROGRAMS:
            (folder / name).write_text(f"#!/bin/sh\ntouch {self.traces}/{name}\nexit 1\n")
            (folder / name).chmod(0o755)
        # Not all of them: with another `encodings` no Python starts at all.
        (folder / "variables").mkdir()
        for name in ("json", "torch", "numpy", "bpy", "sitecustomize", "usercustomize", "dnpm"):
            (folder / "variables" / f"{name}.py").symlink_to(folder / f"{name}.py")
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        site = folder / "home" / ".local" / "lib" / version / "site-packages"
        site.mkdir(parents=True)
        for name in ("usercustomize", "torch", "numpy"):
            (site / f"{name}.py").write_text(f"open({str(self.traces / f'users-{name}')!r}, 'a').write('ran')\n")
        (site / "own.pth").write_text(
            f"import builtins; builtins.open({str(self.traces / 'pth')!r}, 'a').write('ran')\n"
        )

    @property
    def sprung(self) -> list[str]:
        return sorted(path.name for path in self.traces.iterdir())

    def run(self, *command: str, everything: bool = False) -> subprocess.CompletedProcess[str]:
        """A command in the folder; with `everything` the environment points at it as well."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        env |= {"PATH": f":.:{env['PATH']}:", "OMP_NUM_THREADS": "1"}
        if everything:
            env |= {
                "PYTHONPATH": str(self.folder / "variables"), "PYTHONSTARTUP": str(self.folder / "json.py"),
                "PYTHONBREAKPOINT": "json.loads", "HOME": str(self.folder / "home"),
            }  # fmt: skip
        return subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=400, stdin=subprocess.DEVNULL
        )


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path / "trap")


@pytest.fixture
def parts(tiny_parts: Path) -> list[str]:
    return [f"--face-model={tiny_parts / 'tiny.safetensors'}", f"--weights={tiny_parts / 'weights'}", "--device=cpu"]


def check(trap: Trap, done: subprocess.CompletedProcess[str]) -> None:
    assert trap.sprung == []
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_trap_works(trap: Trap) -> None:
    """Else nothing below would show anything."""
    trap.run(sys.executable, "-c", "import json, torch")
    # From 3.13 on Python itself looks for linecache before it runs a line given to it, and is trapped there.
    assert {"json", "torch"} <= set(trap.sprung) or (sys.version_info >= (3, 13) and "linecache" in trap.sprung)
    assert "sitecustomize" not in trap.sprung
    trap.run(sys.executable, "-c", "", everything=True)
    assert "sitecustomize" in trap.sprung
    trap.run("/bin/sh", "-c", "festival")
    assert "festival" in trap.sprung


def test_every_subcommand_is_loaded_without_a_trace(trap: Trap, tmp_path: Path) -> None:
    script = tmp_path / "console" / "dnpm-help"
    script.parent.mkdir()
    script.write_text(HELP)
    done = trap.run(sys.executable, str(script))
    assert "Traceback" not in done.stderr
    assert done.stdout.count("usage: dnpm") > 14
    check(trap, done)


@pytest.mark.parametrize("way", ["console", "module", "isolated"])
def test_a_face_with_its_worker_and_its_picture(trap: Trap, tmp_path: Path, parts: list[str], way: str) -> None:
    """The command, the probe, the worker, Blender, and Blender's own worker."""
    console = tmp_path / "console" / "dnpm"
    console.parent.mkdir()
    console.write_text(CONSOLE)
    command = {
        "console": [str(console)],
        "module": ["-m", "dnpm"],
        "isolated": ["-I", "-m", "dnpm"],
    }[way]
    if way == "module":
        # Python itself takes these from the working directory before any of our code can run.
        for name in ("importlib", "contextlib", "warnings", "collections", "keyword", "operator", "reprlib",
                     "functools", "types", "dnpm"):  # fmt: skip
            (trap.folder / f"{name}.py").unlink()
    words = ["face", "--seed=2", "--resolution=64", "--levels=0", "--size=32x32", f"--out={tmp_path / 'out'}"]
    # Without a picture where only the way in differs: Blender takes seconds.
    words += [] if way == "isolated" else ["--no-picture"]
    done = trap.run(sys.executable, *command, *words, *parts, everything=way == "isolated")
    check(trap, done)
    assert (tmp_path / "out" / "face.png").exists() == (way == "isolated")


@pytest.mark.parametrize("words", [["info"], ["data", "speech", "--sentences", "2", "--out", "set"]])
def test_commands_that_look_for_programs(trap: Trap, tmp_path: Path, parts: list[str], words: list[str]) -> None:
    more = parts if words == ["info"] else []
    done = trap.run(sys.executable, "-I", "-m", "dnpm", *words, *more, everything=True)
    assert trap.sprung == []
    assert done.returncode in (0, 2), done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_program_is_not_taken_from_the_folder_by_its_name(trap: Trap, tmp_path: Path, parts: list[str]) -> None:
    words = ["batch", "--seeds=1", "--blender=blender", f"--out={tmp_path / 'out'}", *parts]
    done = trap.run(sys.executable, "-I", "-m", "dnpm", *words, everything=True)
    assert trap.sprung == []
    if done.returncode == 2:
        assert "blender: no such program in the folders of PATH" in done.stderr
    words = ["info", "--python=python3", *parts]
    trap.run(sys.executable, "-I", "-m", "dnpm", *words, everything=True)
    assert trap.sprung == []


def test_the_add_on_starts_without_a_trace(trap: Trap, tmp_path: Path, tiny_parts: Path) -> None:
    pytest.importorskip("bpy")
    script = tmp_path / "addon" / "addon.py"
    script.parent.mkdir()
    script.write_text(ADDON)
    places = [str(tiny_parts / "weights"), str(tiny_parts / "tiny.safetensors")]
    done = trap.run(sys.executable, "-I", str(script), *places, everything=True)
    assert "device cpu" in done.stdout, done.stdout + done.stderr
    check(trap, done)
