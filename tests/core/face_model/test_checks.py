"""A face model whose arrays contradict each other is refused when it is loaded, and named."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.checks import age_regression
from dnpm.core.face_model.model import FaceModel
from dnpm.core.files import tensor_file


def saved(model: FaceModel, path, change=None, header=None, name=None) -> None:
    model.save(path)
    tensors, metadata = tensor_file.load(path)
    tensors = {k: v.copy() for k, v in tensors.items()}
    if change is not None:
        change(tensors)
    if header is not None:
        metadata["header"] = header
    tensor_file.save(path, tensors, metadata)


def put(name, make):
    return lambda t: t.update({name: np.ascontiguousarray(make(t[name]))})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("core", lambda a: a[0, 0, 0]), "core must be numbers of 4 dimensions"),
        (put("core", lambda a: a[..., :2]), "core must be"),
        (put("neutral", lambda a: a[:, 0]), "neutral must be numbers of 2 dimensions"),
        (put("neutral", lambda a: a * np.float32(1e10)), "beyond 100 m"),
        (put("faces", lambda a: a[:, :3]), "faces must be .F, 4."),
        (put("faces", lambda a: a.astype(np.float32)), "faces must be whole numbers"),
        (put("faces", lambda a: np.where(a == 5, -7, a)), "faces name vertices"),
        (put("faces", lambda a: np.where(a == 5, 10**6, a)), "faces name vertices"),
        (put("faces_uv", lambda a: a - 9), "faces_uv names corners"),
        (put("faces_detail_uv", lambda a: a + 10**6), "detail UV too short"),
        (put("detail_mask", lambda a: a[:, :5]), "detail_mask must be square"),
        (put("detail_mask", lambda a: a * 3), "detail_mask must be 0 to 1"),
        (put("face_material", lambda a: a + 9), "names materials not there"),
        (put("landmarks68", lambda a: a[:3]), "landmarks68 must be"),
        (put("vertex_groups.face", lambda a: a + 10**6), "vertex group 'face' names vertices"),
        (put("vertex_groups.face", lambda a: a[:, None]), "vertex group 'face' must be a list"),
    ],
)
def test_arrays_that_contradict_each_other(tiny_model, tmp_path, change, message):
    path = tmp_path / "odd.safetensors"
    saved(tiny_model, path)
    FaceModel.load(path)
    saved(tiny_model, path, change)
    with pytest.raises(DnpmError, match=message) as error:
        FaceModel.load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"expression_names": 7},
        {"expression_names": ["a"]},
        {"expression_names": [1, 2, 3, 4]},
        {"expression_names": ["jawOpen"] * 4},
        {"identity_labels": None},
        {"metadata": []},
        {"metadata": {"a": 1}},
        {"metadata": {"semantics": "["}},
        {"metadata": {"semantics": "[]"}},
        {"metadata": {"semantics": '{"age_years": {"weights": [1]}}'}},
        {"metadata": {"semantics": '{"age_years": {"weights": ["a", "b", "c"]}}'}},
        {"metadata": {"semantics": '{"age_years": {"weights": [1, 2, 3], "intercept": "old"}}'}},
    ],
)
def test_headers_of_the_wrong_type(tiny_model, tmp_path, change):
    path = tmp_path / "odd.safetensors"
    saved(tiny_model, path)
    header = json.loads(tensor_file.read_metadata(path)["header"])
    saved(tiny_model, path, header=json.dumps(header | change))
    with pytest.raises(DnpmError) as error:
        FaceModel.load(path)
    assert str(error.value).startswith(f"{path}: ")


def test_what_age_is(tiny_model, tmp_path):
    assert age_regression(tiny_model) is None
    path = tmp_path / "aged.safetensors"
    saved(tiny_model, path)
    header = json.loads(tensor_file.read_metadata(path)["header"])
    header["metadata"] = {"semantics": '{"age_years": {"weights": [1, 2, 3], "intercept": 40}}'}
    saved(tiny_model, path, header=json.dumps(header))
    weights, intercept = age_regression(FaceModel.load(path))
    assert (weights.tolist(), intercept) == ([1, 2, 3], 40)


def test_the_reported_file(shared_data):
    path = shared_data.parent / "cases" / "hostile" / "odd_core_1d.safetensors"
    if not path.is_file():
        pytest.skip("the reported files are not here")
    with pytest.raises(DnpmError, match=r"odd_core_1d\.safetensors: .*core must be"):
        FaceModel.load(path)
