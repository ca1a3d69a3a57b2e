"""What a graphics card makes of the networks: `make bench-gpu`, at most eight minutes.

    python -I core/module_main.py benchmarks.gpu [--device cuda] [--out build/bench_gpu.json] [--minutes 8] [--small]

1. Parity: G's maps of the shipped weights on the device, in each precision, against the CPU's in fp32.
2. Forward passes, batch 1: ours, ours as a CUDA graph, and the textbook of `generator.py` with the same numbers, for
   the default configuration and the paper's (config-f).
3. One training step of G with its D, of E and of pix2pixHD, on random samples, with the most memory it held.

Every part is skipped, and said to be, once the minutes are over. On a CPU (--small) it runs too, which proves that the
script works and nothing of a card.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core import devices
from ..core.detail.card import weights_dir
from ..core.detail.config import ENCODERS, GENERATORS, GeneratorConfig
from ..core.detail.generator import Generator
from ..core.detail.weights import Detail, load_detail
from ..core.face_model.locate import face_model_path
from ..core.face_model.model import FaceModel
from ..core.files.writing import write_text
from ..core.paths import ROOT
from .generator import textbook

PRECISIONS = ("fp32", "bf16", "fp16")
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_UM = 1000.0


def measure(device: torch.device, minutes: float, *, small: bool = False) -> dict[str, Any]:
    """The figures. small: few runs of small networks; config-f is left out."""
    end = time.monotonic() + 60 * minutes
    detail, model = load_detail(weights_dir(None)), FaceModel.load(face_model_path(None))
    # The fastest convolution is looked for once, and the ones that round to ten bits are left out: parity comes first.
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    result: dict[str, Any] = {
        "device": str(device), "name": devices.name(device), "torch": torch.__version__, "small": small,
    }  # fmt: skip
    parts: dict[str, Callable[[], Any]] = {
        "parity": lambda: parity(detail, device, small=small),
        "forward_default": lambda: forward(GENERATORS["default"], device, 128 if small else 1024, 2 if small else 15),
        "train_generator": lambda: train_generator(device, "tiny" if small else "default"),
        "train_encoder": lambda: train_encoder(detail, model, device, 64 if small else 1024),
        "train_pix2pix": lambda: train_pix2pix(device, small=small),
        "forward_paper": lambda: None if small else forward(GENERATORS["paper"], device, 1024, 9),
        "train_generator_paper": lambda: None if small else train_generator(device, "paper", microbatch=4),
    }
    for name, part in parts.items():
        if time.monotonic() > end:
            result[name] = {"skipped": f"the {minutes:g} minutes were over"}
            continue
        start = time.monotonic()
        try:
            result[name] = part()
        except torch.OutOfMemoryError as error:
            result[name] = {"skipped": f"out of memory ({str(error).splitlines()[0]})"}
        if isinstance(result[name], dict):
            result[name]["seconds"] = round(time.monotonic() - start, 1)
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return result


def cast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """The context in which a precision is computed."""
    return nullcontext() if precision == "fp32" else torch.autocast(device.type, _DTYPES[precision])


def parity(detail: Detail, device: torch.device, *, small: bool) -> dict[str, Any]:
    """The largest and the rms difference from the CPU's fp32 map, in micrometres and in its standard deviation."""
    resolution, rows = (128 if small else 1024), {}
    torch.manual_seed(0)
    codes = detail.w_mean.expand(1, detail.generator.config.w_layers, -1)
    codes = codes + 0.3 * torch.randn(4, *codes.shape[1:])
    with torch.inference_mode():
        wanted = detail.generator.synthesis(codes, resolution)
        there = detail.generator.to(device)
        try:
            for precision in PRECISIONS:
                with cast(device, precision):
                    found = there.synthesis(codes.to(device), resolution).float().cpu()
                error = (found - wanted).abs()
                rows[precision] = {
                    "largest_um": round(float(error.max()) * _UM, 4),
                    "rms_um": round(float(error.square().mean().sqrt()) * _UM, 5),
                    "largest_in_std": float(error.max() / wanted.std()),
                }
        finally:
            detail.generator.to("cpu")
    return {"resolution": resolution, "maps": len(codes), **rows}


def forward(config: GeneratorConfig, device: torch.device, resolution: int, runs: int) -> dict[str, Any]:
    """Medians in ms, in turns."""
    torch.manual_seed(0)
    generator = Generator(config).eval().to(device)
    state = {name: value.detach().contiguous() for name, value in generator.state_dict().items()}
    codes = torch.randn(1, config.w_layers, config.w_dim, device=device)
    rows: dict[str, Any] = {"resolution": resolution, "parameters": sum(p.numel() for p in generator.parameters())}
    with torch.inference_mode(), torch.device(device):
        for precision in PRECISIONS:
            ways: dict[str, Callable[[], Any]] = {
                "ours": _within(cast(device, precision), lambda: generator.synthesis(codes, resolution)),
                "textbook": _within(cast(device, precision), lambda: textbook(state, config, codes, resolution)),
            }
            if device.type == "cuda":
                ways["ours_cuda_graph"] = _graph(ways["ours"])
            times = _in_turns(ways, device, runs)
            rows[precision] = {f"{name}_ms": value for name, value in times.items()} | {
                "speedup": round(times["textbook"] / min(v for k, v in times.items() if k != "textbook"), 2)
            }
    rows["memory_mib"] = _memory(device, lambda: generator.synthesis(codes, resolution))
    return rows


def _within(context: AbstractContextManager[Any], action: Callable[[], Tensor]) -> Callable[[], Tensor]:
    def run() -> Tensor:
        with context:
            return action()

    return run


