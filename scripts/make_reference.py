"""Writes the reference pages from the code: every operator, panel, property and command with its options.

    make_reference.py [--out build/reference]

`make docs` runs it. It needs the `bpy` module, in which the extension is registered. Each page names what it lists;
something that has no description, or cannot be listed, is an error (exit code 1), so that no gap goes unnoticed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "reference"
_NOTE = "This page is generated from the code by `make docs`.\n"
_gaps: list[str] = []
"""What no page can explain."""
_OF_BLENDER = {"rna_type", "name"}
"""Properties that every operator or group of Blender's has."""
_OF_ADDED_OBJECTS = {"align", "location", "rotation"}
"""Properties of Blender's own AddObjectHelper, which describes none of them."""


def main() -> int:
    """Write the pages; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR")
    args = parser.parse_args()
    import dnpm

    dnpm.register()
    pages = {
        "operators.md": operators_page(), "panels.md": panels_page(), "properties.md": properties_page(),
        "cli.md": cli_page(),
    }  # fmt: skip
    for gap in _gaps:
        print(f"error: {gap}", file=sys.stderr)
    if _gaps:
        return 1
    args.out.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (args.out / name).write_text(text, encoding="utf-8")
        print(args.out / name)
    return 0


def operators_page() -> str:
    """Every operator of `bpy.ops.dnpm`: id, label, description, properties."""
    import bpy

    lines = ["# Operators", "", _NOTE, "Call them from Python as `bpy.ops.dnpm.NAME(...)`.", ""]
    names = sorted(dir(bpy.ops.dnpm))
    if not names:
        _gaps.append("no operator is registered")
    for name in names:
        rna = getattr(bpy.ops.dnpm, name).get_rna_type()
        lines += [f"## {rna.name}", "", f"`dnpm.{name}`. {_described(rna.description, f'dnpm.{name}')}", ""]
        lines += _table(rna.properties, f"dnpm.{name}")
    return "\n".join(lines)


def panels_page() -> str:
    """Every panel and menu: label, id, where it is shown, what it is for."""
    import bpy

    lines = ["# Panels and menus", "", _NOTE]
    for kind, base in (("panel", bpy.types.Panel), ("menu", bpy.types.Menu)):
        for cls in _classes(base):
            above = getattr(cls, "bl_parent_id", "")
            place = f"inside `{above}`" if above else _place(cls)
            doc = _described(" ".join((cls.__doc__ or "").split()), cls.__name__)
            name = getattr(cls, "bl_idname", cls.__name__)
            lines += [f"## {cls.bl_label}", "", f"`{name}`, a {kind}{', ' if place else ''}{place}. {doc}", ""]
    return "\n".join(lines)


def _place(cls: type) -> str:
    category = getattr(cls, "bl_category", "")
    return f'in the 3D view\'s sidebar, tab "{category}"' if category else ""


def properties_page() -> str:
    """Every property group and the preferences: where it is, and its properties."""
    import bpy

    lines = ["# Properties", "", _NOTE]
    places = {
        prop.fixed_type.identifier: prop.identifier
        for prop in bpy.types.Object.bl_rna.properties
        if prop.type == "POINTER" and prop.identifier.startswith("dnpm")
    }
    for cls in [*_classes(bpy.types.PropertyGroup), *_classes(bpy.types.AddonPreferences)]:
        path = places.get(cls.__name__)
        where = f"`object.{path}`. " if path else ""
        doc = _described(" ".join((cls.__doc__ or "").split()), cls.__name__)
        lines += [f"## {cls.__name__}", "", f"{where}{doc}", ""]
        own = [cls.bl_rna.properties[name] for name in cls.__annotations__]
        lines += _table(own, cls.__name__)
    return "\n".join(lines)


def _classes(base: type) -> list[Any]:
    """Ours, in the order of their modules and of their definition."""
    found = [cls for cls in base.__subclasses__() if cls.__module__.split(".")[0] == "dnpm"]
    if not found:
        _gaps.append(f"no {base.__name__} is registered")
    return sorted(found, key=lambda cls: (cls.__module__, _line(cls)))


def _line(cls: type) -> int:
    import inspect

    return inspect.getsourcelines(cls)[1]


def _table(properties: Iterable[Any], owner: str) -> list[str]:
    rows = []
    for prop in properties:
        if prop.identifier in _OF_BLENDER or prop.is_hidden:
            continue
        text = prop.description
        if not text and prop.type in ("COLLECTION", "POINTER"):
            text = f"{'list of' if prop.type == 'COLLECTION' else 'a'} `{prop.fixed_type.identifier}`"
        if not text and prop.identifier in _OF_ADDED_OBJECTS:
            text = "as for every object that Blender adds"
        described = _described(text, f"{owner}.{prop.identifier}")
        rows.append(f"| `{prop.identifier}` | {prop.name} | {_kind(prop)} | {described}{_choices(prop)} |")
    if not rows:
        return []
    return ["| property | label | type, default | description |", "|---|---|---|---|", *rows, ""]


def _kind(prop: Any) -> str:
    """Type, default and limits."""
    if prop.type in ("COLLECTION", "POINTER"):
        return prop.type.lower()
    if getattr(prop, "is_array", False):
        return f"{prop.array_length} {prop.type.lower()}s"
    if prop.type in ("INT", "FLOAT"):
        form = "{:g}" if prop.type == "FLOAT" else "{}"
        default, low, high = (form.format(x) for x in (prop.default, prop.soft_min, prop.soft_max))
        limits = f" ({low} to {high})" if abs(prop.soft_max) < 1e6 else ""
        return f"{prop.type.lower()}, {default}{limits}"
    if prop.type == "ENUM" and prop.is_enum_flag:
        return "set"
    default = f"{prop.default}" if prop.default != "" else "empty"
    return f"{prop.type.lower()}, {default}"


def _choices(prop: Any) -> str:
    if prop.type != "ENUM":
        return ""
    items = [f"`{item.identifier}` {item.name}" for item in prop.enum_items_static]
    return f". One of: {', '.join(items)}" if items else ""


def _described(text: str, what: str) -> str:
    """The text for a table's cell. Where there is none, that is a gap."""
    if not text or text == "(undocumented operator)":
        _gaps.append(f"{what} has no description")
    return _cell(text)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|").replace("<", "&lt;")


