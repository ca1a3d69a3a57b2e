"""Names that become files and folders: what every system can hold, and which two it would take for one.

Windows' rules are those of "Naming Files, Paths, and Namespaces" (Microsoft Learn): device names are reserved with any
extension, and a dot or space at the end is dropped. A name that one system cannot hold is refused on all of them, so
that a job runs the same everywhere.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from .inputs import brief

_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"}
_DEVICES |= {f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"}
_MOST_LETTERS, _MOST_BYTES = 100, 210
"""Of a part, and of a whole name: a file's has room for 255 bytes, and what is added needs some of them."""


def problem(name: object) -> str:
    """Why this cannot be the name of a file or folder; empty when it can.

    Letters and digits of any script, '.', '_' and '-'; it begins with a letter or digit and does not end in a dot.
    """
    reason = _spelling_problem(name)
    if reason or not isinstance(name, str):
        return reason
    if len(name.encode()) > _MOST_BYTES:
        return f"{name[:20]!r}... is too long: at most {_MOST_BYTES} bytes in UTF-8"
    if name.endswith("."):
        return f"{brief(name)} must not end in a dot, which Windows drops"
    if is_reserved(name):
        return f"{brief(name)} is reserved on Windows, with any extension"
    return ""


def is_reserved(name: str) -> bool:
    """Whether Windows takes this for a device, whatever its extension."""
    return name.split(".")[0].strip().casefold() in _DEVICES


def part_problem(name: object) -> str:
    """The same for a part of such a name, to which another one is joined."""
    reason = _spelling_problem(name)
    if not reason and len(str(name)) > _MOST_LETTERS:
        return f"{str(name)[:20]!r}... is too long: at most {_MOST_LETTERS} letters"
    return reason


def _spelling_problem(name: object) -> str:
    if not isinstance(name, str) or not name or not all(_is_letter(c) or c in "._-" for c in name):
        return f"{brief(name)} must be a name of letters, digits, '.', '_' and '-'"
    if name[0] in "._-" or unicodedata.category(name[0])[0] == "M":
        return f"{brief(name)} must begin with a letter or digit"
    return ""


def _is_letter(c: str) -> bool:
    # Without control, format and private characters, separators and surrogates, which have no encoding.
    return unicodedata.category(c)[0] in "LMN"


def key(name: str) -> str:
    """What stands for all names that some file system takes for this one: it ignores case and how accents are coded.

    Canonical caseless matching (The Unicode Standard, section 3.13, D145), by way of capitals as NTFS compares.
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).upper().casefold())


def clashes(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of names of which a file system would make one file, each in the order given; equal ones count too."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(key(name), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]
