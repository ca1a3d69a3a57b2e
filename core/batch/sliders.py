"""From an item's words to the two slider vectors of a face model."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..errors import DnpmError
from ..face_model.looks import DEFAULT_LOOK, Look
from ..face_model.model import FaceModel
from ..face_model.photo_colours import PhotoColours
from ..face_model.presets import read_preset, tip_up_of, vectors
from ..face_model.random_look import random_look
from ..face_model.sampling import random_expression, random_person
from ..face_model.skin_settings import SkinSettings
from .job import Item, Spec


def resolve(item: Item, model: FaceModel) -> tuple[np.ndarray, np.ndarray, float]:
    """Identity (n_id,), expression (n_exp,) and detail strength of an item: its preset's, its own on top.

    Raises DnpmError when the preset cannot be read or the model does not have a slider that is named.
    """
    identity = expression = strength = None
    if item.preset is not None:
        preset = read_preset(item.preset)
        identity, expression, unknown = vectors(preset, model)
        strength = preset.strength
        if unknown:
            raise DnpmError(
                f"{item.preset}: {model.name} has no {', '.join(unknown[:8])}; the preset is another model's"
            )
    detail = item.settings.detail
    if detail is None:
        detail = 1.0 if strength is None else strength
    return (
        identity_vector(item.identity, model, identity),
        expression_vector(item.expression, model, expression),
        float(detail),
    )


def look_of(item: Item, model: FaceModel) -> Look:
    """The item's look: its own, else its preset's, else of a random person such colours as suit the shape (those of
    *Random* in the sidebar), else a new face's. Raises DnpmError when the preset is damaged."""
    if item.settings.look is not None:
        return item.settings.look
    look = None if item.preset is None else read_preset(item.preset).look
    if look is None and isinstance(item.identity, dict) and "seed" in item.identity:
        return random_look(model, int(item.identity["seed"]), identity_vector(item.identity, model))
    return DEFAULT_LOOK if look is None else look


def w_offset_of(item: Item) -> str:
    """The step in w+ of the item's preset as text, empty where there is none. Raises DnpmError when it is damaged."""
    return (read_preset(item.preset).w_offset or "") if item.preset is not None else ""


def relief_of(item: Item) -> str:
    """The wrinkles of the item's preset as text, empty where there are none. Raises DnpmError when it is damaged."""
    return (read_preset(item.preset).relief or "") if item.preset is not None else ""


def corrective_of(item: Item) -> str:
    """The corrective shape of the item's preset as text, empty where there is none. Raises DnpmError when it is
    damaged."""
    return (read_preset(item.preset).corrective or "") if item.preset is not None else ""


def tongue_of(item: Item) -> float:
    """How far the tongue's tip is up in the item's preset. Raises DnpmError when it is damaged."""
    return tip_up_of(read_preset(item.preset)) if item.preset is not None else 0.0


def skin_of(item: Item) -> SkinSettings:
    """The skin's age and regions of the item's preset. Raises DnpmError when it is damaged."""
    return (read_preset(item.preset).skin or SkinSettings()) if item.preset is not None else SkinSettings()


def photo_of(item: Item) -> PhotoColours | Literal["none"] | None:
    """The photo's colours of the item's preset, which cover the look's skin. Raises DnpmError when it is damaged."""
    return read_preset(item.preset).photo if item.preset is not None else None


def identity_vector(spec: Spec, model: FaceModel, base: np.ndarray | None = None) -> np.ndarray:
    """(n_id,) float32 standard deviations. Names are the model's labels, or a component's number counted from 1.

    A list may be shorter than n_id (the rest is 0). Named values are set on top of `base` (a preset's).
    Raises DnpmError on what this model does not have.
    """
    start = np.zeros(model.n_id, np.float32) if base is None else np.array(base, np.float32)
    if spec is None:
        return start
    if isinstance(spec, dict) and "seed" in spec:
        return random_person(model, int(spec["seed"]), float(spec.get("strength", 1.0)), spec.get("age"))
    if isinstance(spec, dict):
        places = {label: k for k, label in enumerate(model.identity_labels)}
        places |= {str(k + 1): k for k in range(model.n_id)}
        for name, value in spec.items():
            if name not in places:
                raise DnpmError(
                    f"identity {name!r} is none of {model.name}'s {model.n_id} components; "
                    f"use 1 to {model.n_id} or a label ({', '.join(model.identity_labels[:10])}, ...)"
                )
            start[places[name]] = value
        return start
    return _from_list(spec, model.n_id, f"{model.name} has {model.n_id} identity components", shorter=True)


def expression_vector(spec: Spec, model: FaceModel, base: np.ndarray | None = None) -> np.ndarray:
    """(n_exp,) float32. A list must have all of the model's values; named values are set on top of `base`.

    Raises DnpmError on what this model does not have.
    """
    start = np.zeros(model.n_exp, np.float32) if base is None else np.array(base, np.float32)
    if spec is None:
        return start
    if isinstance(spec, dict) and "seed" in spec:
        return random_expression(model, int(spec["seed"]), float(spec.get("strength", 1.0)))
    if isinstance(spec, dict):
        named = model.expression(**spec)
        for name in spec:
            start[model.expression_index[name]] = named[model.expression_index[name]]
        return start
    return _from_list(spec, model.n_exp, f"{model.name} has {model.n_exp} expressions", shorter=False)


def _from_list(values: list[float], count: int, what: str, *, shorter: bool) -> np.ndarray:
    if len(values) > count or (len(values) < count and not shorter):
        raise DnpmError(f"{what}, the item gives {len(values)} values")
    vector = np.zeros(count, np.float32)
    vector[: len(values)] = values
    return vector
