"""A whole head in GNM's format through the command: our own face as another person, its expressions hidden in modes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnpm.core.cli.main import main
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.sampling import random_identity
from dnpm.core.photo.landmarks.networks import LandmarkNetworks
from dnpm.tests.core.face_model.readers.head_files import Head, gnm_arrays


@pytest.fixture(scope="module")
def ours() -> FaceModel:
    try:
        LandmarkNetworks.load()
        return FaceModel.load(face_model_path(None))
    except DnpmError:
        pytest.skip("no face model and landmark networks are built")


def hidden(model: FaceModel, identity: np.ndarray) -> tuple[Head, list[str], np.ndarray]:
    """The person in metres with modes mixed by region, GNM's names for them, and the true expressions (n_exp, V, 3)."""
    rng = np.random.default_rng(0)
    truth = model.expression_deltas(identity).astype(float)
    balls = {side: model.vertex_groups[f"eye_{side}"] for side in ("left", "right")}
    for ball in balls.values():
        truth[:, ball] = 0  # GNM's eyes turn by joints alone.
    eye = [f"{name.startswith(('eye', 'brow')):d}{name[-4:] == 'Left':d}" for name in model.expression_names]
    modes, names = [], []
    for region, key in (("left_eye_region", "11"), ("right_eye_region", "10")):
        rows = np.array([k for k, kind in enumerate(eye) if kind == key])
        modes.append(np.tensordot(np.linalg.qr(rng.normal(size=(len(rows),) * 2))[0], truth[rows], 1))
        names += [f"{region}_{k:03}" for k in range(len(rows))]
    rows = np.array([k for k, kind in enumerate(eye) if kind[0] == "0" and model.expression_names[k] != "tongueOut"])
    modes.append(np.tensordot(np.linalg.qr(rng.normal(size=(len(rows),) * 2))[0], truth[rows], 1))
    names += [f"lower_face_region_{k:03}" for k in range(len(rows))]
    modes.append(truth[[model.expression_index["tongueOut"]]] * 0.8)
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
    head = Head(vertices + np.array([0.2, 1.5, -0.1]), quads, uv, people, np.concatenate(modes) / 1000, groups)
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
