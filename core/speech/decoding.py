"""Sound files to blocks of samples: libsndfile (soundfile) first, FFmpeg (PyAV) for what it does not know.

PyAV is opened on a file object with a list of demuxers that read one file alone: FFmpeg also knows playlists, which
would fetch other files and addresses.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DnpmError
from ..files.inputs import read_start, regular_file
from .formats import RATES, READ

_STEP = 2048
"""Samples a call: what a damaged file costs behind its last good place."""
_DEMUXERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,gsm,ircam,loas,matroska,mov,mp3,mpc,mpc8,mpeg,"
    "mpegts,mxf,nut,ogg,oma,tak,truehd,tta,voc,w64,wav,wtv,wv"
)
_CHANNELS_MAX = 64
_GAP_S, _GAP_MAX_S = 0.1, 600.0
"""A stream's times that leave out so much: the gap is silent, so that what follows stays in its place."""
_SHORT_S = 0.1
"""A file that ends so much before what its header says was cut short."""
_STREAMED = 0x7FFF_0000
"""A length from here on in a small file's header is none: the program that wrote it could not go back."""


@dataclass(frozen=True)
class Header:
    """What a sound file says of itself."""

    rate: int
    channels: int
    seconds: float
    """Of a compressed file perhaps a little off."""
    by_av: bool
    seeks: bool
    """Whether a sample can be gone to exactly; in MP3 and containers what lies before is decoded."""
    notes: tuple[str, ...] = ()


def read_header(path: Path) -> Header:
    """Look at a file. Raises DnpmError when it is not a regular file, not a sound, or holds none."""
    import soundfile

    regular_file(path)
    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, OSError, TypeError, ValueError) as error:
        header = _av_header(path, reason(error))
        known = "malformed" in reason(error)  # libsndfile knows the format, but this file is cut short or damaged.
        notes = ("is cut short or damaged; what could be read was read",) if known else ()
        return _checked(replace(header, notes=notes + header.notes), path)
    if info.frames == 0:
        # libsndfile believes a header that was written before the length was known.
        if _empty_riff(path):
            raise DnpmError(f"{path}: holds no sound (its length is zero)")
        header = _av_header(path, "its header gives a length of zero")
        note = "its header gives a length of zero; it was read to its end"
        return _checked(replace(header, notes=(note, *header.notes)), path)
    seconds, seeks = float(info.frames / info.samplerate), info.format != "MP3"
    notes = ("is cut short: its last page is missing",) if info.format == "OGG" and not _ogg_ends(path) else ()
    return _checked(Header(int(info.samplerate), int(info.channels), seconds, False, seeks, notes), path)


def decoded(path: Path, header: Header, begin: int, size: int, notes: list[str]) -> Iterator[np.ndarray]:
    """Blocks (n, channels) float32 of about `size` samples from the sample `begin` on, to the file's end.

    What had to be done, or is missing, is added to `notes` when the end is reached.
    """
    parts: list[np.ndarray] = []
    held, skip = 0, 0 if header.seeks else begin
    for part in (_av_parts if header.by_av else _soundfile_parts)(path, header, begin - skip, notes):
        if skip >= len(part):
            skip -= len(part)
            continue
        parts.append(part[skip:])
        held, skip = held + len(part) - skip, 0
        if held >= size:
            yield np.concatenate(parts)
            parts, held = [], 0
    if parts:
        yield np.concatenate(parts)


def _checked(header: Header, path: Path) -> Header:
    if not RATES[0] <= header.rate <= RATES[1]:
        raise DnpmError(
            f"{path}: has {header.rate} samples a second; {RATES[0]} to {RATES[1]} are read. "
            "Export it again, at 48000 for example"
        )
    if not 1 <= header.channels <= _CHANNELS_MAX:
        raise DnpmError(f"{path}: has {header.channels} channels; at most {_CHANNELS_MAX} are read")
    return header


def _soundfile_parts(path: Path, header: Header, begin: int, notes: list[str]) -> Iterator[np.ndarray]:
    import soundfile

    class Forward(soundfile.SoundFile):
        def seekable(self) -> bool:
            # Else each read ends in a jump to where it ended, and an MP3 decoder starts again there, with a gap.
            return False

    at = begin
    try:
        with Forward(path) as file:
            if begin:
                file.seek(begin)
            while len(block := file.read(_STEP, dtype="float32", always_2d=True)):
                at += len(block)
                yield block
            notes += _length_notes(file.extra_info, at / header.rate, header.seconds)
    except (soundfile.LibsndfileError, OSError):
        notes.append(_broken(at / header.rate))


