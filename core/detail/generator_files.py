"""A generator alone on disk: `generator.safetensors` in full precision, `generator.json` that describes it.

What `dnpm convert` writes. Without an encoder no sliders lead to its maps: `dnpm train encoder` learns one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..files import tensor_file
from ..files.card_file import CardKind
from ..files.inputs import reading
from ..files.network_file import built
from ..files.writing import write_text
from .config import GeneratorConfig, from_json, to_json
from .generator import Generator

FORMAT = "dnpm-generator-1"
CARD, WEIGHTS = "generator.json", "generator.safetensors"
KIND = CardKind(CARD, FORMAT, {"generator_config": dict, "files": dict}, "`dnpm convert` writes such a folder")


def save_generator(folder: Path, generator: Generator, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write both files, the card last; return the card. `about`: where it comes from. Raises DnpmError."""
    arrays = {name: value.detach().cpu().float().numpy() for name, value in generator.state_dict().items()}
    path = folder / WEIGHTS
    tensor_file.save(path, arrays, {"format": FORMAT})
    card = dict(about) | {
        "format": FORMAT,
        "generator_config": to_json(generator.config),
        "parameters": sum(p.numel() for p in generator.parameters()),
        "files": {WEIGHTS: {"sha256": tensor_file.sha256(path), "bytes": path.stat().st_size}},
    }
    write_text(folder / CARD, json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return card


def load_generator(folder: Path) -> tuple[Generator, dict[str, Any]]:
    """(generator in evaluation mode, card). Raises DnpmError when a file is missing, damaged, or fits not the other."""
    card = KIND.read(folder)
    with reading(folder / CARD, KIND.again):
        config = from_json(GeneratorConfig, card["generator_config"])
    path = KIND.checked(folder, WEIGHTS, card["files"].get(WEIGHTS))
    return built(lambda: Generator(config), tensor_file.load(path)[0], path, KIND.again), card
