"""What is in a data set, in figures and as a sheet of lit reliefs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..files.contact_sheet import contact_sheet, relief_picture
from ..measures.relief import height_statistics, radial_spectrum
from .dataset import MapDataset

_LOOKED_AT = 64
_BINS = 24
_FINEST = 1024
"""Texels a side for which `relief_picture` is lit; a coarser map's slopes are smaller."""


def inspect(data: MapDataset) -> dict[str, Any]:
    """Counts, statistics of all heights; histogram, quantiles and mean spectrum of up to 64 samples spread evenly.

    Frequencies are in cycles a texel, because texels of a layout are not equally wide; power in mm^2 texel^2. Raises
    DnpmError when a shard is damaged.
    """
    about = data.about
    result: dict[str, Any] = {
        "name": about.name, "folder": str(data.folder), "licence": about.licence, "source": about.source,
        "samples": len(data), "people": about.people, "splits": about.counts, "resolution": data.resolution,
        "stored_as": about.dtype, "shards": len(about.shards), "bytes": sum(s.bytes for s in about.shards),
        "face_model": about.face_model, "with_sliders": len(data.with_coefficients(np.arange(len(data)))),
        "statistics": about.statistics(),
    }  # fmt: skip
    if not len(data):
        return result
    chosen = np.unique(np.linspace(0, len(data) - 1, min(_LOOKED_AT, len(data))).astype(int))
    inside = data.mask > 0.5
    heights, powers = [], []
    for index in chosen:
        one = data.maps(np.array([index]))[0]
        heights.append(one[inside][:: max(1, int(inside.sum()) // 20_000)])
        frequencies, power = radial_spectrum(one, data.mask, 1.0)
        powers.append(power)
    sample = np.concatenate(heights)
    limit = max(float(np.quantile(np.abs(sample), 0.999)), 1e-6)
    counts, edges = np.histogram(np.clip(sample, -limit, limit), _BINS, (-limit, limit))
    # Some twenty frequencies, equally spaced in octaves.
    places = np.unique(np.geomspace(1, len(frequencies), 20).astype(int) - 1)
    result |= {
        "looked_at": len(chosen), "heights": height_statistics(sample),
        "histogram": {"edges_mm": edges.round(5).tolist(), "share": (counts / counts.sum()).round(5).tolist()},
        "spectrum": {
            "cycles_per_texel": frequencies[places].round(5).tolist(),
            "power": [float(f"{p:.4g}") for p in np.mean(powers, 0)[places]],
        },
    }  # fmt: skip
    return result


def table(result: dict[str, Any]) -> str:
    """The figures to read."""
    s = result["statistics"]
    lines = [
        f"{result['name']} ({result['folder']}): {result['samples']} maps of {result['resolution']} x "
        f"{result['resolution']}, {result['people']} people, {result['bytes'] / 1e6:.1f} MB, {result['shards']} files",
        "splits: " + ", ".join(f"{name} {count}" for name, count in result["splits"].items())
        + f"; with known sliders: {result['with_sliders']}",
        f"licence: {result['licence']}; source: {result['source']}",
        f"heights in the mask: mean {s['mean_mm']:.4f}, deviation {s['std_mm']:.4f}, {s['least_mm']:.3f} to "
        f"{s['most_mm']:.3f} mm",
    ]  # fmt: skip
    if "histogram" in result:
        edges, share = result["histogram"]["edges_mm"], result["histogram"]["share"]
        lines.append("heights (mm):")
        lines += [
            f"  {low:+.3f} {'#' * round(60 * part / max(share))}" for low, part in zip(edges, share, strict=False)
        ]
        lines.append("spectrum (cycles a texel: mm^2 texel^2):")
        pairs = zip(result["spectrum"]["cycles_per_texel"], result["spectrum"]["power"], strict=True)
        lines += [f"  {f:.4f}: {p:.3g}" for f, p in pairs]
    return "\n".join(lines)


def sheet(data: MapDataset, out: Path, count: int = 16, size: int = 384) -> None:
    """A PNG with `count` samples as lit reliefs, spread evenly over the set."""
    chosen = np.unique(np.linspace(0, len(data) - 1, min(count, len(data))).astype(int))
    with tempfile.TemporaryDirectory() as folder:
        tiles = []
        for index in chosen:
            path = Path(folder) / f"{index}.png"
            relief_picture(path, data.maps(np.array([index]))[0] * (data.resolution / _FINEST), size)
            tiles.append((path, data.keys[index][-40:]))
        contact_sheet(out, tiles, min(4, len(tiles)), f"{data.about.name}: {len(data)} maps")
