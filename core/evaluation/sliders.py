"""Do sliders mean something? Each region's fine relief with its expressions at 1 against rest, on G's own maps.

Energy: mean square of the map less its Gaussian blur, inside the region. "own": the ratio in the region, for the
weakest of
its expressions, averaged over people; "elsewhere": over the same expressions, the ratio in regions that they do not
touch.
"""

from __future__ import annotations

import argparse

import numpy as np

from ..face_model.landmark_uv import landmark_uv
from ..face_model.regions import ALSO, EXPRESSIONS_BY_REGION, region_masks
from ..face_model.sampling import random_identity
from ..measures.metrics import high_pass
from .painter import Painter

PURPOSE = "per region: energy of the fine relief at expression 1 against rest, in the region and elsewhere"
BLUR_MM = 2.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sizes."""
    parser.add_argument("--identities", type=int, default=20, help="people (default %(default)s)")
    parser.add_argument(
        "--resolution",
        type=int,
        default=512,
        choices=(256, 512, 1024),
        help="texels of a map's side (default %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the people (default %(default)s)")


def evaluate(args: argparse.Namespace) -> dict:
    """The figures as a dictionary (the issue's keys)."""
    painter = Painter.of(args)
    model, size = painter.model, args.resolution
    masks = {k: m * (painter.model.detail_mask.max() > 0) for k, m in region_masks(landmark_uv(model), size).items()}
    sigma = BLUR_MM / (0.23 * 1024 / size)
    energy = lambda image: {  # noqa: E731
        k: float((high_pass(image, sigma) ** 2 * m).sum() / m.sum()) for k, m in masks.items()
    }
    people = [random_identity(model, 9000 + args.seed + i) for i in range(args.identities)]
    rest = [energy(painter.map(p, model.expression(), size)) for p in people]
    expressions = {d: None for group in EXPRESSIONS_BY_REGION.values() for d in group}
    posed = {
        d: [energy(painter.map(p, model.expression(**dict.fromkeys(d, 1.0)), size)) for p in people]
        for d in expressions
    }
    regions = {}
    for region, own_expressions in EXPRESSIONS_BY_REGION.items():
        own = {d: [a[region] / b[region] for a, b in zip(posed[d], rest, strict=True)] for d in own_expressions}
        weakest = min(own.values(), key=np.mean)
        elsewhere = []
        for d in own_expressions:
            touched = {r for r, ds in EXPRESSIONS_BY_REGION.items() if d in ds} | set(ALSO.get(d[0], ()))
            elsewhere += [a[r] / b[r] for a, b in zip(posed[d], rest, strict=True) for r in masks if r not in touched]
        regions[region] = {
            "own": round(float(np.mean(weakest)), 2), "own_min": round(float(np.min(weakest)), 2),
            "elsewhere": round(float(np.mean(elsewhere)), 3), "elsewhere_max": round(float(np.max(elsewhere)), 2),
            "by_expression": {"+".join(d): round(float(np.mean(r)), 2) for d, r in own.items()},
        }  # fmt: skip
    return {
        "regions": regions,
        "identities": args.identities,
        "resolution": size,
        "seed": args.seed,
        "blur_mm": BLUR_MM,
    }


def table(result: dict) -> str:
    """For reading."""
    lines = [f"{result['identities']} people, energy at expression 1 / at rest", "",
             "region          own (worst)   elsewhere (worst)"]  # fmt: skip
    for name, r in result["regions"].items():
        lines.append(
            f"{name:<14}{r['own']:6.2f} ({r['own_min']:.2f})   {r['elsewhere']:6.3f} ({r['elsewhere_max']:.2f})"
        )
    return "\n".join(lines)
