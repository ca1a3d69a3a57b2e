"""`dnpm info`: what is there, and what is missing."""

from __future__ import annotations

import json

import pytest

from dnpm import __version__
from dnpm.core.cli.main import main
from dnpm.core.files import tensor_file


@pytest.fixture
def parts(tiny_weights, tiny_model_file) -> list[str]:
    return ["--weights", str(tiny_weights), "--face-model", str(tiny_model_file), "--device", "cpu"]


def test_json(parts, tiny_weights, tiny_model_file, capsys):
    assert main(["info", "--json", *parts]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["dnpm"] == __version__
    assert facts["face_model"]["name"] == "tiny"
    assert (facts["face_model"]["n_id"], facts["face_model"]["n_exp"], facts["face_model"]["vertices"]) == (3, 4, 81)
    assert facts["face_model"]["sha256"] == tensor_file.sha256(tiny_model_file)
    for name, digest in facts["weights"]["sha256"].items():
        assert digest == tensor_file.sha256(tiny_weights / name)
    assert facts["weights"]["card"]["name"] == "tiny-weights"
    assert facts["backend"]["device"] == "cpu"
    assert facts["backend"]["memory_mb"]["peak"] > 50


def test_table(parts, capsys):
    assert main(["info", *parts]) == 0
    text = capsys.readouterr().out
    for word in ("tiny: 3 identity components x 4 expressions", "tiny-weights", "CC0-1.0", "cpu", "PyTorch"):
        assert word in text
    assert "MISSING" not in text


def test_what_is_missing_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DNPM_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("DNPM_FACE_MODEL", str(tmp_path / "none.safetensors"))
    assert main(["info"]) == 1
    text = capsys.readouterr().out
    assert "no detail weights there" in text
    assert "no such face model" in text
    assert __version__ in text


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--weights", "/none", "/none: no detail weights there"),
        ("--face-model", "/none", "/none: no such face model"),
        ("--device", "abacus", "'abacus'"),
        ("--python", "/none/python", "/none/python: no such program"),
    ],
)
def test_bad_input_is_one_line(parts, option, value, message, capsys):
    assert main(["info", *parts, option, value]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert len(shown.err.strip().splitlines()) == 1
    assert shown.out == ""
