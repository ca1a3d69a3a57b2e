"""Makes sounds and videos as phones and editors write them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def tone(rate: int, seconds: float = 1.0, hertz: float = 300.0) -> np.ndarray:
    """(n, 1) float32."""
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)[:, None]


def write_media(
    path: Path, sounds: Sequence[np.ndarray], *, rate: int = 48000, codec: str = "aac", container: str | None = None,
    picture: bool = False, start: float = 0.0, options: dict[str, str] | None = None,
) -> Path:  # fmt: skip
    """A stream of sound for each of `sounds`, (n, 1 or 2) float32, and a picture of 25 frames a second beside them."""
    with av.open(str(path), "w", format=container, options=options or {}) as out:
        video = out.add_stream("mpeg4", rate=25) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        streams = [out.add_stream(codec, rate=rate, layout=("mono", "stereo")[s.shape[1] - 1]) for s in sounds]
        if video is not None:
            for k in range(int(25 * len(sounds[0]) / rate) if sounds else 10):
                frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 10 * k % 255, np.uint8), format="rgb24")
                out.mux(video.encode(frame))
            out.mux(video.encode())
        for stream, sound in zip(streams, sounds, strict=True):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound.T, np.float32), format="fltp", layout=stream.layout.name
            )
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), round(start * rate)
            convert = av.AudioResampler(format=stream.codec_context.format.name, layout=stream.layout.name, rate=rate)
            for part in convert.resample(frame):
                out.mux(stream.encode(part))
            out.mux(stream.encode())
    return path
