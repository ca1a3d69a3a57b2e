"""Pickles of arrays: sparse matrices, chumpy's wrapper and Python 2's bytes as data, everything else refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_matrix

from dnpm.core.errors import DnpmError
from dnpm.core.files.array_pickles import load_pickle
from dnpm.core.files.npz import load_dictionary
from dnpm.tests.core.face_model.readers.head_files import flame_pickle

MOST = 10_000_000


def test_sparse_matrices_become_dense(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(5, 40)) * (rng.random((5, 40)) < 0.2)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / f"{protocol}.pkl"
        path.write_bytes(pickle.dumps({"c": csc_matrix(dense), "r": csr_matrix(dense), "x": dense}, protocol))
        read = load_pickle(path, MOST)
        assert all(np.array_equal(read[key], dense) for key in "crx"), protocol


def test_the_pickle_of_python_2_is_read(tmp_path: Path) -> None:
    arrays = {
        "shapedirs": np.arange(24.0).reshape(2, 3, 4), "J_regressor": np.eye(3, 5), "f": np.arange(6, dtype=np.uint32),
        "bs_style": "lbs",
    }  # fmt: skip
    flame_pickle(tmp_path / "a.pkl", arrays)
    read = load_pickle(tmp_path / "a.pkl", MOST)
    assert read["bs_style"] == "lbs"
    for name in ("shapedirs", "J_regressor", "f"):
        assert np.array_equal(read[name], arrays[name])
        assert read[name].dtype == arrays[name].dtype


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x80\x02cchumpy.reordering\nSelect\n)\x81.", r"chumpy\.reordering\.Select"),
        (b"\x80\x02cscipy.sparse.csc\ncsc_matrix\n)\x81}b.", "damaged"),
        (b"\x80\x02cchumpy.ch\nCh\n)\x81}b.", "without its numbers"),
        (b"\x80\x02ccopy_reg\n_reconstructor\ncnumpy\nndarray\nc__builtin__\nobject\nN\x87R.", "not an array"),
        (b"\x80\x02cchumpy.ch\nCh\n}U\x05valueK\x01sb.", "damaged"),
    ],
)
def test_what_is_no_array_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(DnpmError, match=message) as caught:
        load_pickle(tmp_path / "a.pkl", MOST)
    assert "\n" not in str(caught.value)


def test_code_is_not_run(tmp_path: Path) -> None:
    target = tmp_path / "made"
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"v_template": _Evil(target)}))
    with pytest.raises(DnpmError, match="could run code"):
        load_pickle(tmp_path / "a.pkl", MOST)
    assert not target.exists()


@pytest.mark.parametrize("change", [{"indices": [0, 9, 1]}, {"indptr": [0, 1, 2, 4]}, {"_shape": (2, 2**40)}])
def test_a_sparse_matrix_that_lies_is_refused(tmp_path: Path, change: dict) -> None:
    matrix = csc_matrix(np.array([[1.0, 0, 2], [0, 3, 0]]))
    for name, value in change.items():
        setattr(matrix, name, value if name == "_shape" else np.array(value, np.int32))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(matrix, 2))
    with pytest.raises(DnpmError, match="damaged pickle"):
        load_pickle(tmp_path / "a.pkl", MOST)


def test_arrays_that_share_their_bytes_may_not_fill_memory(tmp_path: Path) -> None:
    """One block of 8 MB under 2,000 arrays: 16 GB."""
    data = bytearray(b"\x80\x02U\x00" + b"0T" + (8_000_000).to_bytes(4, "little") + bytes(8_000_000) + b"q\x000(")
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01J"
    array += (1_000_000).to_bytes(4, "little") + b"\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R"
    array += b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89h\x00tb"
    (tmp_path / "a.pkl").write_bytes(bytes(data + array * 2000 + b"t."))
    with pytest.raises(DnpmError, match="several times more"):
        load_pickle(tmp_path / "a.pkl", 3 * MOST)


def test_an_npy_that_is_no_dictionary_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", {"meanshape": np.zeros((2, 3))})
    assert load_dictionary(tmp_path / "a.npy")["meanshape"].shape == (2, 3)
    np.save(tmp_path / "b.npy", np.zeros(3))
    with pytest.raises(DnpmError, match="not a dictionary"):
        load_dictionary(tmp_path / "b.npy")
