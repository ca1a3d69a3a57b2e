"""The paper's Figures 3 and 4 with our weights: identity components on one expression, expressions on one identity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..files import contact_sheet
from .demo import EXPRESSIONS, VIEW, read_exr

COMPONENTS = (1, 2, 3, 4)
STEPS = (-3.0, -2.0, 2.0, 3.0)
ACTOR = {"seed": 12, "age": 45}
"""The identity of Figure 4."""
_FROWN = {"browDownLeft": 1.0, "browDownRight": 1.0}
TEN: dict[str, dict[str, float]] = {"at rest": {}} | EXPRESSIONS | {"brows down": _FROWN}


def figures_job(size: tuple[int, int], samples: int) -> dict[str, Any]:
    """The job in the job file's own form; every item leaves its picture and its map."""
    items: list[dict[str, Any]] = []
    for component in COMPONENTS:
        for step in STEPS:
            identity = [0.0] * (component - 1) + [step]
            items.append({"name": _name(component, step), "identity": identity})
    for k, (_, values) in enumerate(TEN.items()):
        items.append({"name": f"expression_{k}", "identity": ACTOR, "expression": values})
    settings = {"size": list(size), "samples": samples, "views": [VIEW], "outputs": ["png", "exr"], "subdivision": 3}
    return {"settings": settings, "items": items}


def make_sheets(items: Path, out: Path) -> list[tuple[Path, str]]:
    """From the batch's folder to the four sheets; returns (file, what it shows)."""
    view = f"{VIEW['name']}.png"
    walk = [(_name(c, s), f"component {c}, {s:+.0f} sd") for c in COMPONENTS for s in STEPS]
    expressions = [(f"expression_{k}", name) for k, name in enumerate(TEN)]
    made = []
    for number, names, columns, title in (
        (3, walk, len(STEPS), "Identity components 1 to 4, expression at rest"),
        (4, expressions, 5, "Ten expressions on one identity"),
    ):
        faces, maps = out / f"figure{number}_faces.jpg", out / f"figure{number}_maps.jpg"
        contact_sheet.contact_sheet(faces, [(items / name / view, label) for name, label in names], columns, title)
        reliefs = []
        for name, label in names:
            relief = items / name / "relief.png"
            contact_sheet.relief_picture(relief, read_exr(items / name / "displacement.exr"), 320)
            reliefs.append((relief, label))
        contact_sheet.contact_sheet(maps, reliefs, columns, f"{title}: displacement maps")
        made += [(faces, title), (maps, f"{title}: their displacement maps")]
    return made


def _name(component: int, step: float) -> str:
    return f"component_{component}_{'minus' if step < 0 else 'plus'}_{abs(step):.0f}"
