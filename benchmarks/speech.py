"""Speech to curves: real-time factor and peak memory on sounds of growing length, each in a process of its own.

The real-time factor is seconds of computing a second of sound, loading not counted; it must be at most 0.1 from 10 s
on and must not grow, nor may memory: 600 s at most 1.3 times 60 s.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..core.processes import spread

LENGTHS_S = (1, 10, 60, 600)
_RATE = 44_100


def measure(weights: str | None, lengths: tuple[int, ...] = LENGTHS_S, threads: int = 2) -> dict[str, Any]:
    """Figures by length. Where there are no speech weights yet, an untrained decoder of the same size is timed."""
    results: dict[str, Any] = {"threads": threads, "seconds": {}}
    with tempfile.TemporaryDirectory(prefix="dnpm-bench-") as folder:
        for seconds in lengths:
            path = Path(folder) / f"{seconds}.wav"
            _write(path, seconds)
            # Another process for each: memory that one has had once counts as its peak.
            ((_, one),) = spread(_one, [(str(path), weights, threads)], 1, _nothing)
            results["decoder"] = one.pop("decoder")
            results["seconds"][str(seconds)] = one
            path.unlink()
    memory = {int(s): one["peak_mb"] for s, one in results["seconds"].items()}
    if {60, 600} <= memory.keys() and memory[60]:
        results["memory_600_over_60"] = round(memory[600] / memory[60], 3)
    return results


def table(result: dict[str, Any]) -> str:
    """For reading."""
    lines = [f"speech ({result['decoder']}, {result['threads']} threads)   real-time factor    peak memory"]
    for seconds, one in result["seconds"].items():
        peak = f"{one['peak_mb']:.0f} MB" if one["peak_mb"] else "-"
        lines.append(f"{seconds:>6} s of sound {one['wall_s']:20.2f} s{one['real_time_factor']:12.4f}{peak:>15}")
    if "memory_600_over_60" in result:
        lines.append(f"memory at 600 s over 60 s: {result['memory_600_over_60']:.2f}")
    return "\n".join(lines)


def _nothing() -> None:
    """What a helper does first."""


def _one(job: tuple[str, str | None, int]) -> dict[str, Any]:
    import torch

    from ..core.errors import DnpmError
    from ..core.speech.animate import Animator, animate, open_animator
    from ..core.speech.audio import open_sound
    from ..core.speech.config import CONFIGS
    from ..core.speech.decoder import SpeechDecoder
    from ..core.speech.encoders import open_encoder

    path, weights, threads = job
    torch.set_num_threads(threads)
    try:
        animator = open_animator(weights)
        name = animator.name
    except DnpmError:
        decoder = SpeechDecoder(CONFIGS["default"]).eval().requires_grad_(False)
        animator, name = Animator(open_encoder(), decoder, "untrained"), "no speech weights: an untrained decoder"
    warm = Path(path).with_name("warm.wav")
    _write(warm, 1)
    animate(open_sound(warm), animator, fps=30)  # Libraries are loaded when first used.
    sound = open_sound(path)
    begin, begin_cpu = time.monotonic(), time.process_time()
    animation = animate(sound, animator, fps=30)
    wall, cpu = time.monotonic() - begin, time.process_time() - begin_cpu
    seconds = float(animation.track.times[-1])
    return {
        "decoder": name, "wall_s": round(wall, 3), "cpu_s": round(cpu, 3),
        "real_time_factor": round(wall / seconds, 4), "frames": len(animation.track.times), "peak_mb": peak_mb(),
    }  # fmt: skip


def peak_mb() -> float | None:
    """The most memory that this process had; None where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)


def _write(path: Path, seconds: int) -> None:
    """Noise in syllables, with pauses, stereo at 44.1 kHz, written in pieces."""
    import soundfile

    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", _RATE, 2) as file:
        for second in range(seconds):
            at = second + np.arange(_RATE) / _RATE
            envelope = np.maximum(0, np.sin(2 * np.pi * 4 * at)) * (np.sin(2 * np.pi * at / 7) > -0.8)
            file.write(0.2 * envelope[:, None] * rng.standard_normal((_RATE, 2)))
