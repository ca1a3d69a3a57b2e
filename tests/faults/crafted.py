"""Hostile files made by hand: bombs, lies that keep their checksums right, and what is not a regular file."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

Write = Callable[[Path], object]
"""Writes the hostile file at a path that does not exist yet."""


def special(data: bytes) -> dict[str, Write]:
    """What may stand in the place of any file; data: a valid one."""

    def sparse(path: Path) -> None:
        with path.open("wb") as file:
            file.write(data)
            file.truncate(20_000_000_000)

    return {
        "pipe": lambda path: os.mkfifo(path), "folder": lambda path: path.mkdir(),
        "endless device": lambda path: path.symlink_to("/dev/zero"),
        "terminal": lambda path: path.symlink_to("/dev/tty"),
        "link to itself": lambda path: path.symlink_to(path.name), "sparse": sparse,
        "link to nothing": lambda path: path.symlink_to("none"),
        "zeros": lambda path: path.write_bytes(bytes(5_000_000)),
    }  # fmt: skip


def doubled(levels: int = 60) -> bytes:
    """Pickled, without its end: a tuple that holds the one before twice. It lies in the memo at `levels`."""
    return b"\x80\x02K\x01K\x01\x86q\x00" + b"".join(b"0h%ch%c\x86q%c" % (k, k, k + 1) for k in range(levels)) + b"0"


PICKLES: dict[str, bytes] = {
    "memo index": b"\x80\x02Nr\xff\xff\xff\x1f.",
    "memo text": b"N" + b"p" + b"9" * 30 + b"\n.",
    "doubled key": doubled() + b"}h\x3cK\x01s.",
    "doubled member": doubled() + b"\x8f(h\x3c\x90.",
    "doubled value": doubled() + b"h\x3c.",
    "doubled list": b"\x80\x02]K\x01aq\x00" + b"".join(b"]h%ch%c\x86q%c" % (k, k, k + 1) for k in range(60)) + b".",
    "doubled persistent id": doubled() + b"h\x3cQ.",
    "doubled encoding": doubled() + b"c_codecs\nencode\nX\x01\x00\x00\x00ah\x3c\x86R.",
    "many instructions": b"\x80\x02" + b"]0" * 8_000_000 + b"N.",
    "many objects": b"\x80\x02(" + b"}" * 12_000_000 + b"t.",
    "many sets": b"\x80\x04(" + b"\x8f" * 8_000_000 + b"t.",
    "deep lists": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "long integer": b"\x80\x02\x8b" + struct.pack("<i", 20_000_000) + b"\x7f" * 20_000_000 + b".",
    "digits": b"L" + b"9" * 100_000 + b"L\n.",
    "long bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**45) + b"x.",
    "long array": b"\x80\x05\x96" + struct.pack("<Q", 2**35) + b"x.",
    "long frame": b"\x80\x04\x95" + struct.pack("<Q", 2**45) + b"N.",
    "same hash": b"\x80\x02}(" + b"".join(
        b"\x8a\x0a" + (k * (2**61 - 1)).to_bytes(10, "little") + b"N" for k in range(60_000)) + b"u.",
    "code": b"cos\nsystem\n(S'true'\ntR.",
    "copies": b"X" + struct.pack("<I", 4_000_000) + b"a" * 4_000_000 + b"q\x00" + (
        b"0c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R" * 1000) + b".",
}  # fmt: skip


def npy(shape: str, descr: str = "'<f4'", data: bytes = b"", version: int = 1) -> bytes:
    """An .npy file with a header as text."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    size = struct.pack("<H", len(text)) if version == 1 else struct.pack("<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data


def arrays() -> dict[str, bytes]:
    """.npy files, each also a member of an archive."""
    made = {
        "shape 1e12": npy("(1000000000000,)"), "shape overflows": npy("(4294967296, 4294967296)"),
        "negative shape": npy("(-3,)", data=bytes(12)), "shape of booleans": npy("(True, 3)", data=bytes(12)),
        "no bytes a number": npy("(1000000000000,)", "'|V0'"), "no letters": npy("(1000000000000,)", "'<U0'"),
        "fields": npy("(1,)", "[('a', '<f4'), ('b', '|O')]", bytes(12)), "deep header": npy("(" * 9000),
        "header of 4 GB": b"\x93NUMPY\x02\0\xff\xff\xff\xff{}", "old integers": npy("(3L,)", data=bytes(12)),
        "unfinished token": npy("(3, '''"), "huge integer": npy("(" + "9" * 5000 + ",)"),
        "70 sizes": npy(str((1,) * 70)),
        "complex": npy("(3, 52, 4)", "'<c8'", bytes(3 * 52 * 4 * 8)), "text": npy("(3,)", "'<U4'", bytes(48)),
        "not finite": npy("(3, 52, 4)", "'<f8'", b"\xff" * (3 * 52 * 4 * 8)),
        "largest": npy("(3, 52, 4)", "'<f8'", struct.pack("<d", 1.7e308) * (3 * 52 * 4)),
        "many identities": npy("(3, 52, 60000)", "'<f4'", bytes(3 * 52 * 60000 * 4)),
        "empty": npy("(0, 52, 0)"), "version 9": npy("(3,)", version=9)[:6] + b"\x09" + npy("(3,)")[7:],
    }  # fmt: skip
    head = npy("()", "'|O'")
    made |= {f"pickle: {name}": head + data for name, data in PICKLES.items()}
    core = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    kind = b"cnumpy\ndtype\nX\x02\x00\x00\x00f4K\x00K\x01\x87R(K\x03X\x01\x00\x00\x00<NNN"
    kind += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    for name, shape in (
        ("text as a size", b"X\x05\x00\x00\x00aaaaa\x8a\x05\0\0\0\0\x02\x86"),
        ("nested size", b"K\x01\x85\x85"),
    ):
        made[f"array with {name}"] = head + b"\x80\x03" + core + b"(K\x01" + shape + kind + b"\x89C\x04abcdtb."
    return made


