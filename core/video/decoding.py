"""Videos as upright pictures with their times, one at a time: ten minutes need no more memory than one picture.

PyAV is opened on a file object with a list of demuxers that read one file alone (as for sound:
`core/speech/decoding.py`).
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import DnpmError
from ..files.inputs import regular_file
from .formats import READ

LONGEST_SIDE = 1280
"""Pixels of a picture that are looked at; larger ones are made smaller while they are converted."""
LONGEST_S = 3600.0
"""Of video at once."""
_DEMUXERS = (
    "asf,avi,dv,flv,gif,h264,hevc,ivf,m4v,matroska,mjpeg,mov,mp4,mpeg,mpegts,mpegvideo,mxf,nut,ogg,rm,vc1,webm,wtv"
)
_RATES = (1.0, 1000.0)
_UNEVEN = 0.2
"""Steps that differ by more than this share of the usual one make a video one of variable rate."""
_SIZES = (16, 16384)
_ZEROS = 2**25
"""Bytes of nothing but zeros after which a file is over."""
_TELEVISION = {288: (352, 360), 576: (704, 720), 240: (352, 360), 480: (704, 720)}
"""Widths by height of television's pictures (ITU-R BT.601, whole and halved both ways), which are shown 4:3."""
_UNSAID = ("mpeg1video", "mpeg2video")
"""Codecs whose headers always hold a shape of pixels, which encoders that know none fill in as square."""
_ATTACHED_PICTURE = 0x400
"""FFmpeg's mark of a stream that is a song's cover (AV_DISPOSITION_ATTACHED_PIC)."""


@dataclass(frozen=True)
class Video:
    """What a video's header says. size (width, height): of the pictures that `frames` gives, upright, with square
    pixels; fps: the nominal rate; seconds and count: 0 where the header does not tell; sound_s: seconds after the first
    picture at which the sound begins (below 0: before it), None without sound."""

    path: Path
    size: tuple[int, int]
    fps: float
    seconds: float
    count: int
    turned: int
    """Degrees, counter-clockwise, by which the pictures are turned to be upright: 0, 90, 180 or 270."""
    sound_s: float | None
    notes: tuple[str, ...] = ()
    supposed_aspect: float | None = None
    """Width over height of a pixel where the header does not tell and television's size does (`_television`)."""


@dataclass(frozen=True)
class Frame:
    """number from 0, time in seconds after the first picture, image (h, w, 3) uint8 sRGB."""

    number: int
    time: float
    image: np.ndarray


def open_video(path: Path) -> Video:
    """Look at a video and decode its first picture. Raises DnpmError when it is none, or holds no picture."""
    regular_file(path)
    with _container(path) as (container, stream):
        first = next(_decoded(container, stream), None)
        if first is None:
            raise DnpmError(f"{path}: holds no picture that can be decoded; use {READ}")
        if not all(_SIZES[0] <= side <= _SIZES[1] for side in (first.width, first.height)):
            raise DnpmError(f"{path}: has pictures of {first.width} x {first.height} pixels; {_SIZES[0]} to "
                            f"{_SIZES[1]} a side are read")  # fmt: skip
        fps = float(stream.average_rate or 0) or _pace(container, stream) or float(stream.guessed_rate or 0)
        notes = []
        if not _RATES[0] <= fps <= _RATES[1]:
            notes.append(f"its header gives {fps:g} frames per second: 25 are taken where a picture has no time")
            fps = 25.0
        seconds = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        seconds = seconds or (container.duration or 0) / 1e6
        if seconds > LONGEST_S:
            raise DnpmError(
                f"{path}: is {seconds / 60:.0f} minutes long; at most {LONGEST_S / 60:.0f} are read: cut it first"
            )
        turned = round(float(getattr(first, "rotation", 0) or 0) / 90) * 90 % 360
        if len(container.streams.video) > 1:
            notes.append(f"has {len(container.streams.video)} streams of pictures, of which the first was taken")
        supposed = _television(first, stream)
        if supposed is not None:
            notes.append(f"has a television picture's size and tells no shape of its pixels: {first.width} x "
                         f"{first.height} are shown 4:3")  # fmt: skip
        size = _upright(_size(first, stream), turned)
        count = int(stream.frames or round(seconds * fps))
        sound = _sound_start(container, stream)
        return Video(path, size, fps, seconds, count, turned, sound, tuple(notes), supposed)


