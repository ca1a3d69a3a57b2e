"""Makes small mistakes in the code, one at a time, and counts how many of them the tests notice.

    python scripts/mutants.py [FILE ...] [--sample N] [--seed N] [--jobs N] [--json FILE]

Without files: those that differ from the branch `main`. A file has many possible mistakes ("mutants"); a seeded sample
of them is tried. For each the tests are run that reach its line, the quickest first, until one fails. The mutants that
no test notices are printed: each is either a test that is missing, or a change that makes no difference.

The tests of core/a/b.py are those in tests/core/a that import it; where none does, all in that folder; where none of
these reaches it, those that import it anywhere. They are run once without a mutant, where they must pass; that tells
which test reaches which line. A mutant is compiled in memory, in a process forked after numpy, scipy and torch were
imported: no file is changed, and a run takes as long as its tests. What a test starts as another program runs the
unchanged code.

mutmut 3.8 and cosmic-ray 8.7 were tried. mutmut names modules by their path, while the package `dnpm` is the repository
root itself: it finds no test for any mutant. cosmic-ray writes every mutant into the working tree, starts Python anew
for each (373 of them, 23 minutes, for the 79 lines of core/speech/contact.py) and knows no sample.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import gc
import importlib.machinery
import importlib.util
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from mutations import Finder, Mutant, mutants

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "dnpm"
PRELOADED = ("pytest", "hypothesis", "numpy", "scipy.ndimage", "scipy.sparse.linalg", "scipy.spatial", "torch", "PIL")
BASELINE_LIMIT_S = 240.0
"""A test file that takes longer is left out."""
SLACK_S, PATIENCE = 10.0, 4.0
"""A mutant's tests get so many seconds, and so many times what they take without it; what takes longer is noticed."""


@dataclass
class Reached:
    """What one test file's tests run of a source file."""

    tests: dict[str, set[int]]
    """Test -> lines."""
    shared: set[int]
    """Lines that fixtures run, which all tests of the file may stand on."""
    loading: set[int]
    """Lines that run when the module is imported."""
    seconds: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """JSON has no sets."""
        tests = {test: sorted(lines) for test, lines in self.tests.items()}
        return asdict(self) | {"tests": tests, "shared": sorted(self.shared), "loading": sorted(self.loading)}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Reached:
        """The reverse of `as_json`."""
        tests = {test: set(lines) for test, lines in entry["tests"].items()}
        return cls(tests, set(entry["shared"]), set(entry["loading"]), entry["seconds"])


@dataclass
class Report:
    """How one source file's sample ended."""

    path: str
    possible: int
    tried: int = 0
    killed: int = 0
    survivors: list[str] = field(default_factory=list)

    @property
    def score(self) -> float:
        """Share of the mutants that a test noticed."""
        return self.killed / self.tried if self.tried else 1.0


class _Tracer:
    """A pytest plugin that notes which lines of which files each test runs."""

    def __init__(self, sources: list[Path]) -> None:
        self.reached = {str(source): Reached({}, set(), set(), {}) for source in sources}
        self._lines: dict[str, set[int]] = {name: set() for name in self.reached}

    def _call(self, frame: Any, event: str, argument: Any) -> Any:
        lines = self._lines.get(frame.f_code.co_filename)
        if lines is None:
            return None
        if frame.f_code.co_name == "<module>":
            lines = self.reached[frame.f_code.co_filename].loading
        lines.add(frame.f_lineno)

        def local(frame: Any, event: str, argument: Any) -> Any:
            if event == "line":
                # Not `lines`: the test that a generator began in may be over.
                where = lines if frame.f_code.co_name == "<module>" else self._lines[frame.f_code.co_filename]
                where.add(frame.f_lineno)
            return local

        return local

    def start(self) -> None:
        threading.settrace(self._call)
        sys.settrace(self._call)

    def pytest_runtest_setup(self, item: Any) -> None:
        for name, what in self.reached.items():
            what.shared |= self._taken(name)

    def pytest_runtest_call(self, item: Any) -> None:
        self.pytest_runtest_setup(item)  # What its fixtures ran.
        sys.settrace(self._call)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call":
            for name, what in self.reached.items():
                what.seconds[report.nodeid] = report.duration
                what.tests[report.nodeid] = self._taken(name)

    def _taken(self, name: str) -> set[int]:
        taken, self._lines[name] = self._lines[name], set()
        return taken


class _Chosen:
    """A pytest plugin that runs some tests alone, in a given order."""

    def __init__(self, tests: list[str]) -> None:
        self._order = {test: k for k, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._order), key=lambda item: self._order[item.nodeid]
        )