def archive(data: bytes, name: str = "shape_bm_core.npy", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        made.writestr(name, data)
    return buffer.getvalue()


def zip_bomb(name: str, header: bytes, zeros: int) -> Write:
    """An archive of some megabytes whose member unpacks to `zeros` bytes."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made, made.open(name, "w", force_zip64=True) as member:
            member.write(header)
            for _ in range(zeros // (1 << 24)):
                member.write(bytes(1 << 24))

    return write


def members_bomb(path: Path) -> None:
    """A list of two million members."""
    record = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    data = record * 2_000_000
    path.write_bytes(data + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(data), 0, 0))


def png(
    width: int, height: int, *, depth: int = 8, colour: int = 0, rows: int | None = None, extra: bytes = b""
) -> bytes:
    """A PNG of zeros whose checksums are right; rows: as many are in it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = 1 + (width * channels * depth + 7) // 8
    pack, left = zlib.compressobj(9), (height if rows is None else rows) * row
    parts = [pack.compress(bytes(min(1 << 20, left - at))) for at in range(0, left, 1 << 20)]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", b"".join(parts) + pack.flush()) + chunk(b"IEND", b"")


def png_text_bomb() -> bytes:
    """A compressed text of 400 MB beside a picture of one pixel."""
    data = b"Comment\0\0" + zlib.compress(bytes(400_000_000), 9)
    text = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    return png(1, 1, extra=text)


def wav(
    rate: int, channels: int = 1, bits: int = 16, data: bytes = bytes(2000), said: int | None = None, form: int = 1
) -> bytes:
    """A RIFF WAV with a header of one's own."""
    said = len(data) if said is None else said
    head = struct.pack("<HHIIHH", form, channels, rate, (rate * channels * bits // 8) & 0xFFFFFFFF,
                       (channels * bits // 8) & 0xFFFF, bits)  # fmt: skip
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", said & 0xFFFFFFFF) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff(width: int, height: int, *, loop: bool = False) -> bytes:
    """A TIFF that says its size; loop: its directory is followed by itself."""
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
            (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 100)]  # fmt: skip
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 8 if loop else 0) + bytes(100)


def obj(kind: str) -> bytes:
    """Meshes that lie about themselves."""
    start = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\n"
    return {
        "index 1e30": start + b"f 1/1 2/2 " + b"9" * 30 + b"/3\n", "digits": start + b"f 1 2 " + b"9" * 5000 + b"\n",
        "negative index": start + b"f -1/-1 -2/-2 -900/-1\n", "zero": start + b"f 0/0 1/1 2/2\n",
        "not finite": start + b"v nan inf 1e999\nf 1/1 2/2 4/3\n", "large": start + b"v 1e300 0 0\nf 1/1 2/2 4/3\n",
        "polygon of 400,000": start + b"f" + b" 1/1 2/2 3/3 1/1" * 100_000 + b"\n",
        "long line": b"v " + b"9" * 20_000_000,
        "no line break": start + b"f 1/1 2/2 3/3 " * 500_000, "continuation": b"v 0 0 \\\n" * 300_000,
        "NUL": start + b"f 1/1\0 2/2 3/3\n", "materials": start + b"".join(b"usemtl m%d\n" % k for k in range(300_000)),
        "words": start + b"f 1/1/1/1 2//2 x/y/z\n", "other digits": "v ١ ٢ ٣\n".encode() + start, "empty": b"",
    }[kind]  # fmt: skip


OBJ = ("index 1e30", "digits", "negative index", "zero", "not finite", "large", "polygon of 400,000", "long line",
       "no line break", "continuation", "NUL", "materials", "words", "other digits", "empty")  # fmt: skip


def exr(width: int, height: int) -> bytes:
    """The head of an EXR of one channel that says its size, with a table of offsets cut short."""
    box = struct.pack("<4i", 0, 0, width - 1, height - 1)

    def attribute(name: bytes, kind: bytes, data: bytes) -> bytes:
        return name + b"\0" + kind + b"\0" + struct.pack("<i", len(data)) + data

    channel = b"Y\0" + struct.pack("<iB3xii", 2, 0, 1, 1) + b"\0"
    head = attribute(b"channels", b"chlist", channel) + attribute(b"compression", b"compression", b"\3")
    head += attribute(b"dataWindow", b"box2i", box) + attribute(b"displayWindow", b"box2i", box)
    head += attribute(b"lineOrder", b"lineOrder", b"\0") + attribute(
        b"pixelAspectRatio", b"float", struct.pack("<f", 1)
    )
    head += attribute(b"screenWindowCenter", b"v2f", bytes(8)) + attribute(
        b"screenWindowWidth", b"float", struct.pack("<f", 1)
    )
    return struct.pack("<ii", 20000630, 2) + head + b"\0" + bytes(200)


def checkpoint(data: bytes, changed: bytes) -> bytes:
    """A checkpoint of torch.save (data) with another pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as made:
        for name in old.namelist():
            made.writestr(name, changed if name.endswith("data.pkl") else old.read(name))
    return buffer.getvalue()


def expanded_checkpoint(path: Path) -> None:
    """A view of 1e12 numbers over one."""
    import torch

    torch.save({"g_ema": {"conv1.conv.weight": torch.ones(1).expand(10**12)}}, path)


def old_checkpoint(data: bytes) -> bytes:
    """The beginning of torch's old format, then any pickle."""
    start = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    return start + pickle.dumps({"little_endian": True, "protocol_version": 1001}, 2) + data
