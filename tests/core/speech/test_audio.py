"""Sound in: every container, rate and channel count; blocks equal the whole; what is not a sound is refused by name."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from dnpm.core.errors import DnpmError
from dnpm.core.speech import audio, silence


def tone(rate: int, seconds: float = 1.0, hertz: float = 300.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize(
    ("suffix", "rate", "channels"),
    [(".wav", 8000, 1), (".wav", 16000, 1), (".flac", 44100, 2), (".ogg", 48000, 2), (".mp3", 44100, 1),
     (".wav", 192000, 8), (".wav", 11127, 1)],
)  # fmt: skip
def test_any_file_becomes_16_khz_mono(tmp_path: Path, suffix: str, rate: int, channels: int):
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, np.repeat(tone(rate)[:, None], channels, 1), rate)
    sound = audio.open_sound(path)
    assert (sound.rate, sound.channels) == (rate, channels)
    got = np.concatenate(list(sound.blocks(0.3)))
    assert got.dtype == np.float32
    assert len(got) == pytest.approx(audio.RATE, abs=audio.RATE * (0.2 if suffix == ".mp3" else 0.001))
    middle = got[4000:12000]
    assert np.abs(np.fft.rfft(middle)).argmax() * 2 == pytest.approx(300, abs=3)
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.05)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([8000, 11025, 22050, 44100, 48000, 192000, 11127]),
    st.lists(st.integers(1, 3000), min_size=1, max_size=12), st.integers(0, 99),
)  # fmt: skip
def test_blocks_give_what_the_whole_gives(rate, sizes, seed):
    whole = np.random.default_rng(seed).normal(0, 0.1, sum(sizes)).astype(np.float32)
    blocks = np.split(whole, np.cumsum(sizes)[:-1])
    got = np.concatenate(list(audio.resampled(iter(blocks), rate)))
    divisor = np.gcd(rate, audio.RATE)
    # At a rate with large factors the same filter is evaluated from a table, up to its gain at 0 Hz.
    exact = max(audio.RATE, rate) // divisor <= 2000
    np.testing.assert_allclose(
        got, resample_poly(whole, audio.RATE // divisor, rate // divisor), atol=1e-6 if exact else 1e-3
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(4_000, 384_000), st.lists(st.integers(1, 5000), min_size=1, max_size=6), st.integers(0, 99))
def test_any_rate_gives_as_long_a_sound(rate, sizes, seed):
    whole = np.random.default_rng(seed).normal(0, 0.1, sum(sizes)).astype(np.float32)
    blocks = np.split(whole, np.cumsum(sizes)[:-1])
    got = np.concatenate(list(audio.resampled(iter(blocks), rate)))
    assert len(got) == -(-len(whole) * audio.RATE // rate)
    np.testing.assert_allclose(got, np.concatenate(list(audio.resampled(iter([whole]), rate))), atol=1e-6)


@pytest.mark.parametrize("rate", [4001, 15991, 44101, 383_987])
def test_prime_rates_in_little_memory(rate):
    """A polyphase filter would have up to 7.7 million taps."""
    sound = tone(rate, 2.0).astype(np.float32)
    tracemalloc.start()
    got = np.concatenate(list(audio.resampled(iter(np.array_split(sound, 9)), rate)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e8
    np.testing.assert_allclose(got[200:-200], tone(audio.RATE, 2.0)[200 : len(got) - 200], atol=5e-4)


def test_what_is_no_sound_is_refused(tmp_path: Path):
    (tmp_path / "text.wav").write_text("this is not a sound")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    broken = tone(16000)
    broken[8000] = np.nan
    soundfile.write(tmp_path / "nan.wav", broken, 16000, subtype="FLOAT")
    for name, message in (
        (".", "is a folder"), ("absent.wav", "no such file"), ("text.wav", "is not a sound"),
        ("empty.wav", "length is zero"), ("nan.wav", "not numbers of a sound .at 0.500 s"),
    ):  # fmt: skip
        with pytest.raises(DnpmError, match=message):
            audio.load(tmp_path / name)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    soundfile.write(tmp_path / "a.wav", tone(16000), 16000)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")  # chmod would not stop root.

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(DnpmError, match=r"cannot be read \(Permission denied\)"):
        audio.open_sound(tmp_path / "a.wav")


def test_clipped_sound_is_read(tmp_path: Path):
    soundfile.write(tmp_path / "a.wav", np.clip(20 * tone(16000), -1, 1), 16000)
    assert np.abs(audio.load(tmp_path / "a.wav")).max() <= 1.01


@settings(max_examples=20, deadline=None)
@given(st.floats(-40, 0), st.sampled_from([0.0, 1e-4, 1e-3]), st.integers(0, 9))
def test_silence_is_found_at_any_level(gain_db, hiss, seed):
    rng = np.random.default_rng(seed)
    speech = rng.normal(0, 0.2, audio.RATE) * 10 ** (gain_db / 20)
    sound = np.concatenate([speech, np.zeros(audio.RATE), speech]) + hiss * 10 ** (gain_db / 20) * rng.normal(
        size=3 * audio.RATE
    )
    level = silence.levels(np.array_split(sound.astype(np.float32), 7))
    quiet = silence.silent(level)
    assert len(level) == 300
    assert quiet[105:195].all()
    assert not quiet[:95].any()
    lasted = silence.silent_for(level)
    assert lasted[150] == pytest.approx(0.5, abs=0.05)
    assert lasted[:95].max() == 0


def test_steady_speech_is_not_called_silence():
    rng = np.random.default_rng(0)
    level = silence.levels([rng.normal(0, 0.1, 4 * audio.RATE).astype(np.float32)])
    assert not silence.silent(level).any()
    assert silence.silent(silence.levels([np.zeros(audio.RATE, np.float32)])).all()
