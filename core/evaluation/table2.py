"""Table II: displacement maps averaged down to 1/4 and 1/8 and restored: PSNR, SSIM and parameters, beside PULSE, pSp
and E2Style (one stage, two stages), all trained alike; bicubic enlargement is the baseline. See `restoring.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .. import logs
from ..training.photo.restoration import RestorationPlan, restored
from . import restoring
from .competitors.pulse import Pulse
from .restoring import FACTORS, PLANS, Bench, competitor, parameters, restore_with

log = logs.logger(__name__)

PURPOSE = "Table II: maps restored from 1/4 and 1/8, beside PULSE, pSp and E2Style (about half an hour)"
METHODS = ("ours", "pSp", "E2Style, 1 stage", "E2Style, 2 stages")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Data and budget."""
    restoring.add_arguments(parser, "table2", 20.0)
    parser.add_argument("--pulse-maps", type=int, default=4, help="that PULSE restores (default 4; 0: none)")


def evaluate(args: argparse.Namespace) -> dict:
    """Train, measure, write both files. Raises DnpmError on unfit settings."""
    bench = Bench.open(args)
    networks, steps = trained(bench, args.minutes)
    rows: dict[str, Any] = {}
    for name in METHODS:
        about = {"parameters": parameters(name, networks[name].module), "steps": steps[name]}
        rows[name] = bench.by_factor(networks[name]) | about
    rows["bicubic"] = bench.by_factor(lambda low: low)
    rows["mean map"] = bench.by_factor(lambda _: bench.mean_map())
    if args.pulse_maps:
        rows["PULSE"] = _searched(bench, args.pulse_maps) | {"maps": args.pulse_maps}
    result = {"rows": rows, "about": bench.about()}
    restoring.write(args.out, "table2", result, table(result))
    return result


class Method:
    """A trained network: low (1, 1, R, R) mm -> restored (1, 1, R, R) mm."""

    def __init__(self, module: torch.nn.Module, call: Callable[[Tensor], Tensor]) -> None:
        self.module, self.call = module, call

    def __call__(self, low: Tensor) -> Tensor:
        """Restore."""
        return self.call(low)


def trained(bench: Bench, minutes: float, material: Any = None) -> tuple[dict[str, Method], dict[str, int]]:
    """All methods, each with the same share of the minutes; and their steps."""
    args, share = bench.args, minutes / 3
    steps: dict[str, int] = {}

    def plan(name: str) -> RestorationPlan:
        rough = 0.5 if material is not None else 0.0
        return replace(PLANS[name], batch=args.batch, fine=args.resolution, seed=args.seed, rough=rough)

    ours = bench.ours()
    steps["ours"] = bench.train_for("ours", ours, plan("ours"), share, material)
    psp = competitor("pSp", args.seed, args.resolution)
    steps["pSp"] = bench.train_for("pSp", psp, plan("pSp"), share, material)
    first = competitor("E2Style", args.seed, args.resolution)
    steps["E2Style, 1 stage"] = bench.train_for("E2Style, stage 1", first, plan("E2Style"), share / 2, material)
    second = competitor("E2Style 2", args.seed, args.resolution)

    def base(low: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            code = first(low)
            return code, restored(bench.detail, code, low.shape[-1])

    steps["E2Style, 2 stages"] = steps["E2Style, 1 stage"] + bench.train_for(
        "E2Style, stage 2", second, plan("E2Style"), share / 2, material, base
    )
    both = restoring.Corrected(second, base).eval()

    def simple(network: torch.nn.Module) -> Method:
        return Method(network, lambda low: restore_with(bench, network, low))

    return {
        "ours": simple(ours), "pSp": simple(psp), "E2Style, 1 stage": simple(first),
        "E2Style, 2 stages": Method(torch.nn.ModuleList([first, second]), simple(both)),
    }, steps  # fmt: skip


def _searched(bench: Bench, count: int) -> dict[str, Any]:
    """Scores of PULSE on the first maps: it has only their texels at the lower resolution."""
    few = replace(bench, test=bench.test[:count])
    pulse = Pulse.of(bench.detail, bench.args.seed)

    def at(factor: int) -> Callable[[int, Tensor], Tensor]:
        def search(number: int, true: Tensor) -> Tensor:
            log.info("PULSE: map %d, 1/%d", number + 1, factor)
            with torch.enable_grad():
                return pulse.restore(functional.avg_pool2d(true, factor), factor, true.shape[-1], number)

        return search

    return {f"1/{factor}": few.score(at(factor)) for factor in FACTORS}


def table(result: dict) -> str:
    """Markdown, as in table2.md."""
    rows = result["rows"]
    lines = [
        "# Table II: restoring maps from 1/4 and 1/8", "", caption(result["about"]), "",
        "| | 1/4 PSNR dB, mask | SSIM | error mm | square PSNR | 1/8 PSNR dB, mask | SSIM | error mm | square PSNR |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, row in rows.items():
        cells = []
        for factor in FACTORS:
            mask, square = row[f"1/{factor}"]["mask"], row[f"1/{factor}"]["square"]
            cells += [f"{mask['psnr_db']:.2f}", f"{mask['ssim']:.4f}", f"{mask['mae_mm']:.4f}",
                      f"{square['psnr_db']:.2f}"]  # fmt: skip
        name += f" ({row['maps']} maps)" if "maps" in row else ""
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *counted(rows)])


def caption(about: dict) -> str:
    """Settings and machine in a sentence."""
    size = about["resolution"]
    return (
        f"{about['training_maps']} training maps, {about['test_maps']} held-out ones of other people, {size} x {size} "
        f"(a quarter is {size // 4}, an eighth {size // 8}), batch {about['batch']}, {about['minutes']:g} minutes of "
        f"training shared alike, seed {about['seed']}. Generator: {about['weights']}, frozen; perceptual and identity "
        f"terms on {about['perceptual']} (the paper has LPIPS on VGG16, and ArcFace). {about['hardware']}, "
        f"{about['threads']} threads, torch {about['torch']}, {about['date']}."
    )


def counted(rows: dict) -> list[str]:
    """The parameters' table."""
    lines = [
        "| | as trained here | published size, alone | with config-f's G (1 channel) | published | steps |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        if "parameters" in row:
            p = row["parameters"]
            lines.append(
                f"| {name} | {p['as_trained']:,} | {p['paper_alone']:,} | {p['paper_with_generator']:,} | "
                f"{p['published_millions']:.2f} M | {row['steps']} |"
            )
    return lines
