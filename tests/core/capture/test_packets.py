"""Packets of Live Link Face and iFacialMocap, as their programs lay them out."""

from __future__ import annotations

import math
import socket
import struct
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.capture import packets, performance
from dnpm.core.capture.names import CHANNELS
from dnpm.core.capture.receiver import Receiver
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES

DEVICE = "8DE6C1D5-7F9B-4C5E-8E5D-1B6B8A0C9F11"


def live_link(values=None, frame=1000, part=0.25, rate=(60, 1), subject="iPhone", version=6) -> bytes:
    """Written field by field from Unreal's reader: FArchive's strings are a length and that many bytes."""
    data = bytes([version])
    for text in (DEVICE, subject):
        data += struct.pack(">i", len(text.encode())) + text.encode()
    data += struct.pack(">ifii", frame, part, *rate)
    return data if values is None else data + bytes([len(values)]) + struct.pack(f">{len(values)}f", *values)


IFACIAL = (
    b"mouthSmile_R-12|mouthSmile_L-0|jawOpen-55|browInnerUp-7|trackingStatus-1|"
    b"=head#-21.488958,-6.038993,-6.6019735,-0.030653415,-0.10287084,-0.6584072|"
    b"rightEye#6.0297494,2.4403017,0.25649446|leftEye#6.034903,-1.6660284,-0.17520553|34903,-1.6660284,-0.17520553|"
)


def channel(name: str) -> int:
    return CHANNELS.index(name)


def test_live_link_face():
    values = np.linspace(0, 1, 61).astype(np.float32)
    packet = packets.decode(live_link(values, subject="Ünal's"))
    assert packet.subject == "Ünal's"
    assert packet.time == pytest.approx(1000.25 / 60)
    np.testing.assert_array_equal(packet.values, values)
    assert packets.decode(live_link(values, rate=(30000, 1001))).time == pytest.approx(1000.25 * 1001 / 30000)


def test_live_link_face_without_a_face_says_so():
    assert packets.decode(live_link()).values is None
    assert packets.decode(live_link() + b"\0").values is None


def test_ifacialmocap_in_both_versions_with_what_is_unknown_left_out():
    for data in (IFACIAL, IFACIAL.replace(b"-12|", b"&12|").replace(b"Open-", b"Open&")):
        packet = packets.decode(data)
        assert packet.time is None
        assert packet.values[channel("mouthSmileRight")] == pytest.approx(0.12)
        assert packet.values[channel("jawOpen")] == pytest.approx(0.55)
        assert np.isnan(packet.values[channel("cheekPuff")]), "not sent is not 0"
        assert packet.values[channel("headPitch")] == pytest.approx(math.radians(-21.488958))
        assert packet.values[channel("headYaw")] == pytest.approx(math.radians(6.038993))
    assert packets.decode(b"jawOpen&-5|browInnerUp&3|").values[channel("jawOpen")] == pytest.approx(-0.05)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x06", live_link(np.zeros(61))[:-3], live_link(np.zeros(52)), live_link(np.zeros(61), rate=(0, 1)),
     live_link(np.full(61, np.nan)), live_link(np.full(61, np.inf)), live_link(np.full(61, 1e9)), b"hello",
     b"\xff\xfe|", b"jawOpen-x|", b"x" * 9000, bytes([6]) + struct.pack(">i", 2**31 - 1), bytes([6]) + b"\xff" * 4],
)  # fmt: skip
def test_what_is_no_packet_is_one_line(data):
    with pytest.raises(DnpmError) as error:
        packets.decode(data)
    assert "\n" not in str(error.value)


@given(st.binary(max_size=400))
def test_nothing_else_is_ever_raised(data):
    for start in (b"", b"\x06", b"\x06\0\0\0\0\0\0\0\0"):
        try:
            packet = packets.decode(start + data)
        except DnpmError:
            continue
        assert packet.values is None or packet.values.shape == (61,)


def test_a_mirror_is_its_own_inverse_and_exchanges_sides():
    values = np.random.default_rng(0).random(61).astype(np.float32)
    np.testing.assert_array_equal(performance.mirrored(performance.mirrored(values)), values)
    once = performance.mirrored(values)
    assert once[channel("mouthLeft")] == values[channel("mouthRight")]
    assert once[channel("leftEyePitch")] == values[channel("rightEyePitch")]
    assert once[channel("headYaw")] == -values[channel("headYaw")]
    assert once[channel("jawOpen")] == values[channel("jawOpen")]


def test_a_neutral_becomes_rest_and_a_full_expression_stays_full():
    rng = np.random.default_rng(1)
    neutral = (0.4 * rng.random(61)).astype(np.float32)
    assert not performance.without_neutral(neutral, neutral).any()
    full = np.ones(61, np.float32)
    np.testing.assert_allclose(performance.without_neutral(full, neutral)[:52], 1, atol=1e-6)


def test_the_filter_stills_rest_and_follows_a_blink():
    rng, smooth = np.random.default_rng(2), performance.OneEuro(2.0)
    clean = np.zeros((180, 61), np.float32)
    clean[90:97, 0] = [0.3, 0.8, 1, 1, 0.8, 0.3, 0.1]
    noisy = clean + 0.01 * rng.standard_normal(clean.shape).astype(np.float32)
    out = np.stack([smooth.step(k / 60, row) for k, row in enumerate(noisy)])
    assert out[30:85].std() < 0.5 * noisy[30:85].std()
    assert out[90:97, 0].max() > 0.9
    untouched = performance.OneEuro(0.0)
    for k, row in enumerate(noisy):
        np.testing.assert_array_equal(untouched.step(k / 60, row), row)


def test_the_clock_goes_on_over_midnight_repeats_and_a_phone_that_was_put_aside():
    clock = performance.Clock()
    assert clock.of(86399.9, 10.0) == 0
    assert clock.of(86399.9, 10.01) is None, "sent twice"
    assert clock.of(0.0, 10.1) == pytest.approx(0.1)
    assert clock.of(0.1, 10.2) == pytest.approx(0.2)
    assert performance.Clock().of(None, 7.0) == 0


def test_a_phone_over_the_loopback_loses_no_frame_and_noise_is_counted():
    receiver = Receiver("127.0.0.1", 0)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            for k in range(600):
                phone.sendto(live_link(np.full(61, k / 1000), frame=k), ("127.0.0.1", receiver.port))
                if k % 100 == 0:
                    phone.sendto(b"noise", ("127.0.0.1", receiver.port))
                    time.sleep(0.01)
        end = time.monotonic() + 20
        found = []
        while len(found) < 600 and time.monotonic() < end:
            found += receiver.take()
            time.sleep(0.01)
        assert [round(each.packet.time * 60 - 0.25) for each in found] == list(range(600))
        assert receiver.counts.ignored == 6
        assert "neither" in receiver.counts.reason
        assert receiver.counts.lost == 0
        with pytest.raises(DnpmError, match="cannot listen at 127"):
            Receiver("127.0.0.1", receiver.port)
    finally:
        receiver.close()
        receiver.close()


def test_a_take_starts_at_zero_and_names_what_was_never_sent():
    rows = [np.full(61, np.nan, np.float32) for _ in range(3)]
    for k, row in enumerate(rows):
        row[channel("jawOpen")] = k / 10
    track = performance.take_of([5.0, 5.02, 5.04], rows)
    assert track.times[0] == 0
    assert set(ARKIT_NAMES) - set(track.missing) == {"jawOpen"}
    assert track.rotations is None
