"""The networks' sizes as data: one dataclass a network, and the named configurations.

How the paper's parameter counts are reached. The totals that the paper and its competitors publish for encoders
include the generator: StyleGAN2 config-f at 1024 has 30,363,962 parameters with one output channel (mapping 2,101,248,
synthesis 28,262,714) and 30,370,060 with three. The widths of the paper's encoders are not published; those below are
round ones that reach the published totals under that counting, and say no more than that:

| encoder | input | alone | with G, 1 channel | with G, 3 channels | published |
|---|---|---|---|---|---|
| paper (E_id,exp) | 50 identity + 52 expression | 82,854,912 | 113,218,874 | 113,224,972 | 113.22 M |
| paper_1700 | 1,700 points, 5,100 coordinates | 396,188,672 | 426,552,634 | 426,558,732 | 426.56 M |
| paper_5000 | 5,000 points, 15,000 coordinates | 966,684,672 | 997,048,634 | 997,054,732 | 997.05 M |
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from ..errors import DnpmError
from ..files.json_file import to_dataclass

_Config = TypeVar("_Config", "GeneratorConfig", "EncoderConfig")
_WIDEST, _LARGEST = 8192, 200_000
"""No network needs more channels, or inputs; what a file makes up beyond would be built before it is found wrong."""


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of the generator G of Eq. 1 (StyleGAN2, Karras et al. 2020)."""

    channel_base: int
    """A block at resolution r has min(channel_base // r, channel_max) channels."""
    channel_max: int
    resolution: int = 1024
    """Side of the finished map in pixels: a power of two, at least 4."""
    z_dim: int = 512
    w_dim: int = 512
    mapping_layers: int = 8
    img_channels: int = 1
    registered: tuple[tuple[int, int], ...] = ()
    """(resolution r, count C_r): the block at r owns C_r learnt maps of r x r beside its features. Empty: the paper's
    StyleGAN2."""
    output_scale_mm: float = 1.0
    """Millimetres of displacement that one unit of the network's output stands for."""

    def __post_init__(self) -> None:
        places = [r for r, _ in self.registered]
        for wrong, message in (
            (self.resolution < 4 or self.resolution & (self.resolution - 1), "resolution must be a power of two >= 4"),
            (self.resolution > 4096, "resolution must be at most 4096"),
            (min(self.z_dim, self.w_dim, self.mapping_layers, self.img_channels) < 1, "every size must be at least 1"),
            (max(self.z_dim, self.w_dim) > _WIDEST, f"z_dim and w_dim must be at most {_WIDEST}"),
            (self.mapping_layers > 64 or self.img_channels > 64, "mapping_layers and img_channels must be at most 64"),
            (self.channel_base < self.resolution or self.channel_max < 1, "channel_base must be at least resolution"),
            (self.channel_base > 2**24 or self.channel_max > _WIDEST, f"channel_max must be at most {_WIDEST}"),
            (len(set(places)) != len(places), "registered names a resolution twice"),
            (not set(places) <= set(self.resolutions), f"registered must name resolutions of {self.resolutions}"),
            (any(not 1 <= count <= _WIDEST for _, count in self.registered), f"a registered count is 1 to {_WIDEST}"),
            (not 0 < self.output_scale_mm <= 1000, "output_scale_mm must be above 0 and at most 1000"),
        ):
            if wrong:
                raise DnpmError(f"generator configuration: {message} (got {self})")

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The blocks' resolutions: 4, 8, ... resolution."""
        return tuple(2**k for k in range(2, self.resolution.bit_length()))

    @property
    def w_layers(self) -> int:
        """Rows of w_plus that the whole map needs: 18 at 1024."""
        return w_layers(self.resolution)

    def channels(self, resolution: int) -> int:
        """Feature channels of the block at `resolution`, registered maps not counted."""
        return min(self.channel_base // resolution, self.channel_max)

    def registered_count(self, resolution: int) -> int:
        """Registered maps of the block at `resolution`; 0 where it has none."""
        return dict(self.registered).get(resolution, 0)


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the encoder E of Eq. 4: (identity, expression) to w_plus - w_mean."""

    n_id: int
    n_exp: int
    widths: tuple[int, int, int, int, int]
    """Units of the five ReLU layers; the layers 3, 4 and 5 feed the heads."""
    batch_norm: bool
    w_dim: int = 512
    groups: tuple[int, int, int] = (9, 5, 4)
    """Style vectors from the layers 3, 4 and 5: coarse, middle and fine rows of w_plus."""

    def __post_init__(self) -> None:
        sizes = (self.n_id, self.n_exp, self.w_dim, *self.widths, *self.groups)
        if min(self.n_id, self.n_exp) < 0 or min(sizes[2:]) < 1 or max(sizes) > _LARGEST:
            raise DnpmError(f"encoder configuration: sizes must be 1 to {_LARGEST} (got {self})")
        if len(self.widths) != 5 or len(self.groups) != 3:
            raise DnpmError(f"encoder configuration: needs five widths and three groups (got {self})")

    @property
    def w_layers(self) -> int:
        """Rows of w_plus: 18."""
        return sum(self.groups)


def w_layers(resolution: int) -> int:
    """Rows of w_plus that a map of this side needs: 2 log2(resolution) - 2."""
    return 2 * (resolution.bit_length() - 1) - 2


def to_json(config: GeneratorConfig | EncoderConfig) -> dict[str, Any]:
    """The configuration as JSON values (tuples become lists)."""
    return {
        name: [list(v) if isinstance(v, tuple) else v for v in value] if isinstance(value, tuple) else value
        for name, value in asdict(config).items()
    }


def from_json(kind: type[_Config], values: object) -> _Config:
    """What `to_json` gave -> the configuration. Raises DnpmError on unknown, missing or wrongly typed entries."""
    return to_dataclass(kind, values, kind.__name__)


GENERATORS: dict[str, GeneratorConfig] = {
    # StyleGAN2 config-f.
    "paper": GeneratorConfig(channel_base=32768, channel_max=512),
    # Quick on a CPU; most of what does not move with the sliders lies in the registered maps.
    "default": GeneratorConfig(
        channel_base=2048,
        channel_max=128,
        registered=((16, 64), (32, 112), (64, 128), (128, 128), (256, 56), (512, 16), (1024, 8)),
    ),
}

ENCODERS: dict[str, EncoderConfig] = {
    "paper": EncoderConfig(n_id=50, n_exp=52, widths=(8192, 3072, 3072, 3072, 3072), batch_norm=True),
    # These two read points of the mesh V_p instead of sliders: all of their input enters twice, as w_exp does above.
    "paper_1700": EncoderConfig(n_id=0, n_exp=5100, widths=(9216, 2048, 9216, 9216, 13312), batch_norm=False),
    "paper_5000": EncoderConfig(n_id=0, n_exp=15000, widths=(10752, 12288, 10240, 12800, 10240), batch_norm=False),
    "default": EncoderConfig(n_id=84, n_exp=52, widths=(832, 832, 608, 480, 352), batch_norm=False),
}
