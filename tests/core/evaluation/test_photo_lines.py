"""Figures of lines obey their laws: faces that have the photos' lines win, those that have others' lose."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dnpm.core.evaluation.line_energy import REGIONS, Lines
from dnpm.core.evaluation.photo_lines import KINDS, Seen, figures, table
from dnpm.core.photo.portraits import Person


def people(count: int, seed: int = 0) -> list[Seen]:
    """ "read" is the photo with some noise, "fitted" with much, the rest say nothing; the older the more lines."""
    rng = np.random.default_rng(seed)
    found = []
    for k in range(count):
        years = 30.0 + 50 * k / (count - 1)
        own = {name: np.exp(rng.normal(0, 0.5, (6, 8)) + years / 40 - 5) for name in REGIONS}
        one = Seen(Person(str(k), [Path("a.png")], "", years))
        noisy = lambda noise, own=own: Lines({n: v * np.exp(rng.normal(0, noise, v.shape)) for n, v in own.items()})  # noqa: E731
        nothing = lambda: Lines({n: np.exp(rng.normal(0, 0.5, (6, 8)) - 4) for n in REGIONS})  # noqa: E731
        one.lines = {kind: nothing() for kind in KINDS} | {
            "read": noisy(0.2),
            "fitted": noisy(1.0),
            "photo": Lines(own),
        }
        one.lines["second"] = noisy(0.3)
        one.amount = {
            kind: years / 40 + rng.normal(0, 0.1 if kind == "read" else 5) for kind in KINDS if kind != "coarse"
        }
        one.years = {"read": years + rng.normal(0, 3), "fitted": rng.normal(50, 12)}
        found.append(one)
    return found


def test_the_photos_own_lines_win() -> None:
    result = figures(people(24))
    kinds = result["kinds"]
    for key in ("own_rank", "second_rank", "second_forehead", "second_folds"):
        assert kinds["read"][key] <= kinds["fitted"][key] < result["chance_rank"], key
        assert abs(kinds["random"][key] - result["chance_rank"]) < 5, key
    assert kinds["read"]["own_rank"] == 1
    assert kinds["read"]["age_auc"] > 0.95
    assert kinds["read"]["years_auc"] > 0.95
    assert "age_auc" not in kinds["coarse"]
    assert 0.2 < kinds["mean"]["age_auc"] < 0.8
    ratio = {kind: row["true_lines"] / row["false_lines"] for kind, row in kinds.items() if "true_lines" in row}
    assert ratio["read"] > 2 > 1.3 > ratio["random"]
    assert "photo" in table(result | {"half": "all", "left_out": []})


def test_without_ages_and_second_photos_there_are_no_figures() -> None:
    seen = people(8)
    for one in seen:
        del one.lines["second"]
        one.person = Person(one.person.name, one.person.files)
    kinds = figures(seen)["kinds"]
    assert kinds["read"]["age_auc"] is None
    assert kinds["read"]["second_rank"] is None


def test_hidden_cells_do_not_count() -> None:
    seen = people(8)
    for one in seen:
        for lines in one.lines.values():
            lines.values["chin"][:] = np.nan
    assert np.isfinite(figures(seen)["kinds"]["read"]["false_lines"])
