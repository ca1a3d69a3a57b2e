"""An operator that needs a file asks for it once, in the file browser, and only where there is a window."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dnpm.operators import animate, live_link, long, photo
from dnpm.operators.scene import compat, names


class Asking(long.FileOperator):
    """Not registered: what Blender calls is called here."""

    def __init__(self, has_file: bool):
        self.from_browser, self.named, self.calls = False, has_file, []

    def has_file(self, context):
        return self.named

    def start(self, context):
        self.calls.append("start")
        return {"RUNNING_MODAL"}


@pytest.mark.parametrize(
    ("window", "has_file", "asked"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_the_browser_opens_where_no_file_is_named(monkeypatch, window: bool, has_file: bool, asked: bool):
    monkeypatch.setattr(compat, "in_background", lambda: not window)
    operator, opened = Asking(has_file), []
    context = SimpleNamespace(window_manager=SimpleNamespace(fileselect_add=opened.append))
    assert operator.invoke(context, None) == {"RUNNING_MODAL"}
    assert opened == ([operator] if asked else [])
    assert operator.calls == ([] if asked else ["start"])
    if asked:  # Blender calls execute when a file was chosen: the work goes on beside the artist's.
        assert operator.execute(context) == {"RUNNING_MODAL"}
        assert operator.calls == ["start"]
    assert not operator.from_browser


@pytest.mark.parametrize(
    ("operator", "group", "fields"),
    [
        (animate.DNPM_OT_animate_from_audio, names.SPEECH, ("sound", "STRIP")),
        (photo.DNPM_OT_face_from_image, names.PHOTO, ("filepath", "IMAGE")),
    ],
)
def test_what_counts_as_a_file(operator, group: str, fields: tuple[str, str]):
    """The operator's own, or the one that the panel names; an image or strip of this file needs none."""
    named, other = fields

    def has_file(own: str, panels: str, source: str) -> bool:
        properties = SimpleNamespace(**{named: panels, "source": source})
        context = SimpleNamespace(active_object=SimpleNamespace(**{group: properties}))
        return operator.has_file(SimpleNamespace(filepath=own), context)

    assert not has_file("", "", "FILE")
    assert has_file("a", "", "FILE")
    assert has_file("", "a", "FILE")
    assert has_file("", "", other)


def test_an_export_always_asks():
    assert not live_link.DNPM_OT_export_live_link.has_file(None, None)
