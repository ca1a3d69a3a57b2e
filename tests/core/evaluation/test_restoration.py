"""Restoration at the size of use: rows that were never trained cost, and what is refused."""

from __future__ import annotations

from dnpm.core.cli.main import main
from dnpm.core.detail.weights import load_detail
from dnpm.core.evaluation.restoration import measure, table
from dnpm.core.photo.restore.weights import load_photo


def test_untrained_rows_spoil_what_is_finer_than_their_training(face_model, repository) -> None:
    folder = repository / "weights"
    result = measure(face_model, load_detail(folder), load_photo(folder), 2, 512)
    rows = result["rows"]
    assert result["pictures"] == 8
    assert rows["photo"]["fine_r"] > rows["all rows"]["fine_r"] + 0.02
    assert rows["photo"]["fine_mae_mm"] < 0.8 * rows["all rows"]["fine_mae_mm"]
    assert rows["photo"]["mae_mm"] < rows["all rows"]["mae_mm"] < rows["pix2pixHD's rough map"]["mae_mm"]
    assert "0 to 13" in table(result)


def test_what_cannot_be_measured_is_refused(capsys) -> None:
    for words in (["--faces", "1"], ["--resolution", "128"], ["--resolution", "2048"], ["--resolution", "700"]):
        assert main(["evaluate", "restoration", *words]) == 2
        assert words[0] in capsys.readouterr().err
