"""The batch's job format: what it accepts, and that every mistake is named with its place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.batch import job as jobs
from dnpm.core.batch.sliders import look_of, relief_of
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.looks import IRISES, Look
from dnpm.core.face_model.random_look import random_look
from dnpm.core.face_model.relief import to_text
from dnpm.core.face_model.sampling import random_person


def test_settings_reach_the_items_and_items_win(tmp_path: Path) -> None:
    job = jobs.parse(
        {
            "settings": {
                "size": [320, 240],
                "outputs": ["obj", "png"],
                "views": ["front", {"name": "own", "azimuth": 12}],
            },
            "items": [
                {"name": "a", "identity": [0.5, -1], "expression": "jawOpen=.5, browInnerUp=1"},
                {"name": "b", "preset": "p.json", "size": [64, 64], "engine": "workbench", "detail": 0},
            ],
        },
        tmp_path,
    )
    first, second = job.items
    assert first.settings.size == (320, 240)
    assert first.settings.outputs == ("png", "obj")
    assert [view.name for view in first.settings.views] == ["front", "own"]
    assert first.expression == {"jawOpen": 0.5, "browInnerUp": 1.0}
    assert second.preset == tmp_path / "p.json"
    assert (second.settings.size, second.settings.engine, second.settings.detail) == ((64, 64), "workbench", 0.0)


def test_every_identity_in_every_expression(tmp_path: Path) -> None:
    job = jobs.parse(
        {
            "identities": {"ann": {"seed": 1}, "bob": {"seed": 2}},
            "expressions": {"rest": {}, "smile": {"mouthSmileLeft": 1}},
        },
        tmp_path,
    )
    assert [item.name for item in job.items] == ["ann_rest", "ann_smile", "bob_rest", "bob_smile"]
    assert job.items[3].identity == {"seed": 2}
    assert job.items[3].expression == {"mouthSmileLeft": 1}


def test_items_use_the_jobs_own_names(tmp_path: Path) -> None:
    job = jobs.parse(
        {"identities": {"ann": {"seed": 1}}, "items": [{"name": "x", "identity": "ann"}]},
        tmp_path,
    )
    assert job.items[0].identity == {"seed": 1}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "must be a JSON object"),
        ({"items": []}, "at least one item"),
        ({}, 'no "items"'),
        ({"itms": [], "items": [{"name": "a"}]}, "unknown key 'itms'"),
        ({"items": [{"name": "a", "sise": [1, 2]}]}, "unknown key 'sise'"),
        ({"items": [{"name": "a"}, {"name": "a"}]}, "'a' stands 2 times"),
        ({"items": [{"name": "../up"}]}, "items[0].name"),
        ({"items": [{"identity": [1]}]}, "items[0].name"),
        ({"items": [{"name": "a", "identity": "ann"}]}, "items[0].identity: 'ann' is not a name=number pair"),
        ({"items": [{"name": "a", "identity": {"seed": -1}}]}, "items[0].identity.seed"),
        ({"items": [{"name": "a", "identity": {"seed": 1, "strenght": 2}}]}, "unknown key 'strenght'"),
        (
            {"items": [{"name": "a", "identity": {"seed": 1, "age": 3}}]},
            "items[0].identity.age: must be 16 to 90 years",
        ),
        ({"identities": {"ann": {"seed": 1, "age": True}}}, "identities.ann.age: must be 16 to 90 years"),
        ({"items": [{"name": "a", "expression": {"seed": 1, "age": 30}}]}, "unknown key 'age'"),
        ({"items": [{"name": "a", "expression": {"jawOpen": "wide"}}]}, "items[0].expression.jawOpen"),
        ({"items": [{"name": "a", "expression": {"jawOpen": float("nan")}}]}, "is not a finite number"),
        ({"items": [{"name": "a", "expression": [0, True]}]}, "finite numbers alone"),
        ({"items": [{"name": "a", "size": [0, 10]}]}, "items[0].size"),
        ({"items": [{"name": "a", "samples": 1.5}]}, "items[0].samples"),
        ({"items": [{"name": "a", "engine": "luxrender"}]}, "one of cycles, eevee, workbench"),
        ({"items": [{"name": "a", "outputs": ["jpg"]}]}, "items[0].outputs"),
        ({"items": [{"name": "a", "views": ["behind"]}]}, "is not a view"),
        ({"items": [{"name": "a", "views": ["front", "front"]}]}, "same name"),
        ({"items": [{"name": "a", "views": [{"name": "v", "azimuth": 900}]}]}, "azimuth must be a number"),
        ({"items": [{"name": "a", "map_size": 1000}]}, "64, 128, 256, 512 or 1024"),
        ({"settings": {"detail": -1}, "items": [{"name": "a"}]}, "settings.detail"),
    ],
)
def test_mistakes_are_named(data: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(DnpmError, match=r"the job has mistakes") as caught:
        jobs.parse(data, tmp_path)
    assert said in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DnpmError) as caught:
        jobs.parse({"settings": {"detail": -1, "samples": 0}, "items": [{"name": "a", "size": 3}]}, tmp_path)
    assert all(place in str(caught.value) for place in ("settings.detail", "settings.samples", "items[0].size"))


@pytest.mark.parametrize("text", ["", "{", "[1,]", "\x00"])
def test_a_damaged_file_is_told_with_its_place(text: str, tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(DnpmError, match=r"job\.json: line 1, column"):
        jobs.load(tmp_path / "job.json")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DnpmError, match="no such file"):
        jobs.load(tmp_path / "none.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(["name", "identity", "expression", "preset", "size", "views", "outputs", "engine", "samples"])


@given(st.fixed_dictionaries({"items": st.lists(st.dictionaries(KEYS, JSON), max_size=3)}) | JSON)
def test_no_json_ends_in_anything_but_a_job_or_a_clear_error(data: object) -> None:
    data = json.loads(json.dumps(data))
    try:
        job = jobs.parse(data, Path("folder"))
    except DnpmError:
        return
    assert job.items


def test_looks_of_the_job_and_of_an_item(tmp_path: Path) -> None:
    job = jobs.parse(
        {
            "settings": {"look": {"tone": "olive"}},
            "items": [{"name": "a"}, {"name": "b", "look": {"stubble": 0.5, "iris": "blue"}}],
        },
        tmp_path,
    )
    first, second = (item.settings.look for item in job.items)
    assert first == Look(tone="olive")
    assert second == Look(stubble=0.5, iris=IRISES["blue"])
    with pytest.raises(DnpmError, match=r"items\[0\].look.*purple"):
        jobs.parse({"items": [{"name": "a", "look": {"tone": "purple"}}]}, tmp_path)


def test_an_items_look_wins_over_its_presets(tiny_model, tmp_path: Path) -> None:
    text = '{"format": "dnpm-preset-1", "look": {"tone": "deep", "stubble": 1}}'
    (tmp_path / "p.json").write_text(text)
    items = [
        {"name": "a", "preset": "p.json"},
        {"name": "b", "preset": "p.json", "look": {"tone": "fair"}},
        {"name": "c"},
    ]
    looks = [look_of(item, tiny_model) for item in jobs.parse({"items": items}, tmp_path).items]
    assert looks == [Look(tone="deep", stubble=1.0), Look(tone="fair"), Look()]


def test_random_people_have_random_colours_that_suit_them(tiny_model, tmp_path: Path) -> None:
    """Those of the sidebar's *Random*; what the job says of colours, or a preset, counts more."""
    (tmp_path / "p.json").write_text('{"format": "dnpm-preset-1", "look": {"tone": "deep"}}')
    items = [{"name": f"r{seed}", "identity": {"seed": seed}} for seed in range(6)] + [
        {"name": "own", "identity": {"seed": 3}, "look": {"tone": "fair"}},
        {"name": "saved", "identity": {"seed": 3}, "preset": "p.json"},
        {"name": "made", "identity": [0.5]},
    ]
    *drawn, own, saved, made = (look_of(item, tiny_model) for item in jobs.parse({"items": items}, tmp_path).items)
    assert drawn == [random_look(tiny_model, seed, random_person(tiny_model, seed)) for seed in range(6)]
    assert len({look.tone for look in drawn}) > 1
    assert (own, saved, made) == (Look(tone="fair"), Look(tone="deep"), Look())


def test_an_item_has_its_presets_wrinkles(tmp_path: Path) -> None:
    text = to_text(-np.eye(16, dtype=np.float32))
    (tmp_path / "p.json").write_text(f'{{"format": "dnpm-preset-1", "relief": "{text}"}}')
    (tmp_path / "older.json").write_text('{"format": "dnpm-preset-1", "strength": 1}')
    items = [{"name": "a", "preset": "p.json"}, {"name": "b", "preset": "older.json"}, {"name": "c"}]
    assert [relief_of(item) for item in jobs.parse({"items": items}, tmp_path).items] == [text, "", ""]
