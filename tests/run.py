"""Runs the test suite, every file that uses Blender in a process of its own, and prints one closing line.

    python tests/run.py [--jobs N] [--blender LABEL=PYTHON ...] [FILE ...] [-- PYTEST OPTIONS]

Blender keeps one scene and one set of registered classes a process, and two test files would share them; a crash would
take every later file along. The files that do not mention bpy run together in one process. Exit code: 0 all passed,
1 a test failed or a process ended badly, 2 wrong usage or no test was run.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import signals

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
USES_BLENDER = re.compile(
    r"^\s*(import|from) (bpy|mathutils)\b|^USES_BLENDER = True|importorskip\([\"']bpy", re.MULTILINE
)
PROCESS_LIMIT_S = 60 * 60


@dataclass(frozen=True)
class Batch:
    """One pytest process: a label, the Python that runs it, the files in it."""

    label: str
    python: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Outcome:
    """What one process reported; a process that ended without a report counts as one failure."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def batches(files: list[Path], pythons: dict[str, str]) -> list[Batch]:
    """Splits the files: those with Blender one by one and once per Python, the others together, the long ones first."""
    alone = [file for file in files if USES_BLENDER.search(file.read_text(encoding="utf-8"))]
    together = tuple(file for file in files if file not in alone)
    result = [Batch("without Blender", sys.executable, together)] if together else []
    for label, python in ({"": sys.executable} | pythons).items():
        name = f" [{label}]" if label else ""
        result += [Batch(f"{file.relative_to(ROOT)}{name}", python, (file,)) for file in alone]
    return result


def read_report(path: Path, status: int) -> Outcome:
    """Counts from pytest's JUnit file; `status` is the process's exit code."""
    if not path.is_file():
        return Outcome(failed=1)
    total = Outcome()
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        count = {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
        failed = count["failures"] + count["errors"]
        total += Outcome(max(count["tests"] - failed - count["skipped"], 0), failed, count["skipped"])
    if status not in (0, 1, 5) or (status == 1 and total.failed == 0):
        total += Outcome(failed=1)
    return total


def run(batch: Batch, options: list[str]) -> tuple[Batch, Outcome, str, float]:
    """One pytest process to its end; its output is kept together."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dnpm-tests-") as folder:
        report = Path(folder) / "report.xml"
        command = [batch.python, "-m", "pytest", f"--junitxml={report}", "--color=no", "-q", *options]
        command += [str(file) for file in batch.files]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=PROCESS_LIMIT_S,
            )
            output, status = done.stdout, done.returncode
        except subprocess.TimeoutExpired as expired:
            text = expired.stdout or b""
            output = text.decode(errors="replace") if isinstance(text, bytes) else text
            output += f"\nended: no result within {PROCESS_LIMIT_S} s\n"
            status = 124
        outcome = read_report(report, status)
    if status not in (0, 1, 5):
        output += f"\nthe process ended with {status}\n"
    return batch, outcome, output, time.monotonic() - start


def main() -> int:
    signals.take_back()
    arguments, options = sys.argv[1:], []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, options = arguments[:cut], arguments[cut + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="test files or folders (default: all)")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes side by side")
    parser.add_argument(
        "--blender",
        action="append",
        default=[],
        metavar="LABEL=PYTHON",
        help="run the files that use Blender with this Python too (another version's bpy)",
    )
    args = parser.parse_args(arguments)
    pythons = dict(entry.split("=", 1) for entry in args.blender)
    wanted = [path.resolve() for path in args.files] or [TESTS]
    files = sorted({f for path in wanted for f in (path.rglob("test_*.py") if path.is_dir() else [path])})
    if not files:
        print("no test files found", file=sys.stderr)
        return 2

    start, total, failing = time.monotonic(), Outcome(), []
    with ThreadPoolExecutor(max_workers=max(1, args.jobs)) as pool:
        for batch, outcome, output, seconds in pool.map(lambda b: run(b, options), batches(files, pythons)):
            print(f"--- {batch.label}: {outcome} in {seconds:.0f} s", flush=True)
            if outcome.failed or outcome.passed == 0:
                print(output, flush=True)
            if outcome.failed:
                failing.append(batch.label)
            total += outcome
    for label in failing:
        print(f"FAILED {label}")
    print(f"{len(files)} files in {time.monotonic() - start:.0f} s")
    print(total)
    if total.failed:
        return 1
    return 0 if total.passed else 2


if __name__ == "__main__":
    sys.exit(main())
