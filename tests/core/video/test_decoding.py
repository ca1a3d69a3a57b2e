"""Videos: what is one, times of variable rates, pictures upright, sound beside, damage, and what is refused."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.video.decoding import frames, is_uneven, open_video, sampled
from dnpm.core.video.formats import is_video


def write(
    path: Path, count: int = 20, size: tuple[int, int] = (64, 48), *, pts: list[int] | None = None, rate: int = 25,
    aspect: Fraction | None = None, codec: str = "mpeg4", container: str | None = None,
) -> Path:  # fmt: skip
    """Pictures whose left half is red and whose brightness grows."""
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        stream.codec_context.time_base = Fraction(1, 1000) if pts else Fraction(1, rate)
        for k in range(count):
            image = np.full((size[1], size[0], 3), 40 + 8 * k, np.uint8)
            image[:, : size[0] // 2, 0] = 250
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if pts:
                frame.pts, frame.time_base = pts[k], Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def turned(path: Path) -> Path:
    """As a phone that is held upright writes it: the display matrix of the track says 90 degrees (ISO 14496-12)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4
    matrix = at + 40  # version 0: after times, duration, layer, volume
    one = 1 << 16
    data[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.mpg", "a.ts", "a.mov"])
def test_what_is_a_video(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, codec="mpeg1video" if name.endswith(("mpg", "ts")) else "mpeg4")
    assert is_video(path)
    video = open_video(path)
    assert video.size == (64, 48)
    assert video.fps == pytest.approx(25)
    assert video.sound_s is None
    got = list(frames(video))
    assert len(got) == 20
    np.testing.assert_allclose([frame.time for frame in got], np.arange(20) / 25, atol=1e-3)
    assert got[0].image.shape == (48, 64, 3)
    assert got[0].image.dtype == np.uint8


def test_captures_are_none(tmp_path: Path) -> None:
    for name, text in (("a.csv", "time,jawOpen\n0,0\n"), ("a.json", "[]"), ("b.csv", "")):
        (tmp_path / name).write_text(text)
        assert not is_video(tmp_path / name)


def test_a_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    pts = np.cumsum([0, 40, 20, 80, 33, 33, 120, 10, 40, 40, 40, 200, 15, 15, 60, 60, 33, 47, 40, 40]).tolist()
    video = open_video(write(tmp_path / "a.mkv", pts=pts))
    times = np.array([frame.time for frame in frames(video)])
    np.testing.assert_allclose(times, np.array(pts) / 1000, atol=2e-3)
    assert is_uneven(times)
    assert not is_uneven(np.arange(40) / 29.97)


def test_a_phone_held_upright(tmp_path: Path) -> None:
    video = open_video(turned(write(tmp_path / "a.mp4")))
    assert video.size == (48, 64)
    image = next(frames(video)).image
    assert image.shape == (64, 48, 3)
    # Turned a quarter clockwise for showing, the left half is the upper one.
    upper, lower = image[8:24].mean((0, 1)), image[40:56].mean((0, 1))
    assert upper[0] > lower[0] + 100


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    video = open_video(write(tmp_path / "a.mkv", size=(48, 48), aspect=Fraction(4, 3)))
    assert video.size == (64, 48)
    assert next(frames(video)).image.shape == (48, 64, 3)


@pytest.mark.parametrize(("size", "shown"), [
    ((360, 288), (384, 288)), ((352, 288), (384, 288)), ((720, 576), (768, 576)), ((720, 480), (640, 480)),
])  # fmt: skip
def test_television_pictures_that_tell_no_shape_of_pixels_are_shown_four_to_three(
    tmp_path: Path, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    """As the GRID corpus: PAL, halved, in MPEG-1, whose header cannot leave the shape out."""
    video = open_video(write(tmp_path / "a.mpg", count=2, size=size, codec="mpeg1video"))
    assert video.size == shown
    assert video.supposed_aspect == pytest.approx(shown[0] / size[0])
    assert any("4:3" in note for note in video.notes)
    assert next(frames(video)).image.shape == (shown[1], shown[0], 3)


def test_a_shape_of_pixels_that_is_told_is_kept(tmp_path: Path) -> None:
    """Square ones too, where a header need not name them; and other sizes are no television's."""
    told = open_video(write(tmp_path / "a.mkv", count=2, size=(720, 576), aspect=Fraction(1), codec="libx264"))
    assert (told.size, told.supposed_aspect, told.notes) == ((720, 576), None, ())
    wide = open_video(write(tmp_path / "b.mkv", count=2, size=(720, 576), aspect=Fraction(64, 45), codec="libx264"))
    assert wide.size == (1024, 576)
    other = open_video(write(tmp_path / "c.mpg", count=2, size=(640, 360), codec="mpeg1video"))
    assert (other.size, other.supposed_aspect) == ((640, 360), None)


def test_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    video = open_video(write(tmp_path / "a.mp4", count=2, size=(1920, 1080)))
    assert video.size == (1280, 720)


def test_work_goes_on_after_what_was_read(tmp_path: Path) -> None:
    video = open_video(write(tmp_path / "a.mp4"))
    whole, rest = list(frames(video)), list(frames(video, 12))
    assert [frame.number for frame in rest] == list(range(12, 20))
    assert np.array_equal(rest[0].image, whole[12].image)


def test_pictures_over_the_whole_video(tmp_path: Path) -> None:
    times = [frame.time for frame in sampled(open_video(write(tmp_path / "a.mp4", count=200)), 8)]
    assert 6 <= len(times) <= 10
    assert times[0] < 2
    assert times[-1] > 6


def test_a_video_that_was_cut_off_is_read_to_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", count=60)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    got = list(frames(open_video(path)))
    assert 10 < len(got) < 60


def test_what_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(range(256)) * 8)
    with pytest.raises(DnpmError, match=r"noise\.mp4: is not a video that can be read"):
        open_video(tmp_path / "noise.mp4")
    with pytest.raises(DnpmError, match="no such file"):
        open_video(tmp_path / "none.mp4")
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as out:
        stream = out.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    with pytest.raises(DnpmError, match="has no pictures, only sound"):
        open_video(sound)


def test_zeros_without_end_are_an_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv")
    with path.open("r+b") as file:
        file.truncate(20_000_000_000)
    assert len(list(frames(open_video(path)))) == 20
