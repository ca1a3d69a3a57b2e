"""The row for f and v: what it is taught, and that its scores are of what was held out."""

from __future__ import annotations

import numpy as np

from dnpm.core.training.speech import labiodentals


def test_scores_are_of_what_was_held_out():
    rng = np.random.default_rng(1)

    def row(held: bool, sense: float) -> labiodentals.Row:
        truth = np.zeros(4000)
        spans = [(float(k), k + 4.0) for k in range(50, 3900, 100)]
        for a, b in spans:
            truth[int(a) : int(b) + 1] = 1
        features = rng.normal(0, 1, (4000, 5)).astype(np.float32)
        features[:, 2] += 5 * sense * truth
        truth[:20] = np.nan
        return features, truth, spans, [(a + 50, b + 50) for a, b in spans], held

    weight, _, scores = labiodentals.train([row(False, 1), row(True, 1)])
    assert np.argmax(np.abs(weight)) == 2
    assert scores["f and v found"] > 0.9
    assert scores["m, b and p wrongly"] < 0.3
    _, _, blind = labiodentals.train([row(False, 1), row(True, 0)])
    assert blind["labiodental frames found"] < 0.3 < scores["labiodental frames found"]


def test_held_out_sentences_are_others():
    assert not set(labiodentals.HELD_OUT) & set(labiodentals.SENTENCES)
