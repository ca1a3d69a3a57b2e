"""Tries a zip as an artist gets it: in a profile of its own, in a Blender that has nothing of this project around it.

    python scripts/try_dist.py dnpm_face-0.1.0-linux-x64-py311.zip [--photo FILE] [--sound FILE] [--video FILE]
    python scripts/try_dist.py dnpm_face-0.1.0-small.zip --backend .venv/bin/python
    python scripts/try_dist.py ZIP --blender "C:/Program Files/Blender Foundation/Blender 4.5/blender.exe"

Without --blender the `bpy` module of --site is used, with NumPy beside it and nothing else of that folder. Blender
itself installs the zip and what it carries. Each step must have left what it is for: a face with its keys, a map that
is not flat, curves, images, a picture that shows something. A step whose file is not given is left out and said so. The
exit code is 1 when a step failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MODULE = "bl_ext.user_default.dnpm_face"
_SIGN = "TRIED "
_ALONE = ("bpy", "numpy", "numpy.libs")
_STEPS = ("install", "backend", "face", "detail", "photo", "speech", "video", "bake", "render")


class LeftOutError(Exception):
    """A step for which a file is missing."""


def arguments() -> argparse.ArgumentParser:
    """Of the command; the process inside of Blender gets the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zip", type=Path, help="the extension's zip")
    parser.add_argument("--blender", type=Path, metavar="FILE", help="a whole Blender (default: the bpy module)")
    parser.add_argument("--site", type=Path, metavar="DIR", help="where bpy and numpy are (default: this Python's)")
    parser.add_argument("--backend", type=Path, metavar="PYTHON", help="for the small zip: a Python that has torch")
    parser.add_argument("--photo", type=Path, metavar="FILE", help="a picture with a face")
    parser.add_argument("--sound", type=Path, metavar="FILE", help="speech")
    parser.add_argument("--video", type=Path, metavar="FILE", help="a face that speaks")
    parser.add_argument("--skip", nargs="+", default=[], choices=_STEPS[2:], metavar="STEP", help=" ".join(_STEPS[2:]))
    parser.add_argument("--size", type=int, default=256, help="pixels of the picture (default %(default)s)")
    parser.add_argument("--timeout", type=float, default=1800, metavar="S", help="of all of it (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="the table as JSON")
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    return parser


def main() -> int:
    """Start Blender in a clean place, and tell what came of each step."""
    args = arguments().parse_args()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # names are in any script, a console's encoding is not
    if not args.zip.is_file():
        print(f"error: {args.zip}: no such file; build one with make dist or make extension", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="dnpm-try-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        try:
            command = [*_started(args, home), *_handed_on(args, home)]
            rows, message = _tried(command, home, args.timeout)
        except OSError as error:
            print(f"error: {error}; give --blender, or --site with a folder that has bpy and numpy", file=sys.stderr)
            return 2
    if not rows:
        print(f"error: nothing was tried: {message}", file=sys.stderr)
        return 2
    told = {row["step"] for row in rows}
    rows += [{"step": name, "result": "failed", "seconds": 0.0, "note": message} for name in _STEPS if name not in told]
    print(json.dumps(rows, indent=2) if args.json else table(rows))
    return 1 if any(row["result"] == "failed" for row in rows) else 0


def table(rows: list[dict]) -> str:
    """For reading."""
    return "\n".join(f"{row['step']:9}{row['result']:10}{row['seconds']:7.1f} s  {row['note']}" for row in rows)


def _started(args: argparse.Namespace, home: Path) -> list[str]:
    """How the process inside is started. Raises OSError when bpy or NumPy are not there."""
    if args.blender:
        return [str(args.blender), "--background", "--factory-startup", "--python", str(Path(__file__).resolve()), "--"]
    site = args.site or next((Path(p) for p in sys.path if (Path(p) / "bpy").is_dir()), Path("bpy"))
    alone = home / "site"
    alone.mkdir()
    for name in _ALONE:
        if (site / name).exists() or name != "numpy.libs":
            (alone / name).symlink_to((site / name).resolve(strict=True), target_is_directory=True)
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve())]


def _handed_on(args: argparse.Namespace, home: Path) -> list[str]:
    words = [str(args.zip.resolve()), "--home", str(home), "--size", str(args.size)]
    for name in ("backend", "photo", "sound", "video"):
        if given := getattr(args, name):
            # A link to Python is not followed: the environment around it is meant.
            words += [f"--{name}", str(given.absolute())]
    return words + (["--skip", *args.skip] if args.skip else [])


