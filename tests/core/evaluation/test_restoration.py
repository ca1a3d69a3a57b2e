"""Restoration at the size of use: what it takes away from known sliders, and what is refused."""

from __future__ import annotations

from dnpm.core.cli.main import main
from dnpm.core.detail.weights import load_detail
from dnpm.core.evaluation.restoration import measure, table
from dnpm.core.photo.restore.weights import load_photo


def test_what_a_photo_takes_away_from_known_sliders(face_model, repository) -> None:
    folder = repository / "weights"
    result = measure(face_model, load_detail(folder), load_photo(folder), 2, 256)
    rows = result["rows"]
    assert result["pictures"] == 8
    own = rows["the sliders' own"]["mae_mm"]
    assert 0.97 * own < rows["photo, trust 0.4"]["mae_mm"] < 1.15 * own, "the code takes little away from what is known"
    assert rows["photo, trust 0.4"]["mae_mm"] <= rows["photo"]["mae_mm"] < 1.6 * own
    assert rows["photo, trust 0.4, with its wrinkles"]["mae_mm"] < rows["mean map"]["mae_mm"]
    assert "0 to 17" in table(result)


def test_what_cannot_be_measured_is_refused(capsys) -> None:
    for words in (["--faces", "1"], ["--resolution", "128"], ["--resolution", "2048"], ["--resolution", "700"]):
        assert main(["evaluate", "restoration", *words]) == 2
        assert words[0] in capsys.readouterr().err
