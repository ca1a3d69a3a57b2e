"""Table III: degraded photos of known faces to their maps. The photos are our own renders (no licence-clean set of
scanned faces with photos is at hand): pix2pixHD's rough map of each is restored by every method; pix2pixHD alone is the
baseline. See `restoring.py`; the rough maps are those of the shipped pix2pixHD, or of --photo-weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..geometry.uv_map import mask_at
from ..photo.restore.weights import load_photo, photo_dir
from ..training.photo.material import material_of
from ..training.photo.pairs import VIEWS, make_pairs
from ..training.photo.restoration import Material
from . import restoring, table2
from .restoring import Bench, parameters

PURPOSE = "Table III: degraded photos of known faces (rendered) to maps, every method trained alike"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Data and budget."""
    restoring.add_arguments(parser, "table3", 12.0)
    parser.add_argument("--photo-weights", type=Path, metavar="DIR", help="whose pix2pixHD (default: the shipped)")
    parser.add_argument("--photos", type=int, default=200, help="rendered to train on (default %(default)s)")


def evaluate(args: argparse.Namespace) -> dict:
    """Render, train, measure, write both files. Raises DnpmError on unfit settings, or without a pix2pixHD."""
    folder = photo_dir(args.photo_weights)
    if folder is None:
        raise DnpmError(
            "there are no photo networks yet; train them with `dnpm train pix2pix`, or give --photo-weights"
        )
    networks = load_photo(folder)
    size = networks.pix2pix.config.resolution
    if args.resolution != size:
        raise DnpmError(f"pix2pixHD makes maps of {size} texels; give --resolution {size}")
    bench = Bench.open(args)
    mask = mask_at(bench.model.detail_mask, size)
    path = Path(face_model_path(args.face_model))
    count = -(-args.samples // VIEWS) * VIEWS
    # Other people than those that the shipped pix2pixHD was trained on.
    pairs = [
        make_pairs(args.folder / f"photos_{split}", path, split, n, size, args.processes, args.seed + 1)
        for split, n in (("train", args.photos), ("validation", count))
    ]
    networks.pix2pix.to(bench.device)
    train, test = (material_of(networks.pix2pix, p, mask, None) for p in pairs)
    rough, true = np.asarray(test.rough, np.float32), np.asarray(test.maps)
    bench = replace(bench, test=true)
    material = Material(bench.train, mask, train.rough, train.rough_maps)
    methods, steps = table2.trained(bench, args.minutes, material)

    def scored(call: Callable[[Tensor], Tensor]) -> dict[str, Any]:
        return {"photos": bench.score(lambda k, _: call(torch.from_numpy(rough[k])[None, None].to(bench.device)))}

    rows: dict[str, Any] = {
        name: scored(methods[name]) | {"parameters": parameters(name, methods[name].module), "steps": steps[name]}
        for name in table2.METHODS
    }
    rows["pix2pixHD alone"] = scored(lambda low: low)
    rows["mean map"] = scored(lambda _: bench.mean_map())
    result = {"rows": rows, "about": bench.about() | {"photos": args.photos, "pix2pix": networks.card["name"]}}
    restoring.write(args.out, "table3", result, table(result))
    return result


def table(result: dict) -> str:
    """Markdown, as in table3.md."""
    lines = [
        "# Table III: degraded photos to maps", "",
        table2.caption(result["about"]) + f" {result['about']['photos']} rendered, degraded photos to train on; 48 to "
        "300 pixels of face, blurred, noisy, JPEG.", "",
        "| | PSNR dB, mask | SSIM | R2 | error mm | square PSNR | square SSIM |", "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, row in result["rows"].items():
        mask, square = row["photos"]["mask"], row["photos"]["square"]
        lines.append(
            f"| {name} | {mask['psnr_db']:.2f} | {mask['ssim']:.4f} | {mask['r2']:.3f} | {mask['mae_mm']:.4f} | "
            f"{square['psnr_db']:.2f} | {square['ssim']:.4f} |"
        )
    return "\n".join([*lines, "", *table2.counted(result["rows"])])
