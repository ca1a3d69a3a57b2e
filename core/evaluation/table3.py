"""Table III: degraded photos of known faces to their maps. The photos are our own renders (no licence-clean set of
scanned faces with photos is at hand): pix2pixHD's rough map of each is restored by every method; pix2pixHD alone is the
baseline. See `restoring.py`; the rough maps are those of the shipped pix2pixHD, or of --photo-weights. Where that one
corrects the sliders' map, the sliders are off as fitted ones are, and their map is a baseline too.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..dataset.given_map import read_heights
from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..files.contact_sheet import save
from ..files.writing import folder as made_folder
from ..photo.restore.weights import PhotoNetworks, load_photo, photo_dir
from ..progress import Progress
from ..training.photo.corrected_pairs import corrected_pairs
from ..training.photo.material import material_of
from ..training.photo.pairs import VIEWS, make_pairs, seen_face
from ..training.photo.restoration import Material
from ..training.teacher.teacher import Teacher, resize
from . import restoring, table2
from .competitors.pulse import Pulse
from .restoring import CHECKED, Bench, parameters
from .spread import cell, last_rise, mean_and_spread

OWN = "the sliders' map"
PULSE_STEPS = 100
"""Of the search, for each map: the published number."""
_AT_ONCE = 8
"""Maps that are searched side by side."""
PURPOSE = "Table III: degraded photos of known faces (rendered) to maps, every method trained alike"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Data and budget."""
    restoring.add_arguments(parser, "table3")
    parser.add_argument("--photo-weights", type=Path, metavar="DIR", help="whose pix2pixHD (default: the shipped)")
    parser.add_argument("--photos", type=int, default=200, help="rendered to train on (default %(default)s)")
    parser.add_argument("--no-pulse", dest="pulse", action="store_false", help="leave PULSE out")
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="write the held-out photos there, 0000.png and so on, for other "
        "programs, and end",
    )  # fmt: skip
    parser.add_argument(
        "--peer", action="append", default=[], metavar="NAME=DIR", help="another program's result of each of those "
        "photos, DIR/0000.exr and so on: heights in millimetres in our detail coordinates, any square size; may be "
        "given several times",
    )  # fmt: skip


