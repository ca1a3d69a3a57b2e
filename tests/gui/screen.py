"""A virtual screen (Xvfb) whose picture is read from its frame buffer file.

Blender's own screenshot operator reads the window's front buffer, which software GL under Xvfb leaves black.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path


class ScreenError(Exception):
    """The screen could not be started or read."""


class VirtualScreen:
    """Xvfb with its frame buffer in `folder`; `inside` is a command prefix that runs a program where Blender lives."""

    def __init__(self, folder: Path, size: tuple[int, int], inside: list[str]) -> None:
        self.folder, self.size, self.inside = folder, size, inside
        self.process: subprocess.Popen[bytes] | None = None
        self.display = ""

    def __enter__(self) -> VirtualScreen:
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in range(70 + os.getpid() % 100, 400):
            command = [*self.inside, "Xvfb", f":{number}", "-screen", "0", f"{self.size[0]}x{self.size[1]}x24"]
            command += ["-fbdir", str(self.folder), "-nolisten", "tcp", "-noreset"]
            try:
                self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            except FileNotFoundError as error:
                raise ScreenError(f"{command[0]} is missing: install Xvfb, or run on a desktop (DISPLAY)") from error
            if self._is_up():
                self.display = f":{number}"
                return self
        raise ScreenError("Xvfb did not start on any display")

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()

    @property
    def framebuffer(self) -> Path:
        return self.folder / "Xvfb_screen0"

    def _is_up(self) -> bool:
        assert self.process is not None
        for _ in range(200):
            if self.process.poll() is not None:
                return False  # the number is taken
            if self.framebuffer.is_file() and self.framebuffer.stat().st_size > self.size[0] * self.size[1] * 4:
                time.sleep(0.3)
                return self.process.poll() is None
            time.sleep(0.05)
        return False

    def capture(self, path: Path) -> None:
        """Save what the screen shows now as PNG. Raises ScreenError when it shows next to nothing."""
        width, height, rows = read_xwd(self.framebuffer.read_bytes())
        write_png(path, width, height, rows)
        shades = len({row[i : i + 3] for row in rows[::4] for i in range(0, len(row), 12)})
        if shades < 8:
            raise ScreenError(f"{path} shows next to nothing ({shades} shades)")


def read_xwd(data: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and RGB rows of an X window dump (version 7, 32 bits a pixel)."""
    head = struct.unpack(">20I", data[:80])
    version, width, height, little_endian = head[1], head[4], head[5], head[7] == 0
    bits, stride, masks, colours = head[11], head[12], head[14:17], head[19]
    if version != 7 or bits != 32:
        raise ScreenError(f"unexpected screen format: XWD version {version}, {bits} bits a pixel")
    start = head[0] + colours * 12
    places = [((mask & -mask).bit_length() - 1) // 8 for mask in masks]
    if not little_endian:
        places = [3 - place for place in places]
    rows = []
    for y in range(height):
        line = data[start + y * stride : start + y * stride + width * 4]
        rgb = bytearray(width * 3)
        for channel, place in enumerate(places):
            rgb[channel::3] = line[place::4]
        rows.append(bytes(rgb))
    return width, height, rows


def write_png(path: Path, width: int, height: int, rows: list[bytes]) -> None:
    """8-bit RGB rows as PNG."""

    def chunk(tag: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    beside = path.with_suffix(".partial")
    beside.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    beside.replace(path)


def has_desktop() -> bool:
    """True where a window can open without a virtual screen."""
    return sys.platform in {"darwin", "win32"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
