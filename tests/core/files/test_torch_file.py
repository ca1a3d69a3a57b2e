"""Checkpoints of torch.save: what torch writes is read, and what torch's reader would believe is refused."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict

import pytest
import torch

from dnpm.core.errors import DnpmError
from dnpm.core.files.torch_file import load_tensors


@pytest.mark.parametrize("new", [True, False])
def test_what_torch_writes_is_read(tmp_path, new):
    half = torch.arange(6.0).half()
    content = {
        "state": OrderedDict(a=torch.arange(6.0).reshape(2, 3), b=half, c=half[2:]), "step": 3,
        "names": ["x", ("y", 1)],
        "parameter": torch.nn.Parameter(torch.ones(2)), "bf16": torch.ones(3, dtype=torch.bfloat16), "none": None,
        "empty": torch.zeros(0, 4), "scalar": torch.tensor(2), "flags": torch.tensor([True, False]),
    }  # fmt: skip
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=new)
    read = load_tensors(tmp_path / "a.pt", "give another")
    assert read.keys() == content.keys()
    assert torch.equal(read["state"]["a"], content["state"]["a"])
    assert torch.equal(read["state"]["c"], half[2:])
    assert (read["step"], read["names"]) == (3, ["x", ("y", 1)])


def test_an_optimizer_and_plain_classes_are_read(tmp_path):
    import argparse

    net = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    torch.save({"args": argparse.Namespace(a=1), "optim": optimizer.state_dict()}, tmp_path / "a.pt")
    assert load_tensors(tmp_path / "a.pt", "", (argparse.Namespace,))["args"].a == 1
    with pytest.raises(DnpmError, match="is not opened"):
        load_tensors(tmp_path / "a.pt", "")


def rewritten(path, change):
    """The archive with its members changed."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    members = change(members)
    with zipfile.ZipFile(path, "w") as new:
        for name, data in members.items():
            new.writestr(name, data)


def member(members, ending):
    return next(name for name in members if name.endswith(ending))


def expanded(path):
    torch.save({"a": torch.ones(1).expand(10**12)}, path)


def shortened(path):
    torch.save({"a": torch.ones(1000)}, path)
    rewritten(path, lambda m: m | {member(m, "data/0"): bytes(8)})


def compressed(path):
    torch.save({"a": torch.ones(1000)}, path)
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in members.items():
            new.writestr(name, data)


def bomb(path):
    torch.save({"a": torch.ones(2)}, path)
    code = b"\x80\x02K\x01K\x01\x86q\x00" + b"".join(b"0h%ch%c\x86q%c" % (k, k, k + 1) for k in range(60))
    rewritten(path, lambda m: m | {member(m, "data.pkl"): code + b"0}h\x3cK\x01s."})


def without_pickle(path):
    torch.save({"a": torch.ones(2)}, path)
    rewritten(path, lambda m: {name: data for name, data in m.items() if not name.endswith("data.pkl")})


def old_that_ends(path):
    torch.save({"a": torch.ones(1000)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-100])


def old_that_lies(path):
    buffer = io.BytesIO()
    torch.save({"a": torch.ones(3)}, buffer, _use_new_zipfile_serialization=False)
    data = buffer.getvalue()
    at = data.rindex(struct.pack("<Q", 3))
    path.write_bytes(data[:at] + struct.pack("<Q", 10**12) + data[at + 8 :])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (expanded, "beyond its storage"),
        (shortened, "not as many bytes"),
        (compressed, "is compressed"),
        (bomb, "a key that is not a plain number"),
        (without_pickle, "not a checkpoint"),
        (old_that_ends, "ends before"),
        (old_that_lies, "ends before"),
        (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "is not opened"),
        (lambda path: path.write_bytes(b""), "is not opened"),
        (lambda path: path.write_bytes(b"PK\3\4" + bytes(100)), "not a checkpoint of torch.save"),
    ],
)
def test_what_is_refused(tmp_path, make, message):
    path = tmp_path / "a.pt"
    make(path)
    with pytest.raises(DnpmError, match=message) as error:
        load_tensors(path, "give another")
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