def _pytest(file: str, plugins: list[Any]) -> int:
    import hypothesis
    import pytest

    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutants", phases=phases, derandomize=True, database=None)
    hypothesis.settings.load_profile("mutants")
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:faulthandler", file], plugins=plugins))


def _silent() -> None:
    """In a child: a group of its own, and nobody hears it."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


def _end(child: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _ended(child: int, limit: float) -> int | None:
    """Exit code of a child; None when it had to be ended."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    _end(child)
    return None


def reached_by(test: Path, sources: list[Path], folder: Path) -> dict[str, Reached] | str:
    """Run a test file without a mutant and note what it reaches of the sources; or what is wrong with it."""
    answer = folder / "reached.json"
    answer.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        _silent()
        tracer = _Tracer(sources)
        tracer.start()
        code = _pytest(str(test), [tracer])
        sys.settrace(None)
        answer.write_text(json.dumps({path: one.as_json() for path, one in tracer.reached.items()}))
        os._exit(code)
    code = _ended(child, BASELINE_LIMIT_S)
    if code is None:
        return f"takes longer than {BASELINE_LIMIT_S:.0f} s"
    if code != 0 or not answer.is_file():
        return f"fails without any mutant (pytest's exit code {code})"
    return {path: Reached.from_json(entry) for path, entry in json.loads(answer.read_text()).items()}


def tests_of(source: Path, root: Path, package: str) -> list[Path]:
    """The test files of the folder that mirrors a source file's, or of the nearest one above it: those that import its
    module, or all where none does."""
    folder = root / "tests" / source.relative_to(root).parent
    while not any(folder.glob("test_*.py")) and folder != root / "tests":
        folder = folder.parent
    every = sorted(folder.glob("test_*.py"))
    return [file for file in tests_naming(source, root, package) if file in every] or every


def tests_naming(source: Path, root: Path, package: str) -> list[Path]:
    """The test files, wherever they are, that import a source file's module."""
    place = source.relative_to(root).with_suffix("")
    room, name = re.escape(".".join((package, *place.parent.parts))), re.escape(place.name)
    named = re.compile(rf"{room}\.{name}\b|from {room} import .*\b{name}\b")
    return sorted(f for f in (root / "tests").rglob("test_*.py") if named.search(f.read_text(encoding="utf-8")))


def gathered(files: list[Path], args: argparse.Namespace, root: Path, folder: Path) -> dict[Path, dict[Path, Reached]]:
    """{source: {test file: what it reaches}}, each test file being run once."""
    result: dict[Path, dict[Path, Reached]] = {file: {} for file in files}

    def gather(wanted: dict[Path, list[Path]]) -> None:
        for test in sorted({test for tests in wanted.values() for test in tests}):
            sources = [file for file in wanted if test in wanted[file]]
            started = time.monotonic()
            found = reached_by(test, sources, folder)
            said = found if isinstance(found, str) else f"passes, {time.monotonic() - started:.0f} s"
            print(f"{test.relative_to(root)}: {said}", file=sys.stderr, flush=True)
            for source in sources if not isinstance(found, str) else []:
                what = found[str(source)]
                if what.shared or any(what.tests.values()):
                    result[source][test] = what

    gather({file: tests_of(file, root, args.package) for file in files})
    others = {}
    for file in files:
        if args.everywhere or not result[file]:
            beside = tests_of(file, root, args.package)
            others[file] = [test for test in tests_naming(file, root, args.package) if test not in beside]
    gather(others)
    return result


def plan(mutant: Mutant, reached: dict[Path, Reached], limit: float) -> tuple[list[tuple[Path, list[str]]], float]:
    """[(test file, those of its tests that may notice the mutant)], the quickest first, and their seconds in all: as
    many as `limit` seconds hold, and one at least."""
    lines, found = set(mutant.lines), []
    for file, what in reached.items():
        hits = {test for test, own in what.tests.items() if lines & own}
        # What runs when the module is loaded acts on all tests, also on those that only read a constant of it.
        loading = bool(lines & what.loading) and not hits
        if lines & what.shared or loading or (mutant.cached and hits):
            hits = set(what.tests)
        found += [(what.seconds[test], file, test) for test in hits]
    found.sort(key=lambda one: one[0])
    chosen: dict[Path, list[str]] = {}
    total = 0.0
    for seconds, file, test in found:
        if chosen and total + seconds > limit:
            break
        chosen.setdefault(file, []).append(test)
        total += seconds
    return list(chosen.items()), total


