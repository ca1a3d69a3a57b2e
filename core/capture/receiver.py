"""Listens for a phone's packets. A thread takes them as they come, with the time of their arrival; nothing is lost
while whoever asks for them is busy."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from dataclasses import dataclass

from ..errors import DnpmError
from . import packets

_WAIT_S = 0.2
_HELD = 60 * 120
"""Packets that are kept for who asks: two minutes of sixty a second."""
_BUFFER = 1 << 20
_ASK_AGAIN_S = 2.0
"""A phone with iFacialMocap that sends nothing is asked so often."""


@dataclass
class Counts:
    """Of the packets since the beginning: understood, ignored because they were not, lost because nobody took them."""

    received: int = 0
    ignored: int = 0
    lost: int = 0
    reason: str = ""
    """Why the last was ignored."""


@dataclass(frozen=True)
class Arrived:
    """A packet, and when it came, in seconds of `time.monotonic`."""

    packet: packets.Packet
    at: float


class Receiver:
    """Listens from its making until `close`.

    address: of the network this computer is to be reached in; "0.0.0.0" is all, "127.0.0.1" this computer alone. phone:
    the address of a phone with iFacialMocap, which has to be asked; "" for Live Link Face, which sends by itself.
    Raises DnpmError when the port is taken or an address is wrong.
    """

    def __init__(self, address: str, port: int, phone: str = "") -> None:
        self.counts = Counts()
        self._packets: deque[Arrived] = deque(maxlen=_HELD)
        self._phone = phone
        self._closed = threading.Event()
        self._last = 0.0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._socket.settimeout(_WAIT_S)
            self._socket.bind((address, port))
            if phone:
                socket.inet_aton(phone)
        except (OSError, OverflowError) as error:
            self._socket.close()
            where = f"{address}:{port}" if not phone else f"{address}:{port} for the phone {phone}"
            advice = "another program may use the port, or the address is not this computer's"
            raise DnpmError(f"cannot listen at {where} ({error}); {advice}") from error
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, name="dnpm-live-capture", daemon=True)
        self._thread.start()

    def take(self) -> list[Arrived]:
        """What has come since the last time, the oldest first. Never waits."""
        taken = []
        while self._packets:
            taken.append(self._packets.popleft())
        return taken

    def close(self) -> None:
        """Stop listening; may be called twice."""
        self._closed.set()
        self._thread.join(timeout=5 * _WAIT_S)
        self._socket.close()

    def _listen(self) -> None:
        asked = -_ASK_AGAIN_S
        while not self._closed.is_set():
            now = time.monotonic()
            if self._phone and now - max(asked, self._last) >= _ASK_AGAIN_S:
                self._ask()
                asked = now
            try:
                data, _ = self._socket.recvfrom(packets.LARGEST + 1)
            except TimeoutError:
                continue
            except OSError as error:
                # Windows reports here that nobody listened at the phone; the next one may.
                self.counts.reason = str(error)
                self._closed.wait(_WAIT_S)
                continue
            self._accept(data)

    def _accept(self, data: bytes) -> None:
        now = time.monotonic()
        try:
            packet = packets.decode(data)
        except DnpmError as error:
            self.counts.ignored += 1
            self.counts.reason = str(error)
            return
        self._last = now
        self.counts.received += 1
        self.counts.lost += len(self._packets) == _HELD
        self._packets.append(Arrived(packet, now))

    def _ask(self) -> None:
        try:
            self._socket.sendto(packets.START_IFACIALMOCAP, (self._phone, packets.IFACIALMOCAP_PORT))
        except OSError as error:
            self.counts.reason = f"the phone {self._phone} cannot be asked ({error})"
