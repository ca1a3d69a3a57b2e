"""Table IV: what each loss of restoration is for: E_deg trained with all three, and with each of them left out, alike
otherwise; scored on maps from 1/8. See `restoring.py`.
"""

from __future__ import annotations

import argparse
import functools
from dataclasses import replace
from typing import Any

from . import restoring, table2
from .restoring import FACTORS, PLANS, Bench, degrade, restore_with

PURPOSE = "Table IV: the losses of restoration left out one by one"
VARIANTS: dict[str, dict[str, float]] = {
    "all three": {}, "without L1": {"l1": 0.0}, "without perceptual": {"perceptual": 0.0},
    "without identity": {"identity": 0.0},
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Data and budget."""
    restoring.add_arguments(parser, "table4", 12.0)


def evaluate(args: argparse.Namespace) -> dict:
    """Train, measure, write both files. Raises DnpmError on unfit settings."""
    bench = Bench.open(args)
    rows: dict[str, Any] = {}
    for name, change in VARIANTS.items():
        weights = {"l1": 10.0, "perceptual": 0.2, "identity": 0.1} | change
        plan = replace(
            PLANS["ours"], batch=args.batch, fine=args.resolution, seed=args.seed, l1=weights["l1"],
            perceptual=weights["perceptual"], identity=weights["identity"],
        )  # fmt: skip
        network = bench.ours()
        steps = bench.train_for(name, network, plan, args.minutes / len(VARIANTS))
        found = bench.by_factor(functools.partial(restore_with, bench, network))
        for factor in FACTORS:
            found[f"1/{factor}"]["perceptual"] = _perceptual(bench, network, factor)
        rows[name] = found | {"steps": steps}
    result = {"rows": rows, "about": bench.about()}
    restoring.write(args.out, "table4", result, table(result))
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
        f"{result['about']['perceptual']} | steps |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, row in result["rows"].items():
        cells = []
        for factor in FACTORS:
            mask = row[f"1/{factor}"]["mask"]
            cells += [f"{mask['psnr_db']:.2f}", f"{mask['ssim']:.4f}", f"{row[f'1/{factor}']['perceptual']:.4f}"]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {row['steps']} |")
    return "\n".join(lines)