def _tried(command: list[str], home: Path, timeout: float) -> tuple[list[dict], str]:
    """The rows that the process inside told, and its last words otherwise."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "BLENDER_", "DNPM_", "VIRTUAL_ENV"))}
    profile = home / "profile"
    profile.mkdir()
    clean |= {"BLENDER_USER_RESOURCES": str(profile), "HOME": str(profile), "XDG_CACHE_HOME": str(profile / "cache")}
    try:
        done = subprocess.run(
            command, env=clean, cwd=home, capture_output=True, timeout=timeout, encoding="utf-8", errors="replace"
        )
        output, end = done.stdout, f"Blender ended with {done.returncode}"
        last = [
            line for line in (done.stderr + done.stdout).splitlines() if line.strip() and not line.startswith(_SIGN)
        ]
    except subprocess.TimeoutExpired as error:
        raw = error.stdout or b""
        output = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
        end, last = f"it took longer than {timeout:.0f} s", []
    rows = [json.loads(line.removeprefix(_SIGN)) for line in output.splitlines() if line.startswith(_SIGN)]
    return rows, f"{end}: {last[-1].strip()[:200]}" if last else end


class _Inside:
    """The steps, in the Blender that was started; nothing of the project is imported but what the zip installs."""

    def __init__(self, args: argparse.Namespace) -> None:
        import bpy

        self.args, self.bpy = args, bpy

    def run(self) -> None:
        """All of them, each told on a line of its own."""
        for name in _STEPS:
            start = time.perf_counter()
            try:
                if name in self.args.skip:
                    raise LeftOutError("as asked")
                row = {"result": "worked", "note": getattr(self, name)()}
            except LeftOutError as reason:
                row = {"result": "left out", "note": str(reason)}
            except Exception as error:  # whatever a step raises is its result
                row = {"result": "failed", "note": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
            row |= {"step": name, "seconds": round(time.perf_counter() - start, 1)}
            print(f"\n{_SIGN}{json.dumps(row)}", flush=True)
            if name == "install" and row["result"] == "failed":
                return

    def install(self) -> str:
        """By Blender, enabled; Blender's process must have had no torch before."""
        import importlib.util

        bpy = self.bpy
        around = [name for name in ("torch", "scipy", "dnpm") if importlib.util.find_spec(name)]
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        _must(bpy.ops.extensions.package_install_files(
            filepath=str(self.args.zip), repo="user_default", enable_on_install=True
        ))  # fmt: skip
        preferences = bpy.context.preferences.addons[MODULE].preferences
        preferences.device = "cpu"
        if self.args.backend:
            preferences.python = str(self.args.backend)
        found = f"; not clean: {', '.join(around)} were there before" if around else ""
        return f"Blender {bpy.app.version_string}, Python {sys.version_info[0]}.{sys.version_info[1]}{found}"

    def backend(self) -> str:
        """Starts, and computes a map."""
        _must(self.bpy.ops.dnpm.test_backend())
        return "computed a map"

    def face(self) -> str:
        """Added with its keys."""
        _must(self.bpy.ops.dnpm.add_face())
        keys = self.keys
        _need(len(keys) > 1, "the face has no expressions")
        return f"{len(self.bpy.context.object.data.vertices)} vertices, {len(keys) - 1} expressions"

    def detail(self) -> str:
        """The map of an expression is not flat."""
        import numpy as np

        keys = self.keys
        (keys.get("browInnerUp") or keys[1]).value = 1.0
        self.bpy.context.view_layer.update()
        _must(self.bpy.ops.dnpm.update_detail())
        face = self.bpy.context.object
        image = next(modifier for modifier in face.modifiers if modifier.type == "DISPLACE").texture.image
        pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
        image.pixels.foreach_get(pixels)
        spread = float(np.ptp(pixels.reshape(-1, 4)[:, 0]))
        _need(np.isfinite(pixels).all() and spread > 0.01, f"the map is flat ({spread} mm)")
        return f"{image.size[0]} x {image.size[1]}, {spread:.2f} mm from lowest to highest"

    def photo(self) -> str:
        """Another person than the mean came of it."""
        self.needs("photo")
        _must(self.bpy.ops.dnpm.face_from_image(filepath=str(self.args.photo)))
        identity = [component.value for component in self.bpy.context.object.dnpm_face.identity]
        _need(max(map(abs, identity)) > 0.05, "the sliders stayed at zero")
        return f"{sum(abs(value) > 0.05 for value in identity)} identity sliders set"

    def speech(self) -> str:
        """Curves that move."""
        self.needs("sound")
        _must(self.bpy.ops.dnpm.animate_from_audio(filepath=str(self.args.sound)))
        return self.curves()

    def video(self) -> str:
        """Curves that move."""
        self.needs("video")
        _must(self.bpy.ops.dnpm.animate_from_video(filepath=str(self.args.video)))
        return self.curves()

    def bake(self) -> str:
        """Three frames as files."""
        scene = self.bpy.context.scene
        scene.frame_start, scene.frame_end = 1, 3
        self.bpy.ops.wm.save_as_mainfile(filepath=str(self.args.home / "tried.blend"))
        _must(self.bpy.ops.dnpm.bake_sequence())
        files = list(self.args.home.rglob("*.exr"))
        _need(len(files) >= 3, f"{len(files)} images were written for 3 frames")
        return f"{len(files)} images"

    def render(self) -> str:
        """Cycles shows something."""
        import numpy as np

        bpy, size = self.bpy, self.args.size
        scene = bpy.context.scene
        for data, place, turn in (
            (bpy.data.cameras.new("Try"), (0.0, -0.9, 0.0), (1.5708, 0.0, 0.0)),
            (bpy.data.lights.new("Try", "SUN"), (0.0, 0.0, 1.0), (0.8, 0.0, 0.4)),
        ):
            thing = bpy.data.objects.new("Try", data)
            scene.collection.objects.link(thing)
            thing.location, thing.rotation_euler = place, turn
            if data.rna_type.identifier == "Camera":
                scene.camera = thing
        scene.render.engine, scene.cycles.samples, scene.cycles.device = "CYCLES", 4, "CPU"
        scene.render.resolution_x = scene.render.resolution_y = size
        scene.render.filepath = str(self.args.home / "tried.png")
        _must(bpy.ops.render.render(write_still=True))
        picture = bpy.data.images.load(scene.render.filepath)
        pixels = np.empty(size * size * 4, np.float32)
        picture.pixels.foreach_get(pixels)
        spread = float(pixels.reshape(-1, 4)[:, :3].std())
        _need(spread > 0.02, f"the picture is one grey (spread {spread:.3f})")
        return f"{size} x {size}, spread {spread:.2f}"

    @property
    def keys(self):
        """The active face's."""
        return self.bpy.context.object.data.shape_keys.key_blocks

    def needs(self, name: str) -> None:
        """Raises LeftOutError when that file was not given."""
        if not getattr(self.args, name):
            raise LeftOutError(f"give --{name} FILE")

    def curves(self) -> str:
        """What the face's keys do over the frames of their action."""
        animation = self.bpy.context.object.data.shape_keys.animation_data
        _need(animation is not None and animation.action is not None, "the face has no action")
        first, last = (int(frame) for frame in animation.action.frame_range)
        scene, values = self.bpy.context.scene, []
        for frame in range(first, min(last, first + 60) + 1, 3):
            scene.frame_set(frame)
            values.append([block.value for block in self.keys])
        moved = sum(max(column) - min(column) > 0.02 for column in zip(*values, strict=True))
        _need(moved > 3, f"{moved} expressions move")
        return f"frames {first} to {last}, {moved} expressions move"


def _must(result: set[str]) -> None:
    _need(result == {"FINISHED"}, f"the operator returned {', '.join(sorted(result))}")


def _need(held: bool, problem: str) -> None:
    if not held:
        raise RuntimeError(problem)


def inside(words: list[str]) -> None:
    """In Blender's process; does not return."""
    args = arguments().parse_args(words)
    if (args.home / "site").is_dir():
        sys.path.insert(0, str(args.home / "site"))
    steps: Callable[[], None] = _Inside(args).run
    try:
        steps()
    finally:
        sys.stdout.flush()
        os._exit(0)  # Blender's own end is slow, and some versions crash in it


if __name__ == "__main__":
    if "--home" in sys.argv:
        inside(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:])
    sys.exit(main())
