"""The sheets hold their pictures where they should be, and the demonstration's job is a good job."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dnpm.core.batch import demo, job
from dnpm.core.batch.sliders import identity_vector
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.files import contact_sheet


def test_a_sheet_holds_every_picture_in_its_place(tmp_path: Path) -> None:
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    pictures = []
    for i, colour in enumerate(colours):
        Image.new("RGB", (80, 100), colour).save(tmp_path / f"{i}.png")
        pictures.append((tmp_path / f"{i}.png", f"picture {i}"))
    contact_sheet.contact_sheet(tmp_path / "sheet.png", pictures, 2, "Three")
    pixels = np.asarray(Image.open(tmp_path / "sheet.png"))
    found = []
    for colour in colours:
        ys, xs = np.nonzero((pixels == colour).all(-1))
        assert len(ys) == 80 * 100
        found.append((int(ys.min()), int(xs.min())))
    assert found[0][0] == found[1][0] < found[2][0]
    assert found[0][1] == found[2][1] < found[1][1]
    assert not (tmp_path / "partial-sheet.png").exists()


def test_a_map_is_warm_outside_and_cold_inside(tmp_path: Path) -> None:
    displacement = np.zeros((128, 128), np.float32)
    displacement[40:60, 20:50] = 0.5
    displacement[40:60, 70:100] = -0.5
    contact_sheet.map_picture(tmp_path / "map.png", displacement, "Map")
    pixels = np.asarray(Image.open(tmp_path / "map.png")).astype(int)[8:]
    assert pixels[50, 35, 0] > pixels[50, 35, 2] + 40
    assert pixels[50, 85, 2] > pixels[50, 85, 0] + 40
    assert np.ptp(pixels[100, 10]) == 0


def test_the_demonstrations_job_is_a_good_job() -> None:
    made = job.parse(demo.demo_job((400, 480), 40), Path())
    assert sum(item.name.startswith("expression_") for item in made.items) == 8
    assert sum(item.name.startswith("person_") for item in made.items) == 8
    assert {name for values in demo.EXPRESSIONS.values() for name in values} <= set(ARKIT_NAMES)
    assert all(0 < value <= 1 for values in demo.EXPRESSIONS.values() for value in values.values())


def test_the_demonstrations_people_are_who_their_labels_say(face_model) -> None:
    """Age and sex by the face model's own regression; both sexes, ages far apart, every skin tone's half."""
    semantics = json.loads(face_model.metadata["semantics"])
    ages, tones, men = [], set(), 0
    for seed, (kind, told, look) in demo.PEOPLE.items():
        identity = identity_vector({"seed": seed, "age": told}, face_model)
        age, masculine = (
            semantics[key]["intercept"] + np.dot(semantics[key]["weights"], identity[: len(semantics[key]["weights"])])
            for key in ("age_years", "masculinity")
        )
        assert (kind == "man") == (masculine > 0.5), seed
        assert abs(age - told) < 1.5, seed
        ages.append(age)
        tones.add(look["tone"])
        men += kind == "man"
    assert min(ages) < 30
    assert max(ages) > 70
    assert men == 4
    assert len(tones) >= 5


@pytest.mark.parametrize("content", [b"", b"no EXR"])
def test_a_damaged_map_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.exr").write_bytes(content)
    with pytest.raises(DnpmError, match=r"a\.exr: cannot be read as EXR"):
        demo.read_exr(tmp_path / "a.exr")