def frames(video: Video, skip: int = 0, notes: list[str] | None = None) -> Iterator[Frame]:
    """The pictures in their order, the first `skip` decoded but not given. What had to be done is added to `notes`.

    Times that do not rise are left out, with their pictures. Raises DnpmError when the video cannot be decoded at all.
    """
    said = [] if notes is None else notes
    with _container(video.path) as (container, stream):
        tally = _Tally()
        begin: float | None = None
        last, number = -1.0, -1
        for decoded in _decoded(container, stream, tally):
            time = None if decoded.pts is None or not decoded.time_base else float(decoded.pts * decoded.time_base)
            if begin is None:
                begin = time or 0.0
            at = last + 1 / video.fps if time is None and number >= 0 else (time or begin) - begin
            if at <= last and number >= 0:
                tally.backwards += 1
                continue
            last, number = at, number + 1
            if at > LONGEST_S:
                said.append(f"was read up to {LONGEST_S / 60:.0f} minutes")
                break
            if number >= skip:
                yield Frame(number, at, _image(decoded, video))
        for count, what in ((tally.damaged, "damaged"), (tally.backwards, "with times that go backwards")):
            if count:
                said.append(f"{count} pictures {what} were left out")
        if tally.broke:
            said.append(f"is damaged or cut short after {max(last, 0):.2f} s; what lies before was read")


def sampled(video: Video, count: int) -> Iterator[Frame]:
    """About `count` pictures spread over the video, reached by seeking to the key frame before each where that works,
    else the first ones; their numbers are -1."""
    with _container(video.path) as (container, stream):
        length = video.seconds
        if length <= 0 or length * video.fps < 2 * count:
            step = max(1, round(max(video.count, count) / count))
            for number, decoded in enumerate(_decoded(container, stream)):
                if number % step == 0:
                    yield Frame(-1, number / video.fps, _image(decoded, video))
            return
        start = float(stream.start_time * stream.time_base) if stream.start_time and stream.time_base else 0.0
        reached = -1.0
        for k in range(count):
            wanted = start + (k + 0.5) / count * length
            if wanted <= reached:
                continue
            with contextlib.suppress(Exception):
                container.seek(int(wanted / stream.time_base), stream=stream)
            for decoded in _decoded(container, stream):
                time = float(decoded.pts * decoded.time_base) if decoded.pts is not None else wanted
                # From a key frame on to what was wanted, but not through minutes of pictures.
                if time >= wanted - 0.5 / video.fps or time < wanted - 12.0:
                    reached = time
                    yield Frame(-1, time - start, _image(decoded, video))
                    break


def is_uneven(times: np.ndarray) -> bool:
    """Whether (T,) times are a variable rate's: more than one step in twenty differs from the usual one."""
    steps = np.diff(times)
    return len(steps) > 1 and float((np.abs(steps / np.median(steps) - 1) > _UNEVEN).mean()) > 0.05


