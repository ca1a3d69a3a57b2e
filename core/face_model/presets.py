"""Presets: a face's sliders as a small JSON file or text, the same for the sidebar, the command line and the batch.

    {"format": "dnpm-preset-1", "model": "...", "identity": {"Age": 1.2, ...}, "expression": {"jawOpen": 0.5, ...},
     "strength": 1.0, "look": {"tone": "brown", "stubble": 0.5, ...}, "w_offset": "...", "relief": "...",
     "corrective": "...", "skin": {"age": 8.5, "regions": {"glabella": 0.4}}, "photo": {"picture": "...", ...}}

`identity`, `expression`, `strength`, `look` (core/face_model/looks.py), `w_offset` (core/face_model/w_offset.py: the
detail that a photo gave), `relief` (core/face_model/relief.py: the photo's own wrinkles), `corrective`
(core/face_model/corrective.py: what the sliders cannot say about a photo's shape), `skin`
(core/face_model/skin_settings.py: its age and regions) and `photo` (core/face_model/photo_colours.py: its colours) may
each be left out: such a preset leaves these as they are. Within a part that stands there, a name that is left out is 0,
or in a look as in a new face. An identity component goes by the model's label, or by its number counted from 1. The
text names its model for the reader; what counts is whether a model has the names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import DnpmError
from ..files import json_file
from ..files.inputs import brief, read_text, shown_path
from ..files.names import is_reserved
from ..files.writing import write_text
from . import corrective as correctives
from . import photo_colours, skin_settings, tongue
from . import relief as reliefs
from . import w_offset as steps
from .arkit import TIP_UP
from .looks import Look, read_look
from .model import FaceModel
from .photo_colours import PhotoColours
from .skin_settings import SkinSettings

LIBRARY = Path(__file__).parent / "library"
"""Presets that ship with the project, in the folders `people` and `expressions` (scripts/make_library.py)."""
FORMAT = "dnpm-preset-1"
SUFFIX = ".json"
MAX_BYTES = 2_000_000
IDENTITY_LIMIT = 10.0
"""Standard deviations: what the sliders can hold."""
STRENGTH_LIMIT = 4.0
_PARTS = ("identity", "expression", "strength", "look", "w_offset", "relief", "corrective", "skin", "photo")


@dataclass(frozen=True)
class Preset:
    """Sliders by name; None means that the preset does not speak of them."""

    model: str
    identity: Mapping[str, float] | None = None
    expression: Mapping[str, float] | None = None
    strength: float | None = None
    """The scale s of Eq. 4."""
    look: Look | None = None
    w_offset: str | None = None
    """A step in w+ as text; empty: none."""
    relief: str | None = None
    """A photo's own wrinkles as text; empty: none."""
    corrective: str | None = None
    """A corrective shape as text; empty: none."""
    skin: SkinSettings | None = None
    photo: PhotoColours | Literal["none"] | None = None
    """The photo's colours; "none": they are taken away."""


def shipped(kind: str) -> list[Path]:
    """The shipped presets of a kind, "people" or "expressions", by name."""
    return sorted((LIBRARY / kind).glob(f"*{SUFFIX}"))


def shown_name(path: Path) -> str:
    """What a menu calls a shipped preset."""
    return path.stem.replace("_", " ")


def preset_of(
    model: FaceModel,
    identity: np.ndarray | None = None,
    expression: np.ndarray | None = None,
    strength: float | None = None,
    look: Look | None = None,
    w_offset: str | None = None,
    relief: str | None = None,
    corrective: str | None = None,
    skin: SkinSettings | None = None,
    tip_up: float = 0.0,
    photo: PhotoColours | Literal["none"] | None = None,
) -> Preset:
    """A preset from slider vectors (n_id,), (n_exp,); zeros are left out, which means 0 when it is read. tip_up: of the
    tongue, named among the expressions though it is none of the model's."""
    beside = {TIP_UP: round(float(tip_up), 6)} if tip_up and TIP_UP not in model.expression_index else {}
    return Preset(
        model.name,
        None if identity is None else _named(identity_names(model.identity_labels), identity),
        None if expression is None else _named(model.expression_names, expression) | beside,
        None if strength is None else float(strength),
        look,
        w_offset,
        relief,
        corrective,
        skin,
        photo,
    )


def identity_names(labels: Sequence[str]) -> list[str]:
    """What each component is called in a preset: its label where no other has the same, else its number from 1."""
    return [label if labels.count(label) == 1 else str(k + 1) for k, label in enumerate(labels)]


def vectors(preset: Preset, model: FaceModel) -> tuple[np.ndarray | None, np.ndarray | None, list[str]]:
    """(identity (n_id,) or None, expression (n_exp,) or None, the preset's names that this model does not have)."""
    unknown: list[str] = []
    places = {str(k + 1): k for k in range(model.n_id)}
    places |= {label: k for k, label in reversed(list(enumerate(model.identity_labels)))}
    identity = _vector(preset.identity, places, model.n_id, unknown)
    expression = _vector(preset.expression, model.expression_index, model.n_exp, unknown)
    if TIP_UP in unknown and tongue.names(model):
        unknown.remove(TIP_UP)
    return identity, expression, unknown


def tip_up_of(preset: Preset) -> float:
    """How far up the tongue's tip is in the preset."""
    return 0.0 if preset.expression is None else preset.expression.get(TIP_UP, 0.0)


