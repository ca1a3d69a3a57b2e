"""An item's words become the right slider vectors, and what a model does not have is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnpm.core.batch import job, sliders
from dnpm.core.errors import DnpmError
from dnpm.core.face_model import presets, sampling


def resolve(model: Any, folder: Path = Path(), **entry: Any) -> tuple[np.ndarray, np.ndarray, float]:
    return sliders.resolve(job.parse({"items": [{"name": "a"} | entry]}, folder).items[0], model)


def test_nothing_said_is_the_mean_face_at_rest(tiny_model) -> None:
    identity, expression, detail = resolve(tiny_model)
    assert identity.shape == (tiny_model.n_id,)
    assert expression.shape == (tiny_model.n_exp,)
    assert not identity.any()
    assert not expression.any()
    assert detail == 1.0


def test_by_name_number_and_list(tiny_model) -> None:
    label, name = tiny_model.identity_labels[1], tiny_model.expression_names[2]
    identity, expression, _ = resolve(tiny_model, identity={"1": 0.5, label: -2}, expression={name: 0.25})
    assert identity[:2].tolist() == [0.5, -2.0]
    assert expression[2] == 0.25
    assert np.count_nonzero(expression) == 1
    assert resolve(tiny_model, identity=[0.5])[0].tolist() == [0.5] + [0.0] * (tiny_model.n_id - 1)


def test_a_seed_is_the_same_face_everywhere(tiny_model) -> None:
    identity, expression, _ = resolve(tiny_model, identity={"seed": 4}, expression={"seed": 9, "strength": 0.5})
    assert np.array_equal(identity, sampling.random_identity(tiny_model, 4))
    assert np.array_equal(expression, sampling.random_expression(tiny_model, 9, 0.5))
    assert not np.array_equal(identity, sampling.random_identity(tiny_model, 5))


def test_a_preset_with_something_on_top(tiny_model, tmp_path: Path) -> None:
    first, second = tiny_model.expression_names[:2]
    saved = presets.preset_of(
        tiny_model, np.arange(tiny_model.n_id, dtype=np.float32) * 0.1, tiny_model.expression(**{first: 0.75}), 1.5
    )
    presets.write_preset(tmp_path / "p.json", saved)
    identity, expression, detail = resolve(tiny_model, tmp_path, preset="p.json", expression={second: 0.5})
    assert np.allclose(identity, np.arange(tiny_model.n_id) * 0.1)
    assert expression[:2].tolist() == [0.75, 0.5]
    assert detail == 1.5
    assert resolve(tiny_model, tmp_path, preset="p.json", detail=0)[2] == 0.0


def test_what_the_model_does_not_have_is_named(tiny_model, tmp_path: Path) -> None:
    with pytest.raises(DnpmError, match="'noseWiggle'"):
        resolve(tiny_model, expression={"noseWiggle": 1})
    with pytest.raises(DnpmError, match="'Charm'"):
        resolve(tiny_model, identity={"Charm": 1})
    with pytest.raises(DnpmError, match="the item gives 999 values"):
        resolve(tiny_model, identity=[0.0] * 999)
    with pytest.raises(DnpmError, match="the item gives 1 values"):
        resolve(tiny_model, expression=[0.0])
    with pytest.raises(DnpmError, match=r"none\.json: no such file"):
        resolve(tiny_model, tmp_path, preset="none.json")
    presets.write_preset(tmp_path / "p.json", presets.Preset("another", expression={"noseWiggle": 1.0}))
    with pytest.raises(DnpmError, match=r"p\.json: .* has no noseWiggle"):
        resolve(tiny_model, tmp_path, preset="p.json")
