"""The losses, the trainer: it learns, its own past comes in, it resumes exactly, terms are switched off."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation.speech_validation import validate
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.speech.config import SpeechConfig
from dnpm.core.speech.readout import Readout
from dnpm.core.speech.weights import load_readout, load_speech, save_speech
from dnpm.core.training.scalars import read_log
from dnpm.core.training.speech.corpus import Clip, Corpus
from dnpm.core.training.speech.losses import LossWeights, MotionLoss
from dnpm.core.training.speech.run import fit
from dnpm.core.training.speech.trainer import Plan, SpeechTrainer, new_decoder

CONFIG = SpeechConfig(
    "whisper-tiny.en", 4, width=16, heads=2, feedforward=16, past=20, reach=1, hearing=1,
    speakers=("capture", "synthetic"),
)  # fmt: skip
PLAN = Plan(CONFIG, steps=60, batch=4, frames=40, rate=5e-3)
COLUMN = {name: k for k, name in enumerate(ARKIT_NAMES)}


@pytest.fixture(scope="module")
def loss(face_model) -> MotionLoss:
    return MotionLoss(face_model, LossWeights())


@pytest.fixture(scope="module")
def clips(speech_set: Path) -> list[Clip]:
    corpus = Corpus(speech_set)
    return [corpus.clip(entry) for entry in corpus.of("train")]


def motion(**values: float) -> torch.Tensor:
    result = torch.zeros(1, 6, 52)
    for name, value in values.items():
        result[..., COLUMN[name]] = value
    return result


def test_vertices_are_the_face_models(face_model, loss: MotionLoss):
    """The vertex term is the mean distance along each axis of two bilinear faces, on the vertices it takes."""
    rng = np.random.default_rng(0)
    ours, truth = (rng.random(52).astype(np.float32) * 0.4 for _ in range(2))
    identity = np.zeros(face_model.n_id, np.float32)
    apart = face_model.vertices(identity, ours) - face_model.vertices(identity, truth)
    face = np.union1d(face_model.vertex_groups["face"][::3], face_model.vertex_groups["lips"])
    whole = torch.ones(1, 52, dtype=torch.bool)
    rows = [torch.from_numpy(x)[None, None].expand(1, 5, 52) for x in (ours, truth)]
    _, terms = loss(*rows, whole)
    assert terms["vertex"] == pytest.approx(np.abs(apart[face]).mean(), rel=2e-3)
    assert terms["expression"] == pytest.approx(np.abs(ours - truth).mean(), rel=1e-4)
    assert terms["velocity"] < 1e-6  # both stand still


def test_lips_that_all_but_meet_cost_more(loss: MotionLoss):
    whole = torch.ones(1, 52, dtype=torch.bool)
    lip = lambda a, b: loss(a, b, whole)[1]["lip"]  # noqa: E731
    at_rest, wide = lip(motion(jawOpen=0.1), motion()), lip(motion(jawOpen=0.6), motion(jawOpen=0.5))
    assert at_rest > 2 * wide > 0
    assert lip(motion(jawOpen=0.3, mouthClose=0.4), motion(jawOpen=0.3, mouthClose=0.35)) < 0.3  # closed is closed
    jump = motion()
    jump[:, 3:, COLUMN["jawOpen"]] = 0.5
    assert loss(jump, motion(), whole)[1]["velocity"] > 0.05


def test_a_lazy_mouth_costs_speed_and_the_phase_does_not(loss: MotionLoss):
    whole = torch.ones(1, 52, dtype=torch.bool)
    time = torch.arange(60) / 30
    waves = {
        name: size * (0.5 + 0.5 * torch.sin(2 * torch.pi * 4 * time + phase))
        for name, size, phase in (("truth", 0.4, 0.0), ("lazy", 0.2, 0.0), ("late", 0.4, 1.0))
    }
    rows = {}
    for name, wave in waves.items():
        rows[name] = torch.zeros(1, 60, 52)
        rows[name][0, :, COLUMN["jawOpen"]] = wave
    speed = {name: loss(row, rows["truth"], whole)[1]["speed"] for name, row in rows.items()}
    # A wave of 4 Hz that swings by 0.4 covers 2 * 4 * 0.4 a second; half of it is missing, in one slider of 52.
    assert speed["lazy"] == pytest.approx(0.5 * 2 * 4 * 0.4 / 52, rel=0.1)
    assert speed["truth"] == 0
    assert speed["late"] < 0.1 * speed["lazy"]


def test_lips_that_roll_in_cost_more_than_lips_that_do_not(face_model, loss: MotionLoss):
    whole = torch.ones(1, 52, dtype=torch.bool)
    roll = lambda a, b: loss(a, b, whole)[1]["roll"]  # noqa: E731
    missed, false = roll(motion(), motion(mouthRollLower=0.4)), roll(motion(mouthRollLower=0.4), motion())
    assert missed == pytest.approx(7 * false, rel=1e-5)
    # In millimetres: how far the lower lip's fastest vertex goes, over the two sliders.
    moves = face_model.expression_deltas(np.zeros(face_model.n_id, np.float32))
    travel = np.linalg.norm(moves[face_model.expression_index["mouthRollLower"]], axis=-1).max()
    assert false == pytest.approx(0.4 * travel / 2, rel=1e-4)
    assert roll(motion(jawOpen=0.5), motion()) == 0


def test_what_a_take_does_not_carry_costs_nothing(loss: MotionLoss):
    carried = torch.zeros(1, 52, dtype=torch.bool)
    carried[0, COLUMN["jawOpen"]] = True
    total, terms = loss(motion(mouthPucker=0.9, browInnerUp=0.8), motion(), carried)
    assert float(total) == 0
    assert set(terms.values()) == {0}
    assert float(loss(motion(jawOpen=0.2), motion(), carried)[0]) > 0.1


def test_a_term_is_switched_off_and_still_reported(face_model, loss: MotionLoss):
    off = MotionLoss(face_model, LossWeights(velocity=0, lip=0, expression=0, speed=0, roll=0))
    a, b, whole = torch.rand(2, 8, 52), torch.rand(2, 8, 52), torch.ones(2, 52, dtype=torch.bool)
    total, terms = off(a, b, whole)
    assert float(total) == pytest.approx(terms["vertex"])
    assert terms == loss(a, b, whole)[1]
    assert terms["velocity"] > 0
    for wrong in (LossWeights, lambda **k: LossWeights(**(dict.fromkeys(k, 0.0)))):
        with pytest.raises(DnpmError, match="must not be negative"):
            wrong(vertex=-1.0, expression=0, lip=0, velocity=0, speed=0, roll=0)


def test_it_learns_to_move_and_its_own_past_comes_in(clips: list[Clip], speech_set: Path, loss: MotionLoss):
    plan = replace(PLAN, steps=160, batch=8)
    trainer = SpeechTrainer(new_decoder(CONFIG, 0), clips, loss, plan)
    assert [plan.scheduled_sampling(s) for s in (0, 24, 60, 96, 160)] == pytest.approx([0, 0, 0.45, 0.9, 0.9])
    totals = [losses["total"] for losses in trainer.run()]
    assert np.mean(totals[-10:]) < 0.4 * np.mean(totals[:10])
    corpus = Corpus(speech_set)
    figures = validate(trainer.decoder.eval(), [corpus.clip(e) for e in corpus.of("validation")])
    assert figures["capture jaw_r"] > 0.8
    assert figures["synthetic jaw_r"] > 0.8
    assert abs(figures["synthetic lag_frames_30"]) < 2
    assert "synthetic closure_q10" in figures


def test_it_resumes_exactly(clips: list[Clip], loss: MotionLoss, tmp_path: Path):
    through = SpeechTrainer(new_decoder(CONFIG, 0), clips, loss, PLAN)
    steps = through.run()
    for _ in range(30):
        next(steps)
    kept = through.state()
    for _ in steps:
        pass
    again = SpeechTrainer(new_decoder(CONFIG, 5), clips, loss, PLAN)
    again.restore(kept)
    for _ in again.run():
        pass
    for name, value in through.state().items():
        np.testing.assert_array_equal(again.state()[name], value)
    other = SpeechTrainer(new_decoder(replace(CONFIG, width=32), 0), clips, loss, replace(PLAN, config=CONFIG))
    with pytest.raises(DnpmError, match="another decoder"):
        other.restore(kept)


def test_a_run_keeps_state_log_and_curves(clips: list[Clip], loss: MotionLoss, tmp_path: Path, capsys):
    trainer = SpeechTrainer(new_decoder(CONFIG, 0), clips, loss, PLAN)
    asked = []
    check = lambda decoder: asked.append(decoder.training) or {"capture jaw_r": 0.5 + 0.1 * len(asked)}  # noqa: E731
    assert fit(trainer, tmp_path, {"data": "x"}, check, 20)
    assert asked == [False, False, False]
    log = read_log(tmp_path / "log.csv")
    assert log["capture jaw_r"] == [(20, pytest.approx(0.6)), (40, pytest.approx(0.7)), (60, pytest.approx(0.8))]
    assert {"vertex", "lip", "velocity", "expression", "total"} <= set(log)
    assert [step for step, _ in log["total"]] == [10, 20, 30, 40, 50, 60]
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert "held out: capture jaw_r 0.8" in capsys.readouterr().err
    assert fit(SpeechTrainer(new_decoder(CONFIG, 0), clips, loss, PLAN), tmp_path, {"data": "x"}, check, 20)
    assert len(asked) == 3  # It was done.
    with pytest.raises(DnpmError, match=r"other settings \(data\)"):
        fit(SpeechTrainer(new_decoder(CONFIG, 0), clips, loss, PLAN), tmp_path, {"data": "y"}, check, 20)


def test_the_command(speech_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], face_model_file: Path):
    command = ["train", "speech", "--data", str(speech_set), "--out", str(tmp_path / "w"), "--folder",
               str(tmp_path / "f"), "--steps", "6", "--batch", "2", "--frames", "30", "--width", "16",
               "--layers", "1", "--validate-every", "3", "--face-model", str(face_model_file)]  # fmt: skip
    assert main([*command, "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["weights_mib"] < 1
    assert main(command) == 0
    decoder, card = load_speech(tmp_path / "w")
    assert decoder.config.speakers == ("capture", "synthetic")
    assert card["validation"] == ["clip_8", "clip_9"]
    assert card["scores"]
    assert main(["train", "speech", "--data", str(tmp_path), "--out", str(tmp_path / "w")]) == 2

    # Going on from weights: their sizes, and one careful step leaves them where they were but for little.
    further = [*command[:4], "--out", str(tmp_path / "more"), "--folder", str(tmp_path / "g"), "--steps", "1",
               "--batch", "2", "--frames", "30", "--rate", "1e-3", "--face-model", str(face_model_file)]  # fmt: skip
    readout = Readout(np.ones((3, decoder.config.feature_width), np.float32), np.zeros(3, np.float32))
    save_speech(tmp_path / "w", decoder, card, readout)
    assert main([*further, "--begin", str(tmp_path / "w")]) == 0
    kept = load_readout(tmp_path / "more")
    assert kept is not None
    np.testing.assert_array_equal(kept.weight, readout.weight)
    more, _ = load_speech(tmp_path / "more")
    assert more.config == decoder.config
    apart = [float((a - b).abs().max()) for a, b in zip(more.parameters(), decoder.parameters(), strict=True)]
    assert 0 < max(apart) < 0.01
    capsys.readouterr()
    assert main([*further, "--begin", str(tmp_path / "w"), "--layers", "2"]) == 2
    assert "--begin brings its own sizes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [({"steps": 0}, "--steps"), ({"frames": 4}, "--frames"), ({"rate": 0.0}, "--rate"),
     ({"scheduled_sampling_max": 2.0}, "shares"), ({"scheduled_sampling_from": 0.9}, "in order")],
)  # fmt: skip
def test_plans_have_limits(change: dict, message: str):
    with pytest.raises(DnpmError, match=message):
        replace(PLAN, **change)
