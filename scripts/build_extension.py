"""Builds the extension's zip with Blender's official builder.

    python scripts/build_extension.py --out build/extension [--wheels] [--weights DIR] [--face-model FILE]
        [--speech-encoder FILE] [--landmarks FILE]

What goes in: the code of the extension, what the project builds once (face model, speech encoder and landmark networks,
into assets/) and the weights. What stays out: tests, documents, benchmarks, scripts. With --wheels PyTorch for this
platform and this Python goes in too, and what reads sounds and photos, so that an artist needs nothing else; numpy
never does, because Blender carries its own and all extensions share one folder.
"""

from __future__ import annotations

import argparse
import email
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

# Python puts the folder of this script first, unless it is started isolated.
sys.path[:0] = [str(Path(__file__).parent)]

import fold_licences  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
CODE = ("__init__.py", "blender_manifest.toml", "LICENSE", "core/", "operators/", "panels/", "weights/")
# What the backend process imports, and nothing more. Versions are constraints.txt's.
WHEELS = ("torch", "filelock", "fsspec", "Jinja2", "MarkupSafe", "mpmath", "networkx", "sympy", "typing_extensions",
          "scipy", "soundfile", "cffi", "pycparser", "av", "pillow", "pillow-heif")  # fmt: skip
# What the project builds once: option -> (file in build/ and assets/, variable that names another, make's target).
ASSETS = {
    "face_model": ("face_model.safetensors", "DNPM_FACE_MODEL", "face-model"),
    "speech_encoder": ("speech_encoder.safetensors", "DNPM_SPEECH_ENCODER", "speech-encoder"),
    "landmarks": ("face_landmarker.safetensors", "DNPM_FACE_LANDMARKER", "landmarks"),
}

_MOST_MB = 400
"""Of torch's wheel: its CPU builds have 110 to 250."""
_LINUX_ALONE = re.compile(r";.*platform_system\s*==\s*[\"']Linux[\"']")
# A wheel's platform tag -> what Blender calls that platform.
PLATFORMS = {
    r"(many)?linux.*_x86_64": "linux-x64",
    r"(many)?linux.*_aarch64": "linux-arm64",
    r"win_amd64": "windows-x64",
    r"win_arm64": "windows-arm64",
    r"macosx_\d+_\d+_arm64": "macos-arm64",
}
NO_INTEL_MACS = (
    "PyTorch makes no builds for Macs with Intel processors any more: build the zip without PyTorch (no --wheels)"
)

# Wheels fit one version of Python: that -> the first Blender that carries it, and the first that no longer does.
BLENDERS: dict[tuple[int, int], tuple[str, str | None]] = {(3, 11): ("4.2.0", "5.1.0"), (3, 13): ("5.1.0", None)}


@dataclass(frozen=True)
class Target:
    """What a zip with PyTorch is for. tags: of wheels that run there, as pip takes them."""

    platform: str
    tags: tuple[str, ...]
    python: tuple[int, int]


class BuildError(Exception):
    """What the person who builds can mend."""


