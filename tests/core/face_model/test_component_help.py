"""Every component of the default model is explained, and what is said of unnamed ones is what they change."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.face_model import component_help, skin_components
from dnpm.core.face_model.build import labels
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel

TOO_COARSE = {"head size", "head depth", "neck width"}
"""Which differ by nearly nothing but size."""


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(face_model_path())


def test_every_component_has_a_text_of_its_own(model: FaceModel) -> None:
    assert set(component_help.DESCRIPTIONS) == set(model.identity_labels)
    assert set(skin_components.LABELS) <= set(component_help.DESCRIPTIONS)
    texts = component_help.DESCRIPTIONS.values()
    assert len(set(texts)) == len(component_help.DESCRIPTIONS)
    assert all(text and not text.endswith(".") for text in texts)


def test_unnamed_components_change_what_is_said(model: FaceModel) -> None:
    people = np.concatenate([np.zeros((1, model.n_id)), np.eye(model.n_id)[: model.n_shape]]).astype(np.float32)
    rests = np.stack([model.vertices(person, np.zeros(model.n_exp, np.float32)) for person in people])
    skin = np.unique(model.faces[model.face_material == model.material_names.index("skin")])
    height = model.neutral[skin, 1] - model.neutral[model.landmarks68[8], 1]
    groups = dict(model.vertex_groups) | {"head": skin[height > 0], "neck": skin[height < -25]}
    taken = {name: values for name, values in labels.measures(rests, model.landmarks68, groups).items()
             if name not in TOO_COARSE}  # fmt: skip
    change = np.stack([values[1:] - values[0] for values in taken.values()], 1)
    change /= np.sqrt((change**2).sum(0))
    for place, label in enumerate(model.identity_labels[: model.n_shape]):
        if label not in component_help._UNNAMED:
            continue
        strongest = np.argsort(-np.abs(change[place]))[:4]
        names = [labels._NAMES[list(taken)[k]][0 if change[place, k] > 0 else 1].lower() for k in strongest]
        said = component_help._UNNAMED[label].split(", ")
        assert len(said) == 3
        assert set(said) <= set(names), f"{label}: {said}, measured {names}"
