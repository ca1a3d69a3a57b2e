"""How different two displacement maps look: LPIPS, or the distance of EfficientNet-Lite0's features in its place.

LPIPS (Zhang et al. 2018): features of a trained trunk, each place normalised over the channels, the squared difference
weighted by heads that were fitted to people's judgement (from the package `lpips`, version 0.1 of the heads), averaged
over places, summed over layers. Where no trunk's weights are at hand, EfficientNet-Lite0 stands in: the same formula
with equal weights of the channels. That is not LPIPS, and its `name` says so wherever it is shown.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import DnpmError
from ..files import tensor_file
from .efficientnet import SMALLEST, load_efficientnet
from .trunks import KINDS, download_trunk, find_trunk, load_trunk

CHOICES = ("auto", "lpips-alex", "lpips-vgg", "efficientnet-lite0")
RANGE_MM = 0.5
"""Millimetres that become white (and, negative, black) in the picture that a trunk sees."""
HEADS_SHA256 = {
    "alex": "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    "vgg": "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
}
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


class PerceptualDistance(nn.Module):
    """forward(a, b): (B, 1, H, W) mm each -> (B,). Frozen; gradients go through it to the maps."""

    name: str
    smallest: int

    def __init__(self, name: str, smallest: int, range_mm: float) -> None:
        super().__init__()
        self.name, self.smallest, self.range_mm = name, smallest, range_mm

    def layers(self, picture: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [-1, 1] -> features of each layer."""
        raise NotImplementedError

    def weighed(self, squares: Tensor, layer: int) -> Tensor:
        """(B, C, h, w) squared differences -> (B, h, w)."""
        raise NotImplementedError

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Raises DnpmError when the maps are not (B, 1, H, W), differ in shape, or are too small."""
        if a.shape != b.shape or a.ndim != 4 or a.shape[1] != 1:
            raise DnpmError(f"{self.name}: needs two (B, 1, H, W), got {tuple(a.shape)} and {tuple(b.shape)}")
        if min(a.shape[2:]) < self.smallest:
            raise DnpmError(f"{self.name}: maps of {tuple(a.shape[2:])} are too small; at least {self.smallest} texels")
        return self.between(*(self.layers((x / self.range_mm).expand(-1, 3, -1, -1)) for x in (a, b)))

    def between(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        """The distance (B,) of two pictures' `layers`."""
        pairs = enumerate(zip(a, b, strict=True))
        return torch.stack([self.weighed((_unit(x) - _unit(y)).square(), k).mean((1, 2)) for k, (x, y) in pairs]).sum(0)


class Lpips(PerceptualDistance):
    """LPIPS with the published heads."""

    shift: Tensor
    scale: Tensor

    def __init__(self, trunk: str, path: Path, range_mm: float = RANGE_MM) -> None:
        title = {"alex": "AlexNet", "vgg": "VGG16"}[trunk]
        super().__init__(f"LPIPS ({title})", KINDS[trunk].smallest, range_mm)
        self.trunk = load_trunk(trunk, path)
        for k, head in enumerate(load_heads(trunk)):
            self.register_buffer(f"head{k}", head)
        self.register_buffer("shift", torch.tensor(_SHIFT)[:, None, None])
        self.register_buffer("scale", torch.tensor(_SCALE)[:, None, None])

    def layers(self, picture: Tensor) -> list[Tensor]:
        """See the base class."""
        return self.trunk((picture - self.shift) / self.scale)

    def weighed(self, squares: Tensor, layer: int) -> Tensor:
        """See the base class."""
        return torch.einsum("bchw,c->bhw", squares, self.get_buffer(f"head{layer}"))


class EfficientNetDistance(PerceptualDistance):
    """LPIPS's formula on EfficientNet-Lite0, without heads."""

    def __init__(self, range_mm: float = RANGE_MM) -> None:
        super().__init__("EfficientNet-Lite0 feature distance (not LPIPS)", SMALLEST, range_mm)
        self.net = load_efficientnet()

    def layers(self, picture: Tensor) -> list[Tensor]:
        """See the base class."""
        return self.net.taps(picture)

    def weighed(self, squares: Tensor, layer: int) -> Tensor:
        """See the base class; the mean of the unit vectors' squared distance, which is 4 at most."""
        return squares.sum(1) / 5


def perceptual(
    name: str = "auto", *, trunk: Path | None = None, download: bool = False, range_mm: float = RANGE_MM,
    prefer: str = "alex",
) -> PerceptualDistance:  # fmt: skip
    """The perceptual distance of that name; "auto" is LPIPS where a trunk is there, else EfficientNet's.

    trunk: file with the trunk's weights. download: fetch them when they are missing; never done unasked. prefer: the
    trunk ("alex", "vgg") that "auto" looks for first, and that `trunk` and `download` then mean: the paper has VGG16 in
    the loss of restoration (Eq. 13). Raises DnpmError when LPIPS is demanded and no weights are there.
    """
    if name not in CHOICES:
        raise DnpmError(f"perceptual distance {name!r} is not one of {', '.join(CHOICES)}")
    if name == "efficientnet-lite0":
        if trunk is not None or download:
            raise DnpmError("efficientnet-lite0 brings its weights itself: no trunk, no download")
        return EfficientNetDistance(range_mm).requires_grad_(False)
    kinds = [name.removeprefix("lpips-")] if name != "auto" else [prefer, *(k for k in KINDS if k != prefer)]
    if trunk is not None or download:
        kinds = kinds[:1]
    for kind in kinds:
        path = find_trunk(kind, trunk)
        if path is None and download:
            path = download_trunk(kind)
        if path is not None:
            return Lpips(kind, path, range_mm).requires_grad_(False)
    if name == "auto":
        return EfficientNetDistance(range_mm).requires_grad_(False)
    raise DnpmError(
        f"{name}: the trunk's weights ({KINDS[kinds[0]].file}) are neither in torch's download cache nor given; give "
        "the file, allow the download, or use efficientnet-lite0"
    )


def load_heads(trunk: str) -> list[Tensor]:
    """The heads of the installed package `lpips`, (C,) each; its code is not imported, for it needs torchvision.

    Raises DnpmError when the package is missing or its file is not the published one.
    """
    found = importlib.util.find_spec("lpips")
    path = Path(found.origin).parent / f"weights/v0.1/{trunk}.pth" if found and found.origin else None
    if path is None or not path.is_file() or tensor_file.sha256(path) != HEADS_SHA256[trunk]:
        raise DnpmError("LPIPS's heads are missing or damaged; `pip install --no-deps lpips==0.1.4`")
    state = torch.load(path, map_location="cpu", weights_only=True)
    return [state[f"lin{k}.model.1.weight"].flatten() for k in range(len(KINDS[trunk].taps))]


def _unit(x: Tensor) -> Tensor:
    # The small number stands under the root, or places where all features are 0 would have no gradient (0 / 0).
    return x / (x.square().sum(1, keepdim=True) + 1e-20).sqrt()
