"""What the sidebar and the preferences say of the backend: its state, and how a graphics card is got."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import MagicMock

import bpy
import pytest

from dnpm.tests.operators.test_draw import shown, sidebar


@pytest.mark.parametrize("state", ["off", "starting", "ready", "busy", "failed"])
def test_the_backends_state_is_shown(face, backend, state):
    from dnpm.core.backend.types import BackendStatus

    backend.status = BackendStatus(state=state, message="torch is missing: pip install torch" * (state == "failed"))
    drawn = sidebar()
    assert any(text.startswith("Detail: ") for text in shown(drawn, "label"))
    assert ("torch is missing: pip install torch" in shown(drawn, "label")) is (state == "failed")
    assert ("dnpm.restart_backend" in shown(drawn, "operator")) is (state != "off")


def test_the_preferences_say_how_to_get_the_graphics_card(backend, monkeypatch):
    from dnpm.core.backend.types import BackendStatus
    from dnpm.panels import preferences

    told: list[str] = []
    monkeypatch.setattr(preferences.status, "paragraph", lambda layout, text, icon="NONE": told.append(text))
    backend.status = BackendStatus(state="ready", device="cpu", device_note="PyTorch is built for processors alone")
    page = SimpleNamespace(layout=MagicMock())
    preferences.DnpmPreferences.draw(page, bpy.context)
    assert told == ["PyTorch is built for processors alone"]
    backend.status = BackendStatus(state="ready", device="cuda")
    preferences.DnpmPreferences.draw(page, bpy.context)
    assert len(told) == 1


def test_the_sidebar_says_where_to_read_about_the_graphics_card(face, backend):
    from dnpm.core.backend.types import BackendStatus

    def told() -> bool:
        return "knows no graphics cards; the preferences say how" in " ".join(shown(sidebar(), "label"))

    backend.status = BackendStatus(state="ready", device="cpu", device_note="PyTorch is built for processors alone")
    assert told()
    backend.status = BackendStatus(state="ready", device="cpu")
    assert not told()
