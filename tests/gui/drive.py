"""Runs inside a Blender with its window: an artist's first minute, by simulated events. Started by run.py.

Install the zip, press the sidebar's button, drag sliders, and look at what moved: the mesh and the map's pixels.
Everything that is checked goes into checks.json; run.py prints it.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Generator
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import hands

SETTINGS = json.loads(sys.argv[sys.argv.index("--") + 1])
OUT = Path(SETTINGS["out"])
MODULE = "bl_ext.user_default.dnpm_face"
DETAIL = "DNPM Detail"
MAP_SECONDS = 120
"""The first map waits for torch to be imported, and perhaps for a busy machine."""

checks: list[dict[str, object]] = []


def check(name: str, passed: bool, seen: object) -> None:
    """One line of the report."""
    checks.append({"name": name, "passed": bool(passed), "seen": str(seen)})
    (OUT / "checks.json").write_text(json.dumps(checks, indent=1))


def picture(name: str) -> hands.Steps:
    yield from hands.picture(OUT, name, SETTINGS["screenshots"])


def face() -> bpy.types.Object:
    """The only face in the scene."""
    found = [obj for obj in bpy.context.scene.objects if getattr(getattr(obj, "dnpm_face", None), "is_face", False)]
    if len(found) != 1:
        raise hands.MissingError(f"{len(found)} faces in the scene, expected one")
    return found[0]


def map_pixels() -> np.ndarray:
    """(H, W) of the displacement image, bottom row first; empty when there is none yet."""
    texture = face().modifiers[DETAIL].texture
    image = texture.image if texture else None
    if image is None:
        return np.zeros((0, 0), np.float32)
    pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(image.size[1], image.size[0], 4)[..., 0].copy()


def mesh_points() -> np.ndarray:
    """(V, 3) of the mesh as it is drawn."""
    evaluated = face().evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(len(evaluated.data.vertices) * 3, np.float32)
    evaluated.data.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


def differs(before: np.ndarray, after: np.ndarray) -> bool:
    return before.shape != after.shape or bool(np.abs(before - after).max() > 1e-7)


def settled() -> hands.Steps:
    """Waits until the map has not changed for a while: the full one has landed."""
    last, since, end = map_pixels(), time.monotonic(), time.monotonic() + MAP_SECONDS
    while time.monotonic() - since < 3:
        yield 0.5
        now = map_pixels()
        if differs(last, now):
            last, since = now, time.monotonic()
        if time.monotonic() > end:
            raise hands.MissingError("the map never came to rest")


def of_a_key(prop) -> bool:
    """The pointer is on an expression slider. Blender tells whose data it is, but not which shape key."""
    return prop is not None and isinstance(prop[0], bpy.types.Key) and prop[1] == "value"


def of_identity(prop) -> bool:
    """The pointer is on the first identity slider of the sidebar, or on one that is animated."""
    last = prop[1].rpartition(".")[2] if prop is not None else ""
    return prop is not None and isinstance(prop[0], bpy.types.Object) and last in {"age", "value"}


def key_values() -> dict[str, float]:
    return {block.name: block.value for block in face().data.shape_keys.key_blocks}


def press_add_face() -> hands.Steps:
    """The first button under the panel's title. Blender tells scripts which slider is hovered, but not which button."""
    left, top, right, _ = hands.sidebar_box()
    for y in range(top + 40, top + 90, 8):
        yield from hands.click((left + right) / 2, y)
        if bpy.context.scene.objects:
            return
    raise hands.MissingError("pressing what should be the button added no face")


def install() -> hands.Steps:
    before = len(bpy.data.objects)
    bpy.ops.extensions.package_install_files(filepath=SETTINGS["zip"], repo="user_default", enable_on_install=True)
    yield 0.5
    check("the zip is installed and enabled", MODULE in bpy.context.preferences.addons, bpy.app.version_string)
    check("installing leaves the scene alone", len(bpy.data.objects) == before, f"{len(bpy.data.objects)} objects")
    if SETTINGS["python"]:
        bpy.context.preferences.addons[MODULE].preferences.python = SETTINGS["python"]


