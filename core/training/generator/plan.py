"""How G is trained, as data: the named configurations and what the command line changes of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from ...detail.config import GENERATORS, GeneratorConfig, to_json
from ...errors import DnpmError
from ..precision import Precision
from .discriminator import DiscriminatorConfig
from .losses import r1_gamma

Start = Literal["components", "random"]


@dataclass(frozen=True)
class Plan:
    """The recipe of StyleGAN2 with ADA. Numbers of images count real maps shown, repeats included."""

    generator: GeneratorConfig
    discriminator: DiscriminatorConfig
    images: int
    batch: int
    gamma: float
    """Weight of R1."""
    rate: float = 0.002
    discriminator_rate: float | None = None
    """D's; None: the same."""
    registered_rate: float = 0.1
    """Times `rate`, for G's registered maps: they have no equalised learning rate."""
    r1_every: int = 16
    path_every: int = 4
    """0 leaves path length out."""
    path_weight: float = 2.0
    mixing: float = 0.9
    """Share of samples whose rows of w come from two z; low beside components, whose bands belong together."""
    ema_images: float = 10_000
    """Half-life of the running average of G, shorter at the beginning (`ema_ramp` of the images so far)."""
    ema_ramp: float = 0.05
    ada_target: float | None = 0.6
    """None: no augmentation."""
    ada_images: int = 500_000
    learn_noise: bool = True
    """Whether G's constant noise inputs may be used; the default configuration has registered maps instead."""
    start: Start = "random"
    d_warmup_steps: int = 0
    """Steps at the beginning in which D alone learns: for a fresh D beside a G that paints plausibly already."""
    precision: Precision = "fp32"
    seed: int = 0

    def __post_init__(self) -> None:
        for wrong, message in (
            (self.batch < 1 or self.images < self.batch, "--batch must be at least 1 and --images at least a batch"),
            (not self.rate > 0 or not self.gamma >= 0, "--rate must be positive and --gamma not negative"),
            (self.discriminator_rate is not None and not self.discriminator_rate > 0, "rates must be positive"),
            (
                min(self.r1_every, self.path_every, self.d_warmup_steps) < 0,
                "intervals and --warm-steps must not be negative",
            ),
            (not 0 <= self.mixing <= 1, "--mixing must be 0 to 1"),
            (self.ada_target is not None and not 0 < self.ada_target < 1, "--ada-target must lie between 0 and 1"),
            (self.ada_images < 1 or not self.ema_images > 0, "--ada-images and --ema-images must be positive"),
            (self.generator.img_channels != 1, "a displacement map has one channel"),
            (self.generator.resolution < self.discriminator.resolution, "D must not be larger than G"),
            (
                self.start == "components" and not self.generator.registered,
                "--start components needs a configuration with registered maps (default, tiny)",
            ),
        ):
            if wrong:
                raise DnpmError(message)

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return -(-self.images // self.batch)

    @property
    def resolution(self) -> int:
        """Side of the maps that are trained on: D's. A larger G keeps its finer blocks as they are."""
        return self.discriminator.resolution

    def as_json(self) -> dict[str, Any]:
        """What a continuation must agree with; how far it goes may change."""
        values = asdict(self) | {"generator": to_json(self.generator), "discriminator": asdict(self.discriminator)}
        values["warm_steps"] = values.pop("d_warmup_steps")  # As states and cards had it first.
        return {k: v for k, v in values.items() if k != "images"}


_TINY = GeneratorConfig(
    channel_base=512, channel_max=16, resolution=64, z_dim=32, w_dim=32, mapping_layers=4,
    registered=((16, 8), (32, 8), (64, 4)),
)  # fmt: skip

CONFIGS: dict[str, Plan] = {
    # StyleGAN2 config-f: batch 32, R1 10, rate .002 (Karras et al. 2020, appendix B).
    "paper": Plan(GENERATORS["paper"], DiscriminatorConfig(32768, 512, 1024), 25_000_000, 32, gamma=10.0),
    # Our default G: it starts from the set's principal components, so that it needs images by the ten thousand.
    "default": Plan(
        GENERATORS["default"], DiscriminatorConfig(4096, 128, 1024), 200_000, 8, gamma=r1_gamma(1024, 8),
        ema_images=2_500, ema_ramp=0.5, ada_images=100_000, learn_noise=False, start="components", d_warmup_steps=100,
        rate=0.0004, discriminator_rate=0.002, mixing=0.1,
    ),
    "tiny": Plan(
        _TINY, DiscriminatorConfig(512, 16, 64), 4_000, 8, gamma=0.1, ema_images=500, ema_ramp=0.5, ada_images=20_000,
        learn_noise=False, start="components", rate=0.001, discriminator_rate=0.002, mixing=0.1,
    ),
}  # fmt: skip


def configured(name: str, resolution: int | None = None, gamma: float | None = None, **changes: Any) -> Plan:
    """A named configuration, at another resolution, with other entries (those that are None stay).

    gamma: by default the configuration's at its own size, scaled with R^2 / batch elsewhere (`losses.r1_gamma`). Raises
    DnpmError when the result contradicts itself.
    """
    if name not in CONFIGS:
        raise DnpmError(f"--config {name}: there are {', '.join(CONFIGS)}")
    base = CONFIGS[name]
    changes = {k: v for k, v in changes.items() if v is not None}
    if changes.get("start", base.start) == "random" and base.start != "random":  # G paints nothing plausible then.
        usual = {
            name: getattr(Plan, name) for name in ("d_warmup_steps", "ema_ramp", "rate", "discriminator_rate", "mixing")
        }
        changes = usual | changes
    side = resolution or base.resolution
    if side not in base.generator.resolutions or side < 16:
        sides = [r for r in base.generator.resolutions if r >= 16]
        raise DnpmError(f"--resolution {side}: the configuration {name} can be cut to {', '.join(map(str, sides))}")
    if side != base.resolution:
        registered = tuple(entry for entry in base.generator.registered if entry[0] <= side)
        changes["generator"] = replace(base.generator, resolution=side, registered=registered)
        changes["discriminator"] = replace(base.discriminator, resolution=side)
        if name == "paper":
            changes.setdefault("start", "random")
    if gamma is None:
        batch = changes.get("batch", base.batch)
        gamma = base.gamma * r1_gamma(side, batch) / r1_gamma(base.resolution, base.batch) if batch >= 1 else base.gamma
    return replace(base, gamma=gamma, **changes)
