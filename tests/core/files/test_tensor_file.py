"""Our safetensors files against the format's own reader and writer, and everything that may be wrong with a file."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file, save_file

from dnpm.core.errors import DnpmError
from dnpm.core.files import tensor_file

DTYPES = (np.float32, np.float16, np.int64, np.int32, np.uint8, np.int8)
ARRAYS = st.dictionaries(
    st.text("abcdefgh._0123", min_size=1, max_size=8),
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
            elements={"allow_nan": False, "allow_infinity": False} if np.dtype(dtype).kind == "f" else None,
        )
    ),
    max_size=5,
)
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(
        first[k].dtype == second[k].dtype and first[k].shape == second[k].shape and np.array_equal(first[k], second[k])
        for k in first
    )


@SAME_FOLDER
@given(ARRAYS)
def test_the_formats_own_reader_reads_ours(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    tensor_file.save(tmp_path / "a.safetensors", arrays, {"format": "x"})
    assert same(load_file(tmp_path / "a.safetensors"), arrays)


@SAME_FOLDER
@given(ARRAYS)
def test_we_read_the_formats_own(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    save_file(arrays, tmp_path / "a.safetensors", {"format": "x"})
    read, metadata = tensor_file.load(tmp_path / "a.safetensors")
    assert same(read, arrays)
    assert metadata == {"format": "x"}
    assert tensor_file.read_metadata(tmp_path / "a.safetensors") == {"format": "x"}


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    tensor_file.save(tmp_path / "good", {"a": np.arange(64, dtype=np.float32), "b": np.ones(3, np.int32)}, {"k": "v"})
    return (tmp_path / "good").read_bytes()


def test_every_truncation_is_told(good: bytes, tmp_path: Path) -> None:
    for length in range(0, len(good), 7):
        (tmp_path / "cut.safetensors").write_bytes(good[:length])
        with pytest.raises(DnpmError, match=r"cut\.safetensors: "):
            tensor_file.load(tmp_path / "cut.safetensors")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_byte_never_ends_in_anything_but_a_clear_error(
    good: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(good) - 1))
    damaged = bytearray(good)
    damaged[place] = data.draw(st.integers(0, 255))
    (tmp_path / "bad.safetensors").write_bytes(bytes(damaged))
    try:
        tensors, _ = tensor_file.load(tmp_path / "bad.safetensors")
    except DnpmError:
        return
    assert all(np.isfinite(array).all() for array in tensors.values())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_told(value: float, tmp_path: Path) -> None:
    save_file({"a": np.array([1.0, value], np.float32)}, tmp_path / "nan.safetensors")
    with pytest.raises(DnpmError, match=r"tensor 'a' holds numbers that are not finite"):
        tensor_file.load(tmp_path / "nan.safetensors")


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]},
        {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
        {"dtype": "X9", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": "one", "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 4]},
        {"shape": [1]},
        7,
        {"dtype": "F32", "shape": [2**32, 2**32], "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [0, 2**40, 2**40], "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [1] * 70, "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, float("inf")]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, 10**400]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0]},
        {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]},
    ],
)
def test_a_header_that_lies_is_told(entry: object, tmp_path: Path) -> None:
    header = json.dumps({"a": entry}).encode()
    (tmp_path / "lie.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 4)
    with pytest.raises(DnpmError, match=r"lie\.safetensors: "):
        tensor_file.load(tmp_path / "lie.safetensors")


def raw(path: Path, header: str, data: bytes = b"") -> Path:
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + data)
    return path


@pytest.mark.parametrize("metadata", ["[1]", "7", '{"a": 1}', '{"a": {"b": "c"}}', "null"])
def test_metadata_must_be_texts(metadata: str, tmp_path: Path) -> None:
    path = raw(tmp_path / "meta.safetensors", f'{{"__metadata__": {metadata}}}')
    for read in (tensor_file.load, tensor_file.open_mapped, tensor_file.read_metadata):
        with pytest.raises(DnpmError, match=r"meta\.safetensors: the header's __metadata__"):
            read(path)


def test_tensors_may_not_overlap(tmp_path: Path) -> None:
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    other = {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}
    path = raw(tmp_path / "over.safetensors", json.dumps({"a": entry, "b": other}), bytes(8))
    with pytest.raises(DnpmError, match="'b' overlaps"):
        tensor_file.load(path)


def test_a_header_that_is_nested_deeply_is_told(tmp_path: Path) -> None:
    path = raw(tmp_path / "deep.safetensors", '{"a":' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(DnpmError, match=r"deep\.safetensors: the header: is nested deeper"):
        tensor_file.load(path)


def test_metadata_that_is_json(tmp_path: Path) -> None:
    assert tensor_file.metadata_json("f", {"a": "[1, 2]"}, "a") == [1, 2]
    for metadata, message in (({}, "lacks 'a'"), ({"a": "[1"}, "not valid JSON"), ({"a": "NaN"}, "not valid JSON")):
        with pytest.raises(DnpmError, match=message) as error:
            tensor_file.metadata_json(tmp_path / "f", metadata, "a")
        assert str(tmp_path / "f") in str(error.value)


def test_a_large_file_is_mapped_and_its_numbers_are_looked_at(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tensor_file, "_MAPPED_FROM", 1)
    monkeypatch.setattr(tensor_file, "_CHUNK", 64)
    arrays = {"a": np.arange(100, dtype=np.float16), "b": np.ones((3, 0, 2), np.float32), "c": np.arange(9)}
    tensor_file.save(tmp_path / "a.safetensors", arrays, {})
    read, _ = tensor_file.load(tmp_path / "a.safetensors")
    assert same(read, arrays)
    arrays["a"][99] = np.nan
    tensor_file.save(tmp_path / "b.safetensors", arrays, {})
    with pytest.raises(DnpmError, match=r"b\.safetensors: tensor 'a' holds numbers that are not finite"):
        tensor_file.load(tmp_path / "b.safetensors")


def test_a_failed_save_leaves_the_old_file(good: bytes, tmp_path: Path) -> None:
    class Broken(dict):
        def items(self):
            raise RuntimeError("cut off")

    with pytest.raises(Exception, match="cut off"):
        tensor_file.save(tmp_path / "good", Broken(a=np.ones(2, np.float32)), {})
    assert (tmp_path / "good").read_bytes() == good
    assert [file.name for file in tmp_path.iterdir()] == ["good"]


def test_a_saved_file_is_for_everyone_whom_the_umask_allows(tmp_path: Path) -> None:
    tensor_file.save(tmp_path / "a.safetensors", {"x": np.zeros(3, np.float32)}, {})
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert (tmp_path / "a.safetensors").stat().st_mode == plain.stat().st_mode


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DnpmError, match="cannot be written"):
        tensor_file.save(tmp_path / "file" / "a.safetensors", {"x": np.zeros(3, np.float32)}, {})


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_half_precision_is_looked_through_too(tmp_path, wrong):
    values = np.linspace(-65504, 65504, 1000).astype(np.float16).reshape(10, 100)
    tensor_file.save(tmp_path / "a.safetensors", {"x": values}, {})
    np.testing.assert_array_equal(tensor_file.load(tmp_path / "a.safetensors")[0]["x"], values)
    values[7, 3] = wrong
    path = tmp_path / "a.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[: -values.nbytes] + values.tobytes())
    with pytest.raises(DnpmError, match="not finite"):
        tensor_file.load(path)
