"""The batch's job format (docs/headless.md): read, checked as a whole before anything is rendered, and completed.

What is wrong with the file (a misspelt key, a number that is none) is raised here as one DnpmError that lists every
problem; what may be wrong with one item alone (a preset that is missing, a name that the face model does not have)
is left to `sliders.resolve`, so that the other items still run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..errors import DnpmError
from ..face_model.looks import Look, read_look
from ..face_model.sampling import OLDEST, YOUNGEST
from ..files import json_file, names
from ..files.inputs import brief, one_line, shown_path
from .views import View, read_view

OUTPUTS = ("png", "exr", "map_png", "obj", "ply", "gltf", "blend")
ENGINES = ("cycles", "eevee", "workbench")
_MOST_PROBLEMS = 20
MOST_ITEMS = 100_000
Spec = Any
"""Sliders as they stand in the job: a list of numbers, {name: value}, {"seed": n, "strength": s} (an identity's with an
"age" in years, if wanted), or None."""


@dataclass(frozen=True)
class Settings:
    """How an item is made. Every key may stand in the job's "settings" and again in an item."""

    outputs: tuple[str, ...] = ("png",)
    size: tuple[int, int] = (800, 960)
    """Width and height of a picture in pixels."""
    views: tuple[View, ...] = (read_view("front"),)
    engine: str = "cycles"
    samples: int = 48
    detail: float | None = None
    """The scale s of Eq. 4: 0 is the coarse face, 1 the map as it is; None is the preset's, else 1."""
    map_size: int = 1024
    """Pixels of the displacement map: 64 to 1024, a power of two."""
    subdivision: int = 3
    """Subdivision levels of the mesh that is rendered and written."""
    background: str = "studio"
    """"studio" or "transparent"."""
    look: Look | None = None
    """Skin tone, freckles and so on; None is the preset's, else a new face's."""


@dataclass(frozen=True)
class Item:
    """One face: a unique name, its sliders as written in the job, its settings."""

    name: str
    identity: Spec
    expression: Spec
    preset: Path | None
    settings: Settings


@dataclass(frozen=True)
class Job:
    """A whole batch, in the order in which it is made."""

    items: tuple[Item, ...]


def load(path: str | os.PathLike[str], settings: dict[str, Any] | None = None) -> Job:
    """Read a job file. Paths inside it are relative to it; `settings` win over the job's own.

    Raises DnpmError that lists all that is wrong.
    """
    path = Path(path)
    data = json_file.read(path, "docs/headless.md has a job's format")
    if settings and isinstance(data, dict) and isinstance(data.get("settings", {}), dict):
        data = data | {"settings": data.get("settings", {}) | settings}
    return parse(data, path.parent, shown_path(path))


def parse(data: object, folder: Path, name: str = "job") -> Job:
    """Check a job that is already JSON data; `folder` is where its relative paths start."""
    checker = _Checker(folder)
    items = checker.job(data)
    if checker.problems:
        shown = "; ".join(checker.problems)
        more = f"; and {checker.count - len(checker.problems)} more" if checker.count > len(checker.problems) else ""
        raise DnpmError(f"{name}: the job has mistakes (docs/headless.md has the format): {shown}{more}")
    return Job(tuple(items))