def evaluate(args: argparse.Namespace) -> dict:
    """Render, train, measure, write both files and the picture. Raises DnpmError on unfit settings, without a
    pix2pixHD, when a peer's file is missing, or when stopped."""
    folder = photo_dir(args.photo_weights)
    if folder is None:
        raise DnpmError(
            "there are no photo networks yet; train them with `dnpm train pix2pix`, or give --photo-weights"
        )
    networks = load_photo(folder)
    size = networks.pix2pix.config.resolution
    if args.resolution < size:
        raise DnpmError(f"pix2pixHD makes maps of {size} texels; give --resolution {size} or more")
    path = Path(face_model_path(args.face_model))
    count = -(-args.samples // VIEWS) * VIEWS
    if args.pictures is not None:
        written = write_pictures(args.pictures, path, count, size, args.resolution, args.seed + 1)
        return {"rows": {}, "pictures": written, "folder": str(args.pictures)}
    peers = {name: peer_maps(name, Path(where), count, args.resolution) for name, where in map(_named, args.peer)}
    bench = Bench.open(args, tests=False)
    mask = bench.mask
    train, check, test = (
        photo_maps(bench, networks, path, split, n)
        for split, n in (("train", args.photos), ("validation", CHECKED), ("test", count))
    )
    rough, true = np.asarray(test.rough, np.float32), test.maps
    bench = replace(bench, test=true)
    material = Material(bench.train, mask, train.rough, train.maps, (check.rough, check.maps))

    def scored(call: Callable[[Tensor], Tensor]) -> dict[str, Any]:
        return {"photos": bench.score(lambda k, _: call(torch.from_numpy(rough[k])[None, None].to(bench.device)))}

    found, curves, methods = table2.scores(bench, "table3", material, scored)
    rows: dict[str, Any] = {
        name: found[name] | {
            "parameters": parameters(name, methods[name].module), "steps": table2.steps_of(name, args.steps),
            "last_rise_db": last_rise(curves[name]), "curves": curves[name],
        }
        for name in table2.METHODS
    }  # fmt: skip
    if args.pulse:
        rows["PULSE"] = mean_and_spread([{"photos": bench.score(_searched(bench, rough))}]) | {"steps": PULSE_STEPS}
    rows["pix2pixHD alone"] = mean_and_spread([scored(lambda low: _enlarged(low, args.resolution))])
    if test.known is not None:
        rows[OWN] = mean_and_spread([{"photos": bench.score(_each(test.known, bench))}])
    rows["mean map"] = mean_and_spread([scored(lambda _: bench.mean_map())])
    for name, maps in peers.items():
        rows[name] = mean_and_spread([{"photos": bench.score(_each(maps * mask, bench))}])
    result = {"rows": rows, "about": bench.about() | {"photos": args.photos, "pix2pix": networks.card["name"]}}
    restoring.write(args.out, "table3", result, table(result))
    return result


@dataclass(frozen=True)
class PhotoMaps:
    """rough (n, r, r), maps (n, R, R) float16 mm: pix2pixHD's and the true ones; known (n, R, R): the sliders', where
    it corrects them."""

    rough: np.ndarray
    maps: np.ndarray
    known: np.ndarray | None


def photo_maps(bench: Bench, networks: PhotoNetworks, path: Path, split: str, count: int) -> PhotoMaps:
    """What pix2pixHD makes of `count` rendered photos, of other people than those that the shipped one was trained on.
    Raises DnpmError when the folder holds others."""
    args, seed = bench.args, bench.args.seed + 1
    if networks.pix2pix.config.corrects:
        folder, whole = args.folder / f"corrected_{split}", -(-count // VIEWS) * VIEWS
        found = corrected_pairs(
            folder, bench.model, bench.detail.to("cpu"), networks, split, whole, seed, args.resolution
        )  # fmt: skip
        bench.detail.to(bench.device)
        return PhotoMaps(found.rough, found.maps, found.known)
    if args.resolution != networks.pix2pix.config.resolution:
        raise DnpmError(f"a pix2pixHD of colours: give --resolution {networks.pix2pix.config.resolution}, its own")
    pairs = make_pairs(
        args.folder / f"photos_{split}", path, split, count, networks.pix2pix.config.resolution, args.processes, seed
    )
    networks.pix2pix.to(bench.device)
    made = material_of(networks.pix2pix, pairs, bench.mask, None)
    assert made.rough is not None, "material_of makes them"
    return PhotoMaps(made.rough, made.maps, None)


def _enlarged(low: Tensor, size: int) -> Tensor:
    return functional.interpolate(low, (size, size), mode="bicubic", align_corners=False)


def _searched(bench: Bench, rough: np.ndarray) -> Callable[[int, Tensor], Tensor]:
    """PULSE on the rough maps (n, r, r) mm: G's map, averaged down to their side, is to be one."""
    pulse = Pulse.of(bench.detail, bench.args.seed, steps=PULSE_STEPS)
    size, found = bench.args.resolution, []
    with Progress("table3: PULSE", len(rough), 0, "maps") as bar:
        for first in range(0, len(rough), _AT_ONCE):
            low = torch.from_numpy(rough[first : first + _AT_ONCE])[:, None].to(bench.device)
            seeds = range(first, first + len(low))
            found.append(pulse.restore(low, size // low.shape[-1], size, seeds)[:, 0].cpu().numpy())
            bar.update(first + len(low))
    return _each(np.concatenate(found), bench)


def _each(maps: np.ndarray, bench: Bench) -> Callable[[int, Tensor], Tensor]:
    """Gives the k-th of maps (n, R, R) mm."""
    given = torch.from_numpy(np.asarray(maps, np.float32))[:, None].to(bench.device)
    return lambda k, _: given[k : k + 1]


def _named(text: str) -> tuple[str, str]:
    """NAME=DIR. Raises DnpmError when it is not, or the name is one of ours."""
    name, sign, where = text.partition("=")
    if not sign or not name.strip() or not where:
        raise DnpmError(f"--peer {text}: give NAME=DIR, as in --peer DECA=results/deca")
    if name in (*table2.METHODS, "PULSE", "pix2pixHD alone", OWN, "mean map"):
        raise DnpmError(f"--peer {text}: {name} is a row of the table already; give another name")
    return name.strip(), where


def peer_maps(name: str, folder: Path, count: int, size: int) -> np.ndarray:
    """(count, size, size) float32 mm of DIR/0000.exr and so on. Raises DnpmError naming the file that is missing, not
    square, or unreadable."""
    maps = np.zeros((count, size, size), np.float32)
    for number in range(count):
        path = folder / f"{number:04d}.exr"
        if not path.is_file():
            raise DnpmError(
                f"{path}: is missing; {name} needs a map of each of the {count} photos that --pictures writes"
            )
        heights, _, _ = read_heights(path, None, None)
        if heights.shape[0] != heights.shape[1] or not np.isfinite(heights).all():
            raise DnpmError(f"{path}: is not a square map of finite heights; give millimetres in our detail layout")
        maps[number] = resize(heights.astype(np.float32), size)
    return maps


def write_pictures(folder: Path, model_path: Path, count: int, size: int, resolution: int, seed: int) -> int:
    """The held-out photos as PNG files; how many. Raises DnpmError when they cannot be written."""
    model = FaceModel.load(model_path)
    teacher = Teacher(model, min(1024, 2 * resolution), 0)
    with Progress("table3: photos", count, 0, "photos") as bar:
        for face in range(count // VIEWS):
            seen = seen_face(model, teacher, "test", face, size, seed)
            for view, picture in enumerate(seen.pictures):
                number = face * VIEWS + view
                pixels = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
                save(Image.fromarray(pixels), made_folder(folder) / f"{number:04d}.png")
                bar.update(number + 1)
    return count


def table(result: dict) -> str:
    """Markdown, as in table3.md; where photos were written alone, how many."""
    if "pictures" in result:
        return f"{result['pictures']} photos in {result['folder']}"
    lines = [
        "# Table III: degraded photos to maps", "",
        table2.caption(result["about"]) + f" {result['about']['photos']} rendered, degraded photos to train on; 48 to "
        "300 pixels of face, blurred, noisy, JPEG.", "",
        "| | PSNR dB, mask | SSIM | R2 | error mm | square PSNR | square SSIM |", "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, row in result["rows"].items():
        if name == "PULSE":
            name += f" ({row['steps']} steps a map, one seed)"
        mask, square = row["photos"]["mask"], row["photos"]["square"]
        lines.append(
            f"| {name} | {cell(mask['psnr_db'], 2)} | {cell(mask['ssim'], 4)} | {cell(mask['r2'], 3)} | "
            f"{cell(mask['mae_mm'], 4)} | {cell(square['psnr_db'], 2)} | {cell(square['ssim'], 4)} |"
        )
    return "\n".join([*lines, "", *table2.counted(result["rows"])])
