"""Any sampling rate to 16 kHz, a block at a time: blocks give what the whole file would.

The filter is scipy.signal.resample_poly's: a sinc of the lower of the two rates under a Kaiser window of 10 of its
samples to either side. Where the two rates have small factors scipy computes it, by a polyphase filter. At odd rates
(44,101 Hz: up by 16,000, down by 44,101) that would need a filter of millions of taps; there the same window is
evaluated from a table at each sample's own place (J. O. Smith, "Digital Audio Resampling",
https://ccrma.stanford.edu/~jos/resample/), in bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import gcd

import numpy as np

RATE = 16_000
"""Samples a second of all sound inside the project: what Whisper and wav2vec 2.0 hear."""
_TAPS = 10
"""The filter reaches 10 samples of the slower of the two rates to either side."""
_BETA = 5.0
_FACTOR_MAX = 2000
_STEPS = 2048
"""Table entries between two of the filter's samples; linear between them, to 1e-7."""
_AT_ONCE = 2**21
"""Products of the table filter that are held at once."""
_END = np.zeros(0, np.float32)


def resampled(blocks: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Mono blocks (n,) of any lengths at `rate` -> float32 blocks at 16 kHz, the same as of the whole at once."""
    common = gcd(rate, RATE)
    up, down = RATE // common, rate // common
    if up == down:
        return (np.asarray(block, np.float32) for block in blocks)
    return _polyphase(blocks, up, down) if max(up, down) <= _FACTOR_MAX else _by_table(blocks, rate)


def _polyphase(blocks: Iterator[np.ndarray], up: int, down: int) -> Iterator[np.ndarray]:
    from scipy.signal import resample_poly

    # Starts of pieces lie on whole multiples of `down`, where a sample of the one rate meets one of the other.
    reach = -(-(_TAPS * max(up, down) // up + 1) // down) * down
    held, skip, ended = np.zeros(0, np.float32), 0, False
    while not ended:
        block = next(blocks, _END)
        ended = block is _END
        if not ended:
            held = np.concatenate([held, np.asarray(block, np.float32)])
        # held: `skip` samples that were already resampled (context), then new ones; the last `reach` wait for theirs.
        new = len(held) - skip if ended else (len(held) - skip - reach) // down * down
        if new <= 0:
            continue
        piece = resample_poly(held[: skip + new + (0 if ended else reach)], up, down)
        begin = skip * up // down
        count = -(-new * up // down)
        yield np.ascontiguousarray(piece[begin : begin + count], np.float32)
        keep = min(skip + new, reach)
        held, skip = held[skip + new - keep :], keep


def _by_table(blocks: Iterator[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Sample k lies at k * rate / RATE samples of the file, a fraction that is kept in whole numbers."""
    table, width = _table(rate)
    held, first, done, ended = np.zeros(width, np.float32), -width, 0, False
    # held[i] is the file's sample first + i; before its begin and after its end there is silence.
    while not ended:
        block = next(blocks, _END)
        ended = block is _END
        held = np.concatenate([held, np.zeros(width, np.float32) if ended else np.asarray(block, np.float32)])
        # The samples whose whole reach is held.
        ready = -(-(first + len(held) - width) * RATE // rate)
        while done < ready:
            k = np.arange(done, min(ready, done + max(1, _AT_ONCE // (2 * width))), dtype=np.int64) * rate
            whole, part = k // RATE, (k % RATE) / RATE
            taps = np.arange(1 - width, width + 1)
            place = np.abs(taps[None, :] - part[:, None]) * ((len(table) - 2) / width)
            index = np.minimum(place.astype(np.int64), len(table) - 2)
            weights = table[index] + (table[index + 1] - table[index]) * (place - index)
            yield (weights * held[whole[:, None] - first + taps[None, :]]).sum(1).astype(np.float32)
            done += len(k)
        passed = max(0, done * rate // RATE - width + 1 - first)
        held, first = held[passed:], first + passed


@lru_cache(maxsize=4)
def _table(rate: int) -> tuple[np.ndarray, int]:
    """The filter from its middle to its end, with one more entry, and how many of the file's samples it reaches."""
    cutoff = min(1.0, RATE / rate)  # Of the file's own highest frequency.
    width = -(-_TAPS * max(rate, RATE) // RATE) if rate > RATE else _TAPS
    place = np.arange(_STEPS * _TAPS + 2) / _STEPS / _TAPS * width
    inside = np.clip(1 - np.square(place * cutoff / _TAPS), 0, None)
    window = np.where(place * cutoff <= _TAPS, np.i0(_BETA * np.sqrt(inside)) / np.i0(_BETA), 0)
    return cutoff * np.sinc(cutoff * place) * window, width
