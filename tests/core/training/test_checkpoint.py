"""States on disk: what comes back, in which order in memory, what is refused; what counts as memory that ran out."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.errors import DnpmError
from dnpm.core.training import checkpoint


def trained(seed: int, steps: int) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
    net[0].to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(steps):
        optimizer.zero_grad()
        net(torch.randn(4, 2, 8, 8)).square().sum().backward()
        optimizer.step()
    return net, optimizer


def arrays_of(net: torch.nn.Module, optimizer: torch.optim.Optimizer) -> checkpoint.Arrays:
    return checkpoint.network_arrays("net", net) | checkpoint.optimizer_arrays("adam", optimizer)


def test_everything_comes_back_with_its_strides(tmp_path: Path):
    net, optimizer = trained(0, 3)
    checkpoint.save_state(tmp_path / "state", arrays_of(net, optimizer), "kind", {"a": 1})
    other, its = trained(1, 1)
    arrays = checkpoint.load_state(tmp_path / "state", "kind", {"a": 1})
    checkpoint.restore_network("net", other, arrays)
    checkpoint.restore_optimizer("adam", its, arrays)
    again = arrays_of(other, its)
    assert again.keys() == arrays.keys()
    assert all(np.array_equal(again[k], arrays[k]) for k in arrays)
    assert again["net.1.num_batches_tracked"] == 3
    weight = other[0].weight
    assert its.state[weight]["exp_avg"].stride() == weight.stride() != torch.empty(3, 2, 3, 3).stride()


def test_arrays_are_no_views_of_what_goes_on():
    net, optimizer = trained(0, 1)
    arrays = arrays_of(net, optimizer)
    kept = {k: v.copy() for k, v in arrays.items()}
    net(torch.randn(4, 2, 8, 8)).sum().backward()
    optimizer.step()
    assert all(np.array_equal(kept[k], arrays[k]) for k in arrays)


def test_what_is_refused(tmp_path: Path):
    net, optimizer = trained(0, 1)
    arrays = arrays_of(net, optimizer)
    path = tmp_path / "state"
    checkpoint.save_state(path, arrays, "kind", {"rate": 1, "same": [1, 2]})
    with pytest.raises(DnpmError, match=r"other settings \(more, rate\)"):
        checkpoint.load_state(path, "kind", {"rate": 2, "same": (1, 2), "more": 0})
    with pytest.raises(DnpmError, match="is no state of this training"):
        checkpoint.load_state(path, "another", {"rate": 1, "same": [1, 2]})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DnpmError, match="truncated"):
        checkpoint.load_state(path, "kind", {"rate": 1, "same": [1, 2]})
    with pytest.raises(DnpmError, match="another net"):
        checkpoint.restore_network("net", torch.nn.Linear(2, 2), arrays)
    small = torch.optim.Adam(torch.nn.Linear(2, 2).parameters())
    with pytest.raises(DnpmError, match="another adam"):
        checkpoint.restore_optimizer("adam", small, arrays)


@pytest.mark.parametrize(("error", "is_it"), [
    (torch.OutOfMemoryError("CUDA out of memory"), True), (MemoryError(), True),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"), True),
    (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried"), True),
    (RuntimeError("shapes do not match"), False), (ValueError("out of memory"), False),
])  # fmt: skip
def test_memory_that_ran_out(error: Exception, is_it: bool):
    assert checkpoint.out_of_memory(error) is is_it


def test_a_first_signal_asks_and_a_second_ends():
    before = signal.getsignal(signal.SIGTERM)
    with checkpoint.stop_on_signal() as stop:
        assert not stop.asked
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before
