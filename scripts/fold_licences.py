"""Makes a wheel's paths short enough for Windows: all its licence texts become one file.

PyTorch's wheel carries a licence text for each of its parts, in folders that are nested as its sources are: up to 171
characters. Under Blender's folder of extensions that is more than the 260 that Windows allows, and Blender then leaves
out the whole wheel. The texts stay, each under the path that it had.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import zipfile
from pathlib import Path

WINDOWS_LIMIT = 259
"""Characters of a path (MAX_PATH without its end);
https://learn.microsoft.com/windows/win32/fileio/maximum-file-path-limitation."""
FOLDER = (
    "C:/Users/twenty_letters_of_it/AppData/Roaming/Blender Foundation/Blender/4.2/extensions/.local/lib/python3.11/"
    "site-packages"
)
"""Where Blender unpacks wheels, for a user's name of the greatest length that Windows allows."""
LONGEST = WINDOWS_LIMIT - len(FOLDER) - 1
"""Of a path inside a wheel."""
FOLDED = "LICENSES.txt"
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")


def too_long(wheel: Path) -> list[str]:
    """The paths inside a wheel that Windows would not take."""
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if len(name) > LONGEST]


def fold(wheel: Path) -> None:
    """Rewrite a wheel in place: the files of `NAME.dist-info/licenses/` become one there, METADATA and RECORD follow
    (https://packaging.python.org/specifications/recording-installed-packages). All else stays byte by byte."""
    beside = wheel.with_name(wheel.name + ".folded")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as new:
        (record,) = (name for name in old.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", name))
        info = record.removesuffix("RECORD")
        licences = [n for n in old.namelist() if n.startswith(f"{info}licenses/") and not n.endswith("/")]
        rows: list[tuple[str, str, str]] = []

        def add(entry: zipfile.ZipInfo | str, data: bytes) -> None:
            name = entry if isinstance(entry, str) else entry.filename
            new.writestr(entry, data, zipfile.ZIP_DEFLATED)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append((name, f"sha256={digest}", str(len(data))))

        for entry in old.infolist():
            name = entry.filename
            if name.endswith("/") or name in licences or name == record or name.removeprefix(info) in _SIGNATURES:
                continue
            data = old.read(entry)
            if name == f"{info}METADATA" and licences:
                data = _metadata(data)
            add(entry, data)
        if licences:
            date = old.getinfo(licences[0]).date_time
            add(_entry(f"{info}licenses/{FOLDED}", date), _joined(old, licences, f"{info}licenses/"))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*rows, (record, "", "")])
        new.writestr(_entry(record, old.getinfo(record).date_time), text.getvalue().encode(), zipfile.ZIP_DEFLATED)
    beside.replace(wheel)


def _entry(name: str, date: tuple[int, int, int, int, int, int]) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date)
    entry.external_attr = 0o644 << 16
    return entry


def _metadata(data: bytes) -> bytes:
    """License-File names what is under licenses/. Only in the headers, which end at the first empty line."""
    head, gap, body = data.partition(b"\n\n")
    lines = [line for line in head.split(b"\n") if not line.lower().startswith(b"license-file:")]
    if len(lines) < len(head.split(b"\n")):
        lines.append(b"License-File: " + FOLDED.encode())
    return b"\n".join(lines) + gap + body


def _joined(archive: zipfile.ZipFile, names: list[str], folder: str) -> bytes:
    parts = [
        b"The licences that came with this wheel, as they were, one after the other. Before each is the path that it "
        b"had under licenses/.\n"
    ]
    for name in names:
        line = b"=" * 100
        parts.append(b"\n".join((b"", line, name.removeprefix(folder).encode(), line, b"", archive.read(name))))
    return b"\n".join(parts) + b"\n"
