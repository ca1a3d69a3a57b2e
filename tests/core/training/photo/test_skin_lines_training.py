"""Simulated photos teach what their lines were made of, and nothing that they do not show; kept rows are not made
again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from dnpm.core.errors import DnpmError
from dnpm.core.face_model import skin_components
from dnpm.core.face_model.checks import age_regression
from dnpm.core.face_model.landmark_uv import landmark_uv
from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.line_features import SIDE, LineFilter
from dnpm.core.photo.skin_lines import TARGETS, features
from dnpm.core.photo.skin_view import SkinView, SkinViewer
from dnpm.core.training.photo.sitters import SkinSitter, mirrored
from dnpm.core.training.photo.skin_lines import LEAST_PICTURES, Simulator, learn, rows_of

FROWN = skin_components.LABELS.index("Frown lines")


class Painter:
    """A detail model whose forehead is lined by age, and whose brows are parted by "Frown lines"."""

    def __init__(self, model: FaceModel, mm: float) -> None:
        places = landmark_uv(model)
        centre = (np.arange(SIDE) + 0.5) / SIDE
        u, v = np.meshgrid(centre, 1 - centre)
        unit, brow = mm * SIDE, places[[21, 22], 1].mean()
        upright = np.exp(-0.5 * ((np.abs(u - 0.5) * unit - 5) / 1.2) ** 2) * np.clip(
            1.5 - np.abs(v - brow) * unit / 9, 0, 1
        )
        level = np.exp(-0.5 * (((v - brow) * unit - 28) / 1.2) ** 2) * np.clip(2 - np.abs(u - 0.5) * unit / 30, 0, 1)
        self.upright, self.level = (torch.from_numpy(a.astype(np.float32)) for a in (upright, level))
        known = age_regression(model)
        assert known is not None
        self.weights, self.middle = torch.from_numpy(known[0]), known[1]
        places_of = skin_components.places(model.identity_labels)
        assert places_of is not None
        self.place = places_of[FROWN]

    def displacement(self, identity: torch.Tensor, expression: torch.Tensor, resolution: int) -> torch.Tensor:
        years = self.middle + identity[0] @ self.weights
        depth = 0.15 * torch.exp(0.8 * identity[0, self.place])
        return (-depth * self.upright - 0.005 * (years - 18) * self.level)[None, None]


@pytest.fixture(scope="module")
def parts(face_model: FaceModel) -> tuple[Any, LineFilter, list[SkinSitter]]:
    viewer, rng = SkinViewer(face_model), np.random.default_rng(0)
    sitters = []
    for k in range(14):
        flat = 0.02 * ndimage.gaussian_filter(rng.normal(0, 1, viewer.inside.shape), 2.0) / 0.14
        slope = tuple(np.full(viewer.inside.shape, value) for value in rng.uniform(-0.4, 0.4, 2))
        view = SkinView(flat * viewer.inside, viewer.inside, slope, 0.5, viewer.mm)
        sitters.append(SkinSitter(view, np.zeros(face_model.n_id), np.zeros(face_model.n_exp), 30.0 + 3 * k))
    lines = LineFilter(viewer)
    return Painter(face_model, lines.mm), lines, sitters


def test_what_lines_are_made_of_is_learnt(face_model: FaceModel, parts: Any, tmp_path: Path) -> None:
    detail, lines, sitters = parts
    simulator = Simulator(face_model, detail, lines, sitters, 0)
    rows = rows_of(tmp_path, simulator, LEAST_PICTURES, {"of": "a test"})
    np.testing.assert_array_equal(rows[3], simulator.draw(3))
    again = rows_of(tmp_path, simulator, LEAST_PICTURES, {"of": "a test"})
    np.testing.assert_array_equal(rows, again)
    with pytest.raises(DnpmError):
        rows_of(tmp_path, simulator, LEAST_PICTURES, {"of": "another"})
    learnt = learn(rows, sitters, lines, face_model.n_exp)
    told = dict(zip(TARGETS, learnt.told[0], strict=True))
    assert told["years"] > 0.3
    assert told["Frown lines"] > 0.3
    assert max(told[name] for name in ("Moles", "Crow's feet", "Chin creases")) < 0.15
    with pytest.raises(DnpmError, match="too few"):
        learn(rows[: LEAST_PICTURES - 1], sitters, lines, face_model.n_exp)
    with pytest.raises(DnpmError, match="known age"):
        learn(rows, sitters[:5], lines, face_model.n_exp)


def test_somebody_must_be_young(face_model: FaceModel, parts: Any) -> None:
    detail, lines, sitters = parts
    with pytest.raises(DnpmError, match="labels"):
        Simulator(face_model, detail, lines, sitters[8:], 0)


def test_a_mirror_shows_the_same_lines_on_the_other_side(parts: Any) -> None:
    _, lines, sitters = parts
    view = sitters[0].view
    once, twice = mirrored(view), mirrored(mirrored(view))
    np.testing.assert_array_equal(twice.flat, view.flat)
    np.testing.assert_array_equal(twice.slope[0], view.slope[0])
    assert np.nanmean(features(lines.of_photo(once))) == pytest.approx(
        np.nanmean(features(lines.of_photo(view))), rel=0.01
    )
