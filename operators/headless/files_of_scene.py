"""The files that an open .blend needs: libraries, pictures with all frames and tiles, sounds, caches; and their paths
on a machine where folders lie elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import DnpmError
from ...core.files.path_mapping import PathMapping

_COLLECTIONS = ("images", "sounds", "movieclips", "fonts", "cache_files", "volumes")
_GENERATED = ("GENERATED", "VIEWER")
_BUILT_IN = "<builtin>"
_NUMBER = re.compile(r"\d+(?=\D*$)")
_UDIM = re.compile(r"<UDIM>|<UVTILE>|(?<!\d)1\d{3}(?!\d)")


def libraries() -> list[Path]:
    """The .blend files that are linked, also by each other."""
    return sorted({_absolute(library.filepath, library.library) for library in bpy.data.libraries})


def others() -> list[Path]:
    """All other files, every frame and tile of a picture; those that are not there with the name that is stored."""
    return sorted({file for data in _external() for file in files_of(data)})


def map_paths(mapping: PathMapping) -> None:
    """Let absolute paths that a rule fits point to this machine's files, libraries first: what they hold is loaded."""
    if not mapping.rules:
        return
    for library in list(bpy.data.libraries):
        moved = mapping.apply(library.filepath)
        if moved != library.filepath:
            library.filepath = moved
            library.reload()
    for data in _external():
        moved = mapping.apply(data.filepath)
        if moved != data.filepath:
            data.filepath = moved
            if isinstance(data, bpy.types.Image):
                data.reload()


def check_libraries(blend: Path) -> None:
    """Raises DnpmError where a linked file is not there: what is linked from it would be missing in the picture."""
    missing = [str(path) for path in libraries() if not path.is_file()]
    if missing:
        raise DnpmError(
            f"{blend}: {len(missing)} linked files are not there ({', '.join(missing[:4])}); bring them along, or map "
            "their folders with --path-mapping"
        )


def missing() -> list[Path]:
    """The other files that are not there."""
    return [path for path in others() if not path.exists()]


def _external() -> Iterator[Any]:
    """Data with a file of its own outside the .blend."""
    for name in _COLLECTIONS:
        for data in getattr(bpy.data, name, ()):
            packed = getattr(data, "packed_file", None) or getattr(data, "packed_files", None)
            generated = getattr(data, "source", "") in _GENERATED
            if data.filepath and data.filepath != _BUILT_IN and not packed and not generated:
                yield data


def files_of(data: Any) -> list[Path]:
    """All files of one picture, sound or cache: a sequence's frames, an image's tiles."""
    path = _absolute(data.filepath, data.library)
    source = getattr(data, "source", "FILE")
    if source == "SEQUENCE" or getattr(data, "is_sequence", False):
        pattern = _NUMBER
    elif source == "TILED":
        pattern = _UDIM
    else:
        return [path]
    found = pattern.search(path.name)
    if found is None or not path.parent.is_dir():
        return [path]
    begin, end = path.name[: found.start()], path.name[found.end() :]
    alike = [
        file
        for file in path.parent.iterdir()
        if file.name.startswith(begin)
        and file.name.endswith(end)
        and file.name[len(begin) : len(file.name) - len(end)].isdecimal()
    ]
    return alike or [path]


def _absolute(path: str, library: bpy.types.Library | None) -> Path:
    """Relative paths count from the .blend that holds them, linked ones from theirs."""
    return Path(bpy.path.abspath(path, library=library)).resolve()
