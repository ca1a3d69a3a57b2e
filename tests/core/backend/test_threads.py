"""How many threads of a processor the worker uses: the user's number, else a good one."""

from __future__ import annotations

import os

import pytest

from dnpm.core import devices
from dnpm.core.backend.requests import InfoRequest


@pytest.fixture(autouse=True)
def afterwards():
    yield
    devices.limit_threads(0)


def test_the_users_number_wins(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert devices.threads_available() == 1
    devices.limit_threads(3)
    assert devices.threads_available() == 3
    assert "3 threads" in devices.name(devices.torch.device("cpu"))


def test_0_is_as_many_as_are_good(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    devices.limit_threads(0)
    assert 1 <= devices.threads_available() <= min(8, os.cpu_count() or 1)


def test_small_work_takes_one_thread_and_large_work_all(monkeypatch):
    import torch

    before = torch.get_num_threads()
    try:
        devices.limit_threads(2)
        devices.use_threads_for(64 * 64)
        assert torch.get_num_threads() == 1
        devices.use_threads_for(1024 * 1024)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_number_reaches_the_worker(make_client):
    client = make_client(threads=3)
    client.call(InfoRequest())
    assert client.status.device_name.endswith("3 threads")
