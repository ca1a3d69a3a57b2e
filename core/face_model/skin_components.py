"""The skin components of an identity: what the skin of a person is like, beside what the shape of the face is like.

They follow the shape components in the identity vector, in standard deviations as these. V_p (Eq. 3) ignores them:
their rows of the core are zero. The teacher (`core/training/teacher`) says what each does; E (Eq. 4) reads them all.
A model with other numbers of components, or none of these, works as well: what counts are the model's own labels.
"""

from __future__ import annotations

from collections.abc import Sequence

GROUPS: dict[str, tuple[str, ...]] = {
    "Forehead": ("Forehead lines", "Forehead line count", "Forehead line height", "Forehead line breaks"),
    "Between the brows": ("Frown lines", "Frown pattern", "Frown slant"),
    "Eyes": (
        "Crow's feet", "Crow's feet count", "Crow's feet angle", "Crow's feet length", "Eye bags", "Under-eye lines",
    ),
    "Mouth and cheeks": (
        "Nasolabial folds", "Nasolabial length", "Nasolabial angle", "Marionette lines", "Lip lines", "Chin creases",
        "Cheek lines",
    ),
    "Texture": (
        "Pore size", "Pore depth", "Pores on nose", "Roughness", "Moles", "Scars",
    ),
    "Whole face": (
        "Asymmetry", "Line pattern 1", "Line pattern 2", "Line pattern 3", "Skin pattern 1", "Skin pattern 2",
        "Skin pattern 3", "Skin pattern 4",
    ),
}  # fmt: skip
"""Group -> labels, in the order of the identity vector."""
LABELS: tuple[str, ...] = tuple(label for labels in GROUPS.values() for label in labels)


def group_of(label: str) -> str | None:
    """The group of a skin component; None for a shape component."""
    return next((group for group, labels in GROUPS.items() if label in labels), None)


def places(identity_labels: Sequence[str]) -> list[int] | None:
    """Where the skin components lie in a model's identity vector, in the order of LABELS; None when it lacks one."""
    index = {label: k for k, label in enumerate(identity_labels)}
    return [index[label] for label in LABELS] if all(label in index for label in LABELS) else None
