"""What a training of G would be: sizes, memory and speed, estimated without its memory (`rehearsal.py`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from ... import devices
from ...detail.config import to_json
from ...detail.generator import Generator
from ..rehearsal import ESTIMATED, META, Speed, measure
from .batches import Batches
from .discriminator import Discriminator
from .plan import Plan
from .trainer import GeneratorTrainer


class BlankBatches(Batches):
    """Maps and masks of the right shapes on the meta device; nothing is read."""

    def __init__(self, plan: Plan) -> None:
        self.batch, self.resolution = plan.batch, plan.resolution

    def read(self, step: int, part: slice) -> tuple[Tensor, Tensor]:
        """See `Batches`."""
        shape = (part.stop - part.start, 1, self.resolution, self.resolution)
        return torch.empty(shape, device=META), torch.empty(shape, device=META)

    def close(self) -> None:
        """There is no thread."""


def blank_trainer(plan: Plan, microbatch: int | None) -> GeneratorTrainer:
    """As `train` would make it, on the meta device. Raises DnpmError when the microbatch does not divide the batch."""
    with META:
        networks = Generator(plan.generator), Discriminator(plan.discriminator)
    return GeneratorTrainer(plan, *networks, BlankBatches(plan), 1e-3, META, microbatch=microbatch)


def dry_run(trainer: GeneratorTrainer, maps: int | None, device: torch.device) -> dict[str, Any]:
    """Sizes, memory and seconds of each part of a step; lazy parts count by how rarely they come.

    trainer: on the meta device. maps: of the set, None where none was given. device: the one that would train.
    """
    plan = trainer.plan
    parts: dict[str, tuple[Callable[[int], object], float]] = {
        "generator": (trainer.generator_part, 1.0),
        "path_length": (trainer.path_part, 1 / plan.path_every if plan.path_every else 0.0),
        "discriminator": (trainer.discriminator_part, 1.0),
        "r1": (trainer.r1_part, 1 / plan.r1_every if plan.r1_every and plan.gamma else 0.0),
    }
    trainer.ada.p = 0.5 if plan.ada_target is not None else 0.0  # Augmentation takes time as well.

    def whole(name: str, part: Callable[[int], object]) -> Callable[[], None]:
        def run() -> None:
            part(0)
            trainer.apply(to_g=name in ("generator", "path_length"))

        return run

    runs = {name: whole(name, part) for name, (part, share) in parts.items() if share}
    measure(runs)  # Moments appear in the first steps; then they count in every part.
    works = measure(runs)
    speed = Speed.of(device)
    seconds = {name: speed.seconds(work) for name, work in works.items()}
    step = sum(seconds[name] * parts[name][1] for name in seconds)
    count = lambda net: sum(p.numel() for p in net.parameters())  # noqa: E731
    return {
        "generator": to_json(plan.generator), "generator_parameters": count(trainer.generator),
        "mapping_parameters": count(trainer.generator.mapping),
        "discriminator": asdict(plan.discriminator), "discriminator_parameters": count(trainer.discriminator),
        "maps": maps, "resolution": plan.resolution, "batch": plan.batch, "processes": trainer.rank.count,
        "microbatch": trainer.microbatch, "images": plan.images, "steps": plan.steps, "rate": plan.rate,
        "gamma": round(plan.gamma, 5), "path_every": plan.path_every, "r1_every": plan.r1_every,
        "ada_target": plan.ada_target, "start": plan.start, "precision": plan.precision,
        "device": devices.name(device), "memory_mib": round(max(work.peak for work in works.values()) / 2**20),
        "state_mib": _state_mib(trainer), "figures": ESTIMATED,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "seconds_per_step": round(step, 3), "images_per_second": round(plan.batch / step, 3),
        "hours": round(plan.steps * step / 3600, 2),
    }  # fmt: skip


def table(result: dict[str, Any]) -> str:
    """For reading."""
    g, d = result["generator"], result["discriminator"]
    registered = sum(count for _, count in g["registered"])
    parts = ", ".join(f"{name.replace('_', ' ')} {value:.2f} s" for name, value in result["seconds"].items())
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
        f"{result['device']}: about {result['memory_mib']:,} MiB of tensors, state on disk "
        f"{result['state_mib']:,} MiB",
        f"about {result['seconds_per_step']:.2f} s a step ({parts}), {result['images_per_second']:.2f} images/s, "
        f"{result['hours']:.1f} h in all",
        f"(memory and times are {result['figures']})",
    ])  # fmt: skip


def _every(steps: int) -> str:
    return f"every {steps} steps" if steps else "left out"


def _state_mib(trainer: GeneratorTrainer) -> int:
    """Of the file: G, its average and D, and two moments for what learns."""
    bytes_of = lambda tensors: sum(t.numel() * t.element_size() for t in tensors)  # noqa: E731
    kept = (trainer.generator, trainer.mean, trainer.discriminator)
    networks = sum(bytes_of(net.state_dict().values()) for net in kept)
    moments = 2 * sum(bytes_of(group["params"]) for o in (trainer.opt_g, trainer.opt_d) for group in o.param_groups)
    return round((networks + moments) / 2**20)
