"""A report for somebody who looks into a fault: versions, settings and the log, without the folders of its author.

Needs the standard library alone; what is asked of Blender stands in `operators/scene/diagnostics.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .errors import DnpmError
from .files import inputs

LINES = 100
"""Of the log, at the end of a report."""
_TAIL_BYTES = 200_000
_URL = re.compile(r"https?://[^\s\"'<>]+")
# A folder's name may hold spaces, but does not end with one: "/a/b.obj and /c/d.obj" are two paths.
_SEGMENT = r"(?:[^\\/\n\"<>|:]*[^\\/\n\"<>|:\s][\\/]+)"
_ABSOLUTE = re.compile(rf"(?<![\w\\/.~-])(?:[A-Za-z]:[\\/]+|\\\\|/+|~[\\/]+|\.\.?[\\/]+)(?=[^\s\\/]){_SEGMENT}*")
_RELATIVE = re.compile(r"(?<![\w\\/.~-])(?:[^\s\\/\"'<>|:;,()=]+[\\/]+)+(?=[^\s\\/\"'<>|:;,()]+\.\w)")
_SOMEBODYS_HOME = re.compile(r"(?<![\w.~-])(?:[A-Za-z]:)?[\\/]+(?:home|Users)[\\/]+[^\\/\s\"<>|:;,()']+", re.IGNORECASE)
_FORWARDED = re.compile(r": worker \d+: (?:warning: |error: )?(\S.*)")
_RECORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ")


def without_paths(text: str, home: Path | None = None) -> str:
    """The text with every path cut to its last name; home folders become "~", and so does the name of the person.

    home: of the person whose report it is. Addresses of web pages stay.
    """
    parts, end = [], 0
    for url in _URL.finditer(text):
        parts += [_cut(text[end : url.start()], home), url.group()]
        end = url.end()
    return "".join([*parts, _cut(text[end:], home)])


def _cut(text: str, home: Path | None) -> str:
    if home is not None and home.name:
        written = r"[\\/]+".join(map(re.escape, re.split(r"[\\/]+", str(home))))
        text = re.sub(rf"(?<![\w.~-]){written}(?![\w.-])", "~", text, flags=re.IGNORECASE)
    text = _SOMEBODYS_HOME.sub("~", text)
    text = _RELATIVE.sub("", _ABSOLUTE.sub("", text))
    if home is not None and home.name:
        text = re.sub(rf"(?<!\w){re.escape(home.name)}(?!\w)", "~", text, flags=re.IGNORECASE)
    return text


def tail(file: Path) -> list[str]:
    """The last records of a log file, oldest first; none where there is no such file, or it cannot be read."""
    try:
        inputs.regular_file(file)
        with file.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except (DnpmError, OSError):
        return []
    records: list[str] = []
    for line in text.splitlines():
        if _RECORD.match(line):
            records.append(line)
        elif records:
            records[-1] += f"\n{line}"
    return records


def not_forwarded(ours: Iterable[str], workers: Iterable[str]) -> list[str]:
    """Our records without those that only repeat a line of the worker's standard error which its own log holds too."""
    known = "\n".join(workers)
    kept = []
    for record in ours:
        line = _FORWARDED.search(record)
        if line is None or line[1] not in known:
            kept.append(record)
    return kept


def last_lines(*logs: Iterable[str], count: int = LINES) -> list[str]:
    """The last lines of several logs' records together, in the order of their times."""
    moment = len("2026-01-01 00:00:00.000")
    records = sorted((record for log in logs for record in log), key=lambda record: record[:moment])
    return "\n".join(records).splitlines()[-count:]


def report(sections: Mapping[str, Mapping[str, object]], log: Iterable[str], home: Path | None = None) -> str:
    """The report: a heading for each section, a line for each of its entries, and the log, all without paths."""
    lines = ["DNPM Face, diagnostics"]
    for title, entries in sections.items():
        lines += ["", title, *(f"  {name}: {one}" for name, one in entries.items())]
    lines += ["", f"Last {LINES} log lines", *(f"  {line}" for line in log)]
    return "\n".join(without_paths(line, home) for line in lines) + "\n"
