"""The small mistakes that `mutants.py` makes, one change each of a syntax tree, and how a changed file is loaded."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_BINARY: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_BOUNDARY: dict[type, type] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_OPPOSITE: dict[type, type] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_TWINS = {"maximum": "minimum", "max": "min", "sin": "cos", "argmax": "argmin", "floor": "ceil", "any": "all"}
_TWINS |= {b: a for a, b in _TWINS.items()}
_SAME_SHAPE = frozenset(
    {"abs", "absolute", "sqrt", "square", "exp", "log", "log2", "log10", "sin", "cos", "tan", "tanh", "arctan",
     "radians", "degrees", "round", "floor", "ceil", "maximum", "minimum", "max", "min", "clip", "clamp", "sorted",
     "unique", "cumsum", "flip", "roll", "gaussian_filter"}
)  # fmt: skip
"""A call of these may be left out: its first argument takes its place (the object, of a method)."""
_LEFT_OUT = (ast.JoinedStr, ast.Raise, ast.Assert, ast.Import, ast.ImportFrom, ast.Global)
"""Messages, what cannot be meant to be tested, and what only fails."""


@dataclass
class Mutant:
    """One mistake: at `place` of the tree (node, field, index in the field) `node` stands instead."""

    line: int
    lines: range
    """Of the statement, for the question whether a test reaches it."""
    kind: str
    before: str
    after: str
    place: tuple[ast.AST, str, int | None]
    node: Any
    cached: bool = False
    """Lies in a function whose result is kept: only the first of the tests that use it comes by."""

    def put(self) -> None:
        """Make the mistake in the tree."""
        parent, name, index = self.place
        if index is None:
            setattr(parent, name, self.node)
        else:
            getattr(parent, name)[index] = self.node


def mutants(tree: ast.Module) -> list[Mutant]:
    """All mistakes that are known for a file, in the order of the text."""
    found = list(_walk(tree, range(0), False))
    return sorted(found, key=lambda m: (m.line, m.kind, m.before, m.after))


def _walk(node: ast.AST, lines: range, cached: bool) -> Iterator[Mutant]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment", "format_spec"):
            continue
        items = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for index, child in items:
            if not isinstance(child, ast.AST) or isinstance(child, _LEFT_OUT) or _is_text(child):
                continue
            inner, kept = lines, cached
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                kept = cached or any("cache" in ast.unparse(d) for d in child.decorator_list)
            if isinstance(child, ast.stmt):
                inner = _own_lines(child)
            for kind, new in _changes(child):
                place = (node, name, index)
                yield Mutant(child.lineno, inner, kind, _brief(child), _brief(new), place, new, kept)  # type: ignore[attr-defined]
            yield from _walk(child, inner, kept)


def _own_lines(statement: ast.stmt) -> range:
    """A compound statement's own lines are those before its body; definitions run when they are loaded."""
    body = getattr(statement, "body", None)
    if isinstance(body, list) and body:
        return range(statement.lineno, max(statement.lineno + 1, body[0].lineno))
    return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _brief(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:67] + "..."


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """(kind, what may stand in the node's place)."""
    new = lambda made: ast.copy_location(made, node)  # noqa: E731
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield "boolean", new(ast.Constant(not node.value))
        elif isinstance(node.value, int):
            yield "constant", new(ast.Constant(node.value + 1))
        elif isinstance(node.value, float):
            yield "constant", new(ast.Constant(2 * node.value if node.value else 1.0))
    elif isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        yield "arithmetic", new(ast.BinOp(node.left, _BINARY[type(node.op)](), node.right))
    elif isinstance(node, ast.AugAssign):
        if type(node.op) in _BINARY:
            yield "arithmetic", new(ast.AugAssign(node.target, _BINARY[type(node.op)](), node.value))
        yield "statement removed", new(ast.Pass())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not | ast.Invert):
        if not isinstance(node.operand, ast.Constant):
            yield "sign", node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for kind, table in (("boundary", _BOUNDARY), ("comparison", _OPPOSITE)):
            if type(node.ops[0]) in table:
                yield kind, new(ast.Compare(node.left, [table[type(node.ops[0])]()], node.comparators))
    elif isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            if type(op) in _BOUNDARY:
                ops = [*node.ops[:k], _BOUNDARY[type(op)](), *node.ops[k + 1 :]]
                yield "boundary", new(ast.Compare(node.left, ops, node.comparators))
    elif isinstance(node, ast.BoolOp):
        yield "boolean", new(ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values))
    elif isinstance(node, ast.Return):
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield "return None", new(ast.Return(new(ast.Constant(None))))
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "call removed", new(ast.Pass())
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript | ast.Attribute):
        yield "statement removed", new(ast.Pass())
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.IfExp) and not isinstance(node.test, ast.Compare | ast.BoolOp):
        yield "condition", new(ast.IfExp(new(ast.UnaryOp(ast.Not(), node.test)), node.body, node.orelse))
    elif isinstance(node, ast.If) and not isinstance(node.test, ast.Compare | ast.BoolOp):
        yield "condition", new(ast.If(new(ast.UnaryOp(ast.Not(), node.test)), node.body, node.orelse))


def _of_call(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in _TWINS:
        twin: ast.expr
        if isinstance(function, ast.Attribute):
            twin = ast.copy_location(ast.Attribute(function.value, _TWINS[name], ast.Load()), function)
        else:
            twin = ast.copy_location(ast.Name(_TWINS[name], ast.Load()), function)
        yield "other function", ast.copy_location(ast.Call(twin, node.args, node.keywords), node)
    if name not in _SAME_SHAPE:
        return
    module = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
    module = module and function.value.id in ("np", "numpy", "math", "torch", "ndimage", "F")  # type: ignore[union-attr]
    if isinstance(function, ast.Attribute) and not module:
        yield "call removed", function.value
    elif node.args and not isinstance(node.args[0], ast.Starred):
        yield "call removed", node.args[0]


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads one module from a tree."""

    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        super().__init__(name, path)
        self._tree = tree

    def get_code(self, fullname: str) -> Any:
        return compile(ast.fix_missing_locations(self._tree), self.path, "exec", dont_inherit=True)


class Finder:
    """Finds that module, before anything else is asked."""

    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        self._name, self._path, self._tree = name, path, tree

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(
            name, self._path, loader=_Loader(name, self._path, self._tree)
        )  # fmt: skip
