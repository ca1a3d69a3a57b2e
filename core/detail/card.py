"""The card beside the weights (`detail.json`): what made them, for which face model, and what their files must be.

Needs no torch, so that the command line and Blender's side can say which weights there are.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..files import json_file
from ..files.card_file import Card, CardKind, card_name
from ..files.inputs import brief, reading
from .config import GeneratorConfig, from_json

FORMAT = "dnpm-detail-1"
CARD, GENERATOR, ENCODER = "detail.json", "generator.safetensors", "encoder.safetensors"
MAPPING = "mapping.safetensors"
"""The mapping network f. Weights that were written before it had a file of its own keep it in the generator's."""
_AGAIN = "fetch the weights again, or train them with `dnpm train`"
_PROBED, _PROBE_LANDMARKS, _PROBE_TOLERANCE_MM = 16, (8, 30, 48), 0.2
_LAYOUT_LANDMARKS, _LAYOUT_TOLERANCE = (8, 19, 27, 30, 33, 36, 45, 48, 54, 57), 0.004


def _look(card: Mapping[str, Any]) -> None:
    """Raises DnpmError where what the card says of its face model is of another type."""
    trained = card["face_model"]
    for key in ("n_id", "n_exp"):
        if key in trained and not json_file.is_whole(trained[key], 0):
            raise DnpmError(f"face_model.{key} must be a whole number, is {brief(trained[key])}")
    for key in ("name", "expression_names_sha256"):
        if key in trained and not isinstance(trained[key], str):
            raise DnpmError(f"face_model.{key} must be text, is {brief(trained[key])}")
    for key, shape in (("identity_probe_mm", (None, None, 3)), ("layout_probe", (None, 2))):
        if trained.get(key) is not None:
            json_file.array(trained[key], shape, f"face_model.{key}")


KIND = CardKind(
    CARD, FORMAT,
    {
        "name": str, "generator_config": dict, "encoder_config": dict, "face_model": dict, "files": dict, "data": str,
        "licence": str, "command": str, "seed": int, "hours": (int, float), "scores": dict,
    },
    _AGAIN,
    _look,
)  # fmt: skip


def weights_dir(explicit: str | os.PathLike[str] | None = None) -> Path:
    """The folder with the weights: the explicit one, else `DNPM_WEIGHTS`, else `weights` in the package.

    Raises DnpmError when it holds no card.
    """
    folder = KIND.folder(explicit)
    if folder is None:
        raise KIND.missing(explicit, "detail weights")
    return folder


def read_card(folder: str | os.PathLike[str]) -> Card:
    """The card of a folder of weights, checked. Raises DnpmError when it is missing, damaged or of another format."""
    return KIND.read(folder)


def checked_files(folder: str | os.PathLike[str], card: Mapping[str, Any]) -> dict[str, Path]:
    """File name -> path of every file that the card names, its size and SHA-256 checked.

    Raises DnpmError when one is missing, truncated, or not the one that the card speaks of.
    """
    names = (GENERATOR, ENCODER, *((MAPPING,) if MAPPING in card["files"] else ()))
    return {name: KIND.checked(folder, name, card["files"].get(name)) for name in names}


def face_model_entry(model: FaceModel) -> dict[str, Any]:
    """What the card says of the face model that the weights were trained on.

    `identity_probe_mm` is what the first identity components move at the chin, the nose's tip and a mouth corner: it
    tells a rebuilt model whose components turned their sign or changed places from the one that was trained on.
    `layout_probe` is where some landmarks lie in the detail UV: maps painted for another layout would lie askew.
    """
    entry: dict[str, Any] = {
        "name": model.name,
        "n_id": model.n_id,
        "n_exp": model.n_exp,
        "expression_names_sha256": _names_sha256(model.expression_names),
    }
    probe = _probe(model)
    if probe is not None:
        entry["identity_probe_mm"] = np.round(probe.astype(float), 3).tolist()
    layout = _layout(model)
    if layout is not None:
        entry["layout_probe"] = np.round(layout.astype(float), 4).tolist()
    return entry


def check_face_model(card: Mapping[str, Any], model: FaceModel) -> None:
    """Raise DnpmError unless `model` is the face model that the weights were trained on."""
    trained = card["face_model"]
    problems = [
        f"{what} {brief(trained.get(key))}, the face model has {ours!r}"
        for key, what, ours in (
            ("n_id", "identity components", model.n_id),
            ("n_exp", "expressions", model.n_exp),
        )
        if trained.get(key) != ours
    ]
    if not problems and trained.get("expression_names_sha256") != _names_sha256(model.expression_names):
        problems.append("other expression names")
    probe, expected = _probe(model), trained.get("identity_probe_mm")
    if not problems and expected is not None:
        expected = np.asarray(expected, float)
        if probe is None or expected.shape != probe.shape or np.abs(expected - probe).max() > _PROBE_TOLERANCE_MM:
            problems.append("identity components that do something else")
    layout, expected = _layout(model), trained.get("layout_probe")
    if not problems and expected is not None:
        expected = np.asarray(expected, float)
        if layout is None or expected.shape != layout.shape or np.abs(expected - layout).max() > _LAYOUT_TOLERANCE:
            problems.append("another detail UV layout (build the face model again: `dnpm build face-model`)")
    if problems:
        raise DnpmError(
            f"{card_name(card)} were trained on the face model {brief(trained.get('name'))}: "
            f"{'; '.join(problems)}. Use that face model, or weights that were trained on {model.name!r}"
        )


def check_offset(card: Mapping[str, Any], offset: np.ndarray, source: str) -> None:
    """Raise DnpmError, naming `source`, unless a step in w+ (rows, width) is of the size that the weights take."""
    with reading(getattr(card, "path", None) or card["name"], _AGAIN):
        config = from_json(GeneratorConfig, card["generator_config"])
    if offset.shape != (config.w_layers, config.w_dim):
        raise DnpmError(
            f"{source}: its w_offset has the shape {offset.shape}, but the weights {brief(card.get('name'))} take "
            f"{(config.w_layers, config.w_dim)}; other weights were used for that photo"
        )


def _layout(model: FaceModel) -> np.ndarray | None:
    """(landmarks, 2) places in the detail UV; None where a landmark is missing or lies outside of the layer."""
    places = model.landmarks68[list(_LAYOUT_LANDMARKS)]
    inside = model.faces_detail_uv >= 0
    corner = np.full(len(model.neutral), -1, np.int64)
    corner[model.faces[inside]] = model.faces_detail_uv[inside]
    found = corner[places]
    return None if (places < 0).any() or (found < 0).any() else model.detail_uv[found]


def _names_sha256(names: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _probe(model: FaceModel) -> np.ndarray | None:
    places = model.landmarks68[list(_PROBE_LANDMARKS)]
    return None if (places < 0).any() else model.core[1 : 1 + _PROBED, 0][:, places].astype(np.float32)
