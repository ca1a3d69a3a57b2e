"""The layer that hears m, b and p: what counts as shut, what is left open, what is held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from dnpm.core.capture.track import CurveTrack
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.training.speech import bilabials, espeak
from dnpm.core.training.speech.captures import Take

from .conftest import Ears

JAW = ARKIT_NAMES.index("jawOpen")


def test_frames_of_a_bilabial_count_and_its_neighbours_do_not():
    truth = bilabials.truth_of(50, 50.0, [(0.40, 0.50, "m"), (0.81, 0.812, "p")])
    np.testing.assert_array_equal(np.flatnonzero(truth == 1), [20, 21, 22, 23, 24, 39, 40])
    assert np.isnan(truth[[17, 19, 25, 27, 38, 43]]).all()
    assert (truth[[0, 10, 30, 35, 49]] == 0).all()


def test_a_takes_lips_shut_between_openings_alone(ears: Ears, tmp_path: Path):
    rng, count = np.random.default_rng(0), 90
    soundfile.write(tmp_path / "a.wav", rng.normal(0, 0.2, 48000), 16000)
    curves = np.zeros((count, 52), np.float32)
    curves[:, JAW] = 0.3
    curves[40:42, JAW] = 0.0  # A bilabial.
    curves[60:, JAW] = 0.0  # Rest.
    take = Take("a", tmp_path / "a.wav", CurveTrack(np.arange(count) / 30, curves), np.ones(52, bool), "")
    features, truth, name, held = bilabials.captured(ears, take, 30.0, True)
    assert (len(features), name, held) == (len(truth), "take a", True)
    assert (truth[[40, 41]] == 1).all()
    assert (truth[[10, 30, 50]] == 0).all()
    assert np.isnan(truth[[39, 42, 70, 85]]).all()


def test_scores_are_of_what_was_held_out():
    rng = np.random.default_rng(1)

    def row(language: str, held: bool, sense: float) -> bilabials.Row:
        truth = (rng.random(4000) < 0.1).astype(float)
        features = rng.normal(0, 1, (4000, 5)).astype(np.float32)
        features[:, 2] += 4 * sense * truth
        truth[:100] = np.nan
        return features, truth, language, held

    rows = [*(row("de", False, 1) for _ in range(5)), row("de", True, 1), row("fr", True, 0)]
    layer, scores = bilabials.train(iter(rows), 0)
    heard = np.zeros((9, 5), np.float32)
    heard[4, 2] = 4
    told = layer(heard)[:, 1]
    assert told[2] > 2 * np.delete(told, 2).max(), "in the frame that has it alone"
    assert scores["bilabial found de"] > 0.6 > 0.3 > scores["bilabial found fr"]
    assert set(scores) == {f"bilabial {what} {name}" for what in ("found", "wrongly") for name in ("de", "fr")}


@pytest.mark.skipif(not espeak.available(), reason="espeak-ng is not installed")
def test_every_language_is_spoken(ears: Ears):
    rows = list(bilabials.spoken(ears, [], 1, 0))
    assert {row[2] for row in rows} == set(bilabials.SENTENCES)
    for language in bilabials.SENTENCES:
        mine = [row for row in rows if row[2] == language]
        assert sum(row[3] for row in mine) == len(bilabials.VARIANTS)
        assert all(len(features) == len(truth) for features, truth, _, _ in mine)
        assert np.mean([np.nanmax(truth) for _, truth, _, _ in mine]) > 0.9, "nearly every sentence has one"
