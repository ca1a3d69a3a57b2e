"""Table II: displacement maps averaged down to 1/4 and 1/8 and restored: PSNR, SSIM and parameters, beside PULSE, pSp
and E2Style (one stage, two stages), all trained alike; bicubic enlargement is the baseline. See `restoring.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..files.contact_sheet import columns_picture
from ..progress import Progress
from ..training.photo.restoration import Material, RestorationPlan, restored
from . import restoring
from .competitors.pulse import Pulse
from .restoring import FACTORS, PLANS, Bench, competitor, degrade, parameters, restore_with
from .spread import cell, last_rise, mean_and_spread

PURPOSE = "Table II: maps restored from 1/4 and 1/8, beside PULSE, pSp and E2Style (hours)"
METHODS = ("ours", "pSp", "E2Style, 1 stage", "E2Style, 2 stages")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Data and budget."""
    restoring.add_arguments(parser, "table2")
    parser.add_argument(
        "--pulse-maps", type=int, metavar="N", help="that PULSE restores (default: as many as the others; 0: none)"
    )


def evaluate(args: argparse.Namespace) -> dict:
    """Train, measure, write both files. Raises DnpmError on unfit settings, or when stopped."""
    bench = Bench.open(args)
    found, curves, networks = scores(bench, "table2", None, bench.by_factor)
    rows: dict[str, Any] = {
        name: found[name] | {
            "parameters": parameters(name, networks[name].module), "steps": steps_of(name, args.steps),
            "last_rise_db": last_rise(curves[name]), "curves": curves[name],
        }
        for name in METHODS
    }  # fmt: skip
    rows["bicubic"] = mean_and_spread([bench.by_factor(lambda low: low)])
    rows["mean map"] = mean_and_spread([bench.by_factor(lambda _: bench.mean_map())])
    count = len(bench.test) if args.pulse_maps is None else min(args.pulse_maps, len(bench.test))
    if count:
        rows["PULSE"] = mean_and_spread([_searched(bench, count, seed) for seed in bench.seeds[:1]]) | {"maps": count}
    result = {"rows": rows, "about": bench.about()}
    restoring.write(args.out, "table2", result, table(result))
    picture(bench, networks, args.out / "table2.jpg")
    return result


class Method:
    """A trained network: low (1, 1, R, R) mm -> restored (1, 1, R, R) mm."""

    def __init__(self, module: torch.nn.Module, call: Callable[[Tensor], Tensor]) -> None:
        self.module, self.call = module, call

    def __call__(self, low: Tensor) -> Tensor:
        """Restore."""
        return self.call(low)


def steps_of(name: str, steps: int) -> int:
    """In all: two stages take as many each."""
    return 2 * steps if name == "E2Style, 2 stages" else steps


Curves = dict[str, list[list[tuple[int, float]]]]


def scores(
    bench: Bench, where: str, material: Material | None, score: Callable[[Method], Any]
) -> tuple[dict[str, Any], Curves, dict[str, Method]]:
    """All methods trained with every seed: their scores with mean and spread, their curves, the first seed's methods.

    where: the table's folder. material: what is learnt from, None for the maps. score: of one trained method. Raises
    DnpmError when it is stopped."""
    found: dict[str, list[Any]] = {name: [] for name in METHODS}
    curves: Curves = {name: [] for name in METHODS}
    first: dict[str, Method] = {}
    for seed in bench.seeds:
        methods = trained(bench, where, seed, material, curves)
        first = first or methods
        for name, method in methods.items():
            found[name].append(score(method))
    return {name: mean_and_spread(rows) for name, rows in found.items()}, curves, first


