"""The log: event files record by record, the CSV, and what is beyond a stop."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.training.scalars import ScalarLog, crc32c


def records(path: Path) -> list[bytes]:
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        for part, checksum in ((data[:8], data[8:12]), (data[12 : 12 + length], data[12 + length : 16 + length])):
            crc = crc32c(part)
            masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
            assert struct.pack("<I", masked) == checksum
        found.append(data[12 : 12 + length])
        data = data[16 + length :]
    return found


def fields(message: bytes) -> dict[int, object]:
    """A protocol buffer with each field once."""
    found: dict[int, object] = {}
    while message:
        field, kind = message[0] >> 3, message[0] & 7
        message = message[1:]
        if kind == 1:
            found[field], message = struct.unpack("<d", message[:8])[0], message[8:]
        elif kind == 5:
            found[field], message = struct.unpack("<f", message[:4])[0], message[4:]
        else:
            value = shift = 0
            while True:
                byte, message = message[0], message[1:]
                value |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            if kind == 2:
                found[field], message = message[:value], message[value:]
            else:
                found[field] = value
    return found


def test_checksum_has_the_standards_values():
    # RFC 3720, appendix B.4.
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b"123456789") == 0xE3069283


def test_events_hold_the_figures(tmp_path: Path):
    with ScalarLog(tmp_path, 0) as log:
        log.write(300, {"loss": 0.5, "frechet": math.nan})
        log.write(70_000, {"loss": -2.0, "frechet": 3.0})
    (path,) = tmp_path.glob("events.out.tfevents.*")
    first, *events = (fields(r) for r in records(path))
    assert first[3] == b"brain.Event:2"
    found = []
    for event in events:
        value = fields(fields(event[5])[1])
        found.append((event[2], value[1], value[2]))
    assert found == [(300, b"loss", 0.5), (70_000, b"loss", -2.0), (70_000, b"frechet", 3.0)]
    assert (tmp_path / "log.csv").read_text().split() == ["step,loss,frechet", "300,0.5,", "70000,-2,3"]


def test_what_a_hard_stop_left_beyond_the_state_is_taken_out(tmp_path: Path):
    with ScalarLog(tmp_path, 0) as log:
        for step in (10, 20, 30):
            log.write(step, {"loss": step})
    with (tmp_path / "log.csv").open("a") as file:
        file.write("40")  # Cut off in the middle of a row.
    with ScalarLog(tmp_path, 20) as log:
        log.write(30, {"loss": 7})
        with pytest.raises(DnpmError, match="no column other"):
            log.write(40, {"loss": 1, "other": 2})
    assert (tmp_path / "log.csv").read_text().split() == ["step,loss", "10,10", "20,20", "30,7"]


def test_a_foreign_file_is_not_overwritten(tmp_path: Path):
    (tmp_path / "log.csv").write_text("my,own\n1,2\n")
    with pytest.raises(DnpmError, match="is not the log of a training"):
        ScalarLog(tmp_path, 0)