class _Reading:
    """A file as PyAV reads it, which ends where nothing but zeros follows: FFmpeg would look through gigabytes of them
    for another picture, as in a file that was made longer than what was written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._zeros = file, 0
        self.seek, self.tell = file.seek, file.tell

    def read(self, count: int) -> bytes:
        data = self._file.read(count)
        self._zeros = self._zeros + len(data) if data.count(0) == len(data) else 0
        return b"" if self._zeros > _ZEROS else data


class _Tally:
    def __init__(self) -> None:
        self.damaged = self.backwards = 0
        self.broke = False


@contextlib.contextmanager
def _container(path: Path) -> Iterator[tuple[Any, Any]]:
    """FFmpeg's view of a file, and the first of its streams of pictures that is not a cover."""
    try:
        import av
    except ImportError as error:
        raise DnpmError(
            f"{path}: videos need PyAV ({error}): `python -m pip install av` in the Python that computes, or use the "
            "edition of DNPM Face that carries PyTorch"
        ) from error
    try:
        with (
            path.open("rb") as file,
            av.open(
                _Reading(file), metadata_errors="replace", container_options={"format_whitelist": _DEMUXERS}
            ) as container,
        ):
            streams = [s for s in container.streams.video if s.codec_context is not None and not _is_cover(s)]
            if not streams:
                raise DnpmError(f"{path}: has no pictures, only sound; use {READ}")
            streams[0].thread_type = "AUTO"
            yield container, streams[0]
    except (av.FFmpegError, ValueError, OSError) as error:
        text = getattr(error, "strerror", None) or str(error)
        raise DnpmError(f"{path}: is not a video that can be read ({text.strip().rstrip('.')}); use {READ}") from error


def _pace(container: Any, stream: Any) -> float:
    """Pictures a second from the times of the first ones, where the header does not tell; 0 without times."""
    times = [f.pts * f.time_base for f in itertools.islice(_decoded(container, stream), 16) if f.pts is not None]
    steps = sorted(float(b - a) for a, b in itertools.pairwise(times) if b > a)
    return 1 / steps[len(steps) // 2] if steps else 0.0


def _is_cover(stream: Any) -> bool:
    return bool(int(getattr(stream.disposition, "value", stream.disposition)) & _ATTACHED_PICTURE)


def _decoded(container: Any, stream: Any, tally: _Tally | None = None) -> Iterator[Any]:
    """The stream's pictures; damaged packets are left out and counted."""
    import av

    tally = tally or _Tally()
    try:
        for packet in container.demux(stream):
            try:
                pictures = packet.decode()
            except av.FFmpegError:
                tally.damaged += 1
                continue
            yield from pictures
    except IndexError:
        return  # At the file's end PyAV 16 looks for streams that it did not know at its begin.
    except (av.FFmpegError, OSError):
        tally.broke = True


def _size(frame: Any, stream: Any) -> tuple[int, int]:
    """Width and height that a picture is made into, square pixels, before it is turned."""
    aspect = _television(frame, stream) or float(stream.sample_aspect_ratio or 1) or 1.0
    width, height = frame.width * (aspect if 0.1 < aspect < 10 else 1.0), float(frame.height)
    factor = min(1.0, LONGEST_SIDE / max(width, height))
    return max(2, round(width * factor)), max(2, round(height * factor))


def _television(frame: Any, stream: Any) -> float | None:
    """Width over height of a pixel of a television picture whose header does not tell; None of all others.

    Such pictures are 4:3 whatever their numbers of pixels are. Taken for square, faces come out a fifteenth too narrow
    (576 lines) or a tenth too broad (480), and the fit believes it."""
    said = stream.sample_aspect_ratio
    if said and not (float(said) == 1 and stream.codec_context.name in _UNSAID):
        return None
    if frame.width not in _TELEVISION.get(frame.height, ()):
        return None
    return 4 / 3 * frame.height / frame.width


def _upright(size: tuple[int, int], turned: int) -> tuple[int, int]:
    return (size[1], size[0]) if turned % 180 else size


def _image(frame: Any, video: Video) -> np.ndarray:
    width, height = _upright(video.size, video.turned)
    image: np.ndarray = frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
    return np.ascontiguousarray(np.rot90(image, video.turned // 90))


def _sound_start(container: Any, stream: Any) -> float | None:
    sounds = [s for s in container.streams.audio if s.codec_context is not None]
    if not sounds:
        return None
    begins = [float(s.start_time * s.time_base) if s.start_time is not None and s.time_base else 0.0
              for s in (sounds[0], stream)]  # fmt: skip
    return begins[0] - begins[1]
