"""Choosing a device: under torchrun each process takes its own GPU, and looks at no other."""

from __future__ import annotations

import pytest
import torch

from dnpm.core import devices
from dnpm.core.errors import DnpmError


@pytest.fixture
def four_gpus(monkeypatch):
    """A machine with four GPUs, and the devices that were touched on it."""
    touched: list[str] = []
    monkeypatch.setattr(devices, "available", lambda: ["cuda", "cpu"])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: touched.append(str(device)))

    def works(device: torch.device) -> str | None:
        touched.append(str(device))
        return None

    monkeypatch.setattr(devices, "trouble", works)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    return touched


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
@pytest.mark.parametrize("rank", [0, 3])
def test_each_process_of_torchrun_touches_its_own_gpu_alone(four_gpus, monkeypatch, wanted: str, rank: int) -> None:
    monkeypatch.setenv("LOCAL_RANK", str(rank))
    assert devices.choose(wanted) == torch.device("cuda", rank)
    assert set(four_gpus) == {f"cuda:{rank}"}


def test_alone_the_first_that_works_is_taken(four_gpus, monkeypatch) -> None:
    assert devices.choose("auto").type == "cuda"
    monkeypatch.setattr(devices, "trouble", lambda device: "no code for this card")
    assert devices.choose("auto").type == "cpu"


def test_a_process_without_a_gpu_of_its_own_is_told_so(four_gpus, monkeypatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "4")
    with pytest.raises(DnpmError, match=r"process 4 .* \(4 seen\)"):
        devices.choose("auto")
    assert not four_gpus
    assert devices.choose("cpu").type == "cpu"
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(devices, "trouble", lambda device: "driver too old")
    with pytest.raises(DnpmError, match=r"cuda:1.*driver too old"):
        devices.choose("auto")
    monkeypatch.setenv("LOCAL_RANK", "first")
    with pytest.raises(DnpmError, match="LOCAL_RANK"):
        devices.choose("auto")
