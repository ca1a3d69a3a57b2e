"""The speech decoder's sizes as data, and the named configurations."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..errors import DnpmError
from ..files.inputs import one_line
from ..files.json_file import to_dataclass
from .encoders import WAV2VEC2, WHISPER


@dataclass(frozen=True)
class SpeechConfig:
    """Sizes of the decoder (FaceFormer, Fan et al. 2022), and the features that it hears."""

    encoder: str
    """Kind of the speech encoder (`encoders.open_encoder`)."""
    feature_width: int
    rate: float = 30.0
    """Frames of animation a second inside the decoder; curves are resampled to the scene's rate afterwards."""
    n_exp: int = 52
    width: int = 64
    heads: int = 4
    feedforward: int = 128
    layers: int = 1
    period: int = 30
    """Frames after which the positional encoding repeats (FaceFormer, section 3.2: p)."""
    past: int | None = None
    """Frames of past motion that a frame looks back on; None: all, as in the paper: later seconds then cost more."""
    reach: int = 0
    """Frames of speech to either side that a frame listens to; 0: its own alone, the paper's alignment bias."""
    hearing: int = 0
    """Residual convolutions over 5 frames between the features and the attention; 0: the paper's projection alone."""
    speakers: tuple[str, ...] = ("default",)
    """Names of the learnt styles."""

    def __post_init__(self) -> None:
        sizes = (self.feature_width, self.n_exp, self.width, self.heads, self.feedforward, self.layers, self.period)
        for wrong, message in (
            (min(sizes) < 1, "every size must be at least 1"),
            (max(sizes) > 65536 or self.period > 3600, "a size must be at most 65536, the period 3600 frames"),
            (max(self.layers, self.hearing, self.heads) > 256, "layers, hearing and heads must be at most 256"),
            (self.width % self.heads or self.width % 2, "width must be even and a multiple of heads"),
            (not 1 <= self.rate <= 240, "rate must be 1 to 240 frames a second"),
            (self.past is not None and not 1 <= self.past <= 100_000, "past must be 1 to 100,000 frames"),
            (min(self.reach, self.hearing) < 0 or self.reach > 1000, "reach is 0 to 1000, hearing not negative"),
            (not self.speakers or len(set(self.speakers)) != len(self.speakers), "speakers must be names, each once"),
            (len(self.speakers) > 10_000, "speakers must be at most 10,000"),
        ):
            if wrong:
                raise DnpmError(f"speech configuration: {message} (got {one_line(self, 300)})")

    @property
    def halo(self) -> int:
        """Frames of features to either side on which a frame of the output depends directly."""
        return self.reach + 2 * self.hearing

    def speaker(self, name: str | None) -> int:
        """A style's place; None: the first. Raises DnpmError on a name that there is not."""
        if name is None:
            return 0
        if name not in self.speakers:
            raise DnpmError(f"speaker {name!r} is not one of the weights': {', '.join(self.speakers)}")
        return self.speakers.index(name)


def to_json(config: SpeechConfig) -> dict[str, Any]:
    """The configuration as JSON values."""
    return asdict(config) | {"speakers": list(config.speakers)}


def from_json(values: object) -> SpeechConfig:
    """What `to_json` gave -> the configuration. Raises DnpmError on unknown, missing or wrongly typed entries."""
    return to_dataclass(SpeechConfig, values, "speech configuration")


CONFIGS: dict[str, SpeechConfig] = {
    # FaceFormer on VOCASET, with ARKit values in the vertices' place.
    "paper": SpeechConfig(WAV2VEC2, 768),
    # Two seconds of past, a tenth of a second of speech to either side; beside tiny.en's encoder.
    "default": SpeechConfig(WHISPER, 384, width=128, feedforward=256, layers=2, past=60, reach=3, hearing=2),
}
