"""Training the decoder on windows of clips, by teacher forcing that gives way to the decoder's own past.

FaceFormer trains on its own past, frame after frame; here a step costs a few whole-sequence passes instead (parallel
scheduled sampling, Mihaylova & Martins 2019; Duckworth et al. 2019): a pass on the true past gives predictions, a
share of the past is replaced by them, once more, and the last pass is the one that learns. The share grows from 0 to
`scheduled_sampling_max`. Some windows learn without any past, so that the speech alone must tell the lips.

Everything that is drawn comes from (seed, step): a state (weights, Adam's moments, the step) continues exactly.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...errors import DnpmError
from ...speech.config import SpeechConfig, to_json
from ...speech.decoder import SpeechDecoder
from ..loop import Scalars, Trainer
from ..parallel import Rank
from ..precision import Precision
from .corpus import Clip
from .losses import LossWeights, MotionLoss

_WARMUP_STEPS = 100
_ROUNDS = 2
"""Passes that bring the decoder's own past in."""
_CLIP = 1.0


@dataclass(frozen=True)
class Plan:
    """How the decoder is trained."""

    config: SpeechConfig
    steps: int = 4000
    batch: int = 16
    frames: int = 150
    rate: float = 5e-4
    scheduled_sampling_from: float = 0.15
    """Share of the steps before the decoder's own past comes in; it grows up to `scheduled_sampling_full`."""
    scheduled_sampling_full: float = 0.6
    scheduled_sampling_max: float = 0.9
    """Share of the past that is the decoder's own in the end."""
    past_drop: float = 0.2
    """Share of windows that are trained without any past."""
    noise: float = 0.02
    """Standard deviation of noise on the given past."""
    weights: LossWeights = field(default_factory=LossWeights)
    seed: int = 0

    def __post_init__(self) -> None:
        for wrong, message in (
            (self.steps < 1 or self.batch < 1, "--steps and --batch must be at least 1"),
            (self.frames < 8, "--frames must be at least 8"),
            (not self.rate > 0, "--rate must be positive"),
            (
                not 0 <= self.scheduled_sampling_from <= self.scheduled_sampling_full <= 1,
                "scheduled_sampling_from and scheduled_sampling_full must be 0 to 1 in order",
            ),
            (not (0 <= self.scheduled_sampling_max <= 1 and 0 <= self.past_drop <= 1), "shares must be 0 to 1"),
        ):
            if wrong:
                raise DnpmError(message)

    def scheduled_sampling(self, step: int) -> float:
        """Share of the past that is the decoder's own at a step."""
        start, full = self.scheduled_sampling_from, self.scheduled_sampling_full
        way = (step / self.steps - start) / max(full - start, 1e-9)
        return self.scheduled_sampling_max * min(1.0, max(0.0, way))

    def as_json(self) -> dict[str, Any]:
        """As states keep it, under the names that it had first."""
        values = asdict(self) | {"config": to_json(self.config)}
        for now, stored in _STORED.items():
            values[stored] = values.pop(now)
        return values


_STORED: dict[str, str] = {
    "scheduled_sampling_from": "own_from", "scheduled_sampling_full": "own_full", "scheduled_sampling_max": "own_most",
}  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """features (B, T, F), motion (B, T, 52), before (B, 52): the frame ahead of the window; carried (B, 52) bool,
    speaker (B,)."""

    features: Tensor
    motion: Tensor
    before: Tensor
    carried: Tensor
    speaker: Tensor


