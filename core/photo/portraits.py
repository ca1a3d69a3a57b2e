"""A folder of portraits: whose files they are, and two halves of the people that never change.

People with several photos have files of one stem and a number (ann_1.jpg, ann_2.jpg; the first is fitted), or rows of
one name in labels.csv (columns file, person, sex: f or m, age: years by eye), which may lie in the folder or be
given.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from .. import logs
from ..errors import DnpmError
from ..files.inputs import read_text
from .image_file import pictures_in

log = logs.logger(__name__)

HALVES = ("all", "calibration", "test")
LABELS = "labels.csv"


@dataclass(frozen=True)
class Person:
    """A name, its pictures' files (the first is fitted), and where labels tell them the sex ("f", "m") and the age in
    years, by eye."""

    name: str
    files: list[Path]
    sex: str = ""
    age: float | None = None


def people_of(folder: Path, labels: Path | None = None) -> list[Person]:
    """The people of a folder, by labels or by file names. Raises DnpmError when there is none, or labels are
    damaged."""
    files, others = pictures_in(folder)
    for name in others:
        if name != LABELS:
            log.warning("%s: skipped, is not a picture by its name", name)
    table = labels or (folder / LABELS if (folder / LABELS).is_file() else None)
    rows = _labels(table) if table is not None else {}
    by_name: dict[str, list[Path]] = defaultdict(list)
    sexes: dict[str, str] = {}
    ages: dict[str, str] = {}
    for file in files:
        row = rows.get(file.name, {})
        name = row.get("person") or re.sub(r"[_-]\d{1,3}$", "", file.stem)
        by_name[name].append(file)
        sexes[name] = sexes.get(name) or row.get("sex", "")
        ages[name] = ages.get(name) or row.get("age", "")
    return [
        Person(name, sorted(found), sexes[name], float(ages[name]) if ages[name] else None)
        for name, found in sorted(by_name.items())
    ]


def chosen(people: list[Person], half: str, most: int | None) -> list[Person]:
    """The half of the people that is asked for, ordered by the hash of their names; at most so many. Raises DnpmError
    on a number below 3."""
    if most is not None and most < 3:
        raise DnpmError(f"--people {most}: at least 3 can be compared")
    digest = {person.name: hashlib.sha256(person.name.encode()).digest() for person in people}
    ordered = sorted(people, key=lambda person: digest[person.name])
    wanted = {"all": (0, 1), "calibration": (0,), "test": (1,)}[half]
    return [person for person in ordered if digest[person.name][-1] % 2 in wanted][:most]


def _labels(path: Path) -> dict[str, dict[str, str]]:
    """File name -> its row. Raises DnpmError when it is no such table."""
    reader = csv.DictReader(io.StringIO(read_text(path, 10_000_000)))
    if not reader.fieldnames or "file" not in reader.fieldnames:
        raise DnpmError(f'{path}: has no column "file"; the columns are file, person, sex, age')
    rows = {}
    for number, row in enumerate(reader, 2):
        sex = (row.get("sex") or "").strip().lower()[:1]
        if sex not in ("", "f", "m"):
            raise DnpmError(f"{path}: line {number}: sex must be f, m or empty")
        age = (row.get("age") or "").strip()
        if age and not (age.replace(".", "", 1).isdecimal() and 0 < float(age) < 130):
            raise DnpmError(f"{path}: line {number}: age must be years or empty")
        rows[(row["file"] or "").strip()] = {"person": (row.get("person") or "").strip(), "sex": sex, "age": age}
    return rows