def tracked_files() -> list[str]:
    """The project's files as git sees them, so that leftovers in the working tree cannot slip into a release."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *CODE],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",  # git's own, whatever the system's is
    )
    if listing.returncode:
        raise BuildError(f"git ls-files failed in {ROOT}: {listing.stderr.strip()}")
    return sorted({name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()})


def stage(folder: Path, assets: dict[str, Path], weights: Path) -> None:
    """Copies what belongs in the extension into an empty folder; assets: a file for each of ASSETS."""
    for name, (_, _, target) in ASSETS.items():
        if not assets[name].is_file():
            raise BuildError(f"{assets[name]}: no {name.replace('_', ' ')}; run `make {target}` first")
    networks = sorted(weights.glob("*.safetensors"))
    if not networks:
        raise BuildError(f"{weights}: no weights (*.safetensors); the extension would have no detail. Name a folder")
    for name in tracked_files():
        if name.startswith("weights/"):
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    (folder / "weights").mkdir()
    for file in sorted(weights.iterdir()):
        if file.suffix in {".safetensors", ".json", ".md", ".py"}:
            shutil.copy2(file, folder / "weights" / file.name)
    (folder / "assets").mkdir()
    for name, (file_name, _, _) in ASSETS.items():
        shutil.copy2(assets[name], folder / "assets" / file_name)


def add_wheels(folder: Path, target: Target | None = None) -> None:
    """Downloads PyTorch and what it imports, for the target (None: this platform and this Python), and names them in
    the manifest; their licences go into THIRD_PARTY.md."""
    python = target.python if target else sys.version_info[:2]
    if python not in BLENDERS:
        raise BuildError(f"no Blender carries Python {python[0]}.{python[1]}: use 3.11 or 3.13")
    if target is None and sys.platform == "darwin" and platform.machine() == "x86_64":
        raise BuildError(NO_INTEL_MACS)
    first, end = BLENDERS[python]
    pins = dict(
        line.split(";")[0].strip().split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line and not line.startswith("#")
    )
    wheels = folder / "wheels"
    command = [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(wheels), *(f"{name}=={pins[name]}" for name in WHEELS)]
    if target:
        command += ["--implementation", "cp", "--python-version", f"{python[0]}.{python[1]}"]
        command += [part for tag in target.tags for part in ("--platform", tag)]
    if subprocess.run(command).returncode:
        raise BuildError("the wheels could not be downloaded (pip's message is above)")
    names = sorted(file.name for file in wheels.glob("*.whl"))
    if reason := _not_bundled(wheels):
        raise BuildError(f"{reason}: point PIP_INDEX_URL at PyTorch's index of CPU builds and try again")
    (torch_wheel,) = wheels.glob("torch-*.whl")
    blenders_name = blender_platform(torch_wheel)
    if target and blenders_name != target.platform:
        raise BuildError(f"{torch_wheel.name} is for {blenders_name}, not for {target.platform}")
    for wheel in wheels.glob("*.whl"):
        shorten(wheel, windows=blenders_name.startswith("windows"))
    (folder / "THIRD_PARTY.md").write_text(third_party(sorted(wheels.glob("*.whl"))), encoding="utf-8")
    manifest = folder / "blender_manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    lines = "".join(f'  "./wheels/{name}",\n' for name in names)
    listing = f'platforms = ["{blenders_name}"]\nwheels = [\n{lines}]\n'
    listing = (f'blender_version_max = "{end}"\n' if end else "") + listing
    head, tables = text.split("[permissions]", 1)
    head = re.sub(r'blender_version_min = ".*"', f'blender_version_min = "{first}"', head)
    manifest.write_text(f"{head}{listing}\n[permissions]{tables}", encoding="utf-8")


def _not_bundled(wheels: Path) -> str:
    """Why these wheels cannot be put into a zip; empty when they can."""
    if heavy := sorted(w.name for w in wheels.glob("*.whl") if w.name.startswith(("numpy-", "nvidia_", "cuda_"))):
        return f"{', '.join(heavy)} must not be bundled"
    (torch,) = wheels.glob("torch-*.whl")
    mb = torch.stat().st_size / 1e6
    lines = metadata_of(torch).get_all("Requires-Dist", [])
    needs = [line for line in lines if line.startswith(("nvidia-", "cuda-"))]
    # One text goes with all builds of a version: what Linux alone needs stands in that for Windows, too.
    if needs and ("linux" in torch.name or not all(_LINUX_ALONE.search(line) for line in needs)):
        # Its libraries for the processor are linked to those for the card: none of them can be left out.
        return f"{torch.name} ({mb:.0f} MB) is built for CUDA, and loads only with NVIDIA's libraries beside it"
    return f"{torch.name} has {mb:.0f} MB, more than {_MOST_MB}" if mb > _MOST_MB else ""


def third_party(wheels: list[Path]) -> str:
    """A table of what is bundled: name, version, licence as the package itself states it, where its texts are."""
    lines = ["# Third-party packages", "", "Each wheel carries its licence texts.", "",
             "| package | version | licence |", "|---|---|---|"]  # fmt: skip
    for wheel in wheels:
        about = metadata_of(wheel)
        lines.append(f"| {about['Name']} | {about['Version']} | {licence_of(about)} |")
    return "\n".join(lines) + "\n"


def metadata_of(wheel: Path) -> Message:
    """A wheel's METADATA (https://packaging.python.org/specifications/core-metadata)."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n))
        return email.message_from_bytes(archive.read(name))


