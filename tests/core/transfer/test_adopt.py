"""Whole heads in GNM's format: our own face as another person, and ICT-FaceKit, their expressions hidden in modes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation.transfer import IRISES
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.sampling import random_identity
from dnpm.core.paths import ROOT
from dnpm.core.photo.landmarks.networks import LandmarkNetworks
from dnpm.tests.core.face_model.readers.head_files import Head, gnm_arrays

ICT = ROOT.parent / "shared" / "data" / "ict_facekit.npz"


@pytest.fixture(scope="module")
def ours() -> FaceModel:
    try:
        LandmarkNetworks.load()
        return FaceModel.load(face_model_path(None))
    except DnpmError:
        pytest.skip("no face model and landmark networks are built")


def mixed(shapes: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Expressions (n, V, 3) -> as many modes, each a random mixture of all in its region, and GNM's names for those."""
    rng = np.random.default_rng(0)
    upper = [name.startswith(("eye", "brow", "cheekSquint")) for name in names]
    regions = {
        f"{side}_eye_region": [k for k, name in enumerate(names) if upper[k] and name.endswith(side.title())]
        for side in ("left", "right")
    }
    rest = sorted(set(range(len(names))) - {k for rows in regions.values() for k in rows})
    modes, called = [], []
    for region, rows in (regions | {"lower_face_region": rest}).items():
        turn, _ = np.linalg.qr(rng.normal(size=(len(rows), len(rows))))
        modes.append(np.tensordot(turn, shapes[rows].astype(float), 1) * 0.6)
        called += [f"{region}_{k:03}" for k in range(len(rows))]
    return np.concatenate(modes), called


def hidden(model: FaceModel, identity: np.ndarray) -> tuple[Head, list[str], np.ndarray]:
    """The person in metres with modes mixed by region, GNM's names for them, and the true expressions (n_exp, V, 3)."""
    truth = model.expression_deltas(identity).astype(float)
    balls = {side: model.vertex_groups[f"eye_{side}"] for side in ("left", "right")}
    for ball in balls.values():
        truth[:, ball] = 0  # GNM's eyes turn by joints alone.
    skin = [k for k, name in enumerate(model.expression_names) if name != "tongueOut"]
    modes, names = mixed(truth[skin], [model.expression_names[k] for k in skin])
    modes = np.concatenate([modes, truth[[model.expression_index["tongueOut"]]] * 0.8])
    names.append("tongue_mean")
    quads = model.faces[model.faces[:, 3] >= 0].astype(int)
    parts = {"left_eye": balls["left"], "right_eye": balls["right"]}
    for kind in ("tongue", "teeth"):
        corners = model.faces[model.face_material == model.material_names.index(kind)]
        parts[kind] = np.unique(corners[corners >= 0])
    groups = {name: np.isin(np.arange(len(model.neutral)), indices) for name, indices in parts.items()}
    uv = np.zeros((len(quads), 4, 2))
    uv[:, :, 0] = np.arange(4) * 0.1
    vertices = model.neutral_of(identity) / 1000
    people = model.core[1:6, 0].astype(float) / 1000
    head = Head(vertices + np.array([0.2, 1.5, -0.1]), quads, uv, people, modes / 1000, groups)
    return head, names, truth


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum() + 1e-12))


