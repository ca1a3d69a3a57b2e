"""Features in chunks -> motion in chunks: memory and the cost of a second do not grow with the speech."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from .decoder import SpeechDecoder, Stepper

CHUNK = 256
"""Frames that are decoded from one piece of memory."""


def speak(decoder: SpeechDecoder, features: Iterable[np.ndarray], speaker: int = 0) -> Iterator[np.ndarray]:
    """Features (n, feature_width) at the decoder's rate, in chunks of any lengths -> motion (n, n_exp) float32.

    A frame is computed once its `halo` of later features has come, so that chunks give what the whole would.
    """
    config, device = decoder.config, decoder.out.weight.device
    stepper = Stepper(decoder, speaker)
    held = np.zeros((0, config.feature_width), np.float32)
    begin = 0  # held[0]'s number
    ended = False
    iterator = iter(features)
    while not ended:
        chunk = next(iterator, None)
        ended = chunk is None
        if chunk is not None:
            held = np.concatenate([held, np.asarray(chunk, np.float32)])
        total = begin + len(held)
        ready = total if ended else total - config.halo
        while stepper.frame < ready and (ended or ready - stepper.frame >= CHUNK // 4):
            first, last = stepper.frame, min(ready, stepper.frame + CHUNK)
            low, high = max(0, first - config.halo), min(total, last + config.halo)
            with torch.inference_mode():
                memory = decoder.project_audio(torch.from_numpy(held[low - begin : high - begin])[None].to(device))
                # Rows beyond the ends of the speech are padded; `inside_sequence` keeps them unheard.
                left, right = config.reach - (first - low), config.reach - (high - last)
                memory = torch.nn.functional.pad(memory, (0, 0, left, right))
                with _one_thread():
                    motion = stepper.run(memory, total if ended else None)
                yield motion.float().cpu().numpy()
            keep = max(0, stepper.frame - config.halo)
            held, begin = held[keep - begin :], keep


@contextmanager
def _one_thread() -> Iterator[None]:
    """A step's matrices are small: on a busy machine several threads wait for each other many times as long as they
    compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
