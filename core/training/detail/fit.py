"""Encoder and mapping network on the bands' coefficients: seconds a pass, because no pixel is painted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...detail.config import w_layers
from ...detail.encoder import Encoder
from ...detail.generator import Generator
from ...errors import DnpmError
from ...face_model.model import FaceModel
from .principal import Band

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Codes:
    """Whitened coefficients of teacher maps: inputs (n, n_id), (n, n_exp), coefficients (n, C)."""

    identity: Tensor
    expression: Tensor
    coefficients: Tensor

    def to(self, device: torch.device) -> Codes:
        """The same on another device."""
        return Codes(self.identity.to(device), self.expression.to(device), self.coefficients.to(device))


def torgb_row(resolution: int) -> int:
    """The row of w_plus that the block's ToRGB reads."""
    return w_layers(resolution) - 1


MAPPING_RATE = 0.1
"""Adam's step for the mapping network: its weights are drawn from N(0, 100^2) and scaled by .01 in use."""


class CoefficientLoss:
    """Squared error of the map (mm^2 per texel, relative to its variance) that wrong coefficients cause.

    A band's components have unit norm at their own resolution, so an error of one standard deviation weighs sigma^2
    times
    the area that one of its texels covers. Rows of w that no ToRGB of a band reads are pulled softly to the same code,
    because the convolutions read their styles from them.
    """

    def __init__(self, bands: list[Band], places: Tensor, full: int = 1024) -> None:
        self.slices, start = [], 0
        for band in bands:
            stop = start + len(band.sigma)
            weight = (full / band.resolution) ** 2 * band.sigma**2
            self.slices.append((torgb_row(band.resolution), slice(start, stop), weight))
            start = stop
        self.total = float(sum(w.sum() for _, _, w in self.slices))
        self.places = places
        self.weights = torch.cat([w for _, _, w in self.slices]) / self.total

    def to(self, device: torch.device) -> CoefficientLoss:
        """The same on another device."""
        other = copy(self)
        other.slices = [(row, part, weight.to(device)) for row, part, weight in self.slices]
        other.places, other.weights = self.places.to(device), self.weights.to(device)
        return other

    def __call__(self, w_plus: Tensor, coefficients: Tensor) -> Tensor:
        """(B, rows, w_dim) against (B, C' <= C), the finest bands may be missing."""
        known = coefficients.shape[1]
        loss = w_plus.new_zeros(())
        for row, part, weight in self.slices:
            if part.stop <= known:
                error = w_plus[:, row] @ self.places[part].T - coefficients[:, part]
                loss = loss + (error.square() @ weight).mean() / self.total
        # Two rows at random a step speak for all: the code is the same for every row.
        rows = torch.randint(w_plus.shape[1], (2,))
        error = w_plus[:, rows] @ self.places[:known].T - coefficients[:, None]
        return loss + 0.03 * (error.square() @ self.weights[:known]).mean()

    def predicted(self, w_plus: Tensor) -> Tensor:
        """(B, rows, w_dim) -> (B, C): each coefficient as its own ToRGB reads it."""
        return torch.cat([w_plus[:, row] @ self.places[part].T for row, part, _ in self.slices], 1)

    def r2(self, w_plus: Tensor, coefficients: Tensor) -> float:
        """1 - squared error / variance, over the bands that `coefficients` has."""
        known = coefficients.shape[1]
        error = (self.predicted(w_plus)[:, :known] - coefficients).square().mean(0) @ self.weights[:known]
        spread = coefficients.var(0) @ self.weights[:known]
        return 1.0 - float(error / spread)


def fit_encoder(
    encoder: Encoder, loss: CoefficientLoss, many: Codes, check: Codes, seconds: float, seed: int,
    device: torch.device = CPU, save: Callable[[Encoder], None] | None = None, rate: float = 1e-3,
) -> Encoder:  # fmt: skip
    """AdamW, `rate` with cosine decay by the clock. Returns the best on `check`; `save` gets it every five minutes."""
    torch.manual_seed(seed)
    encoder, loss = encoder.to(device), loss.to(device)
    many, check = (codes.to(device) for codes in (many, check))
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=rate, weight_decay=2e-3)
    best, best_r2, start, step = None, -np.inf, time.monotonic(), 0
    saved = start
    while (spent := (time.monotonic() - start) / seconds) < 1.0:
        for group in optimizer.param_groups:
            group["lr"] = rate * (0.5 + 0.5 * np.cos(np.pi * spent)) + 1e-6
        encoder.train()
        pick = torch.randint(len(many.identity), (256,))
        value = loss(encoder(many.identity[pick], many.expression[pick]), many.coefficients[pick])
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        step += 1
        if step % 250 == 0:
            encoder.eval()
            with torch.no_grad():
                r2 = loss.r2(encoder(check.identity, check.expression), check.coefficients)
            if r2 > best_r2:
                best_r2, best = r2, {k: v.clone() for k, v in encoder.state_dict().items()}
            print(
                f"encoder: step {step}, loss {value.item():.4f}, held-out R2 {r2:.4f}, {100 * spent:.0f} %",
                file=sys.stderr, flush=True,
            )  # fmt: skip
            if save and time.monotonic() - saved > 300:
                save(encoder)
                saved = time.monotonic()
    if best is not None:
        encoder.load_state_dict(best)
    return encoder.cpu().eval()


def fit_mapping(
    generator: Generator,
    encoder: Encoder,
    w_mean: Tensor,
    loss: CoefficientLoss,
    model: FaceModel,
    seconds: float,
    seed: int,
    device: torch.device = CPU,
) -> None:
    """Teach the mapping network f: z -> w to give the codes of faces like the training set's.

    The first coordinates of z stand for the identity, the next for the expression (their positive tails, so that most
    muscles rest); the target is the one code w that holds all of E's coefficients. So every z is a plausible map, and
    one
    w serves all rows. Raises DnpmError when z is shorter than both together.
    """
    config = generator.config
    if config.z_dim < model.n_id + model.n_exp:
        raise DnpmError(
            f"z_dim {config.z_dim} is too small for {model.n_id} identity and {model.n_exp} expression values"
        )
    torch.manual_seed(seed)
    mapping, encoder, loss = generator.mapping.to(device), encoder.to(device), loss.to(device)
    w_mean = w_mean.to(device)
    optimizer = torch.optim.Adam(generator.mapping.parameters(), lr=MAPPING_RATE, betas=(0.9, 0.99))
    start, step = time.monotonic(), 0
    while (spent := (time.monotonic() - start) / seconds) < 1.0:
        for group in optimizer.param_groups:
            group["lr"] = MAPPING_RATE * (0.5 + 0.5 * np.cos(np.pi * spent)) + 1e-6
        z = torch.randn(256, config.z_dim).to(device)
        with torch.no_grad():
            identity = z[:, : model.n_id].clamp(-3, 3)
            tail = (z[:, model.n_id : model.n_id + model.n_exp] - 1.0).clamp_min(0)
            target = loss.predicted(w_mean + encoder(identity, (0.8 * tail).clamp_max(1))) @ loss.places
        w = mapping(z)
        error = ((w - target) @ loss.places.T).square() @ loss.weights
        value = error.mean() + 1e-4 * (w - target).square().mean()
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        step += 1
        if step % 250 == 0:
            print(f"mapping: step {step}, loss {value.item():.4f}", file=sys.stderr, flush=True)
    with torch.no_grad():
        mapping.w_avg.copy_(mapping(torch.randn(8192, config.z_dim).to(device)).mean(0))
    mapping.cpu()
    encoder.cpu()
