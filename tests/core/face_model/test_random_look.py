"""Random colours: the same for the same person, different ones for many, and such as suit the shape."""

from __future__ import annotations

import numpy as np

from dnpm.core.face_model.looks import HAIRS, IRISES, TONES, TONES_HAIR, Look, read_look
from dnpm.core.face_model.random_look import _HAIRS, _IRISES, random_look
from dnpm.core.face_model.sampling import average_adult, random_person


def _looks(face_model, count: int, **sliders: float) -> list[Look]:
    found = []
    for seed in range(count):
        person = average_adult(face_model)
        for label, value in sliders.items():
            person[face_model.identity_labels.index(label)] = value
        found.append(random_look(face_model, seed, person))
    return found


def test_the_same_person_has_the_same_colours(face_model):
    person = random_person(face_model, 5)
    assert random_look(face_model, 5, person) == random_look(face_model, 5, person)
    assert random_look(face_model, 5, person) != random_look(face_model, 6, person)


def test_people_differ_and_every_look_can_be_written_and_read(face_model):
    looks = [random_look(face_model, seed, random_person(face_model, seed)) for seed in range(60)]
    assert {look.tone for look in looks} == set(TONES)
    assert len({look.hair_colour for look in looks}) > 4
    assert len({look.iris for look in looks}) > 4
    assert np.std([look.brow_width for look in looks]) > 0.15
    assert np.std([look.brow_arch for look in looks]) > 0.15
    for look in looks:
        assert read_look(look.as_json()) == look


def test_colours_suit_the_shape(face_model):
    place = {tone: k for k, tone in enumerate(TONES)}
    tone = lambda **sliders: np.mean([place[look.tone] for look in _looks(face_model, 40, **sliders)])  # noqa: E731
    assert tone(African=1.5) > tone() + 1 > tone(Caucasian=1.5) + 1.5
    men, women = _looks(face_model, 40, Masculine=1.5), _looks(face_model, 40, Masculine=-1.5)
    assert not any(look.stubble for look in women)
    assert sum(look.stubble > 0 for look in men) > 20
    width = lambda looks: np.mean([look.brow_width for look in looks])  # noqa: E731
    assert width(men) > width(women) + 0.3
    grey = lambda looks: sum(look.hair_colour in ("grey", "white") for look in looks)  # noqa: E731
    old = [random_look(face_model, seed, average_adult(face_model, 80.0)) for seed in range(40)]
    assert grey(old) > 30
    assert grey(women) == 0


def test_a_model_without_names_of_sliders_has_colours_too(face_model):
    from dataclasses import replace

    nameless = replace(face_model, identity_labels=tuple(f"Identity {k + 1}" for k in range(face_model.n_id)))
    looks = [random_look(nameless, seed, np.zeros(face_model.n_id, np.float32)) for seed in range(30)]
    assert len({look.tone for look in looks}) > 1
    assert {look.stubble > 0 for look in looks} == {True, False}


def test_all_that_is_drawn_exists(face_model):
    assert set().union(*_IRISES) <= set(IRISES)
    assert set().union(*_HAIRS) <= {TONES_HAIR, *HAIRS}
    assert len(_IRISES) == len(_HAIRS) == len(TONES)
    for shares in (*_IRISES, *_HAIRS):
        assert abs(sum(shares.values()) - 1) < 1e-9
