"""Eyes and hands inside Blender's window: finds buttons by hovering, clicks, drags, asks for pictures.

Works with `--enable-event-simulate`. Positions are in pixels from the window's top left corner. Everything that takes
time is a generator: `yield SECONDS` lets Blender draw and handle events.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path

import bpy

Steps = Generator[float, None, None]


class MissingError(Exception):
    """Something that should be on the screen is not there."""


def view3d():
    """The window, the area and the sidebar's region of the first 3D view."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                return window, area, next(region for region in area.regions if region.type == "UI")
    raise MissingError("no 3D view in any window")


def event(kind: str, value: str, x: float, y: float) -> None:
    window = bpy.context.window_manager.windows[0]
    window.event_simulate(type=kind, value=value, x=int(x), y=window.height - int(y))


def open_sidebar(category: str) -> Steps:
    """Shows the 3D view's sidebar on this tab."""
    area = view3d()[1]
    area.spaces.active.show_region_ui = True
    yield 0.5
    sidebar = view3d()[2]
    sidebar.active_panel_category = category
    area.tag_redraw()
    yield 0.5
    if sidebar.active_panel_category != category:
        raise MissingError(f"the sidebar has no tab {category!r}")


def sidebar_box() -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the sidebar."""
    window, _, sidebar = view3d()
    top = window.height - sidebar.y - sidebar.height
    return sidebar.x, top, sidebar.x + sidebar.width, top + sidebar.height


def hovered():
    """The property under the pointer as (data, path, index), None where there is none."""
    window, area, sidebar = view3d()
    with bpy.context.temp_override(window=window, screen=window.screen, area=area, region=sidebar):
        return bpy.context.property


def scroll_sidebar(notches: int) -> Steps:
    """Positive scrolls down."""
    left, top, right, bottom = sidebar_box()
    x, y = (left + right) / 2, (top + bottom) / 2
    event("MOUSEMOVE", "NOTHING", x, y)
    yield 0.1
    for _ in range(abs(notches)):
        event("WHEELDOWNMOUSE" if notches > 0 else "WHEELUPMOUSE", "PRESS", x, y)
        yield 0.05
    yield 0.6


def find(
    wanted: Callable[[object], bool], what: str, place: float = 0.5, start: int = 0
) -> Generator[float, None, tuple[int, int]]:
    """Moves down the sidebar, scrolling where needed, until `wanted(property)`; returns the position.

    Scrolls to the top first, unless `start`, a place in pixels from the window's top, is given. `place` is where
    across the sidebar the pointer goes, 0 left to 1 right.
    """
    seen: set[str] = set()
    if not start:
        yield from scroll_sidebar(-60)
    for page in range(12):
        left, top, right, bottom = sidebar_box()
        x = int(left + (right - left - 24) * place)
        for y in range(max(top + 6, 0 if page else start), bottom - 4, 9):
            event("MOUSEMOVE", "NOTHING", x, y)
            yield 0.1
            seen.add(str(hovered() and hovered()[:2]))
            if wanted(hovered()):
                event("MOUSEMOVE", "NOTHING", x, y + 3)  # off the button's edge
                yield 0.1
                return x, y + 3 if wanted(hovered()) else y
        if page < 11:
            yield from scroll_sidebar(6)
    raise MissingError(f"{what} is nowhere in the sidebar, which has {sorted(seen)}")


def click(x: float, y: float) -> Steps:
    event("MOUSEMOVE", "NOTHING", x, y)
    yield 0.3
    event("LEFTMOUSE", "PRESS", x, y)
    yield 0.1
    event("LEFTMOUSE", "RELEASE", x, y)
    yield 0.5


def drag(
    x: float, y: float, to_x: float, moves: int = 10, pause: float = 0.1, to_y: float | None = None
) -> Steps:  # fmt: skip
    """Drags with the left button held: a slider sideways, or something to another place."""
    down = (y if to_y is None else to_y) - y
    event("MOUSEMOVE", "NOTHING", x, y)
    yield 0.4
    event("LEFTMOUSE", "PRESS", x, y)
    for i in range(1, moves + 1):
        yield pause
        event("MOUSEMOVE", "NOTHING", x + (to_x - x) * i / moves, y + down * i / moves)
    yield 0.2
    event("LEFTMOUSE", "RELEASE", to_x, y + down)
    yield 0.5


def picture(out: Path, name: str, screenshots: str) -> Steps:
    """Saves what the screen shows as NAME.png."""
    for area in view3d()[0].screen.areas:
        area.tag_redraw()
    yield 1.0
    if screenshots == "blender":
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
            bpy.ops.screen.screenshot(filepath=str(out / f"{name}.png"))
        return
    request = out / f"{name}.request"
    request.touch()
    yield from until(lambda: (out / f"{name}.png").is_file() and not request.exists(), 30, f"picture {name}")


def until(condition: Callable[[], bool], seconds: float, what: str) -> Steps:
    """Waits, raising MissingError after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise MissingError(f"{what}: not within {seconds:g} s")
        yield 0.2
