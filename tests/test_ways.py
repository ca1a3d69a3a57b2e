"""The ways of a slider, a sound and a photo, as docs/architecture.md lists them, are the code's, and short."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MOST_CALLS, MOST_FILES = 12, 6
WAYS = [title for title in re.findall(r"^### (A .*)$", PAGE, re.MULTILINE) if ", from the " in title]
STARTED_BY_BLENDER = {"tick"}
"""Timers: `live.run_timer` registers it."""


def way(title: str) -> list[tuple[str, str]]:
    """(file, name inside of it) in order."""
    part = PAGE.split(f"### {title}\n")[1].split("\n#")[0]
    found = re.findall(r"^\d+\. \[`[\w.]+`\]\(\.\./([\w/.]+)#([\w.]+)\)", part, re.MULTILINE)
    assert len(found) == len(re.findall(r"^\d+\.", part, re.MULTILINE))
    return found


def node_of(file: str, name: str) -> ast.AST:
    found: ast.AST = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    for part in name.split("."):
        found = next(
            node for node in ast.iter_child_nodes(found)
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == part
        )  # fmt: skip
    return found


def words(node: ast.AST) -> set[str]:
    """The names that are used inside."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | {
        n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)
    }


def asked(node: ast.AST) -> set[str]:
    """The requests that a handler answers."""
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return {
        argument.id for call in decorators
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "handler"
        for argument in call.args if isinstance(argument, ast.Name)
    }  # fmt: skip


def test_all_three_are_listed() -> None:
    assert len(WAYS) == 3


@pytest.mark.parametrize("title", WAYS)
def test_it_is_short(title: str) -> None:
    steps = way(title)
    assert 5 < len(steps) <= MOST_CALLS
    assert len({file for file, _ in steps}) <= MOST_FILES


@pytest.mark.parametrize("title", WAYS)
def test_each_is_called_by_one_before_it(title: str) -> None:
    used: set[str] = set()
    for k, (file, name) in enumerate(way(title)):
        node = node_of(file, name)
        last = name.rsplit(".", 1)[-1]
        assert k == 0 or last in used or last in STARTED_BY_BLENDER or asked(node) & used, f"nobody calls {name}"
        used |= words(node)
