"""A generator alone on disk: `generator.safetensors` in full precision, `generator.json` that describes it.

What `dnpm convert` writes. Without an encoder no sliders lead to its maps: `dnpm train encoder` learns one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from .. import tensorfile
from ..errors import DnpmError
from .config import GeneratorConfig, from_json, to_json
from .generator import Generator

FORMAT = "dnpm-generator-1"
CARD, WEIGHTS = "generator.json", "generator.safetensors"


def save_generator(folder: Path, generator: Generator, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write both files, the card last; return the card. `about`: where it comes from. Raises DnpmError."""
    arrays = {name: value.detach().cpu().float().numpy() for name, value in generator.state_dict().items()}
    path = folder / WEIGHTS
    tensorfile.save(path, arrays, {"format": FORMAT})
    card = dict(about) | {
        "format": FORMAT,
        "generator_config": to_json(generator.config),
        "parameters": sum(p.numel() for p in generator.parameters()),
        "files": {WEIGHTS: {"sha256": tensorfile.sha256(path), "bytes": path.stat().st_size}},
    }
    beside = folder / f".{CARD}.part"
    try:
        beside.write_text(json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
        beside.replace(folder / CARD)
    except OSError as error:
        raise DnpmError(f"{folder / CARD}: cannot be written ({error.strerror or error})") from error
    return card


def load_generator(folder: Path) -> tuple[Generator, dict[str, Any]]:
    """(generator in evaluation mode, card). Raises DnpmError when a file is missing, damaged, or fits not the other."""
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DnpmError(f"{path}: cannot be read ({error}); `dnpm convert` writes such a folder") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise DnpmError(f"{path}: is no card of format {FORMAT}; `dnpm convert` writes one")
    config = from_json(GeneratorConfig, card.get("generator_config"))
    entry = card.get("files", {}).get(WEIGHTS, {})
    arrays, _ = tensorfile.load(folder / WEIGHTS)
    if tensorfile.sha256(folder / WEIGHTS) != entry.get("sha256"):
        raise DnpmError(f"{folder / WEIGHTS}: is not the file that {CARD} speaks of; convert it again")
    generator = Generator(config)
    try:
        generator.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})
    except RuntimeError as error:
        raise DnpmError(f"{folder / WEIGHTS}: does not fit its card ({str(error).splitlines()[-1].strip()})") from error
    return generator.eval().requires_grad_(False), card