def cli_page() -> str:
    """Every command with its options, from the parsers themselves."""
    from dnpm.core.cli import main as cli

    lines = ["# Command line", "", _NOTE, "Every command takes `--help` and `--verbose`.", ""]
    for command in cli.COMMANDS:
        top = cli._parser(command)
        (subparsers,) = _subparsers(top)
        for parser, purpose in _all(subparsers.choices[command], cli.COMMANDS[command][1]):
            lines += _command(parser, purpose)
    return "\n".join(lines)


def _subparsers(parser: argparse.ArgumentParser) -> list[Any]:
    return [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]


def _all(parser: argparse.ArgumentParser, purpose: str = "") -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """A parser and those below it, each with what the list of commands above it says of it."""
    yield parser, purpose
    for action in _subparsers(parser):
        purposes = {choice.dest: choice.help for choice in action._choices_actions}
        for name, sub in action.choices.items():
            yield from _all(sub, purposes.get(name) or "")


def _command(parser: argparse.ArgumentParser, purpose: str) -> list[str]:
    text = parser.description or purpose
    if not text:
        _gaps.append(f"`{parser.prog}` has no description")
    level = "##" if len(parser.prog.split()) == 2 else "###"
    lines = [f"{level} {parser.prog}", "", "```text", text.strip(), "```", ""]
    formatter = parser._get_formatter()
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction) or action.dest == "verbose":
            continue
        if action.help == argparse.SUPPRESS:
            continue
        if not action.help:
            _gaps.append(f"`{parser.prog}`: {'/'.join(action.option_strings) or action.dest} has no help")
            continue
        rows.append(f"| {_invocation(action, formatter)} | {_cell(formatter._expand_help(action))} |")
    for action in _subparsers(parser):
        names = ", ".join(f"[`{name}`](#{sub.prog.replace(' ', '-')})" for name, sub in action.choices.items())
        lines += [f"Commands: {names}.", ""]
    return lines + (["| option | |", "|---|---|", *rows, ""] if rows else [])


def _invocation(action: argparse.Action, formatter: argparse.HelpFormatter) -> str:
    if not action.option_strings:
        return f"`{formatter._format_args(action, action.metavar or action.dest)}`"
    value = "" if action.nargs == 0 else f" {formatter._format_args(action, action.dest.upper())}"
    return ", ".join(f"`{option}{value}`" for option in action.option_strings).replace("|", "\\|")


def _as_script() -> None:
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # Blender's module may crash when Python is taken down with classes registered.


if __name__ == "__main__":
    _as_script()
