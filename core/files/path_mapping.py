"""Reads the path mapping rules of a farm: where folders of the submitter's machine lie on the machine that works.

The form is Open Job Description's `pathmapping-1.0`
(https://github.com/OpenJobDescription/openjd-specifications/wiki/How-Jobs-Are-Run#path-mapping).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..errors import DnpmError
from . import json_file
from .inputs import brief, shown_path

VERSION = "pathmapping-1.0"
_FORMATS: dict[str, type[PurePosixPath] | type[PureWindowsPath]] = {"POSIX": PurePosixPath, "WINDOWS": PureWindowsPath}
_MOST = 10_000


@dataclass(frozen=True)
class PathMapping:
    """Rules (source, destination), the longest source first: the first that fits decides."""

    rules: tuple[tuple[PurePosixPath | PureWindowsPath, str], ...] = ()

    def apply(self, path: str) -> str:
        """The path on this machine; as it is where no rule fits. Whole names of folders count, on Windows without
        case."""
        for source, destination in self.rules:
            given = type(source)(path)
            if given == source or source in given.parents:
                rest = given.relative_to(source).parts
                # `..` inside would lead out of the folder that the rule is about.
                return path if ".." in rest else os.path.join(destination, *rest)  # noqa: PTH118 (keeps a drive's form)
        return path


def read(path: Path | None) -> PathMapping:
    """The rules of a file; none for None, and for a file that holds {} or an empty list.

    Raises DnpmError on anything else than the form."""
    if path is None:
        return PathMapping()
    data = json_file.read(path, f"give path mapping rules of the form {VERSION}")
    if data == {}:
        return PathMapping()
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise DnpmError(f"{shown_path(path)}: is not of the form {VERSION}; give the file that the farm wrote")
    entries = data.get("path_mapping_rules", [])
    if not isinstance(entries, list) or len(entries) > _MOST:
        raise DnpmError(f"{shown_path(path)}: path_mapping_rules must be a list of at most {_MOST} rules; shorten it")
    rules: list[tuple[PurePosixPath | PureWindowsPath, str]] = []
    for number, entry in enumerate(entries, 1):
        keys = ("source_path_format", "source_path", "destination_path")
        found = [entry.get(key) for key in keys] if isinstance(entry, dict) else []
        values = [value for value in found if isinstance(value, str) and value and "\0" not in value]
        if len(values) != len(keys):
            raise DnpmError(f"{shown_path(path)}: rule {number} must have {', '.join(keys)}, each a text; mend it")
        form, source, destination = values
        if form not in _FORMATS:
            raise DnpmError(f"{shown_path(path)}: rule {number}: {brief(form)} is neither POSIX nor WINDOWS; mend it")
        rules.append((_FORMATS[form](source), destination))
    rules.sort(key=lambda rule: -len(rule[0].parts))
    return PathMapping(tuple(rules))
