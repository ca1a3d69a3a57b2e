"""Simulated photos as the shipped pix2pixHD corrects them, for E_deg."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dnpm.core.detail.weights import load_detail
from dnpm.core.errors import DnpmError
from dnpm.core.geometry.uv_map import mask_at
from dnpm.core.photo.line_features import SIDE
from dnpm.core.photo.restore.pipeline import PhotoRestorer
from dnpm.core.photo.restore.skin_input import WINDOW
from dnpm.core.photo.restore.weights import load_photo
from dnpm.core.photo.skin_view import SkinView
from dnpm.core.training.photo.corrected_photos import corrected_photos, is_whole, validate_steps
from dnpm.core.training.photo.simulated import HELD, both_of, drawn_people, people_of_sliders
from dnpm.core.training.photo.sitters import SkinSitter

FINE = 2 * SIDE


@pytest.fixture(scope="module")
def restorer(face_model, repository: Path) -> PhotoRestorer:
    return PhotoRestorer(face_model, load_detail(repository / "weights"), load_photo(repository / "weights"))


@pytest.fixture(scope="module")
def arguments(face_model, restorer: PhotoRestorer, tmp_path_factory) -> tuple:
    """Photos and the function that gives the people's sliders."""
    expressions = np.stack([face_model.expression(browInnerUp=0.9, mouthSmileLeft=0.6, mouthSmileRight=0.6)])
    rng = np.random.default_rng(0)
    view = SkinView(
        rng.normal(0, 0.02, (512, 512)), np.ones((512, 512)), (0.2 * np.ones((512, 512)), 0.5 * np.ones((512, 512))),
        0.6, 0.46,
    )  # fmt: skip
    sitter = SkinSitter(view, np.zeros(face_model.n_id), expressions[0], 30.0)
    folder = tmp_path_factory.mktemp("people")
    people = people_of_sliders(folder, face_model, restorer.detail, expressions, 2 * HELD, 0, {})
    return both_of(people, face_model, [sitter], 0)[0], drawn_people(face_model, expressions, 0)


def test_the_truth_is_the_photos_and_fine_as_the_persons(restorer, arguments, tmp_path: Path) -> None:
    photos, persons = arguments
    found = corrected_photos(tmp_path, restorer, photos, persons, "train", 2, FINE, {})
    inside = mask_at(restorer.model.detail_mask, SIDE)[WINDOW] * (photos.mask > 0)
    for number in range(2):
        _, true, known, _ = photos.scene(number)
        assert np.allclose(found.known[number][WINDOW], known * inside, atol=2e-3)
        assert np.abs(found.rough[number] - found.known[number]).max() > 0.01, "photos correct it"
        change = np.asarray(found.maps[number], np.float32) - found.own[number]
        beyond = np.ones((FINE, FINE), bool)
        beyond[tuple(slice(2 * part.start - 8, 2 * part.stop + 8) for part in WINDOW)] = False
        low = torch.nn.functional.avg_pool2d(torch.from_numpy(found.maps[number].astype(np.float32))[None], 2)[0]
        off = (low.numpy()[WINDOW] - true)[16:-16, 16:-16] * inside[16:-16, 16:-16]
        if number % 2 == 0:  # Others are divided by the regions' strengths.
            assert not change[beyond].any(), "no photo is looked at there"
            assert np.abs(off).mean() < 0.15 * np.abs(true[16:-16, 16:-16]).mean(), "but for enlarging"
        fine = np.abs(np.diff(np.asarray(found.maps[number], np.float32), 2, axis=0)).mean()
        assert fine > 0.8 * np.abs(np.diff(np.asarray(found.own[number], np.float32), 2, axis=0)).mean()


def test_they_are_made_once_and_others_refused(restorer, arguments, tmp_path: Path) -> None:
    assert not is_whole(tmp_path, "train", 2)
    first = corrected_photos(tmp_path, restorer, *arguments, "train", 2, SIDE, {"of": "all"})
    kept = first.rough.copy()
    assert is_whole(tmp_path, "train", 2)
    assert not is_whole(tmp_path, "train", 3)
    again = corrected_photos(tmp_path, restorer, None, None, "train", 2, SIDE, {"of": "all"})
    assert np.array_equal(again.rough, kept)
    with pytest.raises(DnpmError, match="another recipe"):
        corrected_photos(tmp_path, restorer, None, None, "train", 2, SIDE, {"of": "others"})


def test_a_step_that_leaves_less_than_the_whole_is_told(restorer, arguments, tmp_path: Path) -> None:
    found = corrected_photos(tmp_path, restorer, *arguments, "train", 2, SIDE, {})
    scores = validate_steps(restorer, found)
    weight = mask_at(restorer.model.detail_mask, SIDE)
    off = np.abs(np.asarray(found.known, np.float32) - found.maps).sum((1, 2)) / weight.sum()
    assert scores["step_mae_mm_sliders"] == pytest.approx(off.mean(), rel=0.02)
    assert scores["step_left_scaled"] <= min(scores["step_left_whole"], 1.001)
    still = replace(restorer, networks=replace(restorer.networks, rows=np.zeros_like(restorer.networks.rows)))
    rows = validate_steps(still, found)
    assert rows["step_mae_mm_whole"] == pytest.approx(rows["step_mae_mm_sliders"]), "no row may move"