def to_text(preset: Preset) -> str:
    """The preset as JSON text."""
    data: dict[str, object] = {"format": FORMAT, "model": preset.model}
    for key in ("identity", "expression"):
        values = getattr(preset, key)
        if values is not None:
            data[key] = dict(values)
    if preset.strength is not None:
        data["strength"] = preset.strength
    if preset.look is not None:
        data["look"] = preset.look.as_json()
    if preset.w_offset is not None:
        data["w_offset"] = preset.w_offset
    if preset.relief is not None:
        data["relief"] = preset.relief
    if preset.corrective is not None:
        data["corrective"] = preset.corrective
    if preset.skin is not None:
        data["skin"] = preset.skin.as_json()
    if preset.photo is not None:
        data["photo"] = {} if preset.photo == "none" else preset.photo.as_json()
    return json.dumps(data, indent=1) + "\n"


def from_text(text: str, source: str) -> Preset:
    """Read a preset from JSON text; `source` names it in messages. Raises DnpmError with all that is wrong."""
    if len(text) > MAX_BYTES:
        raise DnpmError(f"{source}: is not a preset (over {MAX_BYTES // 1_000_000} MB)")
    data = json_file.parse(text, source, "give a preset")
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DnpmError(f'{source}: is not a preset: it must be a JSON object with "format": "{FORMAT}"')
    known = {"format", "model", *_PARTS}
    problems = [f"unknown entry {brief(key)}" for key in sorted(data.keys() - known)]
    if not isinstance(data.get("model", ""), str):
        problems.append('"model" must be a name')
    identity = _read_values(data, "identity", (-IDENTITY_LIMIT, IDENTITY_LIMIT), problems)
    expression = _read_values(data, "expression", (0.0, 1.0), problems)
    strength = data.get("strength")
    if strength is not None and not json_file.is_number(strength, 0.0, STRENGTH_LIMIT):
        problems.append(f'"strength" must be a number from 0 to {STRENGTH_LIMIT:g}, is {brief(strength)}')
    look = None
    if "look" in data:
        try:
            look = read_look(data["look"])
        except ValueError as error:
            problems.append(f"look: {error}")
    skin = None
    if data.get("skin") is not None:
        try:
            skin = skin_settings.read(data["skin"])
        except ValueError as error:
            problems.append(f"skin: {error}")
    photo: PhotoColours | Literal["none"] | None = None
    if data.get("photo") is not None:
        try:
            photo = photo_colours.read(data["photo"]) or "none"
        except ValueError as error:
            problems.append(f"photo: {error}")
    texts: dict[str, str | None] = {}
    for part, read in (
        ("w_offset", steps.from_text), ("relief", reliefs.from_text), ("corrective", correctives.from_text),
    ):  # fmt: skip
        value = data.get(part)
        texts[part] = value if isinstance(value, str) else None
        if value is not None:
            try:
                read(value if isinstance(value, str) else "?")
            except ValueError as error:
                problems.append(f"{part} {error}")
    if not problems and all(data.get(part) is None for part in _PARTS):
        problems.append(f"it has none of {', '.join(_PARTS)}")
    if problems:
        raise DnpmError(f"{source}: the preset has mistakes: " + "; ".join(problems[:8]))
    scale = None if strength is None else float(strength)
    return Preset(data.get("model", ""), identity, expression, scale, look, **texts, skin=skin, photo=photo)


def read_preset(path: str | os.PathLike[str]) -> Preset:
    """Read a preset file. Raises DnpmError when it is missing, too large for one, or damaged."""
    return from_text(read_text(path, MAX_BYTES, "give a preset"), shown_path(path))


def write_preset(path: str | os.PathLike[str], preset: Preset) -> None:
    """Write a preset beside its place, then rename it there. Raises DnpmError when the folder cannot be written."""
    write_text(path, to_text(preset), make_folder=True)


def file_name(name: str) -> str:
    """A preset's file name from what a person typed. Raises DnpmError when nothing usable is left."""
    kept = "".join(c if c.isalnum() or c in " -_.()" else "_" for c in name)[:80].strip(" .")
    if not any(c.isalnum() for c in kept):
        raise DnpmError(f"{brief(name)} is not a name for a preset: it needs a letter or a digit")
    if is_reserved(kept):
        raise DnpmError(f"{brief(name)} is not a name for a preset: Windows reserves it; choose another one")
    return kept + SUFFIX


def _named(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    # Six decimals: a slider's value comes back as it was, and the text stays readable.
    return {name: round(float(value), 6) for name, value in zip(names, values, strict=True) if value != 0}


def _vector(
    values: Mapping[str, float] | None, places: Mapping[str, int], size: int, unknown: list[str]
) -> np.ndarray | None:
    if values is None:
        return None
    vector = np.zeros(size, np.float32)
    for name, value in values.items():
        if name in places:
            vector[places[name]] = value
        else:
            unknown.append(name)
    return vector


def _read_values(
    data: dict[str, object], key: str, limits: tuple[float, float], problems: list[str]
) -> dict[str, float] | None:
    values = data.get(key)
    if values is None:
        return None
    if not isinstance(values, dict):
        problems.append(f'"{key}" must be an object of names and numbers')
        return None
    for name, value in values.items():
        if not json_file.is_number(value, *limits):
            low, high = limits
            problems.append(f"{key} {brief(name)} must be a number from {low:g} to {high:g}, is {brief(value)}")
    return {name: float(value) for name, value in values.items()} if not problems else {}