class _Checker:
    """Collects every problem with its place in the file instead of stopping at the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []
        self.count = 0
        self.libraries: dict[str, dict[str, Spec]] = {}

    def say(self, where: str, problem: str) -> None:
        self.count += 1
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(f"{one_line(where, 80)}: {problem}")

    def job(self, data: object) -> list[Item]:
        if not isinstance(data, dict):
            self.say("job", 'must be a JSON object with "items"')
            return []
        self.unknown_keys("job", data, {"settings", "identities", "expressions", "items"})
        settings = self.settings("settings", data.get("settings", {}), Settings())
        for kind in ("identities", "expressions"):
            library = data.get(kind, {})
            if not isinstance(library, dict):
                self.say(kind, "must be an object of names")
                library = {}
            self.libraries[kind] = {
                name: self.spec(f"{kind}.{name}", spec, aged=kind == "identities")
                for name, spec in library.items()
                if self.part(f"{kind}.{name}", name)
            }
        entries = data.get("items", "all")
        if entries == "all":
            return self.every_pair(settings)
        if isinstance(entries, list) and len(entries) > MOST_ITEMS:
            self.say("items", f"has {len(entries)} items; a job may have {MOST_ITEMS}: split it")
            return []
        if not isinstance(entries, list) or not entries:
            self.say("items", 'must be a list with at least one item, or "all" (every identity in every expression)')
            return []
        items = [item for i, e in enumerate(entries) if (item := self.item(f"items[{i}]", e, settings)) is not None]
        self.own_folders(items)
        return items

    def own_folders(self, items: list[Item]) -> None:
        """Every item's name is a folder's on any system, and no other item's."""
        for group in names.clashes(item.name for item in items):
            if len(set(group)) == 1:
                self.say("items", f"the name {group[0]!r} stands {len(group)} times; every item needs its own")
            else:
                alike = ", ".join(brief(name) for name in list(dict.fromkeys(group))[:4])
                self.say("items", f"the names {alike} are one folder where case or accents' coding do not count")

    def every_pair(self, settings: Settings) -> list[Item]:
        identities, expressions = self.libraries["identities"], self.libraries["expressions"]
        if not identities and not expressions:
            self.say("job", 'has no "items", and neither "identities" nor "expressions" to combine')
        if max(len(identities), 1) * max(len(expressions), 1) > MOST_ITEMS:
            self.say("job", f"its identities and expressions make more than {MOST_ITEMS} items; split it")
            return []
        pairs = [(i, e) for i in identities or [""] for e in expressions or [""]]
        items = [
            Item("_".join(filter(None, (i, e))), identities.get(i), expressions.get(e), None, settings)
            for i, e in pairs
            if i or e
        ]
        for item in items:
            self.name("items", item.name)
        self.own_folders(items)
        return items

    def item(self, where: str, entry: object, settings: Settings) -> Item | None:
        if not isinstance(entry, dict):
            self.say(where, "must be an object")
            return None
        own = {"name", "identity", "expression", "preset"}
        settings_keys = {field.name for field in fields(Settings)}
        self.unknown_keys(where, entry, own | settings_keys)
        name = entry.get("name")
        if not self.name(f"{where}.name", name):
            return None
        preset = entry.get("preset")
        if preset is not None and not (isinstance(preset, str) and preset):
            self.say(f"{where}.preset", "must be the path of a preset file")
            preset = None
        own_settings = {key: value for key, value in entry.items() if key in settings_keys}
        return Item(
            name=str(name),
            identity=self.spec(f"{where}.identity", entry.get("identity"), self.libraries["identities"], aged=True),
            expression=self.spec(f"{where}.expression", entry.get("expression"), self.libraries["expressions"]),
            preset=self.folder / preset if preset else None,
            settings=self.settings(where, own_settings, settings),
        )

    def name(self, where: str, name: object) -> bool:
        reason = names.problem(name)
        if reason:
            self.say(where, f"{reason} (it becomes a folder)")
        return not reason

    def part(self, where: str, name: object) -> bool:
        reason = names.part_problem(name)
        if reason:
            self.say(where, f"{reason} (it becomes a part of folders' names)")
        return not reason

    def unknown_keys(self, where: str, entry: dict[str, object], known: set[str]) -> None:
        for key in sorted(set(entry) - known):
            self.say(where, f"unknown key {brief(key)} (known: {', '.join(sorted(known))})")

    def spec(self, where: str, spec: object, known: dict[str, Spec] | None = None, *, aged: bool = False) -> Spec:
        """The sliders, a name of the job's own looked up; whether the model has such sliders is known only later."""
        if isinstance(spec, str):
            if known is not None and spec in known:
                return known[spec]
            try:
                return read_pairs(spec)
            except ValueError as error:
                others = f", nor one of the job's names ({', '.join(known)})" if known else ""
                self.say(where, f"{error}{others}")
                return None
        if isinstance(spec, list):
            if not all(_is_number(value) for value in spec):
                self.say(where, "a list must hold finite numbers alone")
        elif isinstance(spec, dict) and "seed" in spec:
            self.unknown_keys(where, spec, {"seed", "strength"} | ({"age"} if aged else set()))
            if not json_file.is_whole(spec["seed"], 0):
                self.say(f"{where}.seed", "must be a whole number from 0 up")
            if not _is_number(spec.get("strength", 1.0)):
                self.say(f"{where}.strength", "must be a number")
            if aged and not json_file.is_number(spec.get("age", YOUNGEST), YOUNGEST, OLDEST):
                self.say(f"{where}.age", f"must be {YOUNGEST:g} to {OLDEST:g} years")
        elif isinstance(spec, dict):
            for key, value in spec.items():
                if not _is_number(value):
                    self.say(f"{where}.{key}", f"{brief(value)} is not a finite number")
        elif spec is not None:
            self.say(where, 'must be {name: value}, a list of numbers, {"seed": n} or a name of the job')
        return spec

    def settings(self, where: str, entry: object, base: Settings) -> Settings:
        if not isinstance(entry, dict):
            self.say(where, "must be an object")
            return base
        self.unknown_keys(where, entry, set(_READERS))
        changes: dict[str, Any] = {}
        for key, value in entry.items():
            if key not in _READERS:
                continue
            try:
                changes[key] = _READERS[key](value)
            except ValueError as error:
                self.say(f"{where}.{key}", str(error))
        return replace(base, **changes)


