"""The default face model: the head it is cut from, one person, and the built file measured."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest

from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation import face_model as figures
from dnpm.core.face_model import skin_components
from dnpm.core.face_model.arkit import ARKIT_NAMES, mirror_name
from dnpm.core.face_model.build import build_face_model
from dnpm.core.face_model.build.eyes import surface_radius
from dnpm.core.face_model.build.face_model import Builder
from dnpm.core.face_model.build.units import INDEX
from dnpm.core.face_model.model import FaceModel


@pytest.fixture(scope="module")
def builder() -> Builder:
    return Builder()


@pytest.fixture(scope="module")
def old_person(builder):
    """An aged person: rest, whole mesh, expressions."""
    sample = next(s for s in builder.population.draw(60, 5) if s.traits["Age"] > 80)
    rest = builder.carrier.rest(sample)
    return rest, builder.carrier.whole(rest), builder.carrier.expressions(rest)


@pytest.fixture(scope="module")
def mean_expressions(builder):
    return builder.carrier.expressions(builder.carrier.mean)


def test_head_is_one_skin_open_at_the_neck_alone(builder):
    head = builder.head
    skin = head.faces[(head.faces < head.n_skin).all(1)]
    edges = np.sort(np.concatenate([skin[:, [k, (k + 1) % 4]] for k in range(4)]), 1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    border = np.unique(unique[count == 1])
    assert count.max() == 2
    assert len(border) == 42
    assert np.isin(border, head.groups["neck"]).all()
    np.testing.assert_array_equal(head.mirror[head.mirror], np.arange(len(head.source)))


def test_rims_share_their_corners(builder):
    groups = builder.head.groups
    for upper, lower in (("lid_upper_left", "lid_lower_left"), ("lips_upper", "lips_lower")):
        assert groups[upper][0] == groups[lower][0]
        assert groups[upper][-1] == groups[lower][-1]


def test_people_are_adults_and_the_seed_is_all(builder):
    some, more = builder.population.draw(5, 7), builder.population.draw(8, 7)
    assert [s.weights for s in some] == [s.weights for s in more[:5]]
    assert builder.population.draw(1, 8)[0].weights != some[0].weights
    crowd = builder.population.draw(80, 7)
    ages = np.array([s.traits["Age"] for s in crowd])
    assert ages.min() >= 18
    assert ages.max() <= 90
    assert ages.max() - ages.min() > 50
    for person in crowd:
        assert not any("baby" in name or "child" in name for name in person.weights)
        ancestry = sum(
            w for n, w in person.weights.items() if n.split("/")[1].split("-")[0] in ("african", "asian", "caucasian")
        )
        assert ancestry == pytest.approx(1.0)


def test_left_and_right_are_mirror_images(builder, mean_expressions):
    head, n = builder.head, builder.head.n_skin
    mirror = head.mirror[:n]
    for name in ARKIT_NAMES:
        ours = mean_expressions[INDEX[name], :n]
        other = mean_expressions[INDEX[mirror_name(name)], :n][mirror] * [-1, 1, 1]
        assert np.abs(ours - other).max() < 0.1, name


def test_expressions_are_carried_not_copied(builder, old_person, mean_expressions):
    n = builder.head.n_skin
    smile, theirs = mean_expressions[INDEX["mouthSmileLeft"], :n], old_person[2][INDEX["mouthSmileLeft"], :n]
    assert np.linalg.norm(theirs - smile, axis=1).max() > 1.0
    similar = (theirs * smile).sum() / np.linalg.norm(theirs) / np.linalg.norm(smile)
    assert similar > 0.8


def test_lower_teeth_follow_the_jaw_rigidly(builder, old_person):
    _, whole, deltas = old_person
    teeth = builder.mesh().groups["teeth_lower"]
    before, after = whole[teeth], whole[teeth] + deltas[INDEX["jawOpen"], teeth]
    apart = lambda p: np.linalg.norm(p[:, None] - p[None], axis=-1)  # noqa: E731
    np.testing.assert_allclose(apart(after.astype(float)), apart(before.astype(float)), atol=0.01)
    assert (after - before)[:, 1].mean() < -15
    upper = builder.mesh().groups["teeth_upper"]
    assert np.abs(deltas[INDEX["jawOpen"], upper]).max() == 0


def test_an_open_jaw_shows_a_tongue_on_its_floor(builder, old_person):
    """Its middle comes down further than the teeth beside it, its tip with them."""
    _, whole, deltas = old_person
    groups, opens = builder.mesh().groups, INDEX["jawOpen"]
    tongue, teeth = whole[groups["tongue"]], whole[groups["teeth_lower"]]
    opened = tongue + deltas[opens, groups["tongue"]]
    middle = np.abs(tongue[:, 0]) < 4
    back = middle & (tongue[:, 2] < tongue[:, 2].max() - 25) & (tongue[:, 2] > teeth[:, 2].min())
    top = back & (tongue[:, 1] > np.quantile(tongue[back, 1], 0.6))
    # What a rigid jaw does to a place depends on how far from its joint it lies.
    rigid = np.polyfit(teeth[:, 2], deltas[opens, groups["teeth_lower"], 1], 1)
    further = (opened - tongue)[:, 1] - np.polyval(rigid, tongue[:, 2])
    assert further[top].max() < -3
    assert np.abs(further[middle & (tongue[:, 2] > tongue[:, 2].max() - 3)]).max() < 1.5


def test_a_smile_gathers_the_cheek(builder, mean_expressions):
    rest = builder.carrier.mean.head
    lm = rest[builder.head.landmarks68]
    apple = lm[[42, 45]].mean(0) + 0.42 * (lm[54] - lm[[42, 45]].mean(0)) + [7, 0, 0]
    skin = np.setdiff1d(builder.head.groups["head"], builder.head.groups["mouth"])
    near = skin[(np.linalg.norm((rest[skin] - apple)[:, :2], axis=1) < 6) & (rest[skin, 2] > 60)]
    for name in ("mouthSmileLeft", "cheekSquintLeft"):
        forward = mean_expressions[INDEX[name], near, 2].mean()
        assert 0.7 < forward < 2.0, "ICT-FaceKit's: 1.0 to 1.6 mm"


def test_eyes_turn_within_themselves(builder, old_person):
    rest, whole, deltas = old_person
    eye = builder.mesh().groups["eye_left"]
    centre = rest.eyes["Left"].centre
    before = np.linalg.norm(whole[eye] - centre, axis=1)
    after = np.linalg.norm(whole[eye] + deltas[INDEX["eyeLookOutLeft"], eye] - centre, axis=1)
    np.testing.assert_allclose(after, before, atol=0.01)
    assert deltas[INDEX["eyeLookOutLeft"], eye[0], 0] > 5
    assert np.abs(deltas[INDEX["eyeLookOutLeft"], builder.mesh().groups["eye_right"]]).max() == 0


@pytest.mark.parametrize("amount", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_lids_never_pass_through_the_eye(builder, old_person, amount):
    rest, whole, deltas = old_person
    groups, eye = builder.head.groups, rest.eyes["Left"]
    rims = np.concatenate([groups["lid_upper_left"], groups["lid_lower_left"]])
    for name in ("eyeBlinkLeft", "eyeSquintLeft", "eyeWideLeft"):
        offset = whole[rims] + amount * deltas[INDEX[name], rims] - eye.centre
        distance = np.linalg.norm(offset, axis=1)
        surface = eye.radius * surface_radius(np.arccos(offset[:, 2] / distance))
        assert (distance - surface).min() > 0.2, name


def test_figures_of_the_built_model(face_model, face_model_file):
    args = argparse.Namespace(face_model=str(face_model_file), identities=12, mixtures=6, seed=2000)
    result = figures.evaluate(args)
    assert result["reconstruction_mm"]["mean"] <= 0.5
    assert result["reconstruction_mm"]["p95"] <= 1.5
    assert result["lid_gap_mm_max"] <= 0.5
    assert result["lip_gap_mm_max"] <= 0.5
    assert result["uv_coverage"] >= 0.8
    assert result["texel_mm_median"] <= 0.35
    assert json.loads(json.dumps(result)) == result
    assert "held" in figures.table(result) or "people" in figures.table(result)
    with pytest.raises(DnpmError, match="seed"):
        figures.evaluate(argparse.Namespace(**vars(args) | {"seed": int(face_model.metadata["seed"])}))


def test_weak_units_are_as_strong_as_measured_ones(face_model, shared_data):
    strength = figures._strength(face_model, shared_data / "ict_facekit.npz")
    assert set(strength) == {"mouthPucker", "noseSneerLeft", "noseSneerRight"}
    for row in strength.values():
        assert 0.9 < row["ours"] / row["ict_facekit"] < 1.2


def test_built_model_holds_what_others_rely_on(face_model):
    assert face_model.n_shape == 50
    assert face_model.identity_labels[50:] == skin_components.LABELS
    assert face_model.n_id == 50 + len(skin_components.LABELS)
    assert face_model.expression_names == ARKIT_NAMES
    assert {"skin", "eye", "teeth", "tongue", "lashes", "mouth"} <= set(face_model.material_names)
    wanted = {
        "face",
        "eye_left",
        "eye_right",
        "teeth_upper",
        "teeth_lower",
        "tongue",
        "lashes",
        "lips_upper",
        "lips_lower",
    }
    assert wanted <= set(face_model.vertex_groups)
    assert len(set(face_model.identity_labels)) == face_model.n_id
    assert "Age" in face_model.identity_labels
    assert face_model.landmarks68.min() >= 0
    semantics = json.loads(face_model.metadata["semantics"])
    assert semantics["age_years"]["r2"] > 0.9
    # Between the ears, looking along +z, the left eye at +x, in millimetres.
    eyes = [face_model.neutral[face_model.vertex_groups[f"eye_{s}"]].mean(0) for s in ("left", "right")]
    assert 50 < eyes[0][0] - eyes[1][0] < 75
    assert eyes[0][2] > 60
    assert abs(eyes[0][1]) < 40


def test_building_is_cached_and_seeded(tmp_path, caplog):
    path = tmp_path / "model.safetensors"
    assert build_face_model(path, n_identities=52, seed=3) == path
    model = FaceModel.load(path)
    assert model.n_shape == 50
    assert model.n_id == 50 + len(skin_components.LABELS)
    assert model.metadata["seed"] == "3"
    written = path.stat().st_mtime_ns
    with caplog.at_level("INFO", "dnpm"):
        build_face_model(path, n_identities=52, seed=3)
    assert path.stat().st_mtime_ns == written
    assert "up to date" in caplog.messages[-1]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_bad_requests_are_one_clear_line(tmp_path, capsys):
    assert main(["build", "face-model", "--identities", "9", "--out", str(tmp_path / "x.safetensors")]) == 2
    assert "--identities 9" in capsys.readouterr().err
    assert main(["evaluate", "face-model", "--face-model", str(tmp_path / "none.safetensors")]) == 2
    assert "none.safetensors" in capsys.readouterr().err


def test_rim_gap_is_the_distance_of_two_lines():
    upper = np.array([[0.0, 0, 0], [1, 0.5, 0], [2, 0, 0]])
    lower = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    assert figures.rim_gap(np.concatenate([upper, lower]), np.arange(3), np.arange(3, 6)) == pytest.approx(0.5)
    assert figures.rim_gap(np.concatenate([upper, upper]), np.arange(3), np.arange(3, 6)) == 0
