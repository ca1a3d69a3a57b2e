"""Test Backend in the preferences: what it runs on, or why it does not."""

from __future__ import annotations

import bpy
import pytest

from dnpm.core.backend.requests import InfoRequest, MapRequest


def test_it_says_what_it_runs_on(backend, capfd) -> None:
    assert bpy.ops.dnpm.test_backend() == {"FINISHED"}
    assert [type(request) for request in backend.submitted] == [InfoRequest, MapRequest]
    assert not bpy.data.objects, "no face is needed, and none is made"
    expected = "The backend works: PyTorch  on cpu, weights fake, a map of 1024 x 1024 in 5 ms"
    assert expected in capfd.readouterr().out


def test_what_is_wrong_is_told(backend, monkeypatch, tmp_path) -> None:
    backend.error = "cuda is not there: choose another device"
    with pytest.raises(RuntimeError, match="cuda is not there"):
        bpy.ops.dnpm.test_backend()
    monkeypatch.setenv("DNPM_FACE_MODEL", str(tmp_path / "none.safetensors"))
    with pytest.raises(RuntimeError, match=r"none\.safetensors"):
        bpy.ops.dnpm.test_backend()
