"""From the slider to the mesh inside Blender, with the extension's own functions and its backend process.

    python -I core/module_main.py benchmarks.blender --face-model FILE --weights DIR --device auto --runs 31 --out FILE

A run moves sliders to where they were not yet, brings keys and map up to them, and lets Blender evaluate the face's
modifiers as for the viewport. What a window adds (drawing, and up to a tick of the timer that fetches maps) is not in.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import register
from ..core.errors import DnpmError
from ..core.face_model.sampling import random_expression, random_identity
from ..core.files.writing import write_text
from ..operators.scene import names, session, settings
from ..operators.scene.detail import dragging, live
from ..operators.scene.face import create, identity, models, slider_values
from . import scene_size
from .timing import clock, summary

SEED = 300


def measure(runs: int, preview: int) -> dict[str, Any]:
    """Times of the stages, with the settings as they are; previews of `preview` texels a side.

    Raises DnpmError when a part is missing.
    """
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    model = models.current_model()
    start = time.perf_counter()
    face = create.new_face(bpy.context.scene)
    made = time.perf_counter()
    live.update_now(face, resolution=preview)
    _evaluated(face)

    last = [np.zeros((0, 3), np.float32)]

    def moved(k: int) -> None:
        points = _evaluated(face)
        if np.array_equal(points, last[0]):
            raise RuntimeError(f"run {k}: the sliders moved, and the mesh did not")
        last[0] = points

    def pose(k: int) -> None:
        slider_values.set_expression(face, model, random_expression(model, SEED + k))

    def person(k: int) -> None:
        slider_values.set_identity_sliders(face, random_identity(model, SEED + k))

    def follow(set_sliders: Callable[[int], None], resolution: int | None) -> Callable[[int], None]:
        def action(k: int) -> None:
            set_sliders(k)
            live.update_now(face, resolution=resolution)
            moved(k)

        return action

    def keys(k: int) -> None:
        person(k)
        identity.apply(face)

    def coarse(k: int) -> None:
        pose(k)
        moved(k)

    modifiers = {modifier.name: modifier for modifier in face.modifiers}
    result: dict[str, Any] = {
        "blender": bpy.app.version_string,
        "vertices": len(face.data.vertices),
        "vertices_displaced": len(_evaluated(face)),
        "subdivision": modifiers[names.SUBDIVISION].levels,
        "preview": preview,
        "seed": SEED,
        "new_face_ms": round((made - start) * 1e3, 1),
        "slider_to_mesh": summary(clock(follow(pose, preview), runs)),
        "identity_slider_to_mesh": summary(clock(follow(person, preview), runs)),
        "identity_slider_to_keys": summary(clock(keys, runs)),
        "full_map_to_mesh": summary(clock(follow(pose, None), runs)),
    }
    # Blender alone: the same sliders with nothing of ours that follows them.
    result["slider_to_mesh_blender_alone"] = summary(clock(coarse, runs))
    subdivision = modifiers[names.SUBDIVISION]
    dragged = dragging.light_level(subdivision.levels, float(result["slider_to_mesh_blender_alone"]["median_ms"]))
    subdivision.levels = result["subdivision_dragged"] = dragged
    result["slider_to_mesh_dragged"] = summary(clock(follow(pose, preview), runs))
    result["identity_slider_to_mesh_dragged"] = summary(clock(follow(person, preview), runs))
    for modifier in modifiers.values():
        modifier.show_viewport = False
    result["slider_to_coarse_mesh"] = summary(clock(coarse, runs))
    result["scene_size"] = scene_size.measure(runs)
    result["torch_in_blender"] = "torch" in sys.modules
    return result


def _evaluated(face: bpy.types.Object) -> np.ndarray:
    """(V, 3) of the mesh as Blender shows it."""
    mesh = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


def main() -> None:
    """Measure, and write what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--face-model", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--runs", type=int, default=31)
    parser.add_argument("--preview", type=int, default=256)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    register()
    settings.override(settings.Settings(device=args.device, weights=args.weights, face_model=args.face_model))
    status = 0
    try:
        write_text(args.out, json.dumps(measure(args.runs, args.preview)))
    except DnpmError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except Exception:
        traceback.print_exc()
        status = 1
    session.stop()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not a return: with classes still registered some versions of Blender crash or hang when the interpreter ends.
    os._exit(status)


if __name__ == "__main__":
    main()
