"""Skin settings come back from presets as they were, steer a map as the sliders do, and mistakes are named."""

from __future__ import annotations

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.presets import Preset, from_text, to_text
from dnpm.core.face_model.skin_settings import SkinSettings, read


def test_they_come_back() -> None:
    settings = SkinSettings(-7.5, {"glabella": 0.25, "chin": 1.2})
    assert read(settings.as_json()) == settings
    assert from_text(to_text(Preset("any", skin=settings)), "text").skin == settings
    assert from_text(to_text(Preset("any", skin=SkinSettings())), "text").skin == SkinSettings()
    assert from_text(to_text(Preset("any", strength=1.0)), "text").skin is None


def test_strengths_become_a_gain(face_model: FaceModel) -> None:
    assert SkinSettings(5.0, {"chin": 1.0}).gain(face_model) is None
    gain = SkinSettings(0.0, {"glabella": 0.25}).gain(face_model)
    assert gain is not None
    assert gain.min() == pytest.approx(0.25, abs=0.02)
    assert gain.max() == 1
    assert 0.001 < float(np.mean(gain < 0.9)) < 0.05


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "must be an object"), ({"years": 3}, "unknown entry"), ({"age": 99}, "age must be"),
        ({"regions": [1]}, "regions must be"), ({"regions": {"elbow": 1}}, "no region 'elbow'"),
        ({"regions": {"chin": -1}}, "chin must be"), ({"age": True}, "age must be"),
    ],
)  # fmt: skip
def test_mistakes_are_named(data: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(data)
    with pytest.raises(DnpmError, match="skin"):
        from_text(
            '{"format": "dnpm-preset-1", "skin": ' + str(data).replace("'", '"').replace("True", "true") + "}", "t"
        )
