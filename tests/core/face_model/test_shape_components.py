"""Names and groups of the shape's components, on the default model's own labels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.face_model import shape_components, skin_components
from dnpm.core.face_model.model import FaceModel


def test_every_component_of_the_default_model_is_in_one_group(face_model: FaceModel) -> None:
    shape = [label for label in face_model.identity_labels if skin_components.group_of(label) is None]
    groups = shape_components.grouped(shape)
    assert list(groups) == ["Age and Sex", "Shape", "Ancestry"]
    assert sorted(label for members in groups.values() for label in members) == sorted(shape)
    assert [shape_components.shown_name(label) for label in groups["Ancestry"]] == [
        "European Ancestry", "East Asian Ancestry", "African Ancestry",
    ]  # fmt: skip


@given(labels=st.lists(st.text(max_size=8), unique=True))
def test_labels_of_other_models_keep_their_names_and_order(labels: list[str]) -> None:
    own = [
        label for label in labels if label not in {m for members in shape_components.GROUPS.values() for m in members}
    ]
    assert shape_components.grouped(own) == ({"Shape": own} if own else {})
    assert all(shape_components.shown_name(label) == label for label in own)
