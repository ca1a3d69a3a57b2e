"""The mutation tool: which mistakes it makes, that it tells what was noticed from the rest, and changes no file."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "mutants.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("dnpm_scripts_mutants", SCRIPT)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("x = 3", {("constant", "4")}),
        ("x = 0.5", {("constant", "1.0")}),
        ("x = True", {("boolean", "False")}),
        ("x = a + b", {("arithmetic", "a - b")}),
        ("x = a ** b", {("arithmetic", "a * b")}),
        ("x = a < b", {("boundary", "a <= b"), ("comparison", "a >= b")}),
        ("x = a <= b < c", {("boundary", "a < b < c"), ("boundary", "a <= b <= c")}),
        ("x = a is b", {("comparison", "a is not b")}),
        ("x = a and b", {("boolean", "a or b")}),
        ("x = -a", {("sign", "a")}),
        ("x = np.maximum(a, b)", {("other function", "np.minimum(a, b)"), ("call removed", "a")}),
        ("x = a.clip(b, c)", {("call removed", "a")}),
        ("f(a)", {("call removed", "pass")}),
        ("a[k] = b", {("statement removed", "pass")}),
        ("a *= b", {("arithmetic", "a /= b"), ("statement removed", "pass")}),
        ("def f():\n    return a", {("return None", "return None")}),
        ("if a:\n    x = b", {("condition", "if not a: x = b")}),
        ("x = b if a else c", {("condition", "b if not a else c")}),
        ('def f(a: int = b) -> "int":\n    "Words, 3."\n    raise E(f"{a + 1}")', set()),
    ],
)
def test_the_mistakes(tool, code: str, wanted: set):
    found = tool.mutants(ast.parse(code))
    assert {(mutant.kind, mutant.after) for mutant in found} == wanted
    for k, mutant in enumerate(found):
        tree = ast.parse(code)
        tool.mutants(tree)[k].put()
        changed = ast.unparse(ast.fix_missing_locations(tree))
        assert changed != ast.unparse(ast.parse(code))
        assert mutant.after.removeprefix("if ") in " ".join(changed.split())


SOURCE = '''"""Toy."""

from functools import lru_cache

LIMIT = 3


def clamp(value):
    return min(value, LIMIT)


def unused(value):
    return value * 2


def weak(value):
    return value + 1


def waits(value):
    while value > 0:
        value -= 1
    return value


@lru_cache
def kept():
    return 7
'''
TESTS = """from toy.part.code import clamp, kept, waits, weak


def test_clamp():
    assert clamp(2) == 2
    assert clamp(9) == 3


def test_weak():
    assert weak(1) is not None


def test_waits():
    assert waits(3) == 0


def test_kept_is_there():
    kept()


def test_kept():
    assert kept() == 7
"""


def test_what_is_noticed_and_what_is_not(tmp_path: Path):
    root = tmp_path / "toy"
    for folder in (root / "part", root / "tests" / "part"):
        folder.mkdir(parents=True)
    source = root / "part" / "code.py"
    source.write_text(SOURCE)
    (root / "tests" / "part" / "test_code.py").write_text(TESTS)
    (root / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    (root / "__init__.py").touch()
    (root / "part" / "__init__.py").touch()
    command = [sys.executable, str(SCRIPT), "--root", str(root), "--package", "toy", str(source), "--limit", "5"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    result = tmp_path / "result.json"
    done = subprocess.run(
        [*command, "--sample", "99", "--jobs", "2", "--json", str(result)],
        env=environment, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(result.read_text())["files"]
    assert row["tried"] == row["possible"] == row["killed"] + len(row["survivors"])
    survivors = [text.partition(" ")[2] for text in row["survivors"]]
    assert sorted(survivors) == [
        "arithmetic: value * 2 -> value / 2 (no test comes by)",
        "arithmetic: value + 1 -> value - 1",
        "constant: 1 -> 2",
        "constant: 2 -> 3 (no test comes by)",
        "return None: return value * 2 -> return None (no test comes by)",
    ], "all others are noticed, also a loop without an end, a table's constant and a value that is kept"
    assert f"mutation score: {row['killed']} of {row['tried']} noticed" in done.stdout
    assert source.read_text() == SOURCE
    assert not list(root.rglob("*.pyc"))


def test_wrong_files_are_named(tmp_path: Path):
    done = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path / "none.py")], capture_output=True, text=True)
    assert done.returncode == 2
    assert "none.py" in done.stdout