def trained(
    bench: Bench, where: str, seed: int, material: Material | None, curves: Curves
) -> dict[str, Method]:  # fmt: skip
    """All methods with one seed; their curves are added to `curves`."""

    def plan(name: str) -> RestorationPlan:
        return replace(PLANS[name], rough=0.5 if material is not None else 0.0)

    def fit(title: str, network: torch.nn.Module, name: str, base: Any = None) -> None:
        curves[title].append(bench.fit(where, title, seed, network, plan(name), material, base))

    ours = bench.ours(seed)
    fit("ours", ours, "ours")
    psp = competitor("pSp", seed, bench.side)
    fit("pSp", psp, "pSp")
    first = competitor("E2Style", seed, bench.side)
    fit("E2Style, 1 stage", first, "E2Style")
    second = competitor("E2Style 2", seed, bench.side)

    def base(low: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            code = first(low)
            return code, restored(bench.detail, code, low.shape[-1])

    fit("E2Style, 2 stages", second, "E2Style", base)
    both = restoring.Corrected(second, base).eval()

    def simple(network: torch.nn.Module) -> Method:
        return Method(network, lambda low: restore_with(bench, network, low))

    return {
        "ours": simple(ours), "pSp": simple(psp), "E2Style, 1 stage": simple(first),
        "E2Style, 2 stages": Method(torch.nn.ModuleList([first, second]), simple(both)),
    }  # fmt: skip


def _searched(bench: Bench, count: int, seed: int) -> dict[str, Any]:
    """Scores of PULSE on the first maps: it has only their texels at the lower resolution."""
    few = replace(bench, test=bench.test[:count])
    pulse = Pulse.of(bench.detail, seed)
    with Progress("table2: PULSE", count * len(FACTORS), 0, "maps") as bar:

        def at(part: int, factor: int) -> Callable[[int, Tensor], Tensor]:
            def search(number: int, true: Tensor) -> Tensor:
                with torch.enable_grad():
                    made = pulse.restore(functional.avg_pool2d(true, factor), factor, true.shape[-1], (number,))
                bar.update(part * count + number + 1)
                return made

            return search

        return {f"1/{factor}": few.score(at(part, factor)) for part, factor in enumerate(FACTORS)}


SHOWN = 4
"""Maps of the picture."""


def picture(bench: Bench, methods: Mapping[str, Method], out: Path) -> None:
    """Held-out maps, what is left of them at 1/8, and what every method (of the first seed) makes of that."""
    picks = np.linspace(0, len(bench.test) - 1, min(SHOWN, len(bench.test))).astype(int)
    names = ["true", f"1/{FACTORS[-1]}", *methods]
    columns: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for pick in picks:
        true = torch.from_numpy(bench.test[pick].astype(np.float32))[None, None].to(bench.device)
        low = degrade(true, FACTORS[-1])
        made = [true, low]
        with torch.inference_mode():
            made += [method(low) for method in methods.values()]
        for column, image in zip(columns.values(), made, strict=True):
            column.append(image[0, 0].cpu().numpy() * bench.mask)
    columns_picture(out, columns)


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
            cells += [cell(mask["psnr_db"], 2), cell(mask["ssim"], 4), cell(mask["mae_mm"], 4),
                      cell(square["psnr_db"], 2)]  # fmt: skip
        name += f" ({row['maps']} maps, one seed)" if "maps" in row else ""
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *counted(rows)])


def caption(about: dict) -> str:
    """Settings and machine in a sentence."""
    size = about["resolution"]
    return (
        f"{about['training_maps']} training maps, {about['test_maps']} held-out ones of other people, {size} x {size} "
        f"(a quarter is {size // 4}, an eighth {size // 8}), batch {about['batch']}, {about['steps']} steps of "
        f"every network, seeds {', '.join(map(str, about['seeds']))} (mean ± standard deviation). Generator: "
        f"{about['weights']}, frozen; encoders read {about['read']} texels, and so do the perceptual and identity "
        f"terms, every third step, on {about['perceptual']} (the paper has LPIPS on VGG16, and ArcFace). "
        f"{about['hardware']}, {about['threads']} threads, torch {about['torch']}, "
        f"{about['date']}."
    )


def counted(rows: dict) -> list[str]:
    """The parameters' table."""
    lines = [
        "| | as trained here | published size, alone | with config-f's G (1 channel) | published | steps | last fifth "
        "brought, dB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        if "parameters" in row:
            p = row["parameters"]
            lines.append(
                f"| {name} | {p['as_trained']:,} | {p['paper_alone']:,} | {p['paper_with_generator']:,} | "
                f"{p['published_millions']:.2f} M | {row['steps']} | {row['last_rise_db']:+.2f} |"
            )
    return lines