def add_face() -> hands.Steps:
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    yield from hands.open_sidebar("DNPM Face")
    yield from picture("1_empty_sidebar")
    start = time.monotonic()
    yield from press_add_face()
    obj = face()
    check("the sidebar's button adds a face", True, f"{len(obj.data.vertices)} vertices")
    window, area, _ = hands.view3d()
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, screen=window.screen, area=area, region=region):
        bpy.ops.view3d.view_axis(type="FRONT")
        bpy.ops.view3d.view_selected()
    yield from hands.until(lambda: np.abs(map_pixels()).max(initial=0) > 0, MAP_SECONDS, "the first map")
    check("the first map arrives", True, f"{time.monotonic() - start:.1f} s after the click")
    yield from settled()
    yield from picture("2_new_face")


def drag_expression(start: int, picture_name: str) -> Generator[float, None, int]:
    """Drags the first expression slider below `start` (pixels from the top); returns the place below it."""
    x, y = yield from hands.find(of_a_key, "an expression slider", place=0.3, start=start)
    pixels, points, values = map_pixels(), mesh_points(), key_values()
    left, _, right, _ = hands.sidebar_box()
    # The map must follow while the button is still held: the drag is slow.
    yield from hands.drag(x, y, x + (right - left) * 0.5, moves=12, pause=0.25)
    moved = [name for name, value in key_values().items() if value > values[name] + 0.2]
    name = moved[0] if moved else "an expression slider"
    check(f"dragging {name} moves it", bool(moved), ", ".join(f"{k} {key_values()[k]:.2f}" for k in moved))
    now = mesh_points()
    check(f"{name} moves the mesh", differs(points, now), f"{np.abs(points - now).max() * 1000:.2f} mm"
          if points.shape == now.shape else "other vertices")  # fmt: skip
    yield from hands.until(lambda: differs(pixels, map_pixels()), MAP_SECONDS, f"a new map for {name}")
    yield from settled()
    height = map_pixels()
    check(f"{name} moves the map's pixels", differs(pixels, height), f"{height.shape[1]} x {height.shape[0]}, "
          f"{np.ptp(height):.3f} mm between lowest and highest")  # fmt: skip
    check(f"{name}'s map is finite", bool(np.isfinite(height).all()), "all pixels")
    yield from picture(picture_name)
    return y + 24


def drag_identity() -> hands.Steps:
    x, y = yield from hands.find(of_identity, "the first identity slider", place=0.4)
    pixels, points = map_pixels(), mesh_points()
    left, _, right, _ = hands.sidebar_box()
    yield from hands.drag(x, y, x + (right - left) * 0.5, moves=10, pause=0.25)
    value = face().dnpm_face.identity["Age"].value  # the panel's first one
    check("dragging an identity slider moves it", abs(value) > 0.1, f"{value:.2f}")
    check("identity moves the mesh", differs(points, mesh_points()), "the evaluated vertices")
    yield from hands.until(lambda: differs(pixels, map_pixels()), MAP_SECONDS, "a new map for the identity")
    yield from settled()
    check("identity moves the map's pixels", differs(pixels, map_pixels()), "the image")
    yield from picture("5_identity")


def undo() -> hands.Steps:
    points = mesh_points()
    window, area, _ = hands.view3d()
    with bpy.context.temp_override(window=window, screen=window.screen, area=area):
        bpy.ops.ed.undo()
    yield 1.0
    yield from settled()
    check("undo takes the slider and the mesh back", differs(points, mesh_points()), "the evaluated vertices")
    with bpy.context.temp_override(window=window, screen=window.screen, area=area):
        bpy.ops.ed.redo()
    yield 1.0
    yield from settled()
    again = mesh_points()
    same = points.shape == again.shape and bool(np.allclose(points, again, atol=1e-5))
    check("redo gives the same mesh again", same, f"{len(again)} vertices")


def assets() -> hands.Steps:
    """Presets from the asset shelf: a click, and a drop onto the face."""
    window, area, _ = hands.view3d()
    region = next(region for region in area.regions if region.type == "WINDOW")
    libraries = bpy.context.preferences.filepaths.asset_libraries
    before = len(libraries)
    with bpy.context.temp_override(window=window, screen=window.screen, area=area, region=region):
        bpy.ops.dnpm.add_asset_library()
    check("the asset library is added", len(libraries) == before + 1, libraries[-1].path)
    yield 6.0  # Blender reads it in the background.
    shelf = next(region for region in area.regions if region.type == "ASSET_SHELF")
    y = window.height - shelf.y - shelf.height / 2
    values = key_values()
    yield from hands.click(shelf.x + 56, y)
    yield from settled()
    check("a click in the shelf applies an asset", key_values() != values, values_shown())
    values = key_values()
    middle = region.x + region.width * 0.5, window.height - region.y - region.height * 0.5
    yield from hands.drag(shelf.x + 56 + 110 * 5, y, middle[0], to_y=middle[1])
    yield from settled()
    check("dropped onto the face, it is applied", key_values() != values, values_shown())
    yield from picture("6_assets")
    with bpy.context.temp_override(window=window, screen=window.screen, area=area, region=region):
        bpy.ops.dnpm.remove_asset_library("EXEC_DEFAULT")
        bpy.ops.dnpm.reset("EXEC_DEFAULT", True, part="EXPRESSION")  # True: an undo step, as a click makes one
    area.spaces.active.show_region_asset_shelf = False
    yield from settled()
    check("the asset library is removed", len(libraries) == before, f"{before} others")


