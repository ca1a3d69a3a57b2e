"""Everything that can go wrong from outside, tried: killed and stopped processes, hostile files, full and read-only
disks, work that is killed and taken up again.

    python tests/faults/run.py [--short] [--only kills,hostile,disk,resume]

The last line is one JSON object, {"kills": {"tried", "recovered"}, "hostile": {"tried", "clear", "accepted",
"traceback", "memory", "hang", "unnamed"}, "disk": {...}, "resume": {...}}. Exit code 1 when anything is wrong: a part
that did not end as it should, or that could not be tried.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any

PARTS = ("kills", "hostile", "disk", "resume")
"""Modules beside this one, each with `run(short: bool, progress: Callable[[str], None]) -> dict`."""


def wrong(name: str, result: dict[str, Any]) -> str | None:
    """What a part's figures complain of; None when all went well, or the part says why it cannot be tried here."""
    if not result.get("tried"):
        return None if result.get("skipped") else f"{name}: nothing was tried"
    good = result["clear"] + result["accepted"] if name == "hostile" else result.get("recovered")
    return None if good == result["tried"] else f"{name}: {good} of {result['tried']} ended as they should: {result}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="the form that belongs to `make test`")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas (default: all)")
    args = parser.parse_args()
    sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]
    importlib.import_module("signals").take_back()
    chosen = args.only.split(",")
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    results: dict[str, Any] = {}
    complaints = []
    for name in (part for part in PARTS if part in chosen):
        try:
            module = importlib.import_module(name)
            results[name] = module.run(args.short, lambda text: print(text, file=sys.stderr, flush=True))
            complaint = wrong(name, results[name])
        except Exception:  # the other parts are still tried
            results[name], complaint = {"tried": 0}, f"{name}: {traceback.format_exc()}"
        if complaint:
            complaints.append(complaint)
    for complaint in complaints:
        print(f"WRONG {complaint}", file=sys.stderr)
    print(json.dumps(results))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
