"""Training the decoder on windows of clips, by teacher forcing that gives way to the decoder's own past.

FaceFormer trains on its own past, frame after frame; here a step costs a few whole-sequence passes instead (parallel
scheduled sampling, Mihaylova & Martins 2019; Duckworth et al. 2019): a pass on the true past gives predictions, a
share of the past is replaced by them, once more, and the last pass is the one that learns. The share grows from 0 to
`own_most`. Some windows learn without any past, so that the speech alone must tell the lips.

Everything that is drawn comes from (seed, step): a state (weights, Adam's moments, the step) continues exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ...errors import DnpmError
from ...speech.config import SpeechConfig
from ...speech.decoder import SpeechDecoder
from ..checkpoint import Arrays, network_arrays, optimizer_arrays, restore_network, restore_optimizer
from .corpus import Clip
from .losses import LossWeights, MotionLoss

_WARM_STEPS = 100
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
    own_from: float = 0.15
    """Share of the steps before the decoder's own past comes in; it grows up to `own_full`."""
    own_full: float = 0.6
    own_most: float = 0.9
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
            (not 0 <= self.own_from <= self.own_full <= 1, "own_from and own_full must be 0 to 1 in order"),
            (not (0 <= self.own_most <= 1 and 0 <= self.past_drop <= 1), "shares must be 0 to 1"),
        ):
            if wrong:
                raise DnpmError(message)

    def own_share(self, step: int) -> float:
        """Share of the past that is the decoder's own at a step."""
        way = (step / self.steps - self.own_from) / max(self.own_full - self.own_from, 1e-9)
        return self.own_most * min(1.0, max(0.0, way))


@dataclass(frozen=True)
class Losses:
    """Of one step: the weighted sum, and each term."""

    total: float
    terms: dict[str, float]


@dataclass(frozen=True)
class Batch:
    """features (B, T, F), motion (B, T, 52), before (B, 52): the frame ahead of the window; carried (B, 52) bool,
    speaker (B,)."""

    features: Tensor
    motion: Tensor
    before: Tensor
    carried: Tensor
    speaker: Tensor


class SpeechTrainer:
    """One decoder in training. `step` counts what is done; `run` goes on from there."""

    def __init__(
        self,
        decoder: SpeechDecoder,
        clips: list[Clip],
        loss: MotionLoss,
        plan: Plan,
        device: torch.device | str = "cpu",
    ) -> None:
        """Raises DnpmError when there is no clip, or a clip's features do not fit."""
        if not clips:
            raise DnpmError("the speech set holds no clip to train on; make it with `dnpm data speech`")
        width = clips[0].features.shape[1]
        if width != plan.config.feature_width:
            raise DnpmError(
                f"the set's features have {width} numbers, the configuration wants {plan.config.feature_width}"
            )
        self.plan, self.clips, self.device = plan, clips, torch.device(device)
        self.decoder, self.loss = decoder.to(self.device).train(), loss.to(self.device)
        self.optimizer = torch.optim.Adam(self.decoder.parameters(), lr=plan.rate, betas=(0.9, 0.98))
        self.step = 0
        seconds = np.array([len(clip.motion) for clip in clips], float)
        # Speakers count alike, whatever their clips' number: a short capture is not drowned in synthetic speech.
        speakers = np.array([clip.entry.speaker for clip in clips])
        for name in set(speakers):
            seconds[speakers == name] /= seconds[speakers == name].sum()
        self.shares = seconds / seconds.sum()

    def run(self) -> Iterator[Losses]:
        """One step an item, from where it stands to the end. Raises DnpmError when the loss bursts."""
        while self.step < self.plan.steps:
            for group in self.optimizer.param_groups:
                warm = min(1.0, (self.step + 1) / _WARM_STEPS)
                group["lr"] = warm * 0.5 * self.plan.rate * (1 + math.cos(math.pi * self.step / self.plan.steps))
            losses = self._once()
            if not math.isfinite(losses.total):
                raise DnpmError(f"the loss burst at step {self.step}; try a smaller --rate than {self.plan.rate:g}")
            self.step += 1
            yield losses

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

    def state(self) -> Arrays:
        """Everything that an exact continuation needs."""
        arrays = network_arrays("decoder", self.decoder) | optimizer_arrays("adam", self.optimizer)
        return arrays | {"step": np.array([self.step], np.int64)}

    def restore(self, arrays: Arrays) -> None:
        """What `state` gave. Raises DnpmError when it is of another decoder."""
        restore_network("decoder", self.decoder, arrays)
        restore_optimizer("adam", self.optimizer, arrays)
        if "step" not in arrays:
            raise DnpmError("the saved state is of another decoder (it has no step)")
        self.step = int(arrays["step"][0])

    def _once(self) -> Losses:
        rng = np.random.default_rng([self.plan.seed, self.step])
        batch = self.batch(rng)
        past, keep = self._past(batch, rng)
        predicted = self.decoder(batch.features, past, batch.speaker, keep)
        total, terms = self.loss(predicted, batch.motion, batch.carried)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), _CLIP)
        self.optimizer.step()
        return Losses(float(total.detach()), terms)

    def _past(self, batch: Batch, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """The past that this step is given (B, T, 52), and how much of it counts (B, T)."""
        count, frames = batch.motion.shape[:2]
        draw = lambda *shape: torch.from_numpy(rng.random(shape, dtype=np.float32)).to(self.device)  # noqa: E731
        keep = (draw(count, 1) >= self.plan.past_drop).float().expand(count, frames)
        shift = lambda motion: torch.cat([batch.before[:, None], motion[:, :-1]], 1)  # noqa: E731
        share = self.plan.own_share(self.step)
        own = draw(count, frames, 1) < share
        truth = past = shift(batch.motion)
        # Where a take carries no data its zeros are no past either: the decoder's own stands there from the first pass.
        unknown = ~batch.carried[:, None] & torch.ones_like(own)
        if share > 0 or bool(unknown.any()):
            with torch.no_grad():
                for _ in range(_ROUNDS):
                    predicted = self.decoder(batch.features, past, batch.speaker, keep).clamp(0, 1)
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
