"""What crosses between client and worker comes out as it went in; whatever else arrives is refused in one line."""

from __future__ import annotations

import dataclasses
import importlib
import json
import pkgutil
import typing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dnpm.core.backend import portrait_requests, requests, style_requests, transfer_requests, video_requests
from dnpm.core.backend.messages import Message
from dnpm.core.backend.requests import (
    Curves,
    InfoRequest,
    MapRequest,
    MapsRequest,
    Photo,
    PhotoCamera,
    PhotoFace,
    PhotoOpen,
    PhotoStepped,
    Request,
    SpeechOpen,
    SpeechStepped,
)
from dnpm.core.errors import DnpmError
from dnpm.core.speech.controls import Controls

KINDS = [
    cls for cls in vars(requests).values()
    if isinstance(cls, type) and issubclass(cls, Request) and cls is not Request
]  # fmt: skip


def crossed(message: Message) -> Message:
    """As it arrives: through JSON, arrays apart."""
    arrays, params = message.pack()
    return type(message).unpack(arrays, json.loads(json.dumps(params)))


def same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other)
    if dataclasses.is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one)
        )
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


ARRAYS = hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=3), elements=st.floats(-1, 1, width=32))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def values(hint: object) -> st.SearchStrategy:
    """Any value of a field's type."""
    parts = typing.get_args(hint)
    if hint is np.ndarray:
        return ARRAYS
    if type(None) in parts:
        return st.none() | st.one_of(values(part) for part in parts if part is not type(None))
    if dataclasses.is_dataclass(hint):
        return filled(hint)
    if typing.get_origin(hint) is tuple:
        if parts[1:] == (Ellipsis,):
            return st.lists(values(parts[0]), max_size=3).map(tuple)
        return st.tuples(*map(values, parts))
    if typing.get_origin(hint) is dict:
        return st.dictionaries(st.text(max_size=5), values(parts[1]), max_size=3)
    return {int: st.integers(-(2**53), 2**53), float: NUMBERS, str: st.text(max_size=9), bool: st.booleans()}[hint]


def filled(cls: type) -> st.SearchStrategy:
    """A dataclass with any values."""
    if cls is Controls:  # it bounds its values
        return st.builds(Controls, mouth=st.floats(0, 3), gate=st.booleans(), seed=st.integers(0, 9))
    hints = typing.get_type_hints(cls)
    return st.builds(cls, **{field.name: values(hints[field.name]) for field in dataclasses.fields(cls)})


@pytest.mark.parametrize("cls", [*KINDS, *{kind.ANSWER for kind in KINDS}], ids=lambda cls: cls.__name__)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_it_comes_out_as_it_went_in(cls: type[Message], data: st.DataObject) -> None:
    message = data.draw(filled(cls))
    assert same(message, crossed(message))


def test_every_kind_names_itself_and_its_answer() -> None:
    assert len(KINDS) == 10
    assert len({cls.KIND for cls in KINDS}) == len(KINDS)
    for cls in KINDS:
        told = [base for base in cls.__orig_bases__ if typing.get_origin(base) is Request]
        assert [typing.get_args(base) for base in told] == [(cls.ANSWER,)]
        assert cls.ANSWER.__doc__
        assert cls.__doc__


def test_every_kind_is_answered() -> None:
    from dnpm.core.backend.worker import handlers, registry

    for module in pkgutil.iter_modules(handlers.__path__):
        importlib.import_module(f"{handlers.__name__}.{module.name}")
    asked = [
        cls
        for module in (requests, portrait_requests, style_requests, transfer_requests, video_requests)
        for cls in vars(module).values()
        if isinstance(cls, type)
        and issubclass(cls, Request)
        and cls.__module__ == module.__name__
        and cls is not Request
    ]
    assert {kind: cls for kind, (cls, _) in registry._HANDLERS.items()} == {cls.KIND: cls for cls in asked}
    assert len(asked) > len(KINDS)


def test_what_stands_at_its_default_is_not_sent() -> None:
    identity, expression = np.zeros(3, np.float32), np.zeros(4, np.float32)
    assert InfoRequest().pack() == ({}, {})
    arrays, params = MapRequest(identity=identity, expression=expression, truncation=1.0, resolution=64).pack()
    assert arrays == {"identity": identity, "expression": expression}
    assert arrays["identity"] is identity, "it was copied"
    assert params == {"resolution": 64}


