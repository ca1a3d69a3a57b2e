"""The set on disk, captures, making: resumed, refused when it is another's, copies still where they are muted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dnpm.core.capture.track import CurveTrack
from dnpm.core.capture.write import write_live_link, write_track
from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.speech import encoders
from dnpm.core.training.speech import making, voices
from dnpm.core.training.speech.captures import read_takes
from dnpm.core.training.speech.corpus import Corpus, Maker
from dnpm.core.training.speech.making import Recipe, make
from dnpm.core.training.speech.phones import Spoken
from dnpm.core.training.speech.voices import Utterance, Voice

JAW = ARKIT_NAMES.index("jawOpen")


def speak(text: str, rate: float) -> Utterance:
    """Half a second of noise a word: closed, then open."""
    words = len(text.split())
    noise = np.random.default_rng(len(text)).normal(0, 0.1, words * 8000).astype(np.float32)
    phones = [Spoken(0.25 * k, 0.25 * (k + 1), ("M", "AA")[k % 2]) for k in range(2 * words)]
    return Utterance(noise, phones)


@pytest.fixture
def one_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "choose", lambda names: [Voice("a", speak), Voice("b", speak)])


def test_clips_come_back(speech_set: Path):
    corpus = Corpus(speech_set)
    assert corpus.speakers == ("capture", "synthetic")
    assert (len(corpus.of("train")), len(corpus.of("validation"))) == (8, 2)
    clip = corpus.clip(corpus.of("train")[0])
    assert clip.features.shape == (120, 4)
    assert clip.motion.shape == (120, 52)
    # The features are of the same time as the motion.
    assert np.corrcoef(clip.features[:, 0], clip.motion[:, JAW])[0, 1] > 0.95


def test_a_set_is_made_and_resumed(tmp_path: Path, ears, one_voice, monkeypatch: pytest.MonkeyPatch):
    recipe = Recipe(sentences=6, copies=2, hold_out=("b",), seed=1)
    assert make(recipe, tmp_path, ears) == 3 * 3 + 3
    corpus = Corpus(tmp_path)
    assert {e.name.split("_")[0] for e in corpus.of("validation")} == {"b"}
    assert {e.kind for e in corpus.of("validation")} == {"synthetic"}
    entry = next(e for e in corpus.of("train") if e.kind == "synthetic")
    clip = corpus.clip(entry)
    start, end, _ = next(p for p in entry.phones if p[2] == "AA")
    assert clip.motion[round(15 * (start + end)), JAW] > 0.25
    before = {p.name: p.read_bytes() for p in (tmp_path / "clips").iterdir()}
    (tmp_path / "clips" / "a_00002.safetensors").unlink()
    made = []
    monkeypatch.setattr(making, "_put", lambda *a, put=making._put: (made.append(a[1].name), put(*a)))
    assert make(recipe, tmp_path, ears) == 12
    assert made == ["a_00002"]
    assert {p.name: p.read_bytes() for p in (tmp_path / "clips").iterdir()} == before
    with pytest.raises(DnpmError, match=r"another recipe \(seed\)"):
        make(Recipe(sentences=6, copies=2, hold_out=("b",), seed=2), tmp_path, ears)
    with pytest.raises(DnpmError, match="--hold-out c: no such voice"):
        make(Recipe(sentences=6, hold_out=("c",)), tmp_path, ears)


def test_copies_are_paced_and_still_where_they_are_muted(tmp_path: Path, ears, one_voice):
    make(Recipe(sentences=8, copies=12, seed=3), tmp_path, ears)
    corpus = Corpus(tmp_path)
    clips = {e.name: corpus.clip(e) for e in corpus.entries}
    lengths = {n: len(c.motion) / len(clips[n.rsplit("_c", 1)[0]].motion) for n, c in clips.items() if "_c" in n}
    assert min(lengths.values()) < 0.93
    assert max(lengths.values()) > 1.07
    still = 0
    for clip in clips.values():
        quiet = np.convolve(clip.level <= -110, np.ones(61), "same") == 61  # 0.3 s to either side
        for t in np.flatnonzero(quiet) / 100 if clip.entry.kind == "copy" else ():
            assert clip.motion[min(round(t * 30), len(clip.motion) - 1), JAW] < 0.05
            still += 1
    assert still > 20


def test_captures_of_any_layout(tmp_path: Path, ears):
    times = np.arange(150) / 60
    values = np.zeros((150, 52), np.float32)
    values[:, JAW] = 0.5 + 0.4 * np.sin(6 * times)
    write_live_link(tmp_path / "one.csv", CurveTrack(times + 3600, values))
    write_track(tmp_path / "two.csv", CurveTrack(times, values))
    write_track(tmp_path / "alone.csv", CurveTrack(times, values))
    for name in ("one", "two"):
        soundfile.write(tmp_path / f"{name}.flac", np.zeros(40000) + 0.01, 16000)
    (tmp_path / "two.json").write_text("{}")
    (tmp_path / "three.txt").write_text("a transcript")
    soundfile.write(tmp_path / "three.wav", np.zeros(4000), 16000)
    takes, skipped = read_takes(tmp_path)
    assert ["three.txt: none of its columns" in line for line in skipped] == [True]
    assert "150 frames at 60 fps" in takes[0].line
    assert [t.name for t in takes] == ["one", "two"]
    assert np.flatnonzero(takes[0].carried).tolist() == [JAW]
    assert takes[0].track.times[0] == 0
    out = tmp_path / "set"
    assert make(Recipe(0, captures=tmp_path, capture_copies=1, hold_out=("two",)), out, ears) == 3
    clip = Corpus(out).clip(Corpus(out).of("validation")[0])
    np.testing.assert_allclose(clip.motion[:, JAW], np.interp(np.arange(75) / 30, times, values[:, JAW]), atol=1e-3)


def test_captures_alone_need_no_voice(tmp_path: Path, ears, monkeypatch: pytest.MonkeyPatch, capsys):
    """`--captures` ended in "no voice is installed", though nothing was to be spoken."""
    times = np.arange(90) / 30
    values = np.zeros((90, 52), np.float32)
    values[:, JAW] = 0.5 + 0.4 * np.sin(6 * times)
    (tmp_path / "takes").mkdir()
    write_track(tmp_path / "takes" / "a.csv", CurveTrack(times, values))
    soundfile.write(tmp_path / "takes" / "a.wav", np.zeros(48000) + 0.01, 16000)
    monkeypatch.setattr(voices, "installed", dict)
    monkeypatch.setattr(encoders, "open_encoder", lambda *_: ears)
    out = tmp_path / "set"
    command = ["data", "speech", "--captures", str(tmp_path / "takes"), "--out", str(out), "--device", "cpu"]
    assert main([*command, "--capture-copies", "0"]) == 0
    assert "no voice is installed: the captures alone" in capsys.readouterr().err
    assert [entry.name for entry in Corpus(out).entries] == ["a_000"]
    # What is asked for by name must be there.
    for asked in (["--sentences", "5"], ["--voices", "flite-slt"]):
        assert main([*command, *asked, "--out", str(tmp_path / "other")]) == 2
        assert "no voice is installed" in capsys.readouterr().err
    assert main(["data", "speech", "--out", str(tmp_path / "third")]) == 2
    assert "no voice is installed" in capsys.readouterr().err


def test_captures_that_are_none_are_refused(tmp_path: Path):
    with pytest.raises(DnpmError, match="no such folder of captures"):
        read_takes(tmp_path / "absent")
    with pytest.raises(DnpmError, match="holds no capture"):
        read_takes(tmp_path)
    times = np.arange(200) / 30
    write_track(tmp_path / "a.csv", CurveTrack(times, np.zeros((200, 52), np.float32)))
    soundfile.write(tmp_path / "a.wav", np.zeros(32000), 16000)
    with pytest.raises(DnpmError, match="not one take"):
        read_takes(tmp_path)
    soundfile.write(tmp_path / "a.wav", np.zeros(16000 * 7), 16000)
    with pytest.raises(DnpmError, match="all of its columns are 0"):
        read_takes(tmp_path)


def test_a_damaged_set_is_refused(speech_set: Path, tmp_path: Path, ears):
    with pytest.raises(DnpmError, match="make it with `dnpm data speech`"):
        Corpus(tmp_path)
    for text, message in (("{", "not valid JSON"), ('{"format": "x"}', "of format"), ("[]", "of format")):
        (tmp_path / "corpus.json").write_text(text)
        with pytest.raises(DnpmError, match=message):
            Corpus(tmp_path)
    index = json.loads((speech_set / "corpus.json").read_text())
    index["clips"][0]["name"] = "../outside"
    (tmp_path / "corpus.json").write_text(json.dumps(index))
    corpus = Corpus(tmp_path)
    with pytest.raises(DnpmError, match="not a file name"):
        corpus.clip(corpus.entries[0])
    with pytest.raises(DnpmError, match="no such file"):
        corpus.clip(corpus.entries[1])
    with pytest.raises(DnpmError, match="another recipe"):
        Maker(speech_set, ears, 25.0, {"seed": 0})


def test_the_command_lists_voices(capsys: pytest.CaptureFixture[str]):
    assert main(["data", "speech", "--list"]) == 0
    assert capsys.readouterr().out.strip()
    assert main(["data", "speech"]) == 2
    assert "--out DIR is needed" in capsys.readouterr().err
