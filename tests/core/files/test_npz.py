"""Array files are read without running anything that they carry."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.files.npz import ArrayFile, load_array


class _Evil:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_plain_arrays_come_as_they_are(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(6).reshape(2, 3), y=np.float32(2))
    with ArrayFile(tmp_path / "a.npz") as file:
        assert file.names == {"x", "y"}
        assert file.get("x").tolist() == [[0, 1, 2], [3, 4, 5]]
        assert float(file.get("y")) == 2
        with pytest.raises(DnpmError, match="no array 'z'; it has x, y"):
            file.get("z")


def test_pickled_lists_dictionaries_and_ragged_arrays_are_read(tmp_path):
    ragged = np.empty(2, object)
    ragged[0], ragged[1] = np.arange(3), np.float64(1.5)
    table = {1: [2, 3], "name": np.arange(4, dtype=np.int16)}
    np.savez(tmp_path / "a.npz", table=np.array(table, dtype=object), ragged=ragged)
    with ArrayFile(tmp_path / "a.npz") as file:
        read = file.get("table")
        assert read[1] == [2, 3]
        assert read["name"].tolist() == [0, 1, 2, 3]
        again = file.get("ragged")
        assert again[0].tolist() == [0, 1, 2]
        assert again[1] == 1.5


def test_a_pickle_that_would_run_code_is_refused_and_not_run(tmp_path):
    target = tmp_path / "made_by_the_pickle"
    np.savez(tmp_path / "a.npz", evil=np.array(_Evil(target), dtype=object))
    with ArrayFile(tmp_path / "a.npz") as file, pytest.raises(DnpmError, match=r"call (posix|nt)\.mkdir"):
        file.get("evil")
    assert not target.exists()


@pytest.mark.parametrize("name", ["builtins eval", "numpy load", "numpy.core.multiarray fromfile", "os system"])
def test_nothing_but_constructors_of_arrays_may_be_named(tmp_path, name):
    module, function = name.split()
    header = np.lib.format.header_data_from_array_1_0(np.empty((), object))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, archive.open("x.npy", "w") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(f"c{module}\n{function}\n(tR.".encode())
    with ArrayFile(tmp_path / "a.npz") as file, pytest.raises(DnpmError, match=f"call {module}.{function}"):
        file.get("x")


class _Fields:
    """A dtype that says its eight bytes are an object: numpy's own unpickling takes them for a pointer and crashes."""

    def __reduce__(self):
        state = (3, "|", None, ("f",), {"f": (np.dtype("O"), 0)}, 8, 1, 0)
        return np.dtype, ("V8", False, True), state


class _Plain:
    def __reduce__(self):
        state = (3, "<", None, ("f",), {"f": (np.dtype("O"), 0)}, 8, 1, 0)
        return np.dtype, ("f8", False, True), state


@pytest.mark.parametrize("dtype", [_Fields, _Plain])
def test_bytes_are_never_taken_for_pointers(tmp_path, dtype):
    reconstruct, arguments, _ = np.empty(0).__reduce__()

    class Crafted:
        def __reduce__(self):
            return reconstruct, arguments, (1, (), dtype(), False, b"\x41" * 8)

    header = np.lib.format.header_data_from_array_1_0(np.empty((), object))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, archive.open("x.npy", "w") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(pickle.dumps(Crafted(), 4))
    with ArrayFile(tmp_path / "a.npz") as file, pytest.raises(DnpmError, match="an array"):
        file.get("x")


def test_truncated_foreign_and_missing_files(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(1000.0))
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "short.npy").write_bytes(data[:500])
    (tmp_path / "foreign.npy").write_bytes(pickle.dumps({"a": 1}))
    for name in ("short.npy", "foreign.npy"):
        with pytest.raises(DnpmError, match=name):
            load_array(tmp_path / name)
    with pytest.raises(DnpmError, match="no such file"):
        load_array(tmp_path / "none.npy")
    (tmp_path / "no.npz").write_bytes(b"no zip")
    with pytest.raises(DnpmError, match=r"not an \.npz"):
        ArrayFile(tmp_path / "no.npz")


def test_a_damaged_pickle_is_reported(tmp_path):
    header = np.lib.format.header_data_from_array_1_0(np.empty((), object))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, archive.open("x.npy", "w") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(pickle.dumps([1, 2, 3])[:-4])
    with ArrayFile(tmp_path / "a.npz") as file, pytest.raises(DnpmError, match="damaged pickle"):
        file.get("x")
