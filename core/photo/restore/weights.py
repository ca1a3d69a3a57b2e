"""The photo's networks on disk, in the folder of weights: `photo_pix2pix.safetensors`, `photo_restoration.safetensors`
(float16) and `photo.json`, their card. Nothing that is read is run."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ... import tensorfile
from ...errors import DnpmError
from ...face_model.locate import ROOT
from .degraded_encoder import DegradedEncoder, RestorationConfig
from .pix2pix import GlobalGenerator, Pix2PixConfig

FORMAT = "dnpm-photo-1"
CARD = "photo.json"
FILES = {"pix2pix": "photo_pix2pix.safetensors", "restoration": "photo_restoration.safetensors"}
_REQUIRED: dict[str, type] = {
    "name": str, "configs": dict, "files": dict, "data": str, "licence": str, "commands": list, "scores": dict,
    "generator_sha256": str,
}  # fmt: skip
_AGAIN = "fetch the weights again, or train them with `dnpm train pix2pix` and `dnpm train restoration`"


@dataclass(frozen=True)
class PhotoNetworks:
    """Both networks, in evaluation mode, and their card."""

    pix2pix: GlobalGenerator
    restoration: DegradedEncoder
    card: dict[str, Any]


def photo_dir(explicit: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder with the photo's networks: the explicit one, else `DNPM_WEIGHTS`, else `weights` in the package; None
    when it has none. Raises DnpmError when one that was asked for has none."""
    wanted = explicit or os.environ.get("DNPM_WEIGHTS")
    folder = Path(wanted or ROOT / "weights")
    if (folder / CARD).is_file():
        return folder
    if explicit:
        raise DnpmError(f"{folder}: no photo networks there ({CARD} is missing); {_AGAIN}")
    return None


def save_photo(
    folder: str | os.PathLike[str], pix2pix: GlobalGenerator, restoration: DegradedEncoder, card: Mapping[str, Any]
) -> dict[str, Any]:
    """Write both and their card; return the card as written.

    `card` gives name, data, licence, commands, scores and generator_sha256 (of the G that the codes are for). Raises
    DnpmError when numbers are not finite, an entry is missing, or the folder cannot be written.
    """
    folder = Path(folder)
    networks: dict[str, nn.Module] = {"pix2pix": pix2pix, "restoration": restoration}
    full = dict(card) | {
        "format": FORMAT, "configs": {"pix2pix": asdict(pix2pix.config), "restoration": asdict(restoration.config)},
        "files": {},
    }  # fmt: skip
    _check(full, "the card to be saved")
    for name, network in networks.items():
        arrays = {}
        for key, tensor in network.state_dict().items():
            array = tensor.detach().cpu().numpy()
            arrays[key] = array.astype(np.float16) if array.dtype == np.float32 else array
            if arrays[key].dtype == np.float16 and not np.isfinite(arrays[key]).all():
                raise DnpmError(f"{name}: {key} holds numbers that are not finite, or beyond 65504")
        path = folder / FILES[name]
        tensorfile.save(path, arrays, {"format": FORMAT, "part": name})
        full["files"][FILES[name]] = {"sha256": tensorfile.sha256(path), "bytes": path.stat().st_size}
    beside = folder / f"{CARD}.{secrets.token_hex(4)}.part"
    try:
        beside.write_text(json.dumps(full, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
        beside.replace(folder / CARD)
    except OSError as error:
        raise DnpmError(f"{folder / CARD}: cannot be written ({error.strerror or error})") from error
    return full


def load_photo(folder: str | os.PathLike[str]) -> PhotoNetworks:
    """What `save_photo` wrote. Raises DnpmError naming what is missing, damaged or does not fit."""
    folder = Path(folder)
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DnpmError(f"{path}: cannot be read ({error.strerror or error}); {_AGAIN}") from error
    except ValueError as error:
        raise DnpmError(f"{path}: is no JSON ({error}); {_AGAIN}") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise DnpmError(f"{path}: is no card of format {FORMAT}; {_AGAIN}")
    _check(card, str(path))
    try:
        settings: dict[str, dict[str, Any]] = {
            k: {n: tuple(v) if isinstance(v, list) else v for n, v in c.items()} for k, c in card["configs"].items()
        }
        pix2pix = GlobalGenerator(Pix2PixConfig(**settings["pix2pix"]))
        restoration = DegradedEncoder(RestorationConfig(**settings["restoration"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise DnpmError(f"{path}: its configurations cannot be read ({error}); {_AGAIN}") from error
    for name, network in (("pix2pix", pix2pix), ("restoration", restoration)):
        _fill(network, folder / FILES[name], card["files"].get(FILES[name], {}))
    return PhotoNetworks(pix2pix, restoration, card)


def check_generator(networks: PhotoNetworks, detail_card: Mapping[str, Any]) -> None:
    """Raises DnpmError when the restoration's codes are for another G than the loaded one."""
    files = detail_card.get("files", {})
    if networks.card["generator_sha256"] not in {entry.get("sha256") for entry in files.values()}:
        raise DnpmError(
            f"the photo networks ({networks.card['name']}) were trained for another generator than the loaded weights "
            f"({detail_card.get('name')}); train them again with `dnpm train restoration`, or give their weights"
        )


def _fill(network: nn.Module, path: Path, entry: Mapping[str, Any]) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DnpmError(f"{path}: cannot be read ({error.strerror or error}); {_AGAIN}") from error
    if size != entry.get("bytes") or tensorfile.sha256(path) != entry.get("sha256"):
        raise DnpmError(f"{path}: damaged, truncated or another file than the card's; {_AGAIN}")
    arrays, _ = tensorfile.load(path)
    state = {
        k: torch.from_numpy(v.astype(np.float32) if v.dtype == np.float16 else v.copy()) for k, v in arrays.items()
    }
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise DnpmError(f"{path}: does not fit its card ({str(error).splitlines()[-1].strip()}); {_AGAIN}") from error
    network.eval().requires_grad_(False)


def _check(card: Mapping[str, Any], name: str) -> None:
    wrong = [key for key, kind in _REQUIRED.items() if not isinstance(card.get(key), kind)]
    if wrong:
        raise DnpmError(f"{name}: the card lacks {', '.join(wrong)}, or has them in another type; {_AGAIN}")
