"""The reader: how a face looks as numbers, what is learnt from people of known sliders, its file, work that goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.video import calibrate, examples
from dnpm.core.video.appearance import CHANNELS, NUMBERS, PLACES, WHOLE, appearance
from dnpm.core.video.examples import Looks, drawn_expression, kept_looks
from dnpm.core.video.reader import FILE, INPUTS, MIRROR, PHOTOGRAPHED_LIDS, Reader, save_reader
from dnpm.core.video.solving import Solved
from dnpm.core.video.tracking import Seen

JAW, SQUINT = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("eyeSquintLeft")


def canonical() -> np.ndarray:
    """(468, 3) points that come in pairs, as the canonical face's do."""
    half = np.random.default_rng(3).uniform(1, 50, (234, 3))
    return np.stack([half, half * [-1, 1, 1]], 1).reshape(468, 3)


def person(seed: int, hidden: np.ndarray) -> Looks:
    """20 pictures in which one squint shows in nothing but how the face looks, and the jaw in the fit as well."""
    rng = np.random.default_rng(seed)
    count = 20
    expression = rng.uniform(0, 1, (count, 52)) * (rng.random((count, 52)) < 0.3)
    expression[:4] = 0
    own = rng.normal(0, 1, NUMBERS)
    seen = np.stack([own + expression @ hidden, own + expression[:, MIRROR] @ hidden], 1)
    fit = rng.normal(0, 0.1, (count, 52))
    fit[:, JAW] += expression[:, JAW]
    return Looks(
        expression.astype(np.float32), rng.uniform(0, 200, (count, 478, 3)).astype(np.float32),
        rng.uniform(0, 0.1, (count, 52)).astype(np.float32), fit.astype(np.float32),
        rng.normal(0, 0.01, (count, 936)).astype(np.float32), rng.normal(0, 0.1, (count, 2)).astype(np.float32),
        seen.astype(np.float16), (np.arange(count) < 4).astype(np.uint8),
    )  # fmt: skip


@pytest.fixture(scope="module")
def people() -> list[Looks]:
    hidden = np.random.default_rng(1).normal(0, 1, (52, NUMBERS))
    return [person(k, hidden) for k in range(24)]


def test_the_same_number_is_the_same_place_of_a_mirrored_face() -> None:
    """Maps that hold each pixel's column: a landmark's number is where it lies; its fellow's comes in the last part."""
    column = torch.arange(64.0).expand(1, 64, 64)
    maps = [column.expand(channels, 64, 64) for channels in CHANNELS] + [torch.zeros(WHOLE // 4, 2, 2)]
    points = np.random.default_rng(0).uniform(40, 200, (478, 3))
    other = np.roll(np.arange(478), 239)
    numbers = appearance(maps, points, other)
    assert numbers.shape == (NUMBERS,)
    right, middle = PLACES[0]
    first = numbers[: CHANNELS[0] * (2 * len(right) + len(middle))].reshape(CHANNELS[0], -1)
    np.testing.assert_allclose(first[0, 0], points[right[0], 0] / 4 - 0.5, atol=1e-3)
    np.testing.assert_allclose(first[0, -1], points[other[right[-1]], 0] / 4 - 0.5, atol=1e-3)


def test_what_shows_in_looks_alone_is_read_of_people_that_were_not_learnt_from(people) -> None:
    arrays, figures = calibrate.measured(people, canonical())
    assert arrays["looks"].shape == (52, NUMBERS)
    assert figures["r_held_out"] > 0.6
    assert figures["r_fit"] < 0.3
    blind = [replace(one, seen=np.zeros_like(one.seen)) for one in people]
    assert calibrate.measured(blind, canonical())[1]["r_held_out"] < figures["r_held_out"] - 0.3


def test_too_few_people_are_refused(people) -> None:
    with pytest.raises(DnpmError, match="too few"):
        calibrate.measured(people[:8], canonical())


def test_a_reader_reads_what_it_learnt(people, tiny_model, tmp_path: Path) -> None:
    arrays, figures = calibrate.measured(people, canonical())
    save_reader(tmp_path / FILE, arrays, tiny_model, "here", figures)
    plain = Reader.load(replace(tiny_model, name="another"), tmp_path / FILE)
    assert plain.straight is None
    reader = Reader.load(tiny_model, tmp_path / FILE)
    one = people[0]
    zeros = dict.fromkeys(ARKIT_NAMES, 0.0)
    features = np.stack([
        reader.features(
            Seen(one.points[k], 1.0, zeros, 0.0, one.seen[k].astype(np.float32)),
            Solved(None, np.zeros(tiny_model.n_exp), 0.0, one.left[k], one.turn[k]),  # type: ignore[arg-type]
        )
        for k in range(20)
    ])  # fmt: skip
    assert features.shape == (20, INPUTS)
    read = reader.expression(features, features[:4].mean(0))
    assert read[:4].max() < 0.2
    assert np.corrcoef(read[4:, SQUINT], one.expression[4:, SQUINT])[0, 1] > 0.8


def test_stopped_work_goes_on(people, tiny_model, tmp_path: Path, monkeypatch) -> None:
    asked: list[int] = []

    def looks_at(model, networks, fitter, detail, number: int) -> Looks | None:
        asked.append(number)
        return people[number] if number else None

    monkeypatch.setattr(examples, "looks_at", looks_at)
    for _ in range(2):
        assert kept_looks(tmp_path, tiny_model, None, None, None, 0) is None  # type: ignore[arg-type]
        again = kept_looks(tmp_path, tiny_model, None, None, None, 1)  # type: ignore[arg-type]
        assert again is not None
        np.testing.assert_array_equal(again.seen, people[1].seen)
    assert asked == [0, 1]
    path = tmp_path / "person_0001.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    assert kept_looks(tmp_path, tiny_model, None, None, None, 1) is not None  # type: ignore[arg-type]
    assert asked == [0, 1, 1]
    kept_looks(tmp_path, replace(tiny_model, name="another"), None, None, None, 1)  # type: ignore[arg-type]
    assert asked == [0, 1, 1, 1]


def test_drawn_expressions_are_sliders(face_model) -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([drawn_expression(face_model, rng) for _ in range(300)])
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert drawn[:, ARKIT_NAMES.index("tongueOut")].max() == 0
    moves = np.delete(drawn.std(0), ARKIT_NAMES.index("tongueOut"))
    assert moves.min() > 0.05
    # Eyes look together; no other two channels always go together: else one could not be told from the other.
    free = [k for k, name in enumerate(ARKIT_NAMES) if name != "tongueOut" and not name.startswith("eyeLook")]
    assert (np.corrcoef(drawn[:, free].T) - np.eye(len(free))).max() < 0.98


def test_blinks_of_photographed_faces_are_deepened_and_nothing_else(face_model) -> None:
    reader = Reader.load(face_model)
    rest = reader.usual
    features = rest + np.random.default_rng(5).normal(0, 1, (40, INPUTS)).astype(np.float32) * reader.scale * 2
    rendered = reader.expression(features.copy(), rest)
    photographed = replace(reader, lids=PHOTOGRAPHED_LIDS).expression(features.copy(), rest)
    lids = [ARKIT_NAMES.index("eyeBlinkLeft"), ARKIT_NAMES.index("eyeBlinkRight")]
    others = np.delete(np.arange(52), lids)
    np.testing.assert_array_equal(photographed[:, others], rendered[:, others])
    assert rendered[:, lids].max() > 0.1
    np.testing.assert_allclose(photographed[:, lids], rendered[:, lids] * PHOTOGRAPHED_LIDS, rtol=1e-5)
