"""What a training would be: sizes, memory, and speed by a few timed steps on maps with nothing on them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from ...backend import devices
from ...detail.config import to_json
from ..checkpoint import out_of_memory
from .trainer import GeneratorTrainer

_SLOW = 10.0


class BlankMaps:
    """As many maps as there are; nothing is read."""

    def __init__(self, resolution: int) -> None:
        self.resolution = resolution

    def maps(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, R, R) float32, small noise."""
        return np.random.default_rng(0).normal(0, 1e-3, (len(indices), self.resolution, self.resolution))

    def masks(self, indices: np.ndarray) -> np.ndarray:
        """(n,) -> (n, R, R) ones."""
        return np.ones((len(indices), self.resolution, self.resolution), np.float32)


def dry_run(trainer: GeneratorTrainer, maps: int | None, batch: int | None = None) -> dict[str, Any]:
    """Each part of a step once to warm up and once timed; lazy parts count by how rarely they come.

    maps: of the set, None where none was given. batch: the real one, of which the trainer holds one round; default the
    trainer's. Raises DnpmError when memory runs out.
    """
    plan = trainer.plan
    rounds = (batch or plan.batch) / plan.batch
    plan = replace(plan, batch=batch or plan.batch)
    parts: dict[str, tuple[Callable[[int], object], float]] = {
        "generator": (trainer.generator_part, 1.0),
        "path_length": (trainer.path_part, 1 / plan.path_every if plan.path_every else 0.0),
        "discriminator": (trainer.discriminator_part, 1.0),
        "r1": (trainer.r1_part, 1 / plan.r1_every if plan.r1_every and plan.gamma else 0.0),
    }
    trainer.ada.p = 0.5 if plan.ada_target is not None else 0.0  # Augmentation takes time as well.
    seconds = {}
    try:
        for name, (part, share) in parts.items():
            if share:
                seconds[name] = rounds * _timed(part, trainer.device)
    except (RuntimeError, MemoryError) as error:
        if out_of_memory(error):
            raise trainer.too_large() from error
        raise
    step = sum(seconds[name] * parts[name][1] for name in seconds)
    count = lambda net: sum(p.numel() for p in net.parameters())  # noqa: E731
    return {
        "generator": to_json(plan.generator), "generator_parameters": count(trainer.generator),
        "mapping_parameters": count(trainer.generator.mapping),
        "discriminator": asdict(plan.discriminator), "discriminator_parameters": count(trainer.discriminator),
        "maps": maps, "resolution": plan.resolution, "batch": plan.batch, "processes": trainer.me.count,
        "microbatch": trainer.microbatch, "images": plan.images, "steps": plan.steps, "rate": plan.rate,
        "gamma": round(plan.gamma, 5), "path_every": plan.path_every, "r1_every": plan.r1_every,
        "ada_target": plan.ada_target, "start": plan.start, "precision": plan.precision,
        "device": devices.name(trainer.device), "memory_mib": _memory_mib(trainer.device),
        "state_mib": _state_mib(trainer),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "seconds_per_step": round(step, 3), "images_per_second": round(plan.batch / step, 3),
        "hours": round(plan.steps * step / 3600, 2),
    }  # fmt: skip


def table(result: dict[str, Any]) -> str:
    """For reading."""
    g, d = result["generator"], result["discriminator"]
    registered = sum(count for _, count in g["registered"])
    parts = ", ".join(f"{name.replace('_', ' ')} {value:.2f} s" for name, value in result["seconds"].items())
    memory = f"{result['memory_mib']:,} MiB" if result["memory_mib"] is not None else "unknown"
    return "\n".join([
        f"G: {result['generator_parameters']:,} parameters (mapping {result['mapping_parameters']:,}), channel base "
        f"{g['channel_base']}, at most {g['channel_max']}, {registered} registered maps; starts from {result['start']}",
        f"D: {result['discriminator_parameters']:,} parameters, channel base {d['channel_base']}, at most "
        f"{d['channel_max']}",
        f"maps: {'no set given' if result['maps'] is None else result['maps']}, trained at {result['resolution']} x "
        f"{result['resolution']}",
        f"batch {result['batch']} on {result['processes']} process(es), {result['microbatch']} at once; "
        f"{result['images']:,} images, {result['steps']:,} steps; {result['precision']}",
        f"rate {result['rate']:g}, R1 {result['gamma']:g} {_every(result['r1_every'])}, path length "
        f"{_every(result['path_every'])}, ADA target {result['ada_target']}",
        f"{result['device']}: memory {memory}, state on disk {result['state_mib']:,} MiB",
        f"{result['seconds_per_step']:.2f} s a step ({parts}), {result['images_per_second']:.2f} images/s, "
        f"{result['hours']:.1f} h in all",
    ])  # fmt: skip


def _every(steps: int) -> str:
    return f"every {steps} steps" if steps else "left out"


def _timed(part: Callable[[int], object], device: torch.device) -> float:
    """Of the second time, or of the first where that is slow enough for what it does once not to matter."""
    seconds = 0.0
    for step in range(2):
        started = time.perf_counter()
        part(step)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = time.perf_counter() - started
        if seconds > _SLOW:
            break
    return seconds


def _memory_mib(device: torch.device) -> int | None:
    """The most that was held so far; None where the system does not say (Windows)."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20)
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)


def _state_mib(trainer: GeneratorTrainer) -> int:
    """Of the file: G, its average and D, and two moments for what learns."""
    bytes_of = lambda tensors: sum(t.numel() * t.element_size() for t in tensors)  # noqa: E731
    kept = (trainer.generator, trainer.mean, trainer.discriminator)
    networks = sum(bytes_of(net.state_dict().values()) for net in kept)
    moments = 2 * sum(bytes_of(group["params"]) for o in (trainer.of_g, trainer.of_d) for group in o.param_groups)
    return round((networks + moments) / 2**20)
