"""The loop by a trainer of a few numbers: exact continuation, signals, logs, hooks, precision, several processes."""

from __future__ import annotations

import csv
import itertools
import math
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dnpm.core.errors import DnpmError
from dnpm.core.progress import Progress
from dnpm.core.training import precision
from dnpm.core.training.loop import Hook, Loop, Scalars, TimedTrainer, Trainer, every, every_images
from dnpm.core.training.parallel import Rank

STEPS, BATCH = 25, 4


class Numbers:
    """A network of a few numbers, fitted to points that (seed, step) draws; `at` are calls by step."""

    def __init__(self, *args, at=None, **options) -> None:
        super().__init__(*args, **options)
        self.network = line()
        self.optimizer = torch.optim.Adam(self.network.parameters(), self.rate)
        self.networks, self.optimizers, self.at = {"line": self.network}, {"adam": self.optimizer}, at or {}
        self.extra = 0.0

    def more_state(self):
        return {"extra": np.array([self.extra])}

    def restore_more(self, arrays) -> None:
        self.extra = float(arrays["extra"][0])

    def once(self) -> Scalars:
        x = torch.from_numpy(np.random.default_rng([7, self.step]).standard_normal((BATCH, 3), np.float32))
        x = x[self.rank.share(BATCH)]
        with self.autocast():
            found = self.network(x)
        loss = (found.float() - x.sum(1, keepdim=True)).square().mean()
        self.descend(loss, self.optimizer, self.network, clip=1.0)
        self.extra += 0.5
        if self.step in self.at:
            self.at[self.step]()
        return {"loss": float(loss.detach()), "seldom": 1.0 if self.step == 3 else math.nan}

    def diverged(self, scalars: Scalars) -> bool:
        return not math.isfinite(scalars["loss"])


class Line(Numbers, Trainer):
    """So many steps of it."""

    def __init__(self, at=None, **options) -> None:
        super().__init__(STEPS, BATCH, 0.05, at=at, **options)

    def train_step(self) -> Scalars:
        return self.once()


class TimedLine(Numbers, TimedTrainer):
    """So many seconds of it, by a clock that ticks whenever one looks; the rate follows the time."""

    def __init__(self, at=None, seconds: float = 9.0) -> None:
        super().__init__(seconds, BATCH, 0.05, at=at, clock=itertools.count().__next__)
        self.rates: list[float] = []

    def timed_step(self) -> Scalars:
        self.rates.append(0.05 * (1 - self.fraction))
        self.optimizer.param_groups[0]["lr"] = self.rates[-1]
        return self.once()


def line() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def loop(folder: Path, **options) -> Loop:
    return Loop("line", folder / "state.safetensors", "line-1", {"seed": 7}, **options)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def same(one: Trainer, other: Trainer) -> bool:
    a, b = one.state(), other.state()
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("stop_at", [0, 12, STEPS - 2])
def test_a_signal_saves_and_the_same_command_goes_on_exactly(tmp_path: Path, capsys, stop_at: int):
    through = Line()
    assert loop(tmp_path / "through").run(through)
    before = signal.getsignal(signal.SIGINT)
    stopped = Line({stop_at: interrupt})
    assert not loop(tmp_path / "stopped").run(stopped)
    assert signal.getsignal(signal.SIGINT) is before
    said = capsys.readouterr().err
    assert f"line: stopped at step {stop_at + 1} of {STEPS}; the same command goes on" in said
    torch.manual_seed(99)  # Whatever else was random in between.
    resumed = Line()
    assert loop(tmp_path / "stopped").run(resumed)
    assert f"line: goes on from step {stop_at + 1} of {STEPS}" in capsys.readouterr().err
    assert same(through, resumed)
    assert resumed.extra == STEPS / 2
    assert loop(tmp_path / "stopped").run(Line()), "done is done"
    with pytest.raises(DnpmError, match=r"other settings \(seed\)"):
        Loop("line", tmp_path / "stopped" / "state.safetensors", "line-1", {"seed": 8}).run(Line())


def test_a_signal_in_the_last_step_is_no_stop(tmp_path: Path):
    assert loop(tmp_path).run(Line({STEPS - 1: interrupt}))


def test_timed_training_goes_on_with_the_time_that_is_left(tmp_path: Path):
    through, stopped, resumed = TimedLine(), TimedLine({3: interrupt}), TimedLine()
    assert loop(tmp_path / "through").run(through)
    assert through.step == 9
    assert not loop(tmp_path / "stopped").run(stopped)
    assert loop(tmp_path / "stopped").run(resumed)
    assert same(through, resumed)
    state = stopped.state()
    for change, says in (({"elapsed": np.array([-1.0])}, "elapsed time is -1 s"), ({}, "lacks elapsed")):
        with pytest.raises(DnpmError, match=says):
            TimedLine().restore({k: v for k, v in state.items() if k != "elapsed"} | change)
    assert stopped.rates + resumed.rates == through.rates == pytest.approx([0.05 * (1 - k / 9) for k in range(9)])


