"""The log: the CSV and TensorBoard's log of the same figures, columns that come later, and what is beyond a stop."""

from __future__ import annotations

import builtins
import math
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dnpm.core.errors import DnpmError
from dnpm.core.training import scalars
from dnpm.core.training.scalars import ScalarLog, read_log


def events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard reads."""
    found = EventAccumulator(str(folder)).Reload()
    return {name: [(e.step, e.value) for e in found.Scalars(name)] for name in found.Tags()["scalars"]}


def test_both_logs_hold_the_figures(tmp_path: Path):
    with ScalarLog(tmp_path, 0) as log:
        log.write(300, {"loss": 0.5, "frechet": math.nan})
        log.write(70_000, {"loss": -2.0, "frechet": 3.0})
    assert (tmp_path / "log.csv").read_text().split() == ["step,loss,frechet", "300,0.5,", "70000,-2,3"]
    expected = {"loss": [(300, 0.5), (70_000, -2.0)], "frechet": [(70_000, 3.0)]}
    assert events(tmp_path) == expected
    assert read_log(tmp_path / "log.csv") == expected


def test_a_figure_that_comes_later_gets_a_column(tmp_path: Path):
    with ScalarLog(tmp_path, 0) as log:
        log.write(1, {"loss": 0.5})
        log.write(2, {"held_out": 4.0})
        log.write(3, {"loss": 0.25})
    assert (tmp_path / "log.csv").read_text().split() == ["step,loss,held_out", "1,0.5,", "2,,4", "3,0.25,"]


def test_what_a_hard_stop_left_beyond_the_state_is_taken_out(tmp_path: Path):
    with ScalarLog(tmp_path, 0) as log:
        for step in (10, 20, 30):
            log.write(step, {"loss": step})
    with (tmp_path / "log.csv").open("a") as file:
        file.write("40")  # Cut off in the middle of a row.
    with ScalarLog(tmp_path, 20) as log:
        log.write(30, {"loss": 7})
    assert (tmp_path / "log.csv").read_text().split() == ["step,loss", "10,10", "20,20", "30,7"]
    assert events(tmp_path) == {"loss": [(10, 10), (20, 20), (30, 7)]}


def test_a_foreign_file_is_not_overwritten(tmp_path: Path):
    (tmp_path / "log.csv").write_text("my,own\n1,2\n")
    with pytest.raises(DnpmError, match="is not the log of a training"):
        ScalarLog(tmp_path, 0)


def test_without_tensorboard_it_says_so_once(tmp_path: Path, monkeypatch, caplog):
    real = builtins.__import__

    def without(name: str, *args, **kwargs):
        if name.startswith("torch.utils.tensorboard"):
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(scalars, "_told", [])
    caplog.set_level("INFO", "dnpm")
    for folder in ("a", "b"):
        with ScalarLog(tmp_path / folder, 0) as log:
            log.write(1, {"loss": 1.0})
        assert [file.name for file in (tmp_path / folder).iterdir()] == ["log.csv"]
    assert caplog.text.count("pip install tensorboard") == 1
    assert len(caplog.text.splitlines()) == 1
