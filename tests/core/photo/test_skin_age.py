"""A skin's age: learnt from shape and lines, stretched, weighed against the people of photos; its file comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.model import FaceModel
from dnpm.core.files import tensor_file
from dnpm.core.photo.skin_age import FORMAT, OLDEST, PEOPLE, YOUNGEST, SkinAge, Standard
from dnpm.core.training.photo.skin_age import LEAST_PORTRAITS, learn

SHAPES, LINES = 50, 40


def portraits(rng: np.random.Generator, count: int, told: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shapes, lines and ages of a parliament: two components and five lines follow the years; some is not seen."""
    years = rng.normal(56, 10, count)
    shapes, lines = rng.normal(size=(count, SHAPES)), rng.normal(-4, 0.5, (count, LINES))
    away = told * (years - 56)[:, None] / 10
    shapes[:, :2] += 1.5 * away
    lines[:, :5] += 0.5 * away
    lines[rng.random(lines.shape) < 0.2] = np.nan
    return shapes, lines, years


def test_it_tells_others_ages() -> None:
    rng = np.random.default_rng(0)
    made, r = learn(*portraits(rng, 160))
    assert r > 0.7
    shapes, lines, years = portraits(rng, 60)
    read = np.array([made.read(shape, [line]) for shape, line in zip(shapes, lines, strict=True)])
    assert np.corrcoef(read, years)[0, 1] > 0.7
    # Stretched: the young are not read as if they were of the usual age.
    shape, line = np.zeros(SHAPES), np.full(LINES, -4.0)
    shape[:2], line[:5] = -5.4, -5.8
    young = made.read(shape, [line])
    assert young < 40
    assert YOUNGEST <= young <= min(read) < max(read) <= OLDEST


def test_the_shape_alone_speaks_of_blurred_photos() -> None:
    rng = np.random.default_rng(1)
    made, _ = learn(*portraits(rng, 160))
    shapes, lines, years = portraits(rng, 40)
    alone = [made.read(shape, []) for shape in shapes]
    unseen = [made.read(shape, [np.full(LINES, np.nan)]) for shape in shapes]
    assert np.corrcoef(alone, years)[0, 1] > 0.5
    np.testing.assert_allclose(alone, unseen)
    twice = made.read(shapes[0], [lines[0], lines[0]])
    assert twice == pytest.approx(made.read(shapes[0], [lines[0]]))


def test_what_tells_little_answers_with_everybody() -> None:
    rng = np.random.default_rng(2)
    made, r = learn(*portraits(rng, 300, told=0.25))
    assert r < 0.5
    shapes, lines, _ = portraits(rng, 60, told=0.25)
    read = np.array([made.read(shape, [line]) for shape, line in zip(shapes, lines, strict=True)])
    assert abs(read.mean() - PEOPLE[0]) < abs(read.mean() - 56), "nearer to whom users photograph than to a parliament"


def test_labels_that_are_others_are_refused() -> None:
    rng = np.random.default_rng(3)
    shapes, lines, years = portraits(rng, 80)
    # Cross-validated guesses of labels that belong to nobody lean the wrong way as often as not; these do.
    with pytest.raises(DnpmError, match="labels those of the files"):
        learn(np.zeros_like(shapes), np.full_like(lines, np.nan), years)
    with pytest.raises(DnpmError, match="too few"):
        learn(shapes[: LEAST_PORTRAITS - 1], lines[: LEAST_PORTRAITS - 1], years[: LEAST_PORTRAITS - 1])


def test_the_file_comes_back(face_model: FaceModel, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    part = lambda n: Standard(rng.normal(size=n), rng.uniform(0.5, 1, n), rng.normal(0, 0.1, n))  # noqa: E731
    made = SkinAge(part(face_model.n_shape), part(LINES), 55.0, 0.3, 14.0)
    path = tmp_path / "age.safetensors"
    made.save(path, face_model, {"licence": "none"})
    again = SkinAge.load(face_model, path)
    assert again is not None
    np.testing.assert_allclose(again.lines.weights, made.lines.weights, rtol=1e-5)
    assert again.error == pytest.approx(made.error)
    arrays, metadata = tensor_file.load(path)
    for wrong, match in (
        ({"shape_spread": arrays["shape_spread"][:-1]}, "contradict"),
        ({"lines_spread": -arrays["lines_spread"]}, "no regression has"),
        ({"numbers": np.array([55, 0, 10], np.float32)}, "no regression has"),
    ):
        tensor_file.save(path, {**arrays, **wrong}, metadata)
        with pytest.raises(DnpmError, match=match):
            SkinAge.load(face_model, path)
    tensor_file.save(path, arrays, {**metadata, "model": "another"})
    assert SkinAge.load(face_model, path) is None
    tensor_file.save(path, arrays, {**metadata, "format": "another"})
    with pytest.raises(DnpmError, match="skin-age"):
        SkinAge.load(face_model, path)
    tensor_file.save(path, {"numbers": arrays["numbers"]}, {"format": FORMAT})
    with pytest.raises(DnpmError, match="shape_usual"):
        SkinAge.load(face_model, path)
    with pytest.raises(DnpmError, match="skin-age"):
        SkinAge.load(face_model, tmp_path / "none.safetensors")


def test_the_shipped_regression_knows_this_model(face_model: FaceModel) -> None:
    shipped = SkinAge.load(face_model)
    assert shipped is not None
    assert len(shipped.shape.usual) == face_model.n_shape
    assert 25 < shipped.read(np.zeros(face_model.n_id), []) < 65