class SpeechTrainer(Trainer):
    """One decoder in training."""

    precisions: ClassVar[tuple[Precision, ...]] = ("fp32", "bf16", "fp16")
    unit: ClassVar[str] = "windows"

    def __init__(
        self, decoder: SpeechDecoder, clips: list[Clip], loss: MotionLoss, plan: Plan,
        device: torch.device | str = "cpu", precision: Precision = "fp32", rank: Rank | None = None,
    ) -> None:  # fmt: skip
        """Raises DnpmError when there is no clip, or a clip's features do not fit."""
        super().__init__(plan.steps, plan.batch, plan.rate, device, precision, rank)
        if not clips:
            raise DnpmError("the speech set holds no clip to train on; make it with `dnpm data speech`")
        width = clips[0].features.shape[1]
        if width != plan.config.feature_width:
            raise DnpmError(
                f"the set's features have {width} numbers, the configuration wants {plan.config.feature_width}"
            )
        self.plan, self.clips = plan, clips
        self.decoder, self.loss = decoder.to(self.device).train(), loss.to(self.device)
        self.optimizer = torch.optim.Adam(self.decoder.parameters(), lr=plan.rate, betas=(0.9, 0.98))
        self.networks, self.optimizers = {"decoder": self.decoder}, {"adam": self.optimizer}
        seconds = np.array([len(clip.motion) for clip in clips], float)
        # Speakers count alike, whatever their clips' number: a short capture is not drowned in synthetic speech.
        speakers = np.array([clip.entry.speaker for clip in clips])
        for name in set(speakers):
            seconds[speakers == name] /= seconds[speakers == name].sum()
        self.shares = seconds / seconds.sum()

    def batch(self, rng: np.random.Generator) -> Batch:
        """Windows of `frames`, drawn by length and speaker; a clip that is shorter is followed by its last frame."""
        rows: list[tuple[np.ndarray, ...]] = []
        speakers = []
        for k in rng.choice(len(self.clips), self.plan.batch, p=self.shares):
            clip = self.clips[int(k)]
            begin = int(rng.integers(0, max(1, len(clip.motion) - self.plan.frames + 1)))
            places = np.minimum(begin + np.arange(self.plan.frames), len(clip.motion) - 1)
            before = clip.motion[begin - 1] if begin else np.zeros_like(clip.motion[0])
            rows.append((clip.features[places], clip.motion[places], before, clip.carried))
            speakers.append(self.plan.config.speaker(clip.entry.speaker))
        parts = [torch.from_numpy(np.stack(column)).to(self.device) for column in zip(*rows, strict=True)]
        features, motion, before = (part.float() for part in parts[:3])
        return Batch(features, motion, before, parts[3].bool(), torch.tensor(speakers, device=self.device))

    def train_step(self) -> Scalars:
        """One step on windows of the clips."""
        for group in self.optimizer.param_groups:
            warmup = min(1.0, (self.step + 1) / _WARMUP_STEPS)
            group["lr"] = warmup * 0.5 * self.plan.rate * (1 + math.cos(math.pi * self.step / self.plan.steps))
        rng = np.random.default_rng([self.plan.seed, self.step])
        batch = self.batch(rng)
        # All of it is drawn for the whole batch, whichever part is this process's.
        past, keep = self._past(batch, rng)
        mine = self.rank.share(self.plan.batch)
        with self.autocast():
            predicted = self.decoder(batch.features[mine], past[mine], batch.speaker[mine], keep[mine])
        total, terms = self.loss(predicted.float(), batch.motion[mine], batch.carried[mine])
        self.descend(total, self.optimizer, self.decoder, _CLIP)
        return {"total": float(total.detach())} | terms

    def _past(self, batch: Batch, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """The past that this step is given (B, T, 52), and how much of it counts (B, T)."""
        count, frames = batch.motion.shape[:2]
        draw = lambda *shape: torch.from_numpy(rng.random(shape, dtype=np.float32)).to(self.device)  # noqa: E731
        keep = (draw(count, 1) >= self.plan.past_drop).float().expand(count, frames)
        shift = lambda motion: torch.cat([batch.before[:, None], motion[:, :-1]], 1)  # noqa: E731
        share = self.plan.scheduled_sampling(self.step)
        own = draw(count, frames, 1) < share
        truth = past = shift(batch.motion)
        # Where a take carries no data its zeros are no past either: the decoder's own stands there from the first pass.
        unknown = ~batch.carried[:, None] & torch.ones_like(own)
        if share > 0 or bool(unknown.any()):
            with torch.no_grad():
                for _ in range(_ROUNDS):
                    with self.autocast():
                        predicted = self.decoder(batch.features, past, batch.speaker, keep).float().clamp(0, 1)
                    past = torch.where(own | unknown, shift(predicted), truth)
        noise = torch.from_numpy(rng.standard_normal(past.shape, dtype=np.float32)).to(self.device)
        return past + self.plan.noise * noise, keep


def new_decoder(config: SpeechConfig, seed: int) -> SpeechDecoder:
    """Random numbers from the seed, whatever was drawn before."""
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    decoder = SpeechDecoder(config)
    torch.random.set_rng_state(state)
    return decoder
