"""The measures of a speaking face on curves whose figures are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.capture.track import CurveTrack
from dnpm.core.capture.write import write_live_link, write_track
from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation import speech
from dnpm.core.evaluation.speech_measures import Phone
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.speech.contact import OPENING, opening

COLUMNS = [ARKIT_NAMES.index(n) for n in ("jawOpen", "mouthFunnel", "mouthPucker", "mouthLowerDownLeft")]
SILENT = np.zeros(1000, np.float32)


def wave(times: np.ndarray, seed: int) -> np.ndarray:
    """Smooth random curves between 0 and about 1, a function of time: they can be sampled at any rate and delay."""
    rng = np.random.default_rng(seed)
    values = np.zeros((len(times), 52))
    for k in COLUMNS:
        hertz, phase = rng.uniform(0.3, 3.5, 6), rng.uniform(0, 6.28, 6)
        values[:, k] = 0.4 + 0.1 * np.cos(2 * np.pi * hertz * times[:, None] + phase).sum(1)
    return np.clip(values, 0, None).astype(np.float32)


def take(seed: int = 0, rate: float = 60.0, delay: float = 0.0, seconds: float = 8.0) -> CurveTrack:
    times = np.arange(round(seconds * rate)) / rate
    return CurveTrack(times, wave(times - delay, seed))


def phones_of(track: CurveTrack) -> list[Phone]:
    """A bilabial at each of the deepest valleys, a vowel at each of the highest peaks."""
    order = np.argsort(opening(track.expression))
    valleys, peaks = order[:6], order[-6:]
    made = [Phone(track.times[i] - 0.03, track.times[i] + 0.03, "B") for i in valleys]
    made += [Phone(track.times[i] - 0.05, track.times[i] + 0.05, "AA") for i in peaks]
    return sorted([Phone(0.0, track.times[-1], "S"), *made], key=lambda p: p.start)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 500), st.sampled_from([24.0, 29.97, 30.0, 60.0]))
def test_the_reference_itself_scores_perfectly_at_any_rate(seed, rate):
    result = speech.score(take(seed, rate), take(seed, 60.0), None, SILENT)
    assert result["jaw_r"] > 0.98
    assert result["mouth_r"] > 0.95
    assert result["mouth_mae"] < 0.03 < result["mouth_mae_zero"]
    assert abs(result["lag_frames_30"]) < 0.15
    assert result["speed_ratio"] == pytest.approx(1, abs=0.06)
    same = speech.score(take(seed, rate), take(seed, rate), None, SILENT)
    assert (same["jaw_r"], same["mouth_mae"], same["lag_frames_30"], same["speed_ratio"]) == (1, 0, 0, 1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 500), st.floats(-0.3, 0.3))
def test_a_known_lag_is_found(seed, delay):
    result = speech.score(take(seed, 30.0, delay), take(seed, 60.0), None, SILENT)
    assert result["lag_frames_30"] == pytest.approx(30 * delay, abs=0.25)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 500), st.floats(0.1, 3.0))
def test_scaled_curves_scale_speed_and_error_alone(seed, factor):
    reference = take(seed)
    result = speech.score(CurveTrack(reference.times, factor * reference.expression), reference, None, SILENT)
    assert result["speed_ratio"] == pytest.approx(factor, rel=1e-3)
    assert result["jaw_r"] == pytest.approx(1, abs=1e-4)
    assert result["mouth_mae"] == pytest.approx(abs(factor - 1) * result["mouth_mae_zero"], abs=2e-4)


def test_curves_of_another_take_do_not_score():
    results = [speech.score(take(k), take(k + 100), None, SILENT) for k in range(20)]
    assert abs(np.mean([r["jaw_r"] for r in results])) < 0.15
    assert np.mean([abs(r["lag_frames_30"] or 9) for r in results]) > 2


def test_closing_on_bilabials_is_rewarded_and_chance_is_not():
    track = take(3)
    phones = phones_of(track)
    good = speech.score(track, None, phones, SILENT)
    assert good["closure_q10"] == 1
    assert good["contrast_sd"] > 2.5
    assert good["bilabials"] == 6
    # The same curves turned around: open at bilabials, closed at vowels.
    turned = np.zeros_like(track.expression)
    turned[:, COLUMNS] = track.expression[:, COLUMNS].max() - track.expression[:, COLUMNS]
    bad = speech.score(CurveTrack(track.times, turned), None, phones, SILENT)
    assert bad["closure_q10"] == 0
    assert bad["contrast_sd"] < 0


@settings(max_examples=15, deadline=None)
@given(st.floats(0.001, 0.5))
def test_motion_in_silence_is_its_rms(size):
    times = np.arange(300) / 60
    values = np.zeros((300, 52), np.float32)
    columns = [k for k, n in enumerate(ARKIT_NAMES) if n.startswith(("jaw", "mouth"))]
    values[:, columns] = size
    values[:60] = 0.9  # in sound, and in the silence's first 0.3 s
    lasted = np.maximum(np.arange(500) / 100 - 0.75, 0).astype(np.float32)
    found = speech.score(CurveTrack(times, values), None, None, lasted)["silence_rms"]
    assert found == pytest.approx(size, rel=1e-2, abs=6e-5)  # figures have four digits


def test_a_mouth_that_opens_ahead_of_sound_is_told_from_one_that_does_not_rest():
    times = np.arange(300) / 60
    values = np.zeros((300, 52), np.float32)
    jaw = ARKIT_NAMES.index("jawOpen")
    values[(times > 1.94) & (times < 4), jaw] = 0.5
    lasted = np.where(np.arange(500) < 200, np.arange(500) / 100, 0).astype(np.float32)
    found = speech.score(CurveTrack(times, values), None, None, lasted)
    assert found["silence_rms_rest"] == 0
    assert found["silence_rms"] > 0.01
    values[80:90, jaw] = 0.5
    assert speech.score(CurveTrack(times, values), None, None, lasted)["silence_rms_rest"] > 0.01
    assert "silence_rms_rest" not in speech.score(CurveTrack(times, values), None, None, np.full(500, 0.0, np.float32))


def test_what_cannot_be_measured_is_null_with_a_reason():
    still = CurveTrack(np.arange(120) / 30, np.zeros((120, 52), np.float32))
    result = speech.score(still, take(), [Phone(0, 1, "M"), Phone(1, 2, "AA")], SILENT)
    nulls = {"jaw_r", "closure_q10", "vowel_kinds", "contrast_sd", "lag_frames_30", "silence_rms"}
    assert {k for k in speech.KEYS if result[k] is None} == nulls == set(result["reasons"])
    assert result["mouth_mae"] == result["mouth_mae_zero"]
    assert (result["speed_ratio"], result["mouth_r"]) == (0, 0)
    assert "no phones" in speech.score(still, None, None, SILENT)["reasons"]["closure_q10"]
    assert "no bilabial" in speech.score(take(), None, [Phone(0, 1, "AA")], SILENT)["reasons"]["closure_q10"]
    assert "-" in speech.table(result)
    with pytest.raises(DnpmError, match="half a second in common"):
        speech.score(CurveTrack(still.times + 100, still.expression), take(), None, SILENT)


def test_the_lips_weights_are_the_face_models(face_model):
    deltas = face_model.expression_deltas(np.zeros(face_model.n_id, np.float32))
    upper, lower = (face_model.landmarks68[rows] for rows in ([61, 62, 63], [67, 66, 65]))
    moved = (deltas[:, upper, 1] - deltas[:, lower, 1]).mean(1)
    moved /= moved[ARKIT_NAMES.index("jawOpen")]
    for name, weight in OPENING.items():
        assert weight == pytest.approx(moved[ARKIT_NAMES.index(name)], abs=0.03), name


@pytest.mark.parametrize(
    ("text", "message"),
    [("{}", "must hold a list"), ("[", "not valid JSON"), ("[]", "must hold"), ("[[0,1]]", "entry 0"),
     ('[[0,1,"M","my"],["a",2,"AA","my"]]', "entry 1"), ('[[1,0,"M","my"]]', "ends before")],
)  # fmt: skip
def test_bad_phones_are_refused(tmp_path: Path, text: str, message: str):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(DnpmError, match=message):
        speech.read_phones(tmp_path / "p.json")
    with pytest.raises(DnpmError, match="no such file"):
        speech.read_phones(tmp_path / "absent.json")


def test_the_command_scores_anyones_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    track = take(5)
    rng = np.random.default_rng(0)
    sound = np.concatenate([rng.normal(0, 0.2, 96000), np.zeros(32000)])
    soundfile.write(tmp_path / "a.wav", sound, 16000)
    write_track(tmp_path / "reference.csv", track)
    write_live_link(tmp_path / "ours.csv", CurveTrack(track.times + 40_000, track.expression))
    phones = [[p.start, p.end, f"{p.name}1" if p.name == "AA" else p.name, "word"] for p in phones_of(track)]
    (tmp_path / "p.json").write_text(json.dumps(phones))
    command = ["evaluate", "speech", "--audio", str(tmp_path / "a.wav"), "--reference",
               str(tmp_path / "reference.csv"), "--curves", str(tmp_path / "ours.csv")]  # fmt: skip
    assert main([*command, "--phones", str(tmp_path / "p.json"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(speech.KEYS) <= set(result)
    assert result["jaw_r"] == pytest.approx(1, abs=1e-3)
    assert result["closure_q10"] == 1
    assert result["silence_rms"] > 0.05  # These curves do not know that the sound ends after six seconds.
    assert set(result["reasons"]) == {"vowel_kinds"}  # All of its vowels are open ones.
    assert ["480 frames at 60 fps" in line for line in result["read"]] == [True, True]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "jaw_r" in shown
    assert "reference.csv: CSV; 480 frames at 60 fps (times in seconds)" in shown
    assert main([*command[:-1], str(tmp_path / "absent.csv")]) == 2
    assert "absent.csv: no such file" in capsys.readouterr().err


def test_a_real_capture_against_itself(shared_data: Path, capsys: pytest.CaptureFixture[str]):
    base = shared_data / "speech" / "facegood_3_15"
    command = ["evaluate", "speech", "--audio", f"{base}.flac", "--reference", f"{base}.csv", "--curves", f"{base}.csv"]
    assert main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["jaw_r"], result["mouth_r"], result["mouth_mae"], result["speed_ratio"]) == (1, 1, 0, 1)
    assert 0.03 < result["mouth_mae_zero"] < 0.07


def test_vowels_are_told_by_the_mouths_shape_and_not_by_a_jaw_that_follows_loudness():
    rng = np.random.default_rng(0)
    kinds = ["AA", "IY", "UW"] * 12
    times = np.arange(len(kinds) * 12) / 60
    shaped, loud = np.zeros((2, len(times), 52), np.float32)
    phones = []
    for k, name in enumerate(kinds):
        inside = slice(12 * k, 12 * k + 12)
        loudness = rng.uniform(0.2, 0.5)
        loud[inside, ARKIT_NAMES.index("jawOpen")] = loudness
        shaped[inside, ARKIT_NAMES.index("jawOpen")] = loudness * (1.0 if name == "AA" else 0.5)
        shaped[inside, ARKIT_NAMES.index("mouthPucker")] = rng.uniform(0.3, 0.6) * (name == "UW")
        shaped[inside, ARKIT_NAMES.index("mouthStretchLeft")] = rng.uniform(0.2, 0.4) * (name == "IY")
        phones.append(Phone(0.2 * k, 0.2 * k + 0.19, name))
    told = [speech.score(CurveTrack(times, c), None, phones, SILENT)["vowel_kinds"] for c in (shaped, loud)]
    assert told[0] > 0.9
    assert told[1] < 0.55
    few = speech.score(CurveTrack(times, shaped), None, phones[:5], SILENT)
    assert few["vowel_kinds"] is None
    assert "needs 4 vowels" in few["reasons"]["vowel_kinds"]