def values_shown() -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in key_values().items() if value)[:80]


def photo() -> hands.Steps:
    """A photo to this face, as the panel's button asks for it; the window must go on being drawn meanwhile."""
    window, area, _ = hands.view3d()
    region = next(region for region in area.regions if region.type == "WINDOW")
    space = area.spaces.active
    face().dnpm_photo.filepath = SETTINGS["photo"]
    pixels, points, cameras = map_pixels(), mesh_points(), len(bpy.data.cameras)
    with bpy.context.temp_override(window=window, screen=window.screen, area=area, region=region, space_data=space):
        bpy.ops.dnpm.face_from_image("INVOKE_DEFAULT")
    start = last = time.monotonic()
    longest = 0.0
    while not face().dnpm_photo.offset:
        if time.monotonic() - start > MAP_SECONDS:
            raise hands.MissingError(f"a face from the photo: not within {MAP_SECONDS} s")
        yield 0.05
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    check("a photo becomes a face", True, f"{time.monotonic() - start:.1f} s")
    check("the window is not frozen meanwhile", longest < 4, f"{longest:.2f} s at most between two moments of its own")
    yield from settled()
    check("the photo moves the mesh", differs(points, mesh_points()), "the evaluated vertices")
    check("the photo moves the map's pixels", differs(pixels, map_pixels()), "the image")
    with bpy.context.temp_override(window=window, screen=window.screen, area=area, region=region, space_data=space):
        bpy.ops.dnpm.look_through()
    space.shading.type = "MATERIAL"
    yield 6.0
    yield from picture("7_photo")
    space.shading.type = "SOLID"
    with bpy.context.temp_override(window=window, screen=window.screen, area=area, region=region, space_data=space):
        bpy.ops.dnpm.photo_points()
    yield from picture("8_points")
    with bpy.context.temp_override(window=window, screen=window.screen, area=area):
        while face().dnpm_photo.photos:
            bpy.ops.ed.undo()
    yield 1.0
    yield from settled()
    gone = not face().dnpm_photo.offset and len(bpy.data.cameras) == cameras
    check("undo takes all of it back", gone, f"{len(bpy.data.cameras)} cameras, as before")
    same = points.shape == mesh_points().shape and bool(np.allclose(points, mesh_points(), atol=1e-5))
    check("undo gives the mesh before the photo", same, "the evaluated vertices")


def uninstall() -> hands.Steps:
    import addon_utils

    addon_utils.disable(MODULE, default_set=True)
    yield 0.5
    check("switching the extension off works", not hasattr(bpy.types.Object, "dnpm_face"), "no classes left")


def steps() -> hands.Steps:
    yield from install()
    yield from add_face()
    below = yield from drag_expression(0, "3_first_expression")
    yield from drag_expression(below, "4_second_expression")
    yield from drag_identity()
    yield from undo()
    yield from assets()
    yield from photo()
    yield from uninstall()


def leave(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def start() -> None:
    """Runs the steps by a timer: Blender draws and handles events in between."""
    bpy.context.preferences.view.show_splash = False
    todo = steps()

    def step() -> float | None:
        try:
            return max(float(next(todo)), 0.05)
        except StopIteration:
            leave(0)
        except BaseException as error:
            traceback.print_exc()
            check("the run comes to its end", False, f"{type(error).__name__}: {error}")
            try:
                for _ in hands.picture(OUT, "failure", SETTINGS["screenshots"]):
                    time.sleep(0.2)
            finally:
                leave(1)
        return None

    bpy.app.timers.register(step, first_interval=1.0, persistent=True)


start()
