"""Zip archives as input: what zipfile would believe, or not open, is refused in one line."""

from __future__ import annotations

import struct
import zipfile

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.files.npz import ArrayFile
from dnpm.core.files.zip_file import ZipInput


def archive(path, compression=zipfile.ZIP_DEFLATED, data=b"hello" * 100):
    with zipfile.ZipFile(path, "w", compression) as made:
        made.writestr("a.npy", data)
    return path


def patched(path, at, value):
    """The archive with a byte of both of the member's headers changed."""
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\1\2")
    data[at] = value
    data[central + at + 2] = value
    path.write_bytes(bytes(data))
    return path


def read(path):
    with ZipInput(path, "an archive", 10**9) as made:
        return made.read("a.npy", 10**6)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_come_back(tmp_path, compression):
    path = archive(tmp_path / "a.zip", compression)
    assert read(path) == b"hello" * 100
    with ZipInput(path, "an archive", 10**9) as made:
        assert made.sizes == {"a.npy": 500}
        assert made.is_stored("a.npy") == (compression == zipfile.ZIP_STORED)


def test_what_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    for make, message in (
        (lambda: path.write_bytes(b"no archive"), "is not an archive"),
        (lambda: archive(path, data=bytes(2_000_000)), "unpacks to 2 MB; at most 1 MB"),
        (lambda: archive(path, zipfile.ZIP_LZMA), "compressed by method 14"),
        (lambda: patched(archive(path), 8, 99), "compressed by method 99"),
        (lambda: patched(archive(path), 6, 1), "is encrypted"),
        (lambda: path.write_bytes(archive(path).read_bytes()[:60]), "is not an archive"),
        (lambda: path.write_bytes(archive(path).read_bytes().replace(b"PK\3\4", b"PK\3\5")), "is damaged"),
    ):
        make()
        with pytest.raises(DnpmError, match=message) as error:
            read(path)
        assert str(error.value).startswith(f"{path}: ")
        assert "\n" not in str(error.value)
    with ZipInput(archive(path), "an archive", 10**9) as made, pytest.raises(DnpmError, match="'b' is missing"):
        made.read("b", 10)


@pytest.mark.parametrize("with_zip64", [False, True])
def test_a_list_of_members_that_says_to_be_huge_is_not_read(tmp_path, with_zip64):
    path = archive(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    end = data.index(b"PK\5\6")
    if with_zip64:
        record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, 2**31, 0)
        locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
        data[end:end] = record + locator
    else:
        struct.pack_into("<L", data, end + 12, 2**31)
    path.write_bytes(bytes(data))
    with pytest.raises(DnpmError, match=r"a\.zip: has a list of members"):
        ZipInput(path, "an archive", 10**9)


def test_arrays_that_say_to_be_larger_than_they_are(tmp_path):
    path = tmp_path / "a.npz"
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**12,)}
    for shape, descr in (((10**12,), "<f4"), ((2**32, 2**32), "<f4"), ((-1,), "<f4"), ((10**12,), "V0"), ((3,), "<U0")):
        with zipfile.ZipFile(path, "w") as made, made.open("x.npy", "w") as stream:
            np.lib.format.write_array_header_1_0(stream, header | {"shape": shape, "descr": descr})
        with ArrayFile(path) as file, pytest.raises(DnpmError, match=r"a\.npz: array 'x'"):
            file.get("x")


def test_a_header_that_is_nested_deeply(tmp_path):
    text = b"(" * 9000 + b"\n"
    data = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text
    path = archive(tmp_path / "a.npz", data=data)
    with ArrayFile(path) as file, pytest.raises(DnpmError, match="is not an array"):
        file.get("a")