def _length_notes(log: str, seconds: float, said: float) -> list[str]:
    """From libsndfile's own comparison of the header's lengths with the file."""
    wrong = [(int(said), int(is_)) for said, is_ in re.findall(r": (\d+) \(should be (\d+)\)", log)]
    if any(was >= _STREAMED > is_ for was, is_ in wrong):
        return ["its header does not say how long it is; it was read to its end"]
    if any(was > is_ + 1 for was, is_ in wrong):
        return [f"is cut short: it ends after {seconds:.2f} s, before the length in its header"]
    return _cut_note(seconds, said)


def _cut_note(seconds: float, said: float) -> list[str]:
    if seconds >= said - _SHORT_S:
        return []
    return [f"is cut short: it ends after {seconds:.2f} s, its header says {said:.2f} s"]


def _broken(seconds: float) -> str:
    return f"is damaged or cut short after {seconds:.2f} s; what lies before was read"


def _empty_riff(path: Path) -> bool:
    """Whether a WAV file with a data length of 0 is empty indeed: what follows is other chunks, or nothing."""
    data = read_start(path, 2**20)
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return False
    at, end = 12, regular_file(path)
    while at + 8 <= min(end, len(data)):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if not all(32 <= byte < 127 for byte in name) or (at + 8 + size > end and name != b"data"):
            return False
        at += 8 + size + size % 2
    return at >= end - 1 or at > len(data)


def _ogg_ends(path: Path) -> bool:
    """Whether an Ogg file's last page says that it is the last (RFC 3533, header type 4), and is whole."""
    size = regular_file(path)
    with path.open("rb") as file:
        file.seek(max(0, size - 2**17))  # A page has at most 65,307 bytes.
        data = file.read(2**17)
    at = data.rfind(b"OggS")
    if at < 0 or at + 27 > len(data) or not data[at + 5] & 4:
        return False
    segments = data[at + 27 : at + 27 + data[at + 26]]
    return len(segments) == data[at + 26] and at + 27 + len(segments) + sum(segments) <= len(data)


@contextlib.contextmanager
def _container(path: Path, why: str = "") -> Iterator[tuple[Any, Any]]:
    """FFmpeg's view of a file, and the first of its streams of sound that can be decoded."""
    try:
        import av
    except ImportError as error:
        raise DnpmError(
            f"{path}: cannot be read by soundfile{f' ({why})' if why else ''}; AAC, M4A and videos need PyAV "
            f"({error}): `python -m pip install av` in the Python that computes, or use the edition of DNPM Face that "
            "carries PyTorch"
        ) from error
    try:
        with (
            path.open("rb") as file,
            av.open(file, metadata_errors="replace", container_options={"format_whitelist": _DEMUXERS}) as container,
        ):
            streams = [s for s in container.streams.audio if s.codec_context is not None]
            if not streams:
                kind = "its sound is in a format that cannot be decoded" if container.streams.audio else "has no sound"
                raise DnpmError(f"{path}: {kind}; use {READ}")
            yield container, streams[0]
    except (av.FFmpegError, ValueError, OSError) as error:
        text = f"{why}; {reason(error)}" if why else reason(error)
        if b"ftyp" in read_start(path, 16)[4:8]:
            text = "the index of its contents is missing: it was not copied or recorded to its end"
        raise DnpmError(f"{path}: is not a sound that can be read ({text}); use {READ}") from error


def _av_header(path: Path, why: str) -> Header:
    with _container(path, why) as (container, stream):
        # The decoder knows rate and channels better than the container: HE-AAC doubles both.
        frames = _frames(container, stream, _Tally())
        frame = next(frames, None)
        if frame is None or not frame.sample_rate:
            raise DnpmError(f"{path}: holds no sound (its length is zero)")
        rate, channels = int(frame.sample_rate), int(frame.layout.nb_channels)
        seconds = _said(container, stream) or (frame.samples + sum(more.samples for more in frames)) / rate
        return Header(rate, channels, seconds, True, False, tuple(_stream_notes(container, stream)))


