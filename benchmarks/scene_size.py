"""What the extension's handlers cost at every change of a scene, in a small scene and in a large one.

The handler is called several times at every update. The first call is what an
artist pays: after a large scene was evaluated even a look at one face comes from memory that no cache holds. Ratios are
of the later calls, so that they show whether the work itself grows with the scene. No map is asked for, as ever without
a window: what is measured is the search for faces and the reading of their sliders.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import bpy
from bpy.app.handlers import depsgraph_update_post

from ..operators import handlers
from ..operators.scene.detail import live
from ..operators.scene.face import create
from .timing import clock, summary

SIZES = (100, 3000)
FACES = 4
_REPEATS = 5


def measure(runs: int) -> dict[str, Any]:
    """Milliseconds at every size of the scene, and the ratio of the largest to the smallest, by what happens."""
    found: dict[str, Any] = {"objects": list(SIZES), "faces": FACES}
    warm: dict[str, list[float]] = {}

    def note(name: str, size: int, first: list[float], later: list[float]) -> None:
        warm.setdefault(name, []).append(summary(later)["median_ms"])
        found.setdefault(name, {})[str(size)] = summary(first) | {"later_ms": warm[name][-1]}

    for size in SIZES:
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        others = _fill(size)

        def move(k: int, others: list[bpy.types.Object] = others) -> None:
            others[k % len(others)].location.x = 0.1 * (k % 7) + 0.01

        note("no_face", size, *_of_handler(move, runs))
        faces = [create.new_face(bpy.context.scene) for _ in range(FACES)]
        bpy.context.view_layer.update()
        note("other_object", size, *_of_handler(move, runs))
        key = faces[0].data.shape_keys.key_blocks[1]
        note("slider", size, *_of_handler(lambda k, key=key: setattr(key, "value", 0.1 + 0.5 * (k % 2)), runs))
        ticks = clock(lambda _: live.tick(), runs)
        note("timer", size, ticks, ticks)
    for name, medians in warm.items():
        found[name]["ratio"] = round(medians[-1] / max(medians[0], 1e-4), 2)
    return found


def _fill(count: int) -> list[bpy.types.Object]:
    mesh = bpy.data.meshes.new("other")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    others = [bpy.data.objects.new("other", mesh) for _ in range(count)]
    for other in others:
        bpy.context.scene.collection.objects.link(other)
    return others


def _of_handler(change: Callable[[int], object], runs: int) -> tuple[list[float], list[float]]:
    """Milliseconds of the first call at each of `runs` updates, after two that do not count, and of the later calls."""
    first: list[float] = []
    later: list[float] = []
    handler = handlers.HANDLERS["depsgraph_update_post"]

    def timed(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
        times = []
        for _ in range(_REPEATS):
            start = time.perf_counter()
            handler(scene, depsgraph)
            times.append((time.perf_counter() - start) * 1e3)
        first.append(times[0])
        later.extend(times[1:])

    depsgraph_update_post.remove(handler)
    depsgraph_update_post.append(timed)
    try:
        for k in range(runs + 2):
            change(k)
            bpy.context.view_layer.update()
    finally:
        depsgraph_update_post.remove(timed)
        depsgraph_update_post.append(handler)
    if len(first) != runs + 2:
        raise RuntimeError(f"{runs + 2} changes led to {len(first)} updates, where each should lead to one")
    return first[2:], later[2 * (_REPEATS - 1) :]
