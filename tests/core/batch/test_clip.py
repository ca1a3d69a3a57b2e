"""A clip's words: checked before anything is computed, and carried to Blender whole."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from dnpm.core.batch import clip
from dnpm.core.errors import DnpmError
from dnpm.core.face_model import presets


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--audio", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--fps", type=float)
    clip.add_arguments(parser)
    return parser.parse_args(["--audio=a.wav", "--out=o", "--fps=23.976", *words])


def test_blender_is_started_for_more_than_curves() -> None:
    assert not clip.wants_blender(parsed())
    for word in ("--preset=a.json", "--blend", "--frames"):
        assert clip.wants_blender(parsed(word))


def test_what_is_asked_for_arrives(tmp_path: Path) -> None:
    preset = tmp_path / "a.json"
    preset.write_text(presets.to_text(presets.Preset("any", {"Age": 1.0}, {}, None)))
    words = [f"--preset={preset}", "--frames", "--first=2", "--last=9", "--size=64x48", "--view=mouth", "--force",
             "--engine=workbench", "--samples=3", "--detail=0.5", "--map-size=256", "--subdivision=1",
             "--look=tone=deep,freckles=0.2", "--detail-weights=w", "--face-model=m", "--device=cpu"]  # fmt: skip
    sent = clip.forwarded(parsed(*words))
    assert sent[0] == "clip"
    again = parsed(*sent[1:])
    assert again.audio == Path("a.wav").absolute()
    assert again.fps == 23.976
    assert again.detail_weights == Path("w").absolute()
    item = clip.read_item(again)
    assert item.preset == preset
    settings = item.settings
    assert (settings.size, settings.views[0].name, settings.engine, settings.samples) == (
        (64, 48),
        "mouth",
        "workbench",
        3,
    )
    assert (settings.detail, settings.map_size, settings.subdivision, settings.look.tone) == (0.5, 256, 1, "deep")
    assert (again.first, again.last, again.frames, again.force) == (2, 9, True, True)


@pytest.mark.parametrize(
    ("word", "message"),
    [("--size=big", "must be WIDTHxHEIGHT"), ("--view=behind", "is not a view"), ("--first=0", "counted from 1"),
     ("--map-size=100", "must be 64"), ("--samples=0", "from 1 to 4096"), ("--look=tone=green", "green"),
     ("--preset=none.json", "none.json: no such file")],
)  # fmt: skip
def test_what_is_wrong_is_told(word: str, message: str) -> None:
    with pytest.raises(DnpmError, match=message):
        clip.read_item(parsed(word))


@pytest.mark.parametrize(
    ("fps", "whole"), [(24, 24), (30, 30), (23.976, 24), (24000 / 1001, 24), (59.94, 60), (12.5, 13)]
)
def test_blenders_two_numbers(fps: float, whole: int) -> None:
    found, base = clip.scene_rate(fps)
    assert found == whole
    assert found / base == pytest.approx(fps, rel=1e-7)
