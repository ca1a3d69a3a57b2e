"""Table IV: what each loss of restoration is for: E_deg trained with all three, and with each of them left out, alike
otherwise; scored on maps from 1/8. See `restoring.py`.
"""

from __future__ import annotations

import argparse
import functools
from dataclasses import replace
from typing import Any

from ..training.photo.restoration import RestorationPlan
from . import restoring, table2
from .restoring import FACTORS, PLANS, Bench, degrade, restore_with
from .spread import cell, last_rise, mean_and_spread
from .table2 import Method

PURPOSE = "Table IV: the losses of restoration left out one by one"
VARIANTS: dict[str, RestorationPlan] = {
    "all three": PLANS["ours"],
    "without L1": replace(PLANS["ours"], l1=0.0),
    "without perceptual": replace(PLANS["ours"], perceptual=0.0),
    "without identity": replace(PLANS["ours"], identity=0.0),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Data and budget."""
    restoring.add_arguments(parser, "table4")


def evaluate(args: argparse.Namespace) -> dict:
    """Train, measure, write both files and the picture. Raises DnpmError on unfit settings, or when stopped."""
    bench = Bench.open(args)
    rows: dict[str, Any] = {}
    shown: dict[str, Method] = {}
    for name, plan in VARIANTS.items():
        curves, found = [], []
        for seed in bench.seeds:
            network = bench.ours(seed)
            curves.append(bench.fit("table4", name, seed, network, plan))
            method = Method(network, functools.partial(restore_with, bench, network))
            shown.setdefault(name, method)
            scores = bench.by_factor(method)
            for factor in FACTORS:
                scores[f"1/{factor}"]["perceptual"] = _perceptual(bench, network, factor)
            found.append(scores)
        rows[name] = mean_and_spread(found) | {
            "steps": args.steps, "last_rise_db": last_rise(curves), "curves": curves,
        }  # fmt: skip
    result = {"rows": rows, "about": bench.about()}
    restoring.write(args.out, "table4", result, table(result))
    table2.picture(bench, shown, args.out / "figure11.jpg")
    return result


def _perceptual(bench: Bench, network: Any, factor: int) -> float:
    """Mean perceptual distance of the restored maps from the true ones."""
    import torch

    total = 0.0
    mask = torch.from_numpy(bench.mask)[None, None].to(bench.device)
    with torch.inference_mode():
        for row in bench.test:
            true = torch.from_numpy(row.astype("float32"))[None, None].to(bench.device)
            total += float(bench.perceptual(restore_with(bench, network, degrade(true, factor)) * mask, true))
    return round(total / len(bench.test), 5)


def table(result: dict) -> str:
    """Markdown, as in table4.md."""
    lines = [
        "# Table IV: the losses left out one by one", "", table2.caption(result["about"]), "",
        f"| | 1/4 PSNR dB, mask | SSIM | {result['about']['perceptual']} | 1/8 PSNR dB, mask | SSIM | "
        f"{result['about']['perceptual']} | last fifth brought, dB |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, row in result["rows"].items():
        cells = []
        for factor in FACTORS:
            mask = row[f"1/{factor}"]["mask"]
            cells += [cell(mask["psnr_db"], 2), cell(mask["ssim"], 4), cell(row[f"1/{factor}"]["perceptual"], 4)]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {row['last_rise_db']:+.2f} |")
    return "\n".join(lines)
