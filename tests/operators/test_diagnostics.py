"""Blender's log, and the button that copies a report."""

from __future__ import annotations

import os
import re
from pathlib import Path

import bpy
import pytest

from dnpm import __version__
from dnpm.core import logs
from dnpm.core.backend.types import BackendStatus
from dnpm.core.files import tensor_file
from dnpm.operators.scene import compat, diagnostics, rendering, settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def blender_log(registered, tmp_path, monkeypatch):
    """The log as registering the extension opens it, in a folder of this test's own."""
    monkeypatch.setenv(logs.FOLDER_VARIABLE, str(tmp_path / "log"))
    logs.reset()
    diagnostics.open_log()
    yield tmp_path / "log"
    diagnostics.close_log()


def test_the_files_lie_in_the_extensions_folder(registered, monkeypatch):
    monkeypatch.delenv(logs.FOLDER_VARIABLE)
    logs.reset()
    diagnostics.open_log()
    assert logs.folder() == compat.user_folder(settings.PACKAGE, "log")
    assert Path(os.environ["BLENDER_USER_RESOURCES"]) in logs.folder().parents
    diagnostics.close_log()
    assert not logs.is_configured()


def test_a_command_line_keeps_its_own_log(registered, capsys):
    logs.configure()
    diagnostics.open_log()
    logs.logger("x").warning("said")
    assert capsys.readouterr().err == "warning: said\n", "without Blender's prefix"
    diagnostics.close_log()
    assert logs.is_configured()


def test_what_a_render_says_reaches_console_and_file(face, blender_log, capsys):
    rendering.begin()
    rendering._tell(bpy.context.scene, face, "no backend")
    rendering.end()
    rendering.begin()
    said = capsys.readouterr().err
    assert f"DNPM Face: warning: {face.name}, frame 1: the map was not updated: no backend\n" in said
    assert "1 of the rendered faces did not show the map of every frame" in said
    assert "no backend" in (blender_log / "blender.log").read_text(encoding="utf-8")


def test_what_an_operator_could_not_do_is_in_the_log(face, backend, blender_log, monkeypatch):
    text = lambda: (blender_log / "blender.log").read_text(encoding="utf-8")  # noqa: E731
    assert f" in Blender {bpy.app.version_string}\n" in text()
    backend.error = "out of order"
    with pytest.raises(RuntimeError, match="out of order"):
        bpy.ops.dnpm.update_detail()
    assert "INFO" in text()
    assert text().endswith("dnpm.operators.base: Update Detail: out of order\n")

    def broken(*_, **__):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("dnpm.operators.detail.live.update_now", broken)
    with pytest.raises(RuntimeError, match="a fault"):
        bpy.ops.dnpm.update_detail()
    assert "ERROR" in text()
    assert text().endswith("ZeroDivisionError: a fault\n")


def test_the_report(backend, blender_log, tmp_path, monkeypatch):
    home = tmp_path / "home" / "jane"
    weights = home / "secret project" / "mine"
    weights.mkdir(parents=True)
    (weights / "detail.json").write_bytes((ROOT / "weights" / "detail.json").read_bytes())
    (weights / "generator.safetensors").write_bytes(b"some weights")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    python = str(home / "venv" / "python3")
    settings.override(settings.Settings(python=python, device="cuda", threads=3, weights=str(weights)))
    backend.status = BackendStatus(
        state="failed", device="cuda", device_name="NVIDIA L4", torch_version="2.13.0+cu130", python=python,
        message=f"{weights}/detail.json: is damaged", restarts=4,
    )  # fmt: skip
    for number in range(150):
        logs.logger("x").info("record %d of %s", number, weights / "face.obj")
    (blender_log / "worker.log").write_text(
        f"2000-01-01 00:00:00.000 INFO an old record\n2100-01-01 00:00:00.000 ERROR the worker read {home}/b.obj\n"
    )
    try:
        text = diagnostics.text()
    finally:
        settings.override(None)
    for word in ("jane", "secret", str(tmp_path), "venv/"):
        assert word not in text
    for line in (
        f"extension: {__version__} (dnpm)", f"Blender: {bpy.app.version_string}",
        "PyTorch of the backend: 2.13.0+cu130",
        "device: cuda NVIDIA L4", "message: detail.json: is damaged", "restarts: 4", "python: python3", "threads: 3",
        "weights: mine", f"generator.safetensors: sha256 {tensor_file.sha256(weights / 'generator.safetensors')}",
        f"tiny.safetensors: sha256 {tensor_file.sha256(os.environ['DNPM_FACE_MODEL'])}",
    ):  # fmt: skip
        assert f"\n  {line}" in text
    log = text[text.index("Last 100 log lines\n") :].splitlines()[1:]
    assert len(log) == 100
    assert log[-1] == "  2100-01-01 00:00:00.000 ERROR the worker read b.obj"
    assert re.search(r"record 149 of face.obj$", log[-2])
    assert "an old record" not in text


def test_missing_parts_are_said_in_the_report(backend, blender_log, monkeypatch, tmp_path):
    settings.override(settings.Settings(weights=str(tmp_path / "none"), face_model=str(tmp_path / "none.safetensors")))
    try:
        text = diagnostics.text()
    finally:
        settings.override(None)
    assert re.search(r"\n  weights: none: .*detail.json", text)
    assert "\n  face model: none.safetensors: " in text
    assert "not known: the backend has not started" in text


def test_the_button_copies_it(backend, blender_log):
    from dnpm.operators.diagnostics import DNPM_OT_copy_diagnostics as operator

    class Manager:
        clipboard = ""

    class Context:
        window_manager = Manager

    class Self:
        told = ""

        def report(self, kinds, text):
            self.told = text

    asked = Self()
    assert operator.execute(asked, Context) == {"FINISHED"}
    assert Manager.clipboard.startswith("DNPM Face, diagnostics\n")
    assert str(len(Manager.clipboard.splitlines())) in asked.told
    assert bpy.ops.dnpm.copy_diagnostics() == {"FINISHED"}


def test_the_button_is_in_the_preferences(registered):
    from dnpm.panels import preferences

    assert "dnpm.copy_diagnostics" in Path(preferences.__file__).read_text(encoding="utf-8")
    assert bpy.ops.dnpm.copy_diagnostics.get_rna_type().description