def test_arrays_of_nested_values_travel_under_their_path() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    arrays, params = PhotoOpen(task="a", pictures=(Photo(path="a.png"), Photo(pixels=pixels, name="b"))).pack()
    assert list(arrays) == ["pictures.1.pixels"]
    assert params == {"task": "a", "pictures": [{"path": "a.png"}, {"name": "b"}]}


def test_many_maps_of_one_each() -> None:
    one = MapRequest(identity=np.zeros(3), expression=np.ones(4), w_offset=np.zeros((18, 512)), gain=np.ones((2, 2)),
                     truncation=0.5, age=3.0)  # fmt: skip
    many = MapsRequest.of([one, dataclasses.replace(one, identity=np.ones(3))], resolution=64, final=True)
    assert np.array_equal(many.identity, [[0, 0, 0], [1, 1, 1]])
    assert many.w_offset is not None
    assert many.w_offset.shape == (2, 18, 512)
    assert many.gain is one.gain
    assert (many.truncation, many.age, many.mix_identity, many.resolution, many.final) == (0.5, 3.0, None, 64, True)


SLIDERS = {"identity": np.zeros(3), "expression": np.zeros(4)}


@pytest.mark.parametrize(
    ("cls", "arrays", "params", "message"),
    [
        (MapRequest, SLIDERS, {"strength": 1, "colour": 2}, "displacement: does not know the parameters colour, str"),
        (MapRequest, SLIDERS | {"a": np.zeros(1)}, {}, "displacement: does not take the arrays a"),
        (MapRequest, {"identity": np.zeros(3)}, {}, "displacement: the array expression is missing"),
        (MapRequest, SLIDERS, {"identity": [0, 0, 0]}, "displacement: the parameter identity must be an array"),
        (MapRequest, SLIDERS, {"resolution": 64.0}, r"displacement: resolution 64\.0 is not a valid whole number"),
        (MapRequest, SLIDERS, {"resolution": True}, "resolution True is not a valid whole number"),
        (MapRequest, SLIDERS, {"truncation": None}, "truncation None is not a valid number"),
        (MapRequest, SLIDERS, {"truncation": float("inf")}, "truncation inf is not a valid number"),
        (MapRequest, SLIDERS, [], r"displacement must be an object, is \[\]"),
        (SpeechOpen, {}, {"controls": []}, r"speech: controls must be an object, is \[\]"),
        (SpeechOpen, {}, {"controls": {"jaw": "a"}}, r"speech: controls\.jaw 'a' is not a valid number"),
        (SpeechOpen, {}, {"controls": {"jaw": 7}}, "jaw must be 0 to 3"),
        (SpeechStepped, {}, {}, "SpeechStepped: the parameter share is missing"),
        (SpeechStepped, {}, {"share": 1, "curves": {"weights": ""}}, r"the array curves\.times is missing"),
        (PhotoOpen, {"pictures.1.pixels": np.zeros(1)}, {"task": "a", "pictures": [{}]}, r"arrays pictures\.1\.pix"),
        (PhotoOpen, {}, {"task": "a", "pictures": [{"box": [1, 2]}]}, r"pictures\.0\.box must be a list of 4"),
        (PhotoOpen, {}, {"task": "a", "pictures": [{"pins": 3}]}, r"pictures\.0\.pins must be a list, is 3"),
    ],
)
def test_what_is_wrong_is_named(cls: type[Message], arrays: dict, params: object, message: str) -> None:
    with pytest.raises(DnpmError, match=message) as error:
        cls.unpack(arrays, params)
    assert "\n" not in str(error.value)


def test_an_answer_inside_an_answer() -> None:
    curves = Curves(np.arange(3.0), np.zeros((3, 52), np.float32), None, "w", ("note",))
    found = crossed(SpeechStepped(share=1.0, curves=curves))
    assert same(found, SpeechStepped(share=1.0, curves=curves))
    camera = PhotoCamera("a", np.eye(3), np.zeros(3), 5.0, np.ones(2), np.zeros((4, 6, 3), np.uint8), 0.1, 1, ("n",))
    face = PhotoFace(
        np.zeros(3),
        np.zeros(4),
        None,
        np.ones((4, 4)),
        np.zeros((2, 2, 4)),
        np.ones(3),
        (camera, camera),
        "photo",
        {"fit": 1.5},
    )
    crossed_face = crossed(PhotoStepped(face=face))
    assert same(crossed_face, PhotoStepped(face=face))
    assert crossed_face.face.cameras[1].size == (6, 4)