def noticed(
    mutant: Mutant, chosen: list[tuple[Path, list[str]]], tree: ast.Module, module: str, source: Path
) -> int:  # fmt: skip
    """In a child: make the mistake, run the tests. 1: one failed; 0: none did."""
    mutant.put()
    sys.meta_path.insert(0, Finder(module, str(source), tree))  # type: ignore[arg-type]
    for file, tests in chosen:
        child = os.fork()
        if not child:
            os._exit(_pytest(str(file), [_Chosen(tests)]))
        if os.waitpid(child, 0)[1]:
            return 1
    return 0


def examine(source: Path, reached: dict[Path, Reached], args: argparse.Namespace, root: Path) -> Report:
    """Try a sample of a file's mutants."""
    relative = str(source.relative_to(root))
    tree = ast.parse(source.read_text(encoding="utf-8"), str(source))
    every = mutants(tree)
    report = Report(relative, len(every))
    picked = random.Random(f"{args.seed} {relative}").sample(range(len(every)), min(args.sample, len(every)))  # noqa: S311
    dotted = ".".join((args.package, *source.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
    running: dict[int, tuple[Mutant, float]] = {}
    waiting = [every[k] for k in sorted(picked)]
    report.tried = len(waiting)

    def survived(mutant: Mutant, why: str) -> None:
        report.survivors.append(f"{relative}:{mutant.line} {mutant.kind}: {mutant.before} -> {mutant.after}{why}")

    while waiting or running:
        while waiting and len(running) < args.jobs:
            mutant = waiting.pop(0)
            chosen, seconds = plan(mutant, reached, args.limit)
            if not chosen:
                survived(mutant, " (no test comes by)")
                continue
            child = os.fork()
            if not child:
                _silent()
                os._exit(noticed(mutant, chosen, tree, dotted, source))
            running[child] = mutant, time.monotonic() + SLACK_S * len(chosen) + PATIENCE * seconds
        for child, (mutant, until) in list(running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if not done and time.monotonic() > until:
                _end(child)
                done, status = child, 1
            if done:
                del running[child]
                if status:
                    report.killed += 1
                else:
                    survived(mutant, "")
        time.sleep(0.02)
    return report


def changed_files(root: Path, base: str) -> list[Path]:
    """The package's files that differ from a branch, committed or not."""
    git = lambda *args: subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=True).stdout  # noqa: E731
    since = git("merge-base", base, "HEAD").strip()
    names = git("diff", "--name-only", "--diff-filter=d", since).splitlines()
    names += git("ls-files", "--others", "--exclude-standard").splitlines()
    rooms = ("core/", "operators/", "panels/")
    return sorted({root / n for n in names if n.startswith(rooms) and n.endswith(".py")})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="source files or folders (default: changed against --base)")
    parser.add_argument("--base", default="main", help="branch to compare with (default %(default)s)")
    parser.add_argument("--sample", type=int, default=40, metavar="N", help="mutants a file (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time (default %(default)s)")
    parser.add_argument(
        "--limit", type=float, default=20.0, metavar="S", help="of tests a mutant (default %(default)s)"
    )
    parser.add_argument("--everywhere", action="store_true", help="also the tests elsewhere that import the file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores and survivors there too")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    parser.add_argument("--package", default=PACKAGE, help=argparse.SUPPRESS)
    args = parser.parse_args()
    root = args.root.resolve()
    wanted = [path.resolve() for path in args.files] or changed_files(root, args.base)
    files = sorted({f for path in wanted for f in (path.rglob("*.py") if path.is_dir() else [path])})
    wrong = [f for f in files if not f.is_file() or root not in f.parents]
    if wrong or args.sample < 1 or args.jobs < 1:
        print(f"error: {wrong[0]} is not a file of {root}" if wrong else "error: --sample and --jobs count from 1")
        return 2
    if not files:
        print(f"no source file differs from {args.base}")
        return 0
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.chdir(root)
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    reports: list[Report] = []
    folder = Path(tempfile.mkdtemp(prefix="dnpm-mutants-"))
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        for file, reached in gathered(files, args, root, folder).items():
            started = time.monotonic()
            report = examine(file, reached, args, root)
            reports.append(report)
            print(f"{report.path}: {report.killed} of {report.tried} noticed ({100 * report.score:.0f} %), "
                  f"{report.possible} possible, {time.monotonic() - started:.0f} s", flush=True)  # fmt: skip
            for survivor in report.survivors:
                print(f"  {survivor}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tried, killed = sum(r.tried for r in reports), sum(r.killed for r in reports)
    if args.json:
        rows = [vars(r) | {"score": round(r.score, 3)} for r in reports]
        args.json.write_text(json.dumps({"tried": tried, "noticed": killed, "files": rows}, indent=1))
    if tried:
        print(f"mutation score: {killed} of {tried} noticed ({100 * killed / tried:.0f} %), seed {args.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
