"""Counting on the meta device: arithmetic as it is known, memory of the tensors alone, and none of it allocated."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from dnpm.core.training.rehearsal import META, Speed, Work, measure, number, of_steps

SIDE, WIDTH, BATCH = 64, 8, 4


def once(network: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor) -> None:
    network(x).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def test_work_of_a_convolution() -> None:
    with META:
        network, x = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False), torch.empty(BATCH, WIDTH, SIDE, SIDE)
    optimizer = torch.optim.Adam(network.parameters())
    step = lambda: once(network, optimizer, x)  # noqa: E731
    measure({"begun": step})
    work = measure({"step": step})["step"]
    forward = 2 * 9 * WIDTH * WIDTH * BATCH * SIDE * SIDE
    assert work.operations == pytest.approx(2 * forward, rel=0.01), "and backwards by the kernel, not by x"
    maps, kernels = x.numel() * 4, 4 * 9 * WIDTH**2
    # x, its convolution, the square and what its derivative is made of; kernel, gradient and moments.
    assert 3 * maps + 3 * kernels <= work.peak <= 6 * maps + 8 * kernels
    assert work.small > 4 * maps
    assert work.large == 0
    assert measure({"again": step})["again"].operations == work.operations


def test_what_is_freed_does_not_count() -> None:
    def chain() -> None:
        x = torch.empty(1_000_000, device=META)
        for _ in range(50):
            x = x + 1

    work = measure({"chain": chain})["chain"]
    assert 4_000_000 <= work.peak <= 3 * 4_000_000
    assert work.calls >= 51


def test_seconds_follow_the_work() -> None:
    speed = Speed.of(torch.device("cpu"))
    assert min(speed.operations, speed.small, speed.large, speed.call) > 0
    little, much = Work(1, 10**9, 10**6, 0, 0), Work(1, 10**10, 10**7, 0, 0)
    assert speed.seconds(much) == pytest.approx(10 * speed.seconds(little), rel=0.1)
    told = of_steps(lambda: torch.empty(3, device=META) + 1, 4, 1000, torch.device("cpu"))
    assert told["images_a_second"] > 0
    assert told["memory_mib"] == 0


def test_numbers() -> None:
    assert number(torch.tensor(2.5, requires_grad=True)) == 2.5
    assert np.isnan(number(torch.empty((), device=META)))


LIMITED = """
import resource, sys
from dnpm.core.cli.main import main
code = main(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
if sys.platform == "linux":
    # There ru_maxrss begins with what the process that started this one held.
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    peak = int(line.split()[1]) * 1024
print(peak, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("command", "tensors_gib"),
    [
        (["generator"], 20), (["encoder", "--out", "none"], 4), (["pix2pix"], 4), (["restoration", "--out", "none"], 1),
    ],
)  # fmt: skip
def test_a_dry_run_of_the_papers_sizes_takes_no_memory(command: list[str], tensors_gib: float) -> None:
    words = ["train", *command, "--config", "paper", "--dry-run", "--device", "cpu", "--threads", "1"]
    words += ["--json"] if command == ["generator"] else []
    done = subprocess.run([sys.executable, "-c", LIMITED, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["memory_mib"] > 1024 * tensors_gib, "what the training would hold"
    assert int(done.stderr.split()[-1]) < 1.5 * 2**30, "what the dry run held, PyTorch itself included"
    assert "estimated" in told["figures"]