def _said(container: Any, stream: Any) -> float:
    """The length that a container gives, 0 when it gives none."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6


def _stream_notes(container: Any, stream: Any) -> Iterator[str]:
    streams = container.streams.audio
    if len(streams) > 1:
        kinds = [
            f"{k}: {s.codec_context.name} of {s.codec_context.channels} channels"
            if s.codec_context
            else f"{k}: unknown"
            for k, s in enumerate(streams, 1)
        ]
        which = [s.index for s in streams].index(stream.index) + 1
        yield f"has {len(streams)} streams of sound ({', '.join(kinds)}), of which number {which} was taken"
    starts = [float(s.start_time * s.time_base) for s in container.streams if s.start_time is not None and s.time_base]
    if stream.start_time is not None and (late := float(stream.start_time * stream.time_base) - min(starts)) > 0.02:
        yield f"its sound begins {late:.2f} s after its picture; times count from the sound's begin"


class _Tally:
    """What was met while a container was read."""

    def __init__(self) -> None:
        self.damaged, self.reach, self.broke = 0, 0.0, False


def _frames(container: Any, stream: Any, tally: _Tally) -> Iterator[Any]:
    """The stream's decoded frames; damaged parts are left out and counted."""
    import av

    try:
        for packet in container.demux():
            if packet.pts is not None and packet.time_base:
                tally.reach = max(tally.reach, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream_index != stream.index:
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError:
                tally.damaged += 1
                continue
            yield from (frame for frame in frames if frame.samples)
    except IndexError:
        return  # At the file's end PyAV 16 looks for streams that it did not know at its begin.
    except (av.FFmpegError, OSError):
        tally.broke = True


def _av_parts(path: Path, header: Header, _begin: int, notes: list[str]) -> Iterator[np.ndarray]:
    """Samples (n, channels) from the stream's begin; gaps in its times become silence."""
    tally, at, start, gaps, filled = _Tally(), 0, None, 0, 0
    with _container(path) as (container, stream):
        for frame in _frames(container, stream, tally):
            if frame.sample_rate != header.rate:
                when = at / header.rate
                notes.append(
                    f"changes to {frame.sample_rate} samples a second after {when:.2f} s; it was read to there"
                )
                return
            samples = _samples(frame, header.channels)
            if frame.pts is not None and frame.time_base:
                time = float(frame.pts * frame.time_base)
                if start is None:
                    start = max(0.0, time)
                    samples = samples[round(-min(0.0, time) * header.rate) :]  # The encoder's delay.
                gap = round((time - start) * header.rate) - at if time >= 0 else 0
                if _GAP_S * header.rate < gap <= _GAP_MAX_S * header.rate:
                    gaps, filled = gaps + 1, filled + gap
                    for k in range(0, gap, _STEP):
                        yield np.zeros((min(_STEP, gap - k), header.channels), np.float32)
                    at += gap
                elif abs(gap) > _GAP_S * header.rate:
                    start += gap / header.rate  # Times that jump: from here on they start again.
            at += len(samples)
            yield samples
        seconds, said = at / header.rate, _said(container, stream)
        if tally.damaged:
            notes.append(f"{tally.damaged} damaged part{'s' * (tally.damaged > 1)} of it left out")
        if gaps:
            notes.append(f"has gaps, {filled / header.rate:.2f} s in all, which became silence")
        if tally.broke:
            notes.append(_broken(seconds))
        elif stream.duration is not None or tally.reach < said - _SHORT_S:
            # A container's own length may be that of its picture.
            notes += _cut_note(seconds, said)


def _samples(frame: Any, channels: int) -> np.ndarray:
    """A frame -> (n, channels) float32, full scale 1; of another count of channels the mean."""
    array = frame.to_ndarray()
    array = array.T if frame.format.is_planar else array.reshape(-1, frame.layout.nb_channels)
    if array.dtype.kind == "u":
        array = (array.astype(np.float32) - 128) / 128
    elif array.dtype.kind == "i":
        array = array.astype(np.float32) / np.float32(2.0 ** (8 * array.dtype.itemsize - 1))
    if array.shape[1] != channels:
        array = np.repeat(array.mean(1, keepdims=True), channels, 1)
    return np.asarray(array, np.float32)


def reason(error: Exception) -> str:
    """What a library says, without its own prefixes."""
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return str(text).strip().rstrip(".")
