"""`make test-gui BLENDER=...`: the extension in a real Blender with its window, driven by simulated events.

Starts that Blender (4.2 or newer) with a clean profile, on the desktop or, where there is none, on a virtual screen,
runs drive.py in it, and saves the pictures that it asks for. Exit code 0 when every check passed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path

from screen import ScreenError, VirtualScreen, has_desktop

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SIZE = (1280, 900)


def find_blender(command: str) -> tuple[list[str], list[str]]:
    """(prefix, program): the prefix runs a command where Blender lives.

    A Blender in a root folder of its own (chroot, container) comes as a script that loses the display's name; the
    command `in-root` beside it runs anything there, the virtual screen too.
    """
    parts = shlex.split(command)
    program = shutil.which(parts[0]) if parts else None
    if program is None:
        raise ScreenError(f"BLENDER={command!r} is not a program; give the path of Blender 4.2 or newer")
    inside = Path(program).resolve().with_name("in-root")
    if inside.is_file():
        return [str(inside)], ["blender", *parts[1:]]
    return [], [program, *parts[1:]]


def serve_pictures(screen: VirtualScreen, out: Path, stop: threading.Event, problems: list[str]) -> None:
    """drive.py leaves NAME.request and waits for NAME.png."""
    while not stop.is_set():
        for request in out.glob("*.request"):
            try:
                screen.capture(request.with_suffix(".png"))
            except (ScreenError, OSError) as error:
                problems.append(str(error))
            request.unlink(missing_ok=True)
        time.sleep(0.05)


def draw_photo(path: Path) -> Path:
    """A person of the face model, drawn to a picture: the extension must find them in it."""
    import numpy as np

    from dnpm.core.face_model.locate import face_model_path
    from dnpm.core.face_model.model import FaceModel
    from dnpm.core.face_model.sampling import random_identity
    from dnpm.core.photo.camera import Camera, turned
    from dnpm.core.photo.image_file import write_png
    from dnpm.core.photo.render import Paint, render

    model = FaceModel.load(face_model_path(None))
    vertices = model.vertices(random_identity(model, 5), np.zeros(model.n_exp, np.float32))
    image, _ = render(model, vertices, Camera.before((400, 500), rotation=turned(15)), Paint.of(model, resolution=512))
    write_png(path, image)
    return path


def run(args: argparse.Namespace) -> int:
    inside, program = find_blender(args.blender)
    out: Path = args.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    (out / "profile").mkdir(parents=True)
    archive = out / "extension.zip"
    shutil.copy2(args.zip, archive)
    desktop = has_desktop() and not args.virtual and not inside
    screen = None if desktop else VirtualScreen(out / "screen", SIZE, inside)
    problems: list[str] = []
    stop = threading.Event()
    with screen or nullcontext():
        settings = {
            "zip": str(archive),
            "out": str(out),
            "python": args.python or "",
            "photo": str(draw_photo(out / "photo.png")),
            "screenshots": "blender" if desktop else "request",
        }
        environment = {"BLENDER_USER_RESOURCES": str(out / "profile"), "OMP_NUM_THREADS": "2"}
        if screen:
            environment |= {"DISPLAY": screen.display, "LIBGL_ALWAYS_SOFTWARE": "1"}
        command = [*inside, "env", *(f"{k}={v}" for k, v in environment.items())] if inside else []
        command += [*program, "--factory-startup", "--enable-event-simulate", "--window-geometry", "0", "0"]
        command += [str(SIZE[0]), str(SIZE[1]), "--python-exit-code", "1"]
        command += ["--gpu-backend", "opengl"] if screen else []
        command += ["--python", str(HERE / "drive.py"), "--", json.dumps(settings)]
        server = threading.Thread(target=serve_pictures, args=(screen, out, stop, problems)) if screen else None
        if server:
            server.start()
        try:
            status = subprocess.run(
                command, cwd=ROOT, env=os.environ | environment, timeout=args.timeout, stdin=subprocess.DEVNULL
            ).returncode
        except subprocess.TimeoutExpired:
            problems.append(f"Blender did not end within {args.timeout} s")
            status = 124
        finally:
            stop.set()
            if server:
                server.join()
    return report(out, status, problems)


def report(out: Path, status: int, problems: list[str]) -> int:
    """Print what was checked; return the exit code."""
    results = out / "checks.json"
    checks = json.loads(results.read_text()) if results.is_file() else []
    for check in checks:
        print(f"{'ok    ' if check['passed'] else 'FAILED'} {check['name']}: {check['seen']}")
    for problem in problems:
        print(f"FAILED {problem}")
    failed = sum(not check["passed"] for check in checks) + len(problems) + (status != 0)
    if status:
        print(f"FAILED Blender ended with {status}")
    print(f"pictures: {', '.join(str(path) for path in sorted(out.glob('*.png')))}")
    print(f"{sum(check['passed'] for check in checks)} passed, {failed} failed")
    return 1 if failed or not checks else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", required=True, help="Blender's program, 4.2 or newer (may carry arguments)")
    parser.add_argument("--zip", type=Path, help="the extension (default: the newest in build/extension)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "gui", help="pictures and results; emptied first")
    parser.add_argument("--python", help="Python with torch for the preferences (default: what the extension finds)")
    parser.add_argument("--virtual", action="store_true", help="use a virtual screen even on a desktop")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for the whole run")
    args = parser.parse_args()
    if args.zip is None:
        zips = sorted((ROOT / "build" / "extension").glob("*.zip"), key=lambda path: path.stat().st_mtime)
        if not zips:
            print("error: no extension in build/extension: run `make extension`", file=sys.stderr)
            return 2
        args.zip = zips[-1]
    try:
        return run(args)
    except ScreenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
