"""Two gloo processes on a CPU do what one does with the same batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from dnpm.core.cli.main import main
from dnpm.core.files import tensor_file


def command(set_folder: Path, out: Path) -> list[str]:
    return [
        sys.executable, "-m", "dnpm", "train", "generator", "--data", str(set_folder), "--out", str(out),
        "--config", "tiny", "--start", "random", "--resolution", "32", "--batch", "8", "--images", "24",
        "--metric-maps", "0",
        "--pictures-every", "100000", "--device", "cpu", "--threads", "1",
    ]  # fmt: skip


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_two_processes_are_one(set_folder: Path, tmp_path: Path, monkeypatch):
    pair = dict(os.environ) | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    started = [
        subprocess.Popen(command(set_folder, tmp_path / "two"), env=pair | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]  # fmt: skip
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert main(command(set_folder, tmp_path / "one")[3:]) == 0
    said = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert [bool(out.strip()) for out, _ in said] == [True, False], "one process speaks for both"
    two, _ = tensor_file.load(tmp_path / "two" / "state.safetensors")
    one, _ = tensor_file.load(tmp_path / "one" / "state.safetensors")
    assert two.keys() == one.keys()
    assert one["step"] == two["step"] == 3
    np.testing.assert_allclose(two["ada"], one["ada"])
    np.testing.assert_allclose(two["path_mean"], one["path_mean"], rtol=1e-3)
    networks = [name for name in one if name.startswith(("mean.", "generator.", "discriminator."))]
    apart = np.concatenate([np.abs(two[name] - one[name]).ravel() for name in networks])
    # Adam takes whole steps of .0015, even where a gradient is hardly more than rounding.
    assert apart.mean() < 1e-4
    # Adam's second moments are the gradients' own squares.
    for name in (n for n in one if n.endswith("exp_avg_sq")):
        assert np.linalg.norm(two[name] - one[name]) <= 0.1 * np.linalg.norm(one[name]), name
