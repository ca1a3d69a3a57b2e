"""Export for Engine: snapshot, maps from the worker, wrinkle maps, baked colours, files (docs/engines.md)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ....core.backend.requests import Answer, InfoRequest, MapsRequest
from ....core.backend.types import Pending
from ....core.errors import DnpmError
from ....core.export import fidelity, manifest, slopes, weight_fit, wrinkles
from ....core.export.visemes import VISEMES
from ....core.face_model.units import MM_PER_M, from_blender
from ....core.files import png
from ....core.files.writing import folder as made_folder
from ....core.files.writing import write_text
from .. import session
from ..face import slider_values
from . import colours, files, parts, rig, snapshot
from .stage import stage

SIZES = (512, 1024, 2048, 4096)
TEXTURES = "textures"
_SMALL, _SMALLEST = 256, 128
"""Texels of the maps on which fidelity is measured, and of those to which weights are fitted."""
_FULL = 1024
"""The most texels a side of a normal map."""
_MAPS_A_REQUEST = {"cpu": 4}
_MAPS_ON_A_CARD = 32
_MAPS_SHARE = 0.8


@dataclass(frozen=True)
class Options:
    """What is written."""

    formats: tuple[str, ...] = ("glb", "fbx")
    visemes: bool = False
    size: int = 2048
    """Texels a side of the skin's colours; normal maps have the displacement map's, at most 1024."""


@dataclass(frozen=True)
class _Wrinkles:
    """Slopes and weights of a face with detail."""

    rest: np.ndarray
    groups: dict[str, np.ndarray]
    masks: np.ndarray
    weights: wrinkles.Weights
    fidelity: dict[str, Any]


def export(taken: snapshot.Snapshot, out: Path, options: Options) -> Generator[tuple[float, str], None, str]:
    """Write the face's files into a folder. Yields the share done and what is going on; returns what to tell.

    Raises DnpmError, also when the face was deleted meanwhile; files that were written by then stay.
    """
    made_folder(out / TEXTURES)
    made = None
    if taken.strength > 0:
        made = yield from _wrinkles(taken, min(options.size, _FULL))
    written, textures = _write_maps(out, made)
    yield _MAPS_SHARE, "baking colours"
    face = slider_values.still_there(taken.uid, taken.name)
    with stage() as one:
        obj = rig.mesh_copy(one, face, taken)
        baked = colours.bake(one, obj, taken.model, options.size)
        for part, colour in baked.items():
            if colour.pixels is not None:
                name = f"{TEXTURES}/{part.removeprefix('dnpm_')}_base_colour.png"
                png.write(out / name, colour.pixels)
                textures.setdefault(part, {})["base_colour"] = name
                written.append(name)
        yielded = {part: {what: out / name for what, name in names.items()} for part, names in textures.items()}
        used = rig.finish_mesh(one, obj, taken, baked, yielded)
        armature = rig.add_joints(one, obj, taken)
        for kind in options.formats:
            files.write(one, kind, out / files.FILES[kind], armature, obj)
            written.append(files.FILES[kind])
    joints = {name: (from_blender(place) / MM_PER_M).tolist() for name, place in taken.joints().items()}
    exported = manifest.Exported(
        files=written, keys=[*taken.keys, *taken.beside], joints=joints,
        visemes={name: VISEMES[name] for name in taken.visemes},
        materials={used[part]: textures.get(part, {}) for part in used},
        groups={name: _group_file(name) for name in made.groups} if made else {}, rest=_REST, mask=_MASK,
        weights=made.weights if made else None, fidelity=made.fidelity if made else {},
    )  # fmt: skip
    write_text(out / manifest.NAME, manifest.text_of(exported, out))
    return _told(out, made, written)


def _told(out: Path, made: _Wrinkles | None, written: Sequence[str]) -> str:
    text = f"{len(written) + 1} files in {out}"
    if made is None:
        return f"{text}; no wrinkle maps: the face's detail strength is 0"
    text += f"; {len(made.groups)} wrinkle maps"
    if made.fidelity:
        text += (
            f" explain {100 * made.fidelity['explained']:.0f} % of what the shipped "
            f"expressions change in the slopes (one map for all: {100 * made.fidelity['one_map_explained']:.0f} %)"
        )
    return text


_MASK = f"{TEXTURES}/wrinkle_mask.png"
_REST = f"{TEXTURES}/skin_normal.png"


def _group_file(name: str) -> str:
    return f"{TEXTURES}/wrinkle_{name}_normal.png"


def _write_maps(out: Path, made: _Wrinkles | None) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Normal maps and mask; returns what was written, and part -> its textures."""
    if made is None:
        return [], {}
    pictures = {_REST: slopes.encode(made.rest), _MASK: _mask_picture(made.masks)}
    pictures |= {_group_file(name): slopes.encode(group) for name, group in made.groups.items()}
    for name, pixels in pictures.items():
        png.write(out / name, pixels)
    return list(pictures), {parts.SKIN: {"normal": _REST}}


def _mask_picture(masks: np.ndarray) -> np.ndarray:
    left = np.round(255 * masks[..., 0]).astype(np.uint8)
    return np.stack([left, 255 - left, np.zeros_like(left)], -1)


