"""The batch's command line makes the same job as a file would."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from dnpm.core.batch import arguments
from dnpm.core.cli import batch
from dnpm.core.errors import DnpmError


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    batch.add_arguments(parser)
    return parser.parse_args(["--out", "out", *words])


def test_every_identity_in_every_expression() -> None:
    job = arguments.read_job(
        parse(
            "--seeds",
            "3,8-9",
            "--expression",
            "rest:",
            "--expression",
            "jawOpen=.5",
            "--size",
            "64x48",
            "--detail",
            "0",
        )
    )
    assert [item.name for item in job.items] == [f"seed{s}_{e}" for s in (3, 8, 9) for e in ("rest", "jawOpen.5")]
    assert job.items[1].expression == {"jawOpen": 0.5}
    assert job.items[0].settings.size == (64, 48)
    assert job.items[0].settings.detail == 0.0


def test_presets_and_random_expressions(tmp_path: Path) -> None:
    job = arguments.read_job(parse("--preset", str(tmp_path / "ann.json"), "--random-expressions", "5"))
    assert job.items[0].name == "ann_expression5"
    assert job.items[0].preset == tmp_path / "ann.json"
    assert job.items[0].expression == {"seed": 5}


def test_the_command_line_wins_over_the_files_settings(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text(json.dumps({"settings": {"samples": 3}, "items": [{"name": "a"}, {"name": "b", "samples": 9}]}))
    job = arguments.read_job(parse(str(file), "--samples", "5"))
    assert [item.settings.samples for item in job.items] == [5, 9]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to make"),
        (["--seeds", "1-"], "neither a whole number nor a range"),
        (["--seeds", "x"], "neither a whole number nor a range"),
        (["--seeds", "1", "--size", "30"], "WIDTHxHEIGHT"),
        (["--seeds", "1", "--size", "3x3"], "16 to 8192"),
        (["--seeds", "1", "--views", "behind"], "is not a view"),
        (["--seeds", "1", "--expression", "a:b"], "not a name=number pair"),
        (["--seeds", "1,1"], "stands 2 times"),
        (["job.json", "--seeds", "1"], "not both"),
        (["missing.json"], "no such file"),
    ],
)
def test_mistakes_are_told(words: list[str], said: str) -> None:
    with pytest.raises(DnpmError, match=said):
        arguments.read_job(parse(*words))


def test_all_that_matters_is_handed_on() -> None:
    """What Blender's process is started with makes the same job again."""
    words = ["--seeds", "3", "--expression", "grin:mouthSmileLeft=1,jawOpen=-.5", "--size", "64x48", "--views",
             "front,closeup", "--outputs", "png,exr", "--engine", "workbench", "--samples", "7", "--detail", ".5",
             "--map-size", "256", "--subdivision", "1", "--background", "transparent", "--device", "cpu"]  # fmt: skip
    first = parse(*words)
    second = argparse.ArgumentParser()
    arguments.add_arguments(second)
    again = second.parse_args([*batch.forwarded(first), "--python", "p"])
    assert arguments.read_job(again) == arguments.read_job(first)
    assert (again.device, again.force, again.out) == ("cpu", False, Path("out").absolute())
