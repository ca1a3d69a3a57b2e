"""Teaching what lies before a face: what is drawn over portraits is what the network is asked for, and it learns it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.looks import TONES, Look
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.skin_paint import skin_paint
from dnpm.core.photo.hidden_parts import SIDE
from dnpm.core.photo.texture import Texture
from dnpm.core.training.photo.hidden_parts import LEAST, Portraits, batch, example, train


@pytest.fixture(scope="module")
def portraits(face_model: FaceModel) -> Portraits:
    """Painted faces of several tones, seen whole."""
    made, tones = [], list(TONES)
    for k in range(LEAST):
        tone = tones[k % len(tones)]
        paint = skin_paint(face_model, Look(tone))
        paint = paint[:: len(paint) // 256, :: len(paint) // 256]
        colour = TONES[tone].base + paint[..., 3:] * (paint[..., :3] - TONES[tone].base)
        noise = np.random.default_rng(k).normal(0, 0.01, colour.shape)
        made.append(Texture(np.clip(colour + noise, 0, 1).astype(np.float32), np.ones((256, 256), np.float32)))
    return Portraits.of(made, face_model)


def test_too_few_portraits_are_refused(face_model: FaceModel) -> None:
    with pytest.raises(DnpmError, match="too few"):
        Portraits.of([Texture(np.zeros((256, 256, 3)), np.ones((256, 256)))], face_model)


def test_examples_say_where_things_were_drawn(portraits: Portraits) -> None:
    """About a third of the pictures hides nothing; elsewhere a thing lies over a part of the face, not all of it."""
    usual, rng = portraits.usual(), np.random.default_rng(0)
    shares = []
    for _ in range(40):
        given, wanted, weight = example(portraits, usual, rng)
        assert given.shape == (9, SIDE, SIDE)
        assert np.isfinite(given).all()
        assert set(np.unique(wanted)) <= {0.0, 1.0}
        assert weight.min() >= 0
        shares.append(wanted.mean())
    assert 3 <= sum(share == 0 for share in shares) <= 22
    assert max(shares) < 0.8


def test_it_learns(portraits: Portraits) -> None:
    """After a few steps the drawn things are told better than by always answering how often one is there."""
    losses: list[float] = []
    made = train(portraits, 60, report=lambda _, loss: losses.append(loss))
    given, wanted, weight = batch(portraits, made.usual, 12, np.random.default_rng(99))
    with torch.no_grad():
        likely = made.network(given)[:, 0].sigmoid()
    inside, outside = likely[(wanted > 0.5) & (weight > 0)].mean(), likely[(wanted < 0.5) & (weight > 0)].mean()
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    assert inside > outside + 0.1
