"""How the default model's shape components are shown: today's words for ancestry, and groups.

The names in files (`FaceModel.identity_labels`, presets, .blend files) are MakeHuman's and stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable

SHOWN_NAMES = {
    "Caucasian": "European Ancestry",
    "Asian": "East Asian Ancestry",
    "African": "African Ancestry",
}
"""Label in files -> name in the panel, where they differ."""
SHAPE = "Shape"
"""The group of all components that no other one names."""
GROUPS: dict[str, tuple[str, ...]] = {
    "Age and Sex": ("Age", "Masculine"),
    SHAPE: (),
    "Ancestry": ("Caucasian", "Asian", "African"),
}


def shown_name(label: str) -> str:
    """What the panel calls a component."""
    return SHOWN_NAMES.get(label, label)


def grouped(labels: Iterable[str]) -> dict[str, list[str]]:
    """Labels by group, in the order of `GROUPS`; groups without a label are left out."""
    listed = list(labels)
    named = {label for members in GROUPS.values() for label in members}
    found = {group: [label for label in members if label in listed] for group, members in GROUPS.items()}
    found[SHAPE] = [label for label in listed if label not in named]
    return {group: members for group, members in found.items() if members}
