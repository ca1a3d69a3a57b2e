"""`wrinkles.json`: what an engine needs to know of the exported files (docs/engines.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import tensor_file
from ..version import __version__
from .wrinkles import SIDES, Weights

FORMAT = "dnpm-wrinkles-2"
NAME = "wrinkles.json"
FORMULA = (
    "slope(texture) = -n.xy / n.z with n = (255 texel - 128) / 127; "
    "u[k][side] = clamp(sum of group k's [side][key] * value of the key, 0, 1); "
    "w[k][side] = u[k][side] / (1 + sum over groups j of group k's gives_way[side][j] * u[j][side]); "
    "slope = slope(rest) + sum over groups k of (w[k].left * mask.r + w[k].right * mask.g) "
    "* (slope(group k) - slope(rest)); "
    "normal = normalize(-slope.x, -slope.y, 1)"
)


@dataclass(frozen=True)
class Exported:
    """What was written, by name relative to the folder."""

    files: Sequence[str]
    keys: Sequence[str]
    visemes: Mapping[str, Mapping[str, float]]
    joints: Mapping[str, Sequence[float]]
    """Name -> place in metres, y up, the face along +z."""
    materials: Mapping[str, Mapping[str, str]]
    """Material -> its textures by what they are."""
    groups: Mapping[str, str]
    """Group -> its normal map; empty where the face has no detail."""
    rest: str
    """The skin's normal map at rest."""
    mask: str
    weights: Weights | None
    fidelity: Mapping[str, Any]


def text_of(exported: Exported, folder: Path) -> str:
    """The file's text. Raises DnpmError when one of the files cannot be read."""
    wrinkles: dict[str, Any] = {}
    if exported.weights is not None:
        table = exported.weights
        wrinkles = {
            "formula": FORMULA,
            "rest": exported.rest,
            "mask": exported.mask,
            "mask_channels": {"left": "r", "right": "g"},
            "groups": [
                {
                    "name": name,
                    "normal": exported.groups[name],
                    **{
                        side: {
                            key: round(float(value), 3)
                            for key, value in zip(table.keys, table.coefficients[k, s], strict=True)
                            if value
                        }
                        for s, side in enumerate(SIDES)
                    },
                    "gives_way": {
                        side: {
                            other: round(float(value), 3)
                            for other, value in zip(table.groups, table.damping[k, s], strict=True)
                            if value
                        }
                        for s, side in enumerate(SIDES)
                    },
                }
                for k, name in enumerate(table.groups)
            ],
            "fidelity": exported.fidelity,
        }
    data = {
        "format": FORMAT,
        "made_with": f"DNPM Face {__version__}",
        "units": "metres",
        "axes": {"gltf": "y up, the face along +z, the subject's left at +x", "fbx": "y up, the face along +z"},
        "normal_maps": "tangent space, green up (OpenGL, glTF); in engines of DirectX's convention flip green",
        "keys": list(exported.keys),
        "visemes": {name: dict(mixture) for name, mixture in exported.visemes.items()},
        "joints": {name: [round(float(c), 5) for c in place] for name, place in exported.joints.items()},
        "materials": exported.materials,
        "wrinkles": wrinkles,
        "files": {name: tensor_file.sha256(folder / name) for name in exported.files},
    }
    return json.dumps(data, indent=1) + "\n"