def _graph(action: Callable[[], Tensor]) -> Callable[[], None]:
    """The same work recorded once and replayed (https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs)."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            action()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        action()
    return graph.replay


def _in_turns(ways: dict[str, Callable[[], Any]], device: torch.device, runs: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for run in range(-3, runs):
        for name, action in ways.items():
            _wait(device)
            start = time.perf_counter()
            action()
            _wait(device)
            if run >= 0:
                times[name].append((time.perf_counter() - start) * 1e3)
    return {name: round(statistics.median(values), 3) for name, values in times.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _memory(device: torch.device, action: Callable[[], Any]) -> int | None:
    """The most MiB that tensors held on the card; None elsewhere."""
    if device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats(device)
    action()
    _wait(device)
    return round(torch.cuda.max_memory_allocated(device) / 2**20)


def _steps(trainer: Any, device: torch.device, runs: int = 5) -> dict[str, Any]:
    """Median seconds of a training step, after two; every trainer counts its own."""

    def step() -> None:
        trainer.train_step()
        trainer.step += 1

    step(), step()
    times = []
    for _ in range(runs):
        _wait(device)
        start = time.perf_counter()
        step()
        _wait(device)
        times.append(time.perf_counter() - start)
    return {
        "batch": trainer.batch_size, "precision": trainer.precision, "step_s": round(statistics.median(times), 4),
        "images_a_second": round(trainer.batch_size / statistics.median(times), 2), "memory_mib": _memory(device, step),
    }  # fmt: skip


def _precisions(device: torch.device, known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(p for p in ("fp32", "bf16") if p in known) if device.type == "cuda" else ("fp32",)


def train_generator(device: torch.device, config: str, microbatch: int | None = None) -> dict[str, Any]:
    """G and D on random maps; lazy parts fall on the steps on which they would."""
    from ..core.training.generator.discriminator import Discriminator
    from ..core.training.generator.dry import BlankBatches
    from ..core.training.generator.plan import configured
    from ..core.training.generator.trainer import GeneratorTrainer

    class RandomBatches(BlankBatches):
        def read(self, step: int, part: slice) -> tuple[Tensor, Tensor]:
            shape = (part.stop - part.start, 1, self.resolution, self.resolution)
            return 0.03 * torch.randn(shape, device=device), torch.ones(shape, device=device)

    rows = {}
    for precision in _precisions(device, GeneratorTrainer.precisions):
        plan = configured(config, precision=precision)
        networks = Generator(plan.generator).to(device), Discriminator(plan.discriminator).to(device)
        trainer = GeneratorTrainer(
            plan, *networks, RandomBatches(plan), 1e-3, device, microbatch=min(microbatch or plan.batch, plan.batch)
        )
        rows[precision] = _steps(trainer, device)
    return {"config": config, **rows}


def train_encoder(detail: Detail, model: FaceModel, device: torch.device, resolution: int) -> dict[str, Any]:
    """E by Eq. 5 alone (no perceptual term) on blank maps of random people."""
    from ..core.training.encoder import sources
    from ..core.training.encoder.inputs import make_inputs
    from ..core.training.encoder.trainer import EncoderTrainer, Plan, new_encoder

    inputs = make_inputs("id-exp", model)
    config = sources.fitting_config(ENCODERS["default"], detail.generator.config, inputs.n_id, inputs.n_exp)
    rows = {}
    for precision in _precisions(device, EncoderTrainer.precisions):
        samples = sources.BlankSamples(64, resolution, model.n_id, model.n_exp)
        plan = Plan(config, resolution, 1, 8, 5e-4, 0.0, 0, None)
        trainer = EncoderTrainer(
            detail.generator, detail.w_mean, new_encoder(config, 0), inputs, samples, plan, None, device, precision
        )
        rows[precision] = _steps(trainer, device)
    detail.generator.to("cpu")
    return {"resolution": resolution, **rows}


def train_pix2pix(device: torch.device, *, small: bool) -> dict[str, Any]:
    """pix2pixHD and its discriminators on random textures."""
    from dataclasses import replace

    from ..core.photo.restore.pix2pix import CONFIGS
    from ..core.training.photo.pairs import Pairs
    from ..core.training.photo.pix2pix import Pix2PixPlan, Pix2PixTrainer

    # The textbook's, of colours, at a quarter of the paper's size.
    config = CONFIGS["tiny"] if small else replace(CONFIGS["paper"], width=16, downs=3, blocks=5, resolution=256)
    rng, side = np.random.default_rng(0), config.resolution
    pairs = Pairs(
        rng.random((8, 4, side, side)).astype(np.float16),
        (0.03 * rng.standard_normal((8, side, side))).astype(np.float16),
    )
    rows = {}
    for precision in _precisions(device, Pix2PixTrainer.precisions):
        trainer = Pix2PixTrainer(
            pairs, np.ones((side, side), np.float32), Pix2PixPlan(config, 100, 4), device, precision
        )
        trainer.step = 60  # With everything that comes in later.
        rows[precision] = _steps(trainer, device)
    return {"resolution": side, **rows}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench_gpu.json")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--small", action="store_true")
    args = parser.parse_args()
    device = devices.choose(args.device)
    result = measure(device, args.minutes, small=args.small)
    write_text(args.out, json.dumps(result, indent=2) + "\n", make_folder=True)
    print(json.dumps(result, indent=2))
    if device.type == "cpu" and not args.small:
        print("no graphics card was used: these are the processor's figures")


if __name__ == "__main__":
    main()
