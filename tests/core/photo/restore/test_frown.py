"""Frown lines that the brows hide are told by where they run on above them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dnpm.core.face_model.model import FaceModel
from dnpm.core.photo.restore.frown import FrownReader
from dnpm.core.photo.restore.skin_input import Seen

MM, BLUR = 0.92, 0.7


@pytest.fixture(scope="module")
def reader(face_model: FaceModel) -> FrownReader:
    return FrownReader(face_model)


def skin(reader: FrownReader, depth: float, level: bool = False) -> Seen:
    """Dark lines 7 mm apart, upright or level; depth: logarithm of luminance."""
    rows, columns = np.indices(reader.here.shape)
    flat = depth * np.cos(2 * np.pi * MM * ((rows if level else columns) + 0.5) / 7)
    slope = (np.zeros(flat.shape), np.zeros(flat.shape))
    return Seen(flat.astype(np.float32), np.ones(flat.shape, np.float32), slope, BLUR, MM)


def test_upright_lines_are_a_frown(reader: FrownReader) -> None:
    assert reader.strength(skin(reader, 0.05)) == pytest.approx(1.0)
    assert reader.strength(skin(reader, 0.0)) < 0.3


def test_level_lines_are_none(reader: FrownReader) -> None:
    assert reader.energy(skin(reader, 0.05, level=True)) < 0.3 * reader.energy(skin(reader, 0.05))


def test_where_nothing_is_seen_it_is_between(reader: FrownReader) -> None:
    hidden = replace(skin(reader, 0.05), trust=np.zeros(reader.here.shape, np.float32))
    assert reader.strength(skin(reader, 0.0)) < reader.strength(hidden) < 1