def read_pairs(text: str) -> dict[str, float]:
    """`jawOpen=.5,browInnerUp=1` -> {name: value}. Raises ValueError with what is wrong."""
    pairs: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not name.strip() or not equals or not math.isfinite(number):
            raise ValueError(f"{brief(part)} is not a name=number pair")
        pairs[name.strip()] = number
    return pairs


def _is_number(value: Any) -> bool:
    return json_file.is_number(value, -1e6, 1e6)


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if not json_file.is_whole(value, low, high):
            raise ValueError(f"{brief(value)} must be a whole number from {low} to {high}")
        return int(value)

    return read


def _number(low: float, high: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if not json_file.is_number(value, low, high):
            raise ValueError(f"{brief(value)} must be a number from {low} to {high}")
        return float(value)

    return read


def _choice(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"{brief(value)} must be one of {', '.join(choices)}")
        return str(value)

    return read


def _size(value: Any) -> tuple[int, int]:
    if isinstance(value, list | tuple) and len(value) == 2 and all(json_file.is_whole(v, 16, 8192) for v in value):
        return int(value[0]), int(value[1])
    raise ValueError(f"{brief(value)} must be [width, height], each a whole number from 16 to 8192")


def _outputs(value: Any) -> tuple[str, ...]:
    if isinstance(value, list | tuple) and value and all(entry in OUTPUTS for entry in value):
        return tuple(entry for entry in OUTPUTS if entry in value)
    raise ValueError(f"{brief(value)} must be a list of one or more of {', '.join(OUTPUTS)}")


def _views(value: Any) -> tuple[View, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("must be a list of one or more views")
    views = tuple(read_view(entry) for entry in value)
    if clash := names.clashes(view.name for view in views):
        raise ValueError(f"views {', '.join(map(repr, clash[0]))}: two views have the same name, case does not count")
    return views


def _map_size(value: Any) -> int:
    if json_file.is_whole(value) and value in (64, 128, 256, 512, 1024):
        return int(value)
    raise ValueError(f"{brief(value)} must be 64, 128, 256, 512 or 1024")


_READERS: dict[str, Callable[[Any], Any]] = {
    "outputs": _outputs,
    "size": _size,
    "views": _views,
    "engine": _choice(*ENGINES),
    "samples": _whole(1, 4096),
    "detail": _number(0.0, 4.0),
    "map_size": _map_size,
    "subdivision": _whole(0, 4),
    "background": _choice("studio", "transparent"),
    "look": read_look,
}