def test_rows_are_means_and_hooks_have_columns(tmp_path: Path, capsys):
    losses: list[float] = []
    trainer = Line()
    step = trainer.train_step

    def recorded() -> Scalars:
        losses.append((found := step())["loss"])
        return found

    trainer.train_step = recorded
    asked: list[int] = []
    check = Hook(lambda: asked.append(trainer.step) or {"error": float(trainer.step)}, every(20), at_start=True)
    silent = Hook(lambda: None, every_images(12, BATCH))
    assert loop(tmp_path, hooks=[check, silent]).run(trainer)
    assert asked == [0, 20, STEPS]
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["0", "10", "20", "25"]
    assert [row["error"] for row in rows] == ["0", "", "20", "25"]
    assert [row["images"] for row in rows] == ["0", "40", "80", "100"]
    parts = (losses[:10], losses[10:20], losses[20:])
    assert [float(row["loss"]) for row in rows[1:]] == pytest.approx([np.mean(part) for part in parts], rel=1e-4)
    assert [row["seldom"] for row in rows] == ["", "1", "", ""], "what a step does not have does not count"
    said = capsys.readouterr().err
    assert "line: held out: error 20" in said
    assert "line: 25/25 steps, loss" in said
    assert "\r" not in said, "no bar where there is no terminal"


def test_images_that_are_passed_are_due_once():
    due = every_images(10, 4)
    assert [step for step in range(1, 11) if due(step)] == [3, 5, 8, 10]


def test_it_saves_by_the_clock_with_what_belongs_to_it(tmp_path: Path):
    trainer, saved = Line(), []
    kept = {"best": np.array([4.5])}
    assert loop(tmp_path, save_seconds=0, also_save=lambda: saved.append(trainer.step), more_state=lambda: kept).run(
        trainer
    )
    assert saved == list(range(1, STEPS + 1))
    assert loop(tmp_path).resume(Line())["best"] == 4.5
    assert loop(tmp_path / "fresh").resume(Line()) is None
    seldom: list[int] = []
    assert loop(tmp_path / "b", also_save=lambda: seldom.append(1)).run(Line())
    assert len(seldom) == 1, "at the end"


def test_divergence_and_memory_are_named(tmp_path: Path):
    trainer = Line()
    with torch.no_grad():
        trainer.network[0].bias.fill_(math.nan)
    with pytest.raises(DnpmError, match="the loss diverged at step 0; try a smaller --rate"):
        loop(tmp_path).run(trainer)

    def fail() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(DnpmError, match="cpu has too little memory for a batch of 4: try --batch 2"):
        loop(tmp_path).run(Line({2: fail}))

    def bug() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        loop(tmp_path).run(Line({2: bug}))


@pytest.mark.parametrize("kind", ["bf16", "fp16"])
def test_lower_precision_learns_and_goes_on_exactly(tmp_path: Path, kind: precision.Precision):
    through, full = Line(precision=kind), Line()
    losses = [scalars["loss"] for scalars in through.run()]
    exact = [scalars["loss"] for scalars in full.run()]
    assert losses != exact
    assert losses[0] == pytest.approx(exact[0], rel=0.02)
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    stopped, resumed = Line({5: interrupt}, precision=kind), Line(precision=kind)
    assert not loop(tmp_path).run(stopped)
    assert loop(tmp_path).run(resumed)
    assert same(through, resumed)
    assert ("loss_scale" in through.state()) == (kind == "fp16")


def test_a_precision_that_is_not_allowed_is_refused_in_one_line(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    assert precision.choose("bf16", cpu, ("fp32", "bf16")) == "bf16"
    assert precision.choose("auto", cpu, ("fp32", "bf16")) == "fp32", "it must be asked for"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": False})
    assert precision.choose("auto", cpu, ("fp32", "bf16")) == "fp32"
    assert precision.choose("fp32", cpu, ("fp32",)) == "fp32"
    for wanted, says in (
        ("bf16", "--precision bf16: cpu does not compute with bfloat16"),
        ("fp16", "--precision fp16: this training allows fp32, bf16 only"),
    ):
        with pytest.raises(DnpmError, match=says) as error:
            precision.choose(wanted, cpu, ("fp32", "bf16"))
        assert "\n" not in str(error.value)


def test_a_batch_that_cannot_be_shared_out_is_refused():
    with pytest.raises(DnpmError, match="--batch 4 cannot be shared out to 3 processes"):
        Line(rank=Rank(1, 3))


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress("maps", 10, 5, "maps") as bar:
        bar.update(8, "loss 2")
        bar.say("held out: error 1")
        bar.update(10)
    said = capsys.readouterr().err
    assert "maps:  80%" in said
    assert "8/10 maps" in said
    assert "maps: held out: error 1\n" in said


TWO = """
import sys, torch
torch.set_num_threads(1)
from pathlib import Path
from dnpm.core.training.parallel import join_ranks
from dnpm.tests.core.training.test_loop import Line, interrupt, loop

folder = Path(sys.argv[1])
with join_ranks(torch.device("cpu")) as rank:
    if rank.number == 1:  # Another start, and the one who is asked to stop.
        stopped = Line({4: interrupt}, rank=rank)
        stopped.network[0].bias.data += 1
    else:
        stopped = Line(rank=rank)
    assert not loop(folder).run(stopped)
    assert stopped.step == 5
    rank.barrier()
    assert loop(folder).run(Line(rank=rank))
"""


def test_two_processes_do_what_one_does(tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = [
        subprocess.Popen([sys.executable, "-c", TWO, str(tmp_path)], stderr=subprocess.PIPE, text=True,
                         env=common | {"RANK": str(k), "LOCAL_RANK": str(k)}) for k in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    one, two = Line(), Line()
    assert loop(tmp_path / "one").run(one)
    loop(tmp_path).resume(two)
    assert two.step == STEPS
    for a, b in zip(one.network.parameters(), two.network.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    assert "stopped at step 5" in said[0]
    assert "stopped at step 5" not in said[1], "one process speaks"
