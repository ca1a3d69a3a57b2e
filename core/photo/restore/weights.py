"""The photo's networks on disk, in the folder of weights: `photo_pix2pix.safetensors`, `photo_restoration.safetensors`
(float16) and `photo.json`, their card. Nothing that is read is run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import DnpmError
from ...files import tensor_file
from ...files.card_file import CardKind, card_name, entry_of
from ...files.inputs import brief, reading
from ...files.json_file import to_dataclass
from ...files.network_file import built
from .degraded_encoder import DegradedEncoder, RestorationConfig
from .pix2pix import GlobalGenerator, Pix2PixConfig
from .trained import trained_rows

FORMAT = "dnpm-photo-1"
CARD = "photo.json"
_Network = TypeVar("_Network", bound=nn.Module)
FILES = {"pix2pix": "photo_pix2pix.safetensors", "restoration": "photo_restoration.safetensors"}
KIND = CardKind(
    CARD, FORMAT,
    {
        "name": str, "configs": dict, "files": dict, "data": str, "licence": str, "commands": list, "scores": dict,
        "generator_sha256": str,
    },
    "fetch the weights again, or train them with `dnpm train pix2pix` and `dnpm train restoration`",
)  # fmt: skip


@dataclass(frozen=True)
class PhotoNetworks:
    """Both networks, in evaluation mode, their card, and which rows of w+ the restoration learnt, (rows,) bool."""

    pix2pix: GlobalGenerator
    restoration: DegradedEncoder
    card: dict[str, Any]
    rows: np.ndarray

    def code(self, rough: Tensor, sliders: Tensor) -> Tensor:
        """E_deg's code of a rough map (B, 1, R, R) mm, to be added to w_mean; rows that were never trained are those of
        the sliders' code (B, rows, w_dim)."""
        learnt = torch.from_numpy(self.rows).to(sliders.device)[None, :, None]
        return torch.where(learnt, self.restoration(rough), sliders)


def photo_dir(explicit: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder with the photo's networks: the explicit one, else `DNPM_WEIGHTS`, else `weights` in the package; None
    when it has none. Raises DnpmError when one that was asked for has none."""
    folder = KIND.folder(explicit)
    if folder is None and explicit:
        raise KIND.missing(explicit, "photo networks")
    return folder


def save_photo(
    folder: str | os.PathLike[str], pix2pix: GlobalGenerator, restoration: DegradedEncoder, card: Mapping[str, Any]
) -> dict[str, Any]:
    """Write both and their card; return the card as written.

    `card` gives name, data, licence, commands, scores, generator_sha256 (of the G that the codes are for) and trained
    (`trained.py`). Raises DnpmError when numbers are not finite, an entry is missing, or the folder cannot be written.
    """
    folder = Path(folder)
    networks: dict[str, nn.Module] = {"pix2pix": pix2pix, "restoration": restoration}
    full = dict(card) | {
        "format": FORMAT, "configs": {"pix2pix": asdict(pix2pix.config), "restoration": asdict(restoration.config)},
        "files": {},
    }  # fmt: skip
    KIND.check(full, "the card to be saved")
    if "trained" not in full:
        raise DnpmError('the card to be saved lacks "trained": which rows of w+ were learnt at which resolution')
    trained_rows(full, sum(restoration.config.groups), restoration.config.resolution, "the card to be saved")
    for name, network in networks.items():
        arrays = {}
        for key, tensor in network.state_dict().items():
            array = tensor.detach().cpu().numpy()
            arrays[key] = array.astype(np.float16) if array.dtype == np.float32 else array
            if arrays[key].dtype == np.float16 and not np.isfinite(arrays[key]).all():
                raise DnpmError(f"{name}: {key} holds numbers that are not finite, or beyond 65504")
        path = folder / FILES[name]
        tensor_file.save(path, arrays, {"format": FORMAT, "part": name})
        full["files"][FILES[name]] = entry_of(path)
    KIND.write(folder, full)
    return full


def load_photo(folder: str | os.PathLike[str]) -> PhotoNetworks:
    """What `save_photo` wrote. Raises DnpmError naming what is missing, damaged or does not fit."""
    folder = Path(folder)
    card = KIND.read(folder)
    with reading(folder / CARD, KIND.again):
        pix2pix = to_dataclass(Pix2PixConfig, card["configs"].get("pix2pix"), "configs.pix2pix")
        restoration = to_dataclass(RestorationConfig, card["configs"].get("restoration"), "configs.restoration")
    rows = trained_rows(card, sum(restoration.groups), restoration.resolution, str(folder / CARD))
    files = {name: KIND.checked(folder, file, card["files"].get(file)) for name, file in FILES.items()}
    return PhotoNetworks(
        _filled(lambda: GlobalGenerator(pix2pix), files["pix2pix"]),
        _filled(lambda: DegradedEncoder(restoration), files["restoration"]), card, rows,
    )  # fmt: skip


def digest_of(network: nn.Module) -> str:
    """SHA-256 of a network's numbers."""
    state = network.state_dict()
    return hashlib.sha256(b"".join(state[name].cpu().numpy().tobytes() for name in sorted(state))).hexdigest()


def check_generator(networks: PhotoNetworks, detail_card: Mapping[str, Any]) -> None:
    """Raises DnpmError when the restoration's codes are for another G than the loaded one."""
    files = detail_card.get("files", {})
    if networks.card["generator_sha256"] not in [e.get("sha256") for e in files.values() if isinstance(e, dict)]:
        raise DnpmError(
            f"{card_name(networks.card)} of the photo networks were trained for another generator than the loaded "
            f"weights ({brief(detail_card.get('name'))}); train them again with `dnpm train restoration`, "
            "or give their weights"
        )


def _filled(make: Callable[[], _Network], path: Path) -> _Network:
    """A network with the file's numbers, in full precision."""
    arrays, _ = tensor_file.load(path)
    wide = {k: v.astype(np.float32) if v.dtype == np.float16 else v for k, v in arrays.items()}
    return built(make, wide, path, KIND.again)