@pytest.mark.timeout(900)
def test_the_names_are_found_again_on_another_person(ours: FaceModel, tmp_path: Path) -> None:
    identity = random_identity(ours, 31)
    head, names, truth = hidden(ours, identity)
    np.savez(tmp_path / "gnm_head.npz", **gnm_arrays(head, names))
    out = tmp_path / "gnm.safetensors"
    assert main(["build", "convert", "gnm", str(tmp_path / "gnm_head.npz"), "--out", str(out)]) == 0
    model = FaceModel.load(out)
    assert model.n_id == 5
    assert set(model.expression_names) == set(ours.expression_names)
    used = np.unique(head.quads)
    face = np.isin(used, np.unique(ours.faces[ours.faces_detail_uv[:, 0] >= 0]))
    cosines, left = {}, []
    for name in ours.expression_names:
        wanted = truth[ours.expression_index[name]][used][face]
        found = model.core[0, model.expression_index[name] + 1].astype(float)[face]
        if (wanted**2).sum() > 10:
            cosines[name] = cosine(wanted, found)
            left.append(max(abs(cosine(wanted, mode[used][face])) for mode in head.modes))
    assert np.median(list(cosines.values())) > 0.9, cosines
    assert np.median(list(cosines.values())) > np.median(left) + 0.15, "the best single mode"
    # In its own size, upright, and its eyes turn about their joints.
    assert np.ptp(model.neutral[:, 1]) == pytest.approx(1000 * np.ptp(head.vertices[used, 1]), rel=1e-3)
    ball = model.vertex_groups["eye_left"]
    moved = model.core[0, model.expression_index["eyeLookUpLeft"] + 1].astype(float)[ball]
    front = model.neutral[ball, 2] > np.percentile(model.neutral[ball, 2], 90)
    assert moved[front, 1].mean() > 1.0
    assert (model.landmarks68 >= 0).sum() > 40
    assert (model.faces_detail_uv[:, 0] >= 0).mean() > 0.2


def ict() -> tuple[Head, list[str], dict[str, np.ndarray]]:
    """ICT-FaceKit in metres with its expressions mixed, the modes' names, and those by ARKit's names in millimetres."""
    if not ICT.is_file():
        pytest.skip("no ICT-FaceKit beside the repository")
    data = np.load(ICT, allow_pickle=False)
    planes = lambda name: (  # noqa: E731
        ((data[f"{name}_hi"].astype(np.uint16) << 8) | data[f"{name}_lo"]).view(np.int16) * float(data["step"])
    )
    materials = [str(name) for name in data["material_names"]]
    kept = ~np.isin(data["face_material"], [materials.index(name) for name in IRISES]) & (data["faces"][:, 3] >= 0)
    faces, material = data["faces"][kept].astype(int), data["face_material"][kept]
    used, quads = np.unique(faces, return_inverse=True)
    quads = quads.reshape(-1, 4)
    kinds = {"left_eye": "M_ScleraLeft", "right_eye": "M_ScleraRight", "teeth": "M_Teeth"}
    groups = {
        name: np.isin(np.arange(len(used)), quads[material == materials.index(kind)]) for name, kind in kinds.items()
    }
    shapes = np.tensordot(data["arkit_from_ict"], planes("exp"), 1)[:, used] / 100
    names = [str(name) for name in data["arkit_names"]]
    there = [k for k, name in enumerate(names) if name != "tongueOut"]
    modes, called = mixed(shapes[there], [names[k] for k in there])
    uv = np.clip(data["uv"][data["faces_uv"][kept]] / data["uv"].max(), 0, 1)
    head = Head(data["neutral"][used] / 100, quads, uv, planes("id")[:6, used] / 100, modes, groups)
    return head, called, {names[k]: shapes[k] * 1000 for k in there}


@pytest.mark.timeout(900)
def test_names_on_a_face_of_other_makers(ours: FaceModel, tmp_path: Path) -> None:
    """The figures of docs/converting.md: our name beside ICT-FaceKit's own shape of that name."""
    head, names, truth = ict()
    np.savez(tmp_path / "gnm_head.npz", **gnm_arrays(head, names))
    out = tmp_path / "gnm.safetensors"
    assert main(["build", "convert", "gnm", str(tmp_path / "gnm_head.npz"), "--out", str(out)]) == 0
    model = FaceModel.load(out)
    face = np.zeros(len(model.neutral), bool)
    face[model.vertex_groups["face"]] = True
    everywhere, skin, single = [], [], []
    for name, wanted in truth.items():
        found = model.core[0, model.expression_index[name] + 1].astype(float)
        everywhere.append(cosine(found, wanted))
        skin.append(cosine(found[face], wanted[face]))
        nearest = max(head.modes, key=lambda mode: abs(cosine(mode[face], found[face])))
        single.append(abs(cosine(nearest, wanted)))
    print(f"everywhere {np.median(everywhere):.3f}, skin {np.median(skin):.3f}, one mode {np.median(single):.3f}")
    assert np.median(everywhere) > 0.8
    assert np.median(skin) > 0.87
    assert np.median(single) < 0.7
