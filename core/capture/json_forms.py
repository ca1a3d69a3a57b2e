"""Captures as JSON, in the forms of several programs.

- Audio2Face (Omniverse) and compatible programs: `facsNames`, `weightMat` (frames x names), `exportFps`.
- BEAT (the data set's iPhone recordings): `names`, `frames` of {`weights`, `time`, `rotation`}.
- MediaPipe face landmarker results, one per frame: `faceBlendshapes` of {`categories` of {`categoryName`, `score`}}, as
  its JavaScript has it, or `face_blendshapes`/`blendshapes` of {`category_name`, `score`}; times in ms, or none.
- Frames of {name: value}, in a list or under `frames`, with or without times (programs with ARKit on a phone or PyLive
  Link Face), and curves of {name: values}, as `dnpm animate` writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import DnpmError
from ..files.inputs import brief
from .names import is_read
from .stamps import kind_of
from .table import Column, NotACaptureError, Table

_BARE = re.compile(r"[^a-z0-9]")
_RATES = ("exportfps", "fps", "framerate", "framespersecond")
_HEADS = ("metadata", "meta", "info", "header", "settings")
_LISTS = ("frames", "results", "data", "keyframes", "samples", "track", "animation")
_SHAPES = ("faceblendshapes", "blendshapes", "blendshape", "categories", "shapes", "weights", "coefficients", "values")
_NAMES = ("categoryname", "name", "key", "shape", "label", "displayname")
_SCORES = ("score", "value", "weight", "coefficient")
_MOST_ROWS, _MOST_NAMES = 1_000_000, 4000


def read_json(value: object) -> Table:
    """A JSON value -> its table. Raises DnpmError that says what is missing."""
    table = _matrix(value) or _curves(value) or _frames(value)
    if table is None:
        raise NotACaptureError(
            "is JSON, but not a capture; supported are Audio2Face (facsNames, weightMat), BEAT (names, frames), "
            "MediaPipe results (faceBlendshapes), frames of {name: value} and curves of {name: values}"
        )
    if len(table.values) > _MOST_ROWS:
        raise DnpmError(f"has more than {_MOST_ROWS:,} frames: split it")
    rate = _rate(value)
    if rate is not None:
        table.rate_title, table.rate = rate
    return table


@lru_cache(maxsize=10_000)
def _bare(key: str) -> str:
    return _BARE.sub("", key.lower())


def _entry(value: object, wanted: tuple[str, ...]) -> tuple[str, Any] | None:
    """The first entry of an object under one of these keys, in this order, ignoring case."""
    if not isinstance(value, Mapping):
        return None
    found = {_bare(key): (key, entry) for key, entry in value.items()}
    return next((found[key] for key in wanted if key in found), None)


def _rate(value: object) -> tuple[str, float] | None:
    """A rate stated at the top level or in the metadata."""
    for place in (value, (_entry(value, _HEADS) or ("", None))[1]):
        found = _entry(place, _RATES)
        if found is not None and found[1] is not None:
            if not _is_number(found[1]) or not found[1] > 0:
                raise DnpmError(f"{found[0]} must be a rate in frames per second, is {brief(found[1])}")
            return found[0], float(found[1])
    return None


def _matrix(value: object) -> Table | None:
    """Names at the top level, a list of numbers per frame."""
    names = _entry(value, ("facsnames", "names", "blendshapenames", "blendshapekeys", "channels"))
    rows = _entry(value, ("weightmat", "frames", "weights", "blendshapevalues", "values", "blendshapes"))
    if names is None or rows is None or not isinstance(names[1], list) or not isinstance(rows[1], list):
        return None
    titles = [str(name) for name in names[1][: _MOST_NAMES + 1]]
    channels = [k for k, title in enumerate(titles) if is_read(title)]
    _check_titles(titles, channels)
    weights = [_entry(row, _SHAPES) if isinstance(row, Mapping) else ("", row) for row in rows[1]]
    out = np.full((len(weights), len(channels)), np.nan)
    damaged = 0
    for k, entry in enumerate(weights):
        row = entry[1] if entry else None
        if isinstance(row, list) and len(row) == len(titles):
            out[k] = [_number(row[place], titles[place], k) for place in channels]
        elif row not in (None, []):
            damaged += 1
    table = _made("Audio2Face JSON" if names[0] == "facsNames" else "JSON of names and frames", titles, channels, out)
    if damaged > len(out) / 2:
        raise DnpmError(f"{rows[0]}: most frames do not have one value for each of the {len(titles)} {names[0]}")
    table.stamps = _stamps(rows[1]) or _parallel(value, len(out))
    stated = _entry(value, ("numframes",))
    if stated and _is_number(stated[1]) and stated[1] > len(out):
        table.notes.append(f"{stated[0]} states {stated[1]:g}")
        table.cut = int(min(stated[1] - len(out), 10**9))
    if any(isinstance(row, Mapping) and _entry(row, ("rotation",)) for row in rows[1][:1]):
        table.notes.append("its head rotations are not read")
    return table


def _curves(value: object) -> Table | None:
    """A list of numbers per name."""
    inner = _entry(value, ("curves", "blendshapes", "channels"))
    curves = inner[1] if inner and isinstance(inner[1], Mapping) else value
    if not isinstance(curves, Mapping):
        return None
    known = {str(k): v for k, v in curves.items() if is_read(str(k)) and isinstance(v, list)}
    if not known:
        return None
    lengths = {len(values) for values in known.values()}
    if len(lengths) > 1:
        raise DnpmError(f"its curves differ in length ({min(lengths)} to {max(lengths)} values)")
    titles = list(known)
    out = np.array(
        [[_number(entry, title, k) for k, entry in enumerate(values)] for title, values in known.items()]
    ).T.reshape(-1, len(titles))
    table = _made("JSON of curves", titles, list(range(len(titles))), out)
    table.others = [str(k) for k, v in curves.items() if isinstance(v, list) and str(k) not in known]
    table.others = [title for title in table.others if kind_of(title) is None]
    table.stamps = _parallel(value, len(out)) or _parallel(curves, len(out))
    return table


def _frames(value: object) -> Table | None:
    """One object per frame."""
    inner = _entry(value, _LISTS)
    frames = value if isinstance(value, list) else inner[1] if inner else None
    if not isinstance(frames, list) or not any(map(_is_frame, frames[:1000])):
        return None
    shapes = [_shapes(frame, k) for k, frame in enumerate(frames)]
    titles = list(dict.fromkeys(title for shape in shapes for title in shape))
    if not titles:
        return None
    _check_titles(titles, list(range(len(titles))))
    place = {title: k for k, title in enumerate(titles)}
    out = np.full((len(frames), len(titles)), np.nan)
    for k, shape in enumerate(shapes):
        if shape:
            out[k] = 0.0  # Some programs write nonzero values only.
            out[k, [place[title] for title in shape]] = list(shape.values())
    mediapipe = any(map(_from_mediapipe, frames[:1000]))
    table = _made("MediaPipe JSON" if mediapipe else "JSON of frames", titles, list(range(len(titles))), out)
    table.stamps = _stamps(frames)
    faces = max(map(_faces, frames[:1000]))
    if faces > 1:
        table.notes.append(f"the first of {faces} faces")
    return table


def _faces(frame: object) -> int:
    """The number of faces in a frame."""
    found = _entry(frame, _SHAPES)
    within = found[1] if found is not None else frame
    if not isinstance(within, list) or not within:
        return 0
    lists = isinstance(within[0], list) or _entry(within[0], ("categories",)) is not None
    return len(within) if lists else 1


def _is_frame(frame: object) -> bool:
    """An object, or a list of objects with names and values."""
    return isinstance(frame, Mapping) or (isinstance(frame, list) and bool(frame) and isinstance(frame[0], Mapping))


def _shapes(frame: object, number: int) -> dict[str, float]:
    """ARKit names and values of a frame; empty if there is no face."""
    if frame is None or frame == []:
        return {}
    found = _entry(frame, _SHAPES)
    within, first = found[1] if found is not None else frame, None
    for _ in range(3):  # faceBlendshapes: [{categories: [...]}], or one list per face
        categories = _entry(within, ("categories",))
        if categories is not None:
            within = categories[1]
            continue
        first = within[0] if isinstance(within, list) and within else None
        if isinstance(first, list) or _entry(first, ("categories",)):
            within = first
    if isinstance(within, Mapping):
        named = list(within.items())
    elif isinstance(within, list):
        name, score = _entry(first, _NAMES), _entry(first, _SCORES)
        entries = [entry for entry in within[:_MOST_NAMES] if isinstance(entry, Mapping)]
        named = [(entry.get(name[0]), entry.get(score[0])) for entry in entries] if name and score else []
    elif within is None:
        return {}
    else:
        raise DnpmError(f"frame {number}: its values are {brief(within)}, not names with numbers")
    known = [(str(name), value) for name, value in named if is_read(str(name))]
    return {name: _number(value, name, number) for name, value in known if not isinstance(value, Mapping | list)}


def _from_mediapipe(frame: object) -> bool:
    found = _entry(frame, _SHAPES)
    first = found[1][0] if found and isinstance(found[1], list) and found[1] else None
    return _entry(frame, ("faceblendshapes",)) is not None or _entry(first, ("categoryname", "categories")) is not None


def _stamps(frames: list[Any]) -> list[Column]:
    """The times stored in the frames."""
    first = next((frame for frame in frames if isinstance(frame, Mapping)), {})
    titles = [str(k) for k, v in first.items() if kind_of(str(k)) is not None and isinstance(v, int | float | str)]
    return [
        Column(title, [_cell(frame.get(title) if isinstance(frame, Mapping) else None) for frame in frames])
        for title in titles
    ]


def _parallel(value: object, count: int) -> list[Column]:
    """Lists of times next to the values."""
    if not isinstance(value, Mapping):
        return []
    found = [(str(k), v) for k, v in value.items() if kind_of(str(k)) is not None and isinstance(v, list)]
    return [Column(title, [_cell(v) for v in values]) for title, values in found
            if len(values) == count and not any(isinstance(v, Mapping | list) for v in values)]  # fmt: skip


def _cell(value: object) -> str:
    return "" if value is None or isinstance(value, bool | Mapping | list) else str(value)


def _made(form: str, titles: list[str], channels: list[int], values: np.ndarray) -> Table:
    others = [title for k, title in enumerate(titles) if k not in set(channels)]
    return Table(
        form, [titles[k] for k in channels], values, np.arange(len(values)), unit="frame", others=others
    )  # fmt: skip


def _check_titles(titles: list[str], channels: list[int]) -> None:
    if len(titles) > _MOST_NAMES:
        raise DnpmError(f"has more than {_MOST_NAMES} names")
    if not channels:
        raise NotACaptureError(
            f"none of its {len(titles)} names is ARKit's (jawOpen, eyeBlinkLeft, …): {brief(titles)}"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: object, name: str, frame: int) -> float:
    if value is None:
        return float("nan")
    if not _is_number(value):
        raise DnpmError(f"frame {frame}: {name} is {brief(value)}, not a number")
    return float(value)  # type: ignore[arg-type]
