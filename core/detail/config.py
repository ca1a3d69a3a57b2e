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

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from ..errors import DnpmError

_Config = TypeVar("_Config", "GeneratorConfig", "EncoderConfig")


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
            (min(self.z_dim, self.w_dim, self.mapping_layers, self.img_channels) < 1, "every size must be at least 1"),
            (self.channel_base < self.resolution or self.channel_max < 1, "channel_base must be at least resolution"),
            (len(set(places)) != len(places), "registered names a resolution twice"),
            (not set(places) <= set(self.resolutions), f"registered must name resolutions of {self.resolutions}"),
            (any(count < 1 for _, count in self.registered), "a registered count must be at least 1"),
            (not self.output_scale_mm > 0, "output_scale_mm must be positive"),
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
        if min(self.n_id, self.n_exp) < 0 or min(self.w_dim, *self.widths, *self.groups) < 1:
            raise DnpmError(f"encoder configuration: sizes must be at least 1 (got {self})")
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
    if not isinstance(values, Mapping):
        raise DnpmError(f"{kind.__name__}: expected a JSON object, got {type(values).__name__}")
    known = {f.name: f for f in fields(kind)}
    if unknown := sorted(set(values) - set(known)):
        raise DnpmError(f"{kind.__name__}: unknown entries {', '.join(unknown)}; made by a newer DNPM Face?")
    try:
        return kind(**{name: _checked(str(known[name].type), value) for name, value in values.items()})
    except (TypeError, ValueError) as error:
        raise DnpmError(f"{kind.__name__}: {error}") from error


def _checked(declared: str, value: Any) -> Any:
    if declared.startswith("tuple[tuple"):
        return tuple((_checked("int", r), _checked("int", count)) for r, count in value)
    if declared.startswith("tuple"):
        return tuple(_checked("int", v) for v in value)
    kinds: dict[str, type | tuple[type, ...]] = {"int": int, "bool": bool, "float": (int, float)}
    if not isinstance(value, kinds[declared]) or (declared != "bool" and isinstance(value, bool)):
        raise ValueError(f"{value!r} is no {declared}")
    return value


GENERATORS: dict[str, GeneratorConfig] = {
    # StyleGAN2 config-f.
    "paper": GeneratorConfig(channel_base=32768, channel_max=512),
    # Quick on a CPU; most of what does not move with the sliders lies in the registered maps.
    "default": GeneratorConfig(
        channel_base=2048,
        channel_max=128,
        registered=((16, 64), (32, 96), (64, 112), (128, 112), (256, 52), (512, 16), (1024, 6)),
    ),
}

ENCODERS: dict[str, EncoderConfig] = {
    "paper": EncoderConfig(n_id=50, n_exp=52, widths=(8192, 3072, 3072, 3072, 3072), batch_norm=True),
    # These two read points of the mesh V_p instead of sliders: all of their input enters twice, as w_exp does above.
    "paper_1700": EncoderConfig(n_id=0, n_exp=5100, widths=(9216, 2048, 9216, 9216, 13312), batch_norm=False),
    "paper_5000": EncoderConfig(n_id=0, n_exp=15000, widths=(10752, 12288, 10240, 12800, 10240), batch_norm=False),
    "default": EncoderConfig(n_id=50, n_exp=52, widths=(640, 640, 512, 384, 256), batch_norm=False),
}
