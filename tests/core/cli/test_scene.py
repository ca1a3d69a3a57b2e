"""`dnpm scene`: what is wrong with its words is told before Blender is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnpm.core.cli import scene
from dnpm.core.cli.main import main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["render", "none.blend"], "no such file"),
        (["render", "a.blend", "--frames=3-1"], "the last must not come before the first"),
        (["bake", "a.blend", "--chunk=3"], "must be FIRST:COUNT"),
        (["export", "a.blend", "--formats=fbx"], "one or more of abc, usd"),
        (["export", "a.blend", "--levels=9"], "must be 0 to 4"),
        (["export", "a.blend", "--chunk=1:2"], "cannot be written in parts"),
    ],
)
def test_wrong_words(words: list[str], message: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(scene, "start_blender", lambda *_: pytest.fail("Blender was started"))
    Path("a.blend").write_bytes(b"BLENDER")
    assert main(["scene", *words, "--out=out"]) == 2
    assert message in capsys.readouterr().err


def test_what_blender_is_given(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    given: list[list[str]] = []
    monkeypatch.setattr(scene, "start_blender", lambda words, *_: given.append(words) or 0)
    Path("a.blend").write_bytes(b"BLENDER")
    words = ["export", "a.blend", "--out=out", "--frames=1-4", "--displaced", "--no-maps", "--formats=usd, abc"]
    assert main(["scene", *words]) == 0
    (made,) = given
    assert made[:3] == ["scene", "export", str(tmp_path / "a.blend")]
    assert {f"--out={tmp_path / 'out'}", "--frames=1-4", "--displaced", "--no-maps", "--formats=usd,abc"} <= set(made)
