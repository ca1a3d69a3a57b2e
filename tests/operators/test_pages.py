"""The examples of the pages run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: str) -> list[str]:
    found = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found, f"{page} has no example"
    return found


def test_a_face_from_a_script(backend):
    """docs/sliders.md, with a backend that answers at once."""
    for code in blocks("docs/sliders.md"):
        exec(compile(code, "docs/sliders.md", "exec"), {})
    face = bpy.context.object
    assert face.data.shape_keys.key_blocks["jawOpen"].value == 0.5
    assert abs(face.dnpm_face.strength - 1.2) < 1e-6
    assert any(value.value for value in face.dnpm_face.identity)
    assert backend.calls, "the map was computed"
