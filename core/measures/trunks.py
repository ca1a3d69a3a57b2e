"""The convolutional parts of AlexNet and VGG16, and where their weights are looked for.

Layers stand at the same places as in torchvision's `features`, so that its checkpoints load; torchvision itself is
not needed. Nothing is ever downloaded unless it was asked for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn

from ..errors import DnpmError
from ..files.torch_file import load_tensors
from ..files.writing import cannot_write, folder


@dataclass(frozen=True)
class TrunkKind:
    """file: its usual name in the download cache; taps: the ReLUs that are read; smallest: side in texels."""

    file: str
    taps: tuple[int, ...]
    widths: tuple[int, ...]
    smallest: int

    @property
    def url(self) -> str:
        """Where torch's own model zoo keeps it."""
        return f"https://download.pytorch.org/models/{self.file}"


KINDS = {
    "alex": TrunkKind("alexnet-owt-7be5be79.pth", (1, 4, 7, 9, 11), (64, 192, 384, 256, 256), 35),
    "vgg": TrunkKind("vgg16-397923af.pth", (3, 8, 15, 22, 29), (64, 128, 256, 512, 512), 16),
}
_VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)
"""Channels of VGG16's convolutions; 0 stands for pooling."""


class Trunk(nn.Module):
    """AlexNet (Krizhevsky 2014) or VGG16 (Simonyan and Zisserman 2015) up to the last ReLU. Frozen."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.taps = KINDS[name].taps
        self.features = _alexnet() if name == "alex" else _vgg16()
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> the tapped features."""
        found = []
        for k, layer in enumerate(self.features):
            x = layer(x)
            if k in self.taps:
                found.append(x)
        return found


def find_trunk(name: str, path: Path | None = None) -> Path | None:
    """The file of a trunk's weights: the given one, else torch's download cache; None where there is none.

    Raises DnpmError when a given path does not exist.
    """
    if path is not None:
        if not path.is_file():
            raise DnpmError(f"{path}: no such file; give {KINDS[name].file} of torchvision's model zoo")
        return path
    cached = Path(torch.hub.get_dir()) / "checkpoints" / KINDS[name].file
    return cached if cached.is_file() else None


def download_trunk(name: str) -> Path:
    """Fetch a trunk's weights into torch's download cache, the hash in their name checked. Only when it was asked for.

    Raises DnpmError when that fails.
    """
    kind = KINDS[name]
    target = Path(torch.hub.get_dir()) / "checkpoints" / kind.file
    digest = kind.file.removesuffix(".pth").rsplit("-", 1)[1]
    folder(target.parent)
    try:
        torch.hub.download_url_to_file(kind.url, os.fspath(target), hash_prefix=digest)
    except (URLError, RuntimeError) as error:
        raise DnpmError(
            f"{kind.url}: cannot be fetched ({error}); fetch it elsewhere and give its path, or use efficientnet-lite0"
        ) from error
    except OSError as error:
        raise cannot_write(target, error) from error
    return target


def load_trunk(name: str, path: Path) -> Trunk:
    """A torchvision checkpoint -> the trunk; the classifier is left out. Raises DnpmError when the file is another."""
    trunk = Trunk(name)
    state = load_tensors(path, f"give {KINDS[name].file} of torchvision's model zoo")
    wanted = trunk.state_dict()
    fits = isinstance(state, dict) and all(
        isinstance(state.get(k), Tensor) and state[k].shape == v.shape and bool(state[k].isfinite().all())
        for k, v in wanted.items()
    )
    if not fits:
        raise DnpmError(f"{path}: has not the layers of {KINDS[name].file}; give that file of torchvision's model zoo")
    trunk.load_state_dict({k: state[k] for k in wanted})
    return trunk


def _alexnet() -> nn.Sequential:
    conv = nn.Conv2d
    return nn.Sequential(
        conv(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), conv(64, 192, 5, padding=2), nn.ReLU(),
        nn.MaxPool2d(3, 2), conv(192, 384, 3, padding=1), nn.ReLU(), conv(384, 256, 3, padding=1), nn.ReLU(),
        conv(256, 256, 3, padding=1), nn.ReLU(),
    )  # fmt: skip


def _vgg16() -> nn.Sequential:
    layers: list[nn.Module] = []
    n_in = 3
    for n_out in _VGG16:
        if n_out:
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU()]
            n_in = n_out
        else:
            layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)
