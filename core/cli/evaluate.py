"""Measure the face model and the weights: a readable table, or with --json one JSON object."""

from __future__ import annotations

import argparse
import importlib
import json

# name -> module: it has PURPOSE, add_arguments(parser), evaluate(args) -> dict and table(result) -> str
KINDS: dict[str, str] = {
    "face-model": "face_model",
    "sliders": "sliders",
    "people": "people",
    "detail": "detail",
    "spectrum": "spectrum",
    "table1": "table1",
    "table2": "table2",
    "table3": "table3",
    "table4": "table4",
    "distance": "distance",
    "speech": "speech",
    "languages": "languages",
    "performance": "performance",
    "fit": "fit",
    "capture": "capture",
    "photo": "photo",
    "likeness": "likeness",
    "photo-lines": "photo_lines",
    "restoration": "restoration",
    "transfer": "transfer",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-subcommand a figure."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for name, module_name in KINDS.items():
        module = importlib.import_module(f"..evaluation.{module_name}", __package__)
        sub = kinds.add_parser(name, help=module.PURPOSE, description=module.__doc__)
        sub.add_argument("--json", action="store_true", help="one JSON object on stdout")
        sub.add_argument("--face-model", metavar="FILE", help="another face model (.safetensors)")
        sub.add_argument("--weights", metavar="DIR", help="another folder of weights")
        module.add_arguments(sub)
        sub.set_defaults(evaluate=module.evaluate, table=module.table)


def run(args: argparse.Namespace) -> int:
    """Print the figures."""
    result = args.evaluate(args)
    print(json.dumps(result, indent=2) if args.json else args.table(result))
    return 0
