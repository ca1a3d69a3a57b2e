"""What phones, editors and recorders write, and what of it a damaged file still holds; what was decided is said."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dnpm.core.errors import DnpmError
from dnpm.core.speech import audio
from dnpm.tests.core.speech.media import tone, write_media


def heard(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """All of a file at 16 kHz, and the notes on it."""
    sound = audio.open_sound(path)
    work = audio.survey(sound)
    while True:
        try:
            next(work)
        except StopIteration as end:
            return np.concatenate(list(sound.blocks(0.7, end.value))), end.value.notes


def is_tone(sound: np.ndarray, seconds: float, tolerance: float = 0.06, hertz: float = 300.0) -> bool:
    middle = sound[3000:11000]
    found = np.abs(np.fft.rfft(middle)).argmax() * audio.RATE / len(middle)
    return abs(len(sound) / audio.RATE - seconds) < tolerance and abs(found - hertz) < 3 and 0.4 < middle.max() < 0.6


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("a.m4a", {}), ("a.aac", {}), ("a.mp4", {"picture": True}), ("a.mov", {"picture": True, "codec": "alac"}),
        ("a.3gp", {"rate": 16000}), ("a.mkv", {"codec": "libvorbis", "rate": 44100}), ("a.webm", {"codec": "libopus"}),
        ("a.avi", {"codec": "mp3", "picture": True}), ("a.ts", {"container": "mpegts"}), ("a.ac3", {"codec": "ac3"}),
        ("a.caf", {"codec": "alac"}), ("wrong_name.wav", {"container": "ipod"}),
    ],
)  # fmt: skip
def test_what_libsndfile_does_not_know(tmp_path: Path, name: str, more: dict):
    rate = more.get("rate", 48000)
    path = write_media(tmp_path / name, [np.repeat(tone(rate, 2.0), 2, 1)], **more)
    sound, notes = heard(path)
    assert is_tone(sound, 2.0)
    assert notes == ()
    assert audio.open_sound(path).seconds == pytest.approx(2.0, abs=0.1)
    part = np.concatenate(list(audio.open_sound(path).part(0.5, 0.75).blocks(0.2)))
    assert len(part) == 12000
    np.testing.assert_allclose(part[100:-100], sound[8100:19900], atol=1e-3)


def test_mp3_has_no_gaps_between_blocks(tmp_path: Path):
    """soundfile jumps to where it is after each read, from which an MP3 decoder cannot go on."""
    path = tmp_path / "a.mp3"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.05, 44100) + tone(22050, 2.0)[:, 0], 22050)
    whole = np.concatenate(list(audio.resampled(iter([soundfile.read(path, dtype="float32")[0]]), 22050)))
    sound = audio.open_sound(path)
    np.testing.assert_allclose(np.concatenate(list(sound.blocks(0.3))), whole, atol=1e-5)
    np.testing.assert_allclose(np.concatenate(list(sound.part(0.5).blocks(0.3)))[20:], whole[8020:], atol=1e-5)


def test_a_part_of_a_part_is_where_the_whole_has_it(tmp_path: Path):
    path = tmp_path / "a.wav"
    samples = np.random.default_rng(0).normal(0, 0.05, 4 * audio.RATE).astype(np.float32)
    soundfile.write(path, samples, audio.RATE, subtype="FLOAT")
    whole = audio.open_sound(path)
    taken = lambda sound: np.concatenate(list(sound.blocks(0.3)))  # noqa: E731
    second = whole.part(1.0, 2.5).part(0.5, 1.25)
    assert (second.begin, second.seconds) == (1.5, 1.25)
    np.testing.assert_array_equal(taken(second), samples[24000:44000])
    # The first part's end is the second one's too, whether or not more is asked for.
    for rest in (whole.part(1.0, 2.5).part(0.5), whole.part(1.0, 2.5).part(0.5, 9.0)):
        assert rest.seconds == 2.0
        np.testing.assert_array_equal(taken(rest), samples[24000:56000])
    np.testing.assert_array_equal(taken(whole.part(1.0).part(2.0)), samples[48000:])
    np.testing.assert_array_equal(taken(whole.part(0.25).part(0.25).part(0.5, 0.5)), samples[16000:24000])
    with pytest.raises(DnpmError, match="nothing is left from"):
        whole.part(1.0, 0.5).part(0.6)


def test_videos_of_speech(shared_data: Path):
    sound, notes = heard(shared_data / "video" / "grid_bbaf2n.mpg")
    assert len(sound) / audio.RATE == pytest.approx(2.978, abs=0.01)
    assert 0.01 < np.abs(sound).max() < 1.1
    assert notes == ()


def test_several_streams_and_late_ones(tmp_path: Path):
    two = write_media(tmp_path / "two.mp4", [np.repeat(tone(48000), 2, 1), 0.1 * tone(48000)], picture=True)
    sound, notes = heard(two)
    assert is_tone(sound, 1.0)
    assert notes == (
        "has 2 streams of sound (1: aac of 2 channels, 2: aac of 1 channels), of which number 1 was taken",
    )
    late = write_media(tmp_path / "late.mkv", [tone(48000, 2.0)], picture=True, start=0.5)
    sound, notes = heard(late)
    assert is_tone(sound, 2.0)
    assert "its sound begins 0.48 s after its picture" in notes[0]


def test_files_without_sound(tmp_path: Path):
    write_media(tmp_path / "silent_film.mp4", [], picture=True)
    with pytest.raises(DnpmError, match=r"silent_film.mp4: has no sound; use wav, flac"):
        audio.open_sound(tmp_path / "silent_film.mp4")
    whole = write_media(tmp_path / "a.m4a", [tone(48000)]).read_bytes()
    (tmp_path / "cut.m4a").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DnpmError, match=r"cut.m4a: .*the index of its contents is missing"):
        audio.open_sound(tmp_path / "cut.m4a")
    (tmp_path / "list.wav").write_text("#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile {tmp_path}/a.m4a\n")
    for name in ("list.wav", "list.mp4"):
        with pytest.raises(DnpmError, match="is not a sound that can be read"):
            audio.open_sound(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "more"),
    [("a.mp4", {"options": {"movflags": "faststart"}}), ("a.mkv", {}), ("a.webm", {"codec": "libopus"})],
)
def test_a_container_that_was_cut_is_read_to_its_end(tmp_path: Path, name: str, more: dict):
    whole = write_media(tmp_path / name, [tone(48000, 3.0)], **more).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    sound, notes = heard(tmp_path / name)
    assert 1.0 < len(sound) / audio.RATE < 2.5
    assert is_tone(sound, len(sound) / audio.RATE)
    assert any("is cut short" in note for note in notes)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff", ".w64", ".mp3", ".caf", ".ogg"])
def test_a_sound_that_was_cut_is_read_to_its_end(tmp_path: Path, suffix: str):
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 80000) + tone(16000, 5.0)[:, 0], 16000)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    sound, notes = heard(path)
    assert 2.0 < len(sound) / audio.RATE < 3.5
    assert any("cut short" in note for note in notes), notes


def riff(size: int, payload: bytes, *, whole: int | None = None, more: bytes = b"") -> bytes:
    body = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16) + b"data" + struct.pack("<I", size)
    body += payload + more
    return b"RIFF" + struct.pack("<I", len(body) if whole is None else whole) + body


PCM = (tone(16000)[:, 0] * 32767).astype("<i2").tobytes()
LIST = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf60.3.100\0\0"


@pytest.mark.parametrize(
    ("size", "whole", "note"),
    [
        (0, None, "length of zero"), (0, 0, "length of zero"), (0xFFFFFFFF, 0xFFFFFFFF, "does not say how long"),
        (0x7FFFF000, 0x7FFFF024, "does not say how long"), (0xFFFFFFFF, 0, "does not say how long"),
        (len(PCM), None, None), (2 * len(PCM), None, "cut short: it ends after 1.00 s"),
    ],
)  # fmt: skip
def test_lengths_in_a_header(tmp_path: Path, size, whole, note):
    (tmp_path / "a.wav").write_bytes(riff(size, PCM, whole=whole))
    sound, notes = heard(tmp_path / "a.wav")
    assert is_tone(sound, 1.0, 0.01)
    assert [note in said for said in notes] == [True] if note else notes == ()


@pytest.mark.parametrize("data", [riff(0, b""), riff(0, b"", more=LIST), riff(len(PCM), b""), riff(0, LIST, whole=0)])
def test_empty_files_are_not_read_as_sound(tmp_path: Path, data):
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(DnpmError, match=r"a.wav: holds no sound \(its length is zero\)"):
        audio.open_sound(tmp_path / "a.wav")


def test_rates_that_no_sound_has(tmp_path: Path, shared_cases: Path):
    for rate in (3999, 384_001, 2**31 - 1):
        path = tmp_path / "a.wav"
        path.write_bytes(riff(len(PCM), PCM).replace(struct.pack("<I", 16000), struct.pack("<I", rate)))
        with pytest.raises(DnpmError, match=rf"has {rate} samples a second; 4000 to 384000 are read"):
            audio.open_sound(path)
    with pytest.raises(DnpmError, match="samples a second"):
        audio.open_sound(shared_cases / "sound" / "rate_prime.wav")
    for name in ("mix.aac", "mix.mkv"):
        assert len(heard(shared_cases / "sound" / name)[0]) / audio.RATE == pytest.approx(1.01, abs=0.03)


@pytest.mark.parametrize(
    ("left", "right", "taken"), [(1.0, -1.0, 1), (0.5, -0.6, 2), (1.0, -0.2, None), (0.0, 1.0, None)]
)
def test_opposite_phase(tmp_path: Path, left, right, taken):
    one = tone(16000)[:, 0] + 0.2  # A constant part does not cancel, and is not a sound.
    soundfile.write(tmp_path / "a.wav", np.stack([left * one, right * one + 0.1 * right], 1), 16000, subtype="FLOAT")
    sound, notes = heard(tmp_path / "a.wav")
    expected = {1: left, 2: right, None: (left + right) / 2}[taken]
    assert np.ptp(sound[2000:8000]) == pytest.approx(abs(expected), abs=0.02)
    said = f"its channels cancel each other out (opposite phase): channel {taken} of 2 was taken"
    assert notes == ((said,) if taken else ())


def test_floats_on_other_scales(tmp_path: Path):
    path = tmp_path / "a.wav"
    one = tone(16000)[:, 0]
    for factor, scale, note in ((1.0, 1, None), (10.0, 1, "5.0 times full scale"), (32768, 2**15, "reach 16384"),
                                (2**31, 2**31, "whole numbers")):  # fmt: skip
        soundfile.write(path, one * factor, 16000, subtype="DOUBLE")
        sound, notes = heard(path)
        assert np.abs(sound).max() == pytest.approx(0.5 * factor / scale, rel=0.01)
        assert (len(notes) == 1 and note in notes[0]) if note else notes == ()
    for wrong in (np.nan, np.inf, 1e30, 5000.0):
        broken = one.copy()
        broken[4000] = wrong
        soundfile.write(path, broken, 16000, subtype="FLOAT")
        with pytest.raises(DnpmError, match=r"not numbers of a sound \(at 0.250 s\)"):
            heard(path)


def test_what_is_missing_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_media(tmp_path / "a.m4a", [tone(48000)])
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(DnpmError, match=r"a.m4a: cannot be read by soundfile .*python -m pip install av"):
        audio.open_sound(path)
