"""FaceFormer's decoder (Fan et al., CVPR 2022, section 3.2): speech features and past motion to the next frame.

    y_t = decoder(y_<t, style, speech)

A frame's token is its predecessor's motion, embedded, plus the speaker's style embedding; the first frame's token is
the style alone. Then, per layer: biased causal self-attention over the past, cross-attention aligned with the speech,
a feed-forward part, each followed by LayerNorm.

`forward` computes a whole sequence with given past at once, for training. `Stepper` computes one frame after the other
from what is kept of the last `past` frames: the same numbers, at a cost that does not depend on how much came before.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import SpeechConfig


def periodic_encoding(period: int, width: int) -> Tensor:
    """PPE (FaceFormer, section 3.2): (period, width); frame t has row t mod period.

    PPE(t, 2i) = sin((t mod p) / 10000^(2i/d)), PPE(t, 2i + 1) = cos of the same.
    """
    angle = torch.arange(period)[:, None] / 10000 ** (torch.arange(0, width, 2) / width)
    return torch.stack([angle.sin(), angle.cos()], -1).reshape(period, width)


def head_slopes(heads: int) -> Tensor:
    """(heads,): how steeply a head forgets, 2^(-8h / heads) for h = 1 ... (Press et al. 2022, as in FaceFormer)."""
    return 2.0 ** (-8.0 * torch.arange(1, heads + 1) / heads)


def past_bias(distance: Tensor, config: SpeechConfig) -> Tensor:
    """Temporal bias of the causal self-attention: frames back (…) -> (heads, …).

    -slope * floor((i - j) / p): whole periods back count less (FaceFormer, section 3.2). What lies ahead, or beyond
    `past` frames, is -infinity.
    """
    slopes = head_slopes(config.heads).to(distance.device).reshape(-1, *[1] * distance.dim())
    bias = -slopes * torch.div(distance, config.period, rounding_mode="floor")
    hidden = distance < 0
    if config.past is not None:
        hidden |= distance >= config.past
    return bias.masked_fill(hidden, -math.inf)


class _Layer(nn.Module):
    """One decoder layer, LayerNorm after each part (as torch's TransformerDecoderLayer, which FaceFormer uses)."""

    def __init__(self, config: SpeechConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.reach = config.heads, config.reach
        self.qkv, self.self_out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.query, self.key_value, self.cross_out = (
            nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width),
        )  # fmt: skip
        # Alignment bias: FaceFormer's is 0 at a frame's own speech, else -infinity; within `reach` it is learnt.
        self.offset_bias = nn.Parameter(torch.zeros(config.heads, 2 * config.reach + 1))
        self.up, self.down = nn.Linear(width, config.feedforward), nn.Linear(config.feedforward, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))

    def split(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        """(B, T, parts * width) -> that many (B, heads, T, width / heads)."""
        batch, length, width = x.shape
        return (
            x.reshape(batch, length, parts, self.heads, width // parts // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        )

    def attend_past(self, x: Tensor, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        """Biased causal self-attention; bias (heads, T, keys)."""
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.norms[0](x + self.self_out(mixed.transpose(1, 2).flatten(2)))

    def attend_speech(self, x: Tensor, keys: Tensor, values: Tensor, inside: Tensor) -> Tensor:
        """Aligned cross-attention; keys, values (B, heads, T, 2 reach + 1, d), inside (T, 2 reach + 1) bool."""
        (q,) = self.split(self.query(x), 1)
        scores = (q[..., None, :] * keys).sum(-1) / math.sqrt(q.shape[-1]) + self.offset_bias[:, None]
        weights = scores.masked_fill(~inside, -math.inf).softmax(-1)
        mixed = (weights[..., None] * values).sum(-2)
        return self.norms[1](x + self.cross_out(mixed.transpose(1, 2).flatten(2)))

    def feed_forward(self, x: Tensor) -> Tensor:
        """ReLU, as FaceFormer."""
        return self.norms[2](x + self.down(functional.relu(self.up(x))))

    def around(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Memory (B, reach + T + reach, width) -> keys and values (B, heads, T, 2 reach + 1, d)."""
        k, v = self.split(self.key_value(memory), 2)
        size = 2 * self.reach + 1
        return k.unfold(2, size, 1).transpose(-1, -2), v.unfold(2, size, 1).transpose(-1, -2)


class SpeechDecoder(nn.Module):
    """The decoder. Motion is (B, T, n_exp) in slider units; features are at the decoder's frame rate."""

    positions: Tensor

    def __init__(self, config: SpeechConfig) -> None:
        super().__init__()
        self.config = config
        self.project = nn.Linear(config.feature_width, config.width)
        self.hearing = nn.ModuleList(nn.Conv1d(config.width, config.width, 5, padding=2) for _ in range(config.hearing))
        self.embed = nn.Linear(config.n_exp, config.width)
        self.style = nn.Embedding(len(config.speakers), config.width)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.out = nn.Linear(config.width, config.n_exp)
        self.register_buffer("positions", periodic_encoding(config.period, config.width), persistent=False)
        nn.init.zeros_(self.out.weight)  # Training begins at the face at rest.
        nn.init.zeros_(self.out.bias)

    def project_audio(self, features: Tensor) -> Tensor:
        """Features (B, T, feature_width) -> memory (B, T, width)."""
        x = self.project(features).transpose(1, 2)
        for convolution in self.hearing:
            x = x + functional.gelu(convolution(x))
        return x.transpose(1, 2)

    def token(self, past: Tensor, speaker: Tensor, first: int, keep: Tensor | None = None) -> Tensor:
        """The frames' tokens. past (B, T, n_exp): each frame's predecessor; speaker (B,); first: the first's number.

        keep (B, T) in [0, 1] scales the past's share (training drops it at times); that of frame 0 is always 0.
        """
        number = torch.arange(first, first + past.shape[1], device=past.device)
        share = (number > 0).to(past.dtype)[None] if keep is None else keep * (number > 0)
        return (
            self.embed(past) * share[..., None] + self.style(speaker)[:, None]
            + self.positions[number % self.config.period]
        )  # fmt: skip

    def forward(self, features: Tensor, past: Tensor, speaker: Tensor, keep: Tensor | None = None) -> Tensor:
        """Whole sequences with given past (teacher forcing): (B, T, feature_width), (B, T, n_exp), (B,) -> motion.

        past[:, t] is the motion of frame t - 1; past[:, 0] counts for nothing.
        """
        length, reach = features.shape[1], self.config.reach
        memory = functional.pad(self.project_audio(features), (0, 0, reach, reach))
        place = torch.arange(length, device=features.device)
        bias = past_bias(place[:, None] - place[None], self.config)
        inside = inside_sequence(0, length, reach, length, features.device)
        x = self.token(past, speaker, 0, keep)
        for layer in self.layers:
            assert isinstance(layer, _Layer)
            q, k, v = layer.split(layer.qkv(x), 3)
            x = layer.attend_past(x, q, k, v, bias)
            x = layer.feed_forward(layer.attend_speech(x, *layer.around(memory), inside))
        return self.out(x)


def inside_sequence(first: int, count: int, reach: int, total: int | None, device: torch.device) -> Tensor:
    """(count, 2 reach + 1) bool: which speech frames around each exist. total: None while the end is not known."""
    place = torch.arange(first, first + count, device=device)[:, None] + torch.arange(-reach, reach + 1, device=device)
    return (place >= 0) if total is None else (place >= 0) & (place < total)


class Stepper:
    """Motion frame by frame, feeding back its own. What it keeps is `past` frames a layer, however long the speech."""

    def __init__(self, decoder: SpeechDecoder, speaker: int) -> None:
        self.decoder, self.config = decoder, decoder.config
        device = decoder.out.weight.device
        self.speaker = torch.tensor([speaker], device=device)
        self.frame = 0
        self.previous = torch.zeros(1, 1, self.config.n_exp, device=device)
        self._keys: list[Tensor | None] = [None] * self.config.layers
        self._values: list[Tensor | None] = [None] * self.config.layers

    @torch.inference_mode()
    def run(self, memory: Tensor, total: int | None) -> Tensor:
        """The next frames. memory (1, reach + n + reach, width): what `project_audio` gave for them and their
        neighbours, rows beyond either end of the speech being anything; total: frames of the whole speech, None while
        it goes on.

        Returns (n, n_exp) in [0, 1].
        """
        config, count = self.config, memory.shape[1] - 2 * self.config.reach
        inside = inside_sequence(self.frame, count, config.reach, total, memory.device)
        layers = [layer for layer in self.decoder.layers if isinstance(layer, _Layer)]
        around = [layer.around(memory) for layer in layers]
        frames = []
        for t in range(count):
            x = self.decoder.token(self.previous, self.speaker, self.frame)
            for i, layer in enumerate(layers):
                q, k, v = layer.split(layer.qkv(x), 3)
                k, v = self._kept(i, k, v)
                distance = torch.arange(k.shape[2] - 1, -1, -1, device=x.device)
                x = layer.attend_past(x, q, k, v, past_bias(distance, config)[:, None])
                keys, values = (part[:, :, t : t + 1] for part in around[i])
                x = layer.feed_forward(layer.attend_speech(x, keys, values, inside[t : t + 1]))
            self.previous = self.decoder.out(x).clamp(0, 1)
            self.frame += 1
            frames.append(self.previous[0])
        return torch.cat(frames) if frames else self.previous[0, :0]

    def _kept(self, i: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """The last `past` keys and values of layer i, the newest included."""
        old_keys, old_values = self._keys[i], self._values[i]
        if old_keys is not None and old_values is not None:
            begin = 0 if self.config.past is None else max(0, old_keys.shape[2] + 1 - self.config.past)
            key = torch.cat([old_keys[:, :, begin:], key], 2)
            value = torch.cat([old_values[:, :, begin:], value], 2)
        self._keys[i], self._values[i] = key, value
        return key, value