def licence_of(about: Message) -> str:
    """In one line: the SPDX expression, else what the licence field says if it is no whole text, else classifiers."""
    stated = about.get("License-Expression") or about.get("License") or ""
    if stated and "\n" not in stated and len(stated) < 80:
        return stated.strip()
    classifiers = [c.rsplit(" :: ", 1)[-1] for c in about.get_all("Classifier", []) if c.startswith("License ::")]
    return ", ".join(c for c in classifiers if c != "OSI Approved") or "see its licence text"


def blender_platform(wheel: Path) -> str:
    """What Blender calls the platform that a wheel's name ends with. Raises BuildError when it has no name for it."""
    tags = wheel.stem.rsplit("-", 1)[-1].split(".")
    for pattern, name in PLATFORMS.items():
        if any(re.fullmatch(pattern, tag) for tag in tags):
            return name
    intel = any(re.fullmatch(r"macosx_\d+_\d+_x86_64", tag) for tag in tags)
    raise BuildError(f"{wheel.name}: {NO_INTEL_MACS if intel else 'Blender has no name for this platform'}")


def shorten(wheel: Path, windows: bool = True) -> None:
    """Fold the licences of a wheel with long paths, so that Windows can unpack it. Raises BuildError when licences are
    not all that is long, and the wheel is for Windows: torch's for macOS has headers of long names."""
    if fold_licences.too_long(wheel):
        fold_licences.fold(wheel)
        if windows and (left := fold_licences.too_long(wheel)):
            raise BuildError(f"{wheel.name}: {left[0]} has {len(left[0])} characters, more than Windows can unpack")


def official_builder() -> Path:
    """`blender_ext.py`, Blender's own checker and builder, inside the bpy wheel of this Python."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or not spec.submodule_search_locations:
        raise BuildError("Blender's Python module (bpy), which holds the official builder, is missing: run `make venv`")
    package = Path(next(iter(spec.submodule_search_locations)))
    found = sorted(package.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise BuildError(f"{package}: no official builder (blender_ext.py) inside")
    return found[-1]


def build(folder: Path, out: Path, *, split: bool) -> list[Path]:
    """Checks the staged folder and packs it. Returns the zips."""
    builder = [sys.executable, "-I", str(official_builder())]
    before = {file: file.stat().st_mtime_ns for file in out.glob("*.zip")}
    for command in (["validate", str(folder)],
                    ["build", "--source-dir", str(folder), "--output-dir", str(out),
                     *(["--split-platforms"] if split else [])]):  # fmt: skip
        done = subprocess.run([*builder, *command], capture_output=True, encoding="utf-8", errors="replace")
        if done.returncode:
            raise BuildError(f"Blender's builder refused ({command[0]}):\n{done.stdout}{done.stderr}")
    made = [file for file in sorted(out.glob("*.zip")) if before.get(file) != file.stat().st_mtime_ns]
    if not made:
        raise BuildError(f"Blender's builder wrote nothing into {out}")
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "extension", help="folder for the zip")
    parser.add_argument("--wheels", action="store_true", help="bundle PyTorch (CPU) for this platform and Python")
    parser.add_argument("--weights", type=Path, default=ROOT / "weights", help="folder of weights")
    for name, (file_name, variable, _) in ASSETS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=Path,
            metavar="FILE",
            default=Path(os.environ.get(variable) or ROOT / "build" / file_name),
            help=f"default: build/{file_name}",
        )
    args = parser.parse_args()
    folder = args.out / "stage"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        stage(folder, {name: getattr(args, name) for name in ASSETS}, args.weights)
        if args.wheels:
            add_wheels(folder)
        made = build(folder, args.out, split=args.wheels)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for file in made:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        count = len(zipfile.ZipFile(file).namelist())
        print(f"{file}\n  {file.stat().st_size / 1e6:.1f} MB, {count} files, sha256 {digest}")
    version = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["blender_version_min"]
    print(f"to install it in Blender {version} or newer, drag the file into Blender's window")
    return 0


if __name__ == "__main__":
    sys.exit(main())
