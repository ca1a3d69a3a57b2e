"""Oriented line energy: a face's own lines are recognised on another picture of it, whatever the light."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from dnpm.core.evaluation.line_energy import REGIONS, LineReader, Lines, likeness
from dnpm.core.photo.camera import Camera, turned
from dnpm.core.photo.render import Lights, Paint, render

SIZE = (256, 256)


@pytest.fixture(scope="module")
def reader(face_model) -> LineReader:
    return LineReader(face_model)


def furrowed(seed: int) -> np.ndarray:
    """(256, 256) mm: a few furrows along smooth random courses."""
    rng = np.random.default_rng(seed)
    level = ndimage.gaussian_filter(rng.normal(0, 1, (256, 256)), (14, 30))
    level /= level.std()
    return (-0.5 * np.exp(-((level - 0.3) ** 2) / 0.004)).astype(np.float32)


def picture(reader: LineReader, seed: int, light: float) -> Lines:
    model = reader.model
    camera = Camera.before(SIZE, 800, 0.9, 240, model.neutral[model.vertex_groups["face"]].mean(0), turned(4, 2))
    lights = Lights(np.array([[light, -0.6, -0.6]]), np.full((1, 3), 0.8), np.full(3, 0.3), 0.0)
    paint = Paint(np.full((8, 8, 3), 0.6, np.float32), np.full(3, 0.6, np.float32), np.full(3, 0.1, np.float32))
    image, _ = render(model, model.neutral, camera, paint, lights, furrowed(seed))
    return reader.read(image, model.neutral, camera)


def test_lines_are_recognised_under_another_light(reader: LineReader) -> None:
    ours, theirs = ([picture(reader, seed, light) for seed in range(5)] for light in (-0.7, 0.5))
    scores = likeness(ours, theirs)
    assert (scores.argmax(1) == np.arange(5)).all()
    assert np.diag(scores).mean() > 0.3
    for region in ("forehead", "under_eye"):
        assert (likeness(ours, theirs, (region,)).argmax(1) == np.arange(5)).mean() >= 0.8, region


def test_a_map_alone_has_the_lines_of_its_pictures(reader: LineReader) -> None:
    ours = [reader.of_map(furrowed(seed)) for seed in range(5)]
    scores = likeness(ours, [picture(reader, seed, -0.7) for seed in range(5)])
    assert (scores.argmax(1) == np.arange(5)).all()
    assert np.diag(scores).mean() > 0.3


def test_what_is_not_seen_does_not_count(reader: LineReader) -> None:
    pictures = [picture(reader, seed, 0.5) for seed in range(4)]
    hidden = [
        Lines({name: np.full_like(v, np.nan) if name == "forehead" else v for name, v in one.values.items()})
        for one in pictures
    ]
    assert (likeness(hidden, pictures, ("forehead",)) == 0).all()
    rest = tuple(name for name in REGIONS if name != "forehead")
    np.testing.assert_allclose(likeness(hidden, pictures), likeness(pictures, pictures, rest), atol=1e-9)
