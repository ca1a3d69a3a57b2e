"""The gauge of people: what it says of sets that are known, and that its baseline loses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.cli.main import main
from dnpm.core.evaluation import people


@settings(max_examples=20, deadline=None)
@given(directions=st.integers(1, 12), seed=st.integers(0, 99))
def test_directions_are_counted(directions: int, seed: int):
    """So many independent directions of equal strength among very many people are that many dimensions."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.standard_normal((400, directions)))[0]
    figures = people.figures((rng.standard_normal((600, directions)) @ axes.T).astype(np.float32))
    assert figures["effective_dims"] == pytest.approx(directions, rel=0.12)
    assert figures["people"] == 600


def test_a_common_map_raises_the_correlation_and_no_dimension():
    rng = np.random.default_rng(1)
    own = rng.standard_normal((40, 500)).astype(np.float32)
    common = rng.standard_normal(500).astype(np.float32)
    apart, alike = people.figures(own), people.figures(own + common)
    assert abs(apart["pairwise_r_mean"]) < 0.02
    assert alike["pairwise_r_mean"] == pytest.approx(0.5, abs=0.05)
    assert alike["effective_dims"] == pytest.approx(apart["effective_dims"], rel=1e-3)
    assert alike["deviation_um"] == pytest.approx(apart["deviation_um"], rel=1e-3)


def test_the_baseline_is_one_set_of_lines():
    maps = np.random.default_rng(2).standard_normal((12, 300)).astype(np.float32) + 1.0
    figures = people.figures(people.one_set_of_lines(maps))
    assert figures["pairwise_r_mean"] == pytest.approx(1.0, abs=1e-4)
    assert figures["effective_dims"] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_the_command_prints_the_keys(tiny_parts, capsys):
    arguments = ["--face-model", str(tiny_parts / "tiny.safetensors"), "--weights", str(tiny_parts / "weights")]
    few = ["--people", "6", "--resolution", "64", "--learnt", "0"]
    assert main(["evaluate", "people", "--json", *few, *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    keys = {"people", "pairwise_r_mean", "pairwise_r_max", "effective_dims", "rms_mm_p10_p90", "deviation_um"}
    for part in ("rest", "expressions", "one_set_of_lines"):
        assert keys <= result[part].keys()
    assert result["rest"]["people"] == 6
    assert main(["evaluate", "people", "--people", "2", *arguments]) == 2
    assert "at least 3" in capsys.readouterr().err