def _wrinkles(taken: snapshot.Snapshot, side: int) -> Generator[tuple[float, str], None, _Wrinkles]:
    """Maps at full size for the files, and small ones for weights and fidelity."""
    model = taken.model
    groups = wrinkles.groups_of(model)
    if not groups:
        raise DnpmError(f"{model.name}: has none of the expressions of which wrinkle maps are made")
    info = yield from _answer(
        session.usable_client().submit(_channel(taken), InfoRequest()), 0.0, "starting the backend"
    )
    side, few, fewest = (min(size, info.weights.resolution) for size in (side, _SMALL, _SMALLEST))
    rest = np.zeros(model.n_exp, np.float32)
    large = [rest, *(model.expression(**dict.fromkeys(keys, 1.0)) for keys in groups.values())]
    alone = list(np.eye(model.n_exp, dtype=np.float32))
    others, mixed = fidelity.held_out(model), weight_fit.mixtures(model)
    lots = [(large, side), ([*large, *alone, *others.values()], few), ([*large, *alone, *mixed], fewest)]
    # One texel of the large size costs as much as one of the small.
    ends = _MAPS_SHARE * np.cumsum([0, *(len(lot) * size**2 for lot, size in lots)])
    ends /= max(sum(len(lot) * size**2 for lot, size in lots), 1)
    made = []
    for k, (lot, size) in enumerate(lots):
        made.append((yield from _maps(taken, lot, size, (ends[k], ends[k + 1]))))
    weights = yield from _weights(taken, list(groups), lots[2], made[2], mixed)
    frames = slopes.TangentFrames(model, taken.rest_mm, few)
    found = yield from _slopes(taken, frames, lots[1][0], made[1])
    still, of_groups, found = found[0], np.stack(found[1 : len(large)]), found[len(large) :]
    masks = wrinkles.half_masks(frames, taken.rest_mm)
    truth = dict(zip(others, zip(others.values(), found[len(alone) :], strict=True), strict=True))
    of_keys = dict(zip(model.expression_names, found[: len(alone)], strict=True))
    harmful = fidelity.harmful(fidelity.of_keys(frames, still, of_groups, masks, weights, of_keys))
    weights = weights.without(harmful)
    measured = fidelity.measure(frames, still, of_groups, masks, weights, truth)
    if measured:
        told = fidelity.of_keys(frames, still, of_groups, masks, weights, of_keys)
        measured["single_keys"] = fidelity.brief(told)
    frames = slopes.TangentFrames(model, taken.rest_mm, side)
    found = yield from _slopes(taken, frames, large, made[0])
    return _Wrinkles(
        found[0], dict(zip(groups, found[1:], strict=True)), wrinkles.half_masks(frames, taken.rest_mm), weights,
        measured,
    )  # fmt: skip


def _weights(
    taken: snapshot.Snapshot,
    groups: Sequence[str],
    lot: tuple[list[np.ndarray], int],
    maps: list[np.ndarray],
    mixed: list[np.ndarray],
) -> Generator[tuple[float, str], None, wrinkles.Weights]:
    """Fitted to a lot of maps: at rest, of the groups, of each key alone, of the mixtures."""
    frames = slopes.TangentFrames(taken.model, taken.rest_mm, lot[1])
    still, *found = yield from _slopes(taken, frames, lot[0], maps)
    of_groups, found = dict(zip(groups, found, strict=False)), found[len(groups) :]
    of_keys, found = dict(zip(taken.model.expression_names, found, strict=False)), found[taken.model.n_exp :]
    masks = wrinkles.half_masks(frames, taken.rest_mm)
    yield _MAPS_SHARE, "fitting the keys' weights"
    mixtures = list(zip(mixed, found, strict=True))
    return weight_fit.key_weights(frames, still, of_groups, of_keys, mixtures, masks)


def _slopes(
    taken: snapshot.Snapshot, frames: slopes.TangentFrames, expressions: list[np.ndarray], maps: list[np.ndarray]
) -> Generator[tuple[float, str], None, list[np.ndarray]]:
    """The slopes of every map on the face in its expression."""
    found = []
    for expression, one in zip(expressions, maps, strict=True):
        found.append(frames.posed(taken.posed_mm(expression)).slopes(taken.strength * one))
        yield _MAPS_SHARE, "making normal maps"
    return found


def _maps(
    taken: snapshot.Snapshot, expressions: list[np.ndarray], side: int, part: tuple[float, float]
) -> Generator[tuple[float, str], None, list[np.ndarray]]:
    """(side, side) mm of every expression, asked for in batches."""
    found: list[np.ndarray] = []
    most = _MAPS_A_REQUEST.get(session.status().device, _MAPS_ON_A_CARD)
    while len(found) < len(expressions):
        batch = [replace(taken.request, expression=e) for e in expressions[len(found) : len(found) + most]]
        request = MapsRequest.of(batch, resolution=side, final=True)
        share = part[0] + (part[1] - part[0]) * len(found) / len(expressions)
        pending = session.usable_client().submit(_channel(taken), request)
        answer = yield from _answer(pending, share, f"map {len(found) + 1} of {len(expressions)}")
        found += list(answer.displacement)
    return found


def _answer(pending: Pending[Answer], share: float, text: str) -> Generator[tuple[float, str], None, Answer]:
    while (reply := pending.reply) is None:
        yield share, text
    return reply.answer


def _channel(taken: snapshot.Snapshot) -> str:
    return f"export {taken.uid}"
