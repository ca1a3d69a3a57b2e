"""Frames, arrays in shared memory, and the worker's script by itself."""

from __future__ import annotations

import io
import json
import os
import site
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

import dnpm
from dnpm.core.backend import protocol
from dnpm.core.backend.segment import Segment
from dnpm.core.errors import DnpmError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.lists(st.dictionaries(st.text(), values).map(lambda d: d | {"type": "request"}), max_size=4))
def test_frames(messages):
    stream = io.BytesIO(b"".join(protocol.encode(message) for message in messages))
    assert [protocol.read(stream) for _ in messages] == messages
    assert protocol.read(stream) is None


@given(st.binary(max_size=200))
def test_noise_is_never_a_message(noise):
    stream = io.BytesIO(noise)
    try:
        while (message := protocol.read(stream)) is not None:
            assert isinstance(message["type"], str)
    except protocol.ProtocolError:
        pass


@pytest.mark.parametrize("text", [b"[1]", b"{}", b'{"type": 3}', b"nonsense", b"\xff\xfe"])
def test_frames_without_a_message(text):
    with pytest.raises(protocol.ProtocolError):
        protocol.read(io.BytesIO(struct.pack("<I", len(text)) + text))


def test_what_json_does_not_know_is_not_sent():
    with pytest.raises(ValueError):
        protocol.encode({"type": "request", "params": float("inf")})


any_array = st.sampled_from(protocol.DTYPES).flatmap(
    lambda dtype: stn.arrays(dtype, stn.array_shapes(min_dims=0, min_side=0, max_side=5))
)


@given(st.dictionaries(st.text(max_size=5), any_array, max_size=4))
def test_arrays(arrays):
    entries, size = protocol.layout(arrays)
    buffer = memoryview(bytearray(size))
    protocol.write_arrays(buffer, entries, arrays)
    found = protocol.read_arrays(buffer, json.loads(json.dumps(entries)))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "float32", "shape": [5], "offset": 0},
        {"dtype": "float32", "shape": [2], "offset": 12},
        {"dtype": "float32", "shape": [2], "offset": -4},
        {"dtype": "float32", "shape": [-1], "offset": 0},
        {"dtype": "object", "shape": [1], "offset": 0},
        {"dtype": "float32", "shape": "x", "offset": 0},
        {"dtype": "float32"},
        None,
    ],
)
def test_arrays_that_reach_beyond_the_memory(entry):
    with pytest.raises(protocol.ProtocolError):
        protocol.read_arrays(memoryview(bytearray(16)), {"map": entry})


def test_arrays_that_cannot_travel():
    with pytest.raises(DnpmError, match="array 'x': complex64"):
        protocol.layout({"x": np.zeros(3, np.complex64)})


def test_segments_are_shared_and_vanish():
    made = Segment.create(1000)
    other = Segment.attach(**made.description)
    np.frombuffer(made.buffer, np.uint8)[:4] = [1, 2, 3, 4]
    assert bytes(other.buffer[:4]) == b"\1\2\3\4"
    made.remove_name()
    if os.name != "nt":
        with pytest.raises(FileNotFoundError):
            Segment.attach(**made.description)
    assert bytes(other.buffer[:4]) == b"\1\2\3\4", "the memory went with its name"
    other.close()
    made.close()
    made.close()


def test_the_worker_runs_from_an_extension_of_any_name(tmp_path, tiny_weights, tiny_model_file):
    """By its path alone, with another `dnpm` in the way, from a folder of any name; it ends with its input."""
    root = Path(dnpm.__file__).parent
    extension = tmp_path / "user_default" / "dnpm_face"
    extension.parent.mkdir()
    extension.symlink_to(root, target_is_directory=True)
    (tmp_path / "dnpm.py").write_text("raise RuntimeError('the wrong dnpm')")
    hello = {"type": "hello", "protocol": protocol.VERSION, "package": dnpm.__version__, "device": "cpu",
             "weights": str(tiny_weights), "face_model": str(tiny_model_file)}  # fmt: skip
    # -S: without `site`, which would have imported half of the standard library before the script runs. Without -P.
    command = [sys.executable, "-E", "-S", str(extension / "core/module_main.py")]
    for folder in (tmp_path, *site.getsitepackages(), Path(np.__file__).parents[1]):
        command += ["--path", str(folder)]
    command.append("core.backend.worker.main")
    done = subprocess.run(
        command,
        input=protocol.encode(hello),
        capture_output=True,
        timeout=60,
        cwd=tmp_path,
    )
    # The input has ended before the greeting was answered, or after: both are an orderly end.
    assert done.returncode == 0, done.stderr.decode()
    worker = subprocess.Popen(
        command,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path,
    )  # fmt: skip
    worker.stdin.write(protocol.encode(hello))
    worker.stdin.flush()
    answer = protocol.read(worker.stdout)
    assert answer["type"] == "ready", answer
    assert answer["pid"] == worker.pid
    assert answer["weights_name"] == "tiny-weights"
    worker.stdin.close()
    assert worker.wait(10) == 0
    worker.stdout.close()
