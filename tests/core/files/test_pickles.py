"""Pickles of plain containers that take years, gigabytes or the stack elsewhere end here at once."""

from __future__ import annotations

import io
import pickle
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.files import pickles
from dnpm.core.files.pickles import BoundedUnpickler, Budget, leaves

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=4) | st.integers(-9, 9), inner, max_size=4)
    | st.sets(st.integers(-9, 9)).map(frozenset),
    max_leaves=20,
)  # fmt: skip


def load(data: bytes):
    return BoundedUnpickler(io.BytesIO(data), len(data)).load()


@given(VALUES, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_values_come_back(value, protocol):
    if protocol >= 4 or not contains_frozenset(value):  # Older protocols name frozenset as a class.
        assert load(pickle.dumps(value, protocol if contains_bytes(value) < 1 or protocol > 2 else 4)) == value


def contains_frozenset(value) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return isinstance(value, frozenset) or any(map(contains_frozenset, parts))


def contains_bytes(value) -> int:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return isinstance(value, bytes) + sum(map(contains_bytes, parts))


def doubled(levels: int) -> bytes:
    """A tuple that holds itself of one level less twice."""
    code = b"\x80\x02K\x01K\x01\x86q\x00" + b"".join(b"0h%ch%c\x86q%c" % (k, k, k + 1) for k in range(levels))
    return code + b"0"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (doubled(60) + b"}h\x3cK\x01s.", "a key that is not a plain number"),
        (doubled(60) + b"(h\x3cK\x01d.", "a key that is not a plain number"),
        (doubled(60) + b"\x8f(h\x3c\x90.", "a key that is not a plain number"),
        (doubled(60) + b"(h\x3c\x91.", "a key that is not a plain number"),
        (b"\x80\x02}\x8a\x09" + (2**61 - 1).to_bytes(9, "little") + b"K\x01s.", "a key that is not a plain number"),
        (b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".", "longer than its file"),
        (b"cos\nsystem\n.", "it names os.system"),
        (b"\x80\x02K\x01Q.", "outside of the file"),
    ],
)
def test_bombs_are_refused_at_once(data, message):
    started = time.monotonic()
    with pytest.raises(pickle.UnpicklingError, match=message):
        load(data)
    assert time.monotonic() - started < 5


def test_a_huge_memo_index_takes_no_memory():
    assert load(b"\x80\x02Nr\xff\xff\xff\x1f.") is None


def test_instructions_are_counted(monkeypatch):
    monkeypatch.setattr(pickles, "MOST_STEPS", 100)
    assert load(b"\x80\x02" + b"N0" * 40 + b"N.") is None
    with pytest.raises(pickle.UnpicklingError, match="more than 100 instructions"):
        load(b"\x80\x02" + b"N0" * 60 + b"N.")


def test_what_calls_make_is_counted():
    class Copies(BoundedUnpickler):
        def find_class(self, module, name):
            return bytes

    # bytes(the first string), again and again.
    data = b"B" + struct.pack("<I", 1_000_000) + bytes(1_000_000) + b"q\x00" + b"0cb\nb\nh\x00\x85R" * 200 + b"."
    with pytest.raises(pickle.UnpicklingError, match="several times more than the file"):
        Copies(io.BytesIO(data), len(data)).load()
    Copies(io.BytesIO(data), len(data), Budget(10**9)).load()


def test_leaves_are_counted_as_if_written_out():
    shared: list = [1, 2]
    for _ in range(50):
        shared = [shared, shared]
    assert leaves(shared) > 2**50
    assert leaves({"a": [1, (2, 3)], "b": 4}) == 7  # Containers count as well.
