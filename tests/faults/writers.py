"""Every writer of the package, one after the other, into a folder that takes little or nothing.

python writers.py FOLDER FACE_MODEL [full|almost full|read-only]: with the last word this process makes the folder so
for itself. Prints "RESULT " and {file: [what was said, what was left]}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

ALMOST_FULL = 8 * 4096


def writers(model_path: Path) -> dict[str, Callable[[Path], object]]:
    """File -> what writes it; all but the smallest need more than some pages."""
    import torch

    from dnpm.core.batch import ledger
    from dnpm.core.batch.sequence import Sequence
    from dnpm.core.capture.track import CurveTrack
    from dnpm.core.capture.write import write_live_link, write_track
    from dnpm.core.dataset import sets
    from dnpm.core.dataset.writer import MapWriter
    from dnpm.core.detail import generator_files
    from dnpm.core.detail.config import GeneratorConfig
    from dnpm.core.detail.generator import Generator
    from dnpm.core.detail.mesh import detailed_mesh
    from dnpm.core.evaluation import restoring
    from dnpm.core.face_model.model import FaceModel
    from dnpm.core.face_model.presets import preset_of, write_preset
    from dnpm.core.files import card_file, contact_sheet, displacement_maps, exr, meshes, png, tensor_file
    from dnpm.core.photo import image_file
    from dnpm.core.training.painters import open_grown
    from dnpm.core.training.scalars import ScalarLog
    from dnpm.core.training.speech.plot import save_curves

    rng = np.random.default_rng(0)
    model = FaceModel.load(model_path)
    heights = rng.normal(0, 0.3, (256, 256)).astype(np.float32)
    track = CurveTrack(np.arange(300) / 30, rng.uniform(0, 1, (300, 52)).astype(np.float32))
    mesh = detailed_mesh(model, np.zeros(model.n_id), np.zeros(model.n_exp), heights, 1.0, 2)
    generator = Generator(GeneratorConfig(channel_base=512, channel_max=16, resolution=64, w_dim=32, z_dim=32))
    about = sets.about_set(model, "set", 64)
    kind = card_file.CardKind("card.json", "test", {}, "")

    def dataset(path: Path) -> None:
        with MapWriter(path.parent, about, np.ones((64, 64))) as writer:
            writer.add("a", heights[:64, :64])

    def log(path: Path) -> None:
        with ScalarLog(path.parent, 0) as scalars:
            for step in range(2000):
                scalars.write(step, {"loss": step / 3})

    def face_sequence(path: Path) -> None:
        Sequence(path.parent, "EXR16", "face").write([1, 2], heights, "x")

    torch.manual_seed(0)
    known = {frame: ("x" * 32, frame) for frame in range(99)}
    return {
        "a.safetensors": lambda p: tensor_file.save(p, {"a": heights}, {}),
        "model.safetensors": model.save,
        "preset.json": lambda p: write_preset(p, preset_of(model, np.ones(model.n_id), np.ones(model.n_exp))),
        "track.csv": lambda p: write_track(p, track),
        "live.csv": lambda p: write_live_link(p, track),
        "ours.exr": lambda p: exr.write(p, heights),
        "ours.png": lambda p: png.write(p, np.zeros((8, 8), np.uint16)),
        "done.json": lambda p: ledger.mark_done(p.parent, "x", [], {"facts": "x" * 5000}),
        "face_0001.exr": face_sequence,
        "face.sequence.json": lambda p: Sequence(p.parent, "EXR16", "face", known).save(),
        "sheet.png": lambda p: contact_sheet.map_picture(p, heights, "a map"),
        "map.exr": lambda p: displacement_maps.write_exr(p, heights),
        "map.png": lambda p: displacement_maps.write_png(p, heights),
        "mesh.obj": lambda p: meshes.write_obj(p, mesh, model.material_names),
        "mesh.ply": lambda p: meshes.write_ply(p, mesh),
        "photo.png": lambda p: image_file.write_png(p, rng.uniform(0, 1, (200, 200, 3))),
        "mask.safetensors": dataset,
        "log.csv": log,
        "maps.f16": lambda p: open_grown(p, (100, 64, 64), np.float16),
        "card.json": lambda p: kind.write(p.parent, {"format": "test", "text": "x" * 5000}),
        "generator.safetensors": lambda p: generator_files.save_generator(p.parent, generator, {}),
        "curves.png": lambda p: save_curves(p, {"loss": [(k, k % 7) for k in range(100)]}),
        "table.json": lambda p: restoring.write(p.parent, "table", {"a": "x" * 5000}, "text"),
    }  # fmt: skip


def _write_all(place: Path, model: Path, limited: str = "") -> dict[str, tuple[str, list[str]]]:
    """file -> what was said, and what was left beside it."""
    from dnpm.core.errors import DnpmError

    actions, results = writers(model), {}
    if limited:
        import resource

        if limited == "read-only":
            place.chmod(0o555)
        else:
            most = 0 if limited == "full" else ALMOST_FULL
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    for file, action in actions.items():
        before = set(place.rglob("*"))
        try:
            action(place / file)
            said = ""
        except DnpmError as error:
            said = str(error)
        except Exception:
            import traceback

            said = traceback.format_exc()
        new = [path for path in place.rglob("*") if path not in before and path.is_file()]
        results[file] = (said, [path.name for path in new])
        for path in new:
            path.unlink()
    return results


if __name__ == "__main__":
    results = _write_all(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
    sys.stdout.write("RESULT " + json.dumps(results) + "\n")
