"""Eq. 3 in FaceModel against the plain sum, on a model with parts that no expression moves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model import skin_components
from dnpm.core.face_model.bilinear import IdentityTables, contract, homogeneous
from dnpm.core.face_model.model import FaceModel

N_ID, N_EXP, N_V = 4, 5, 60


@pytest.fixture(scope="module", params=["float16", "float32"])
def model(request) -> FaceModel:
    rng = np.random.default_rng(1)
    core = rng.normal(0, 2, (N_ID + 1, N_EXP + 1, N_V, 3)).astype(request.param)
    core[0, 0] = 0
    core[:, 2, 10:] = 0
    core[:, 3] = 0
    core[:2, 4] = 0
    none = np.full((1, 4), -1, np.int32)
    return FaceModel(
        name="points",
        neutral=rng.normal(0, 50, (N_V, 3)).astype(np.float32),
        core=core,
        expression_names=tuple(f"e{k}" for k in range(N_EXP)),
        identity_labels=tuple(f"i{k}" for k in range(N_ID)),
        faces=np.array([[0, 1, 2, -1]], np.int32),
        uv=np.zeros((1, 2), np.float32),
        faces_uv=none,
        detail_uv=np.zeros((1, 2), np.float32),
        faces_detail_uv=none,
        detail_mask=np.ones((4, 4), np.float32),
        face_material=np.zeros(1, np.uint8),
        material_names=("skin",),
        landmarks68=np.full(68, -1, np.int32),
    )


@pytest.mark.parametrize("seed", range(5))
def test_against_the_sum(model, seed):
    rng = np.random.default_rng(seed)
    identity = rng.normal(0, 1, N_ID).astype(np.float32)
    expression = rng.uniform(0, 1, N_EXP).astype(np.float32) * (rng.random(N_EXP) < 0.6)
    core = model.core.astype(np.float64)
    ones = np.concatenate([[1.0], identity])
    rest = model.neutral + np.einsum("k,kvc->vc", ones, core[:, 0])
    deltas = np.einsum("k,kevc->evc", ones, core[:, 1:])
    assert np.allclose(model.neutral_of(identity), rest, atol=1e-3)
    assert np.allclose(model.expression_deltas(identity), deltas, atol=1e-3)
    whole = rest + np.einsum("e,evc->vc", expression, deltas)
    assert np.allclose(model.vertices(identity, expression), whole, atol=1e-3)
    for array in (model.neutral_of(identity), model.expression_deltas(identity)):
        assert array.dtype == np.float32


def test_the_caller_may_change_what_it_got(model):
    identity = np.zeros(N_ID, np.float32)
    model.expression_deltas(identity)[:] = 7
    model.neutral_of(identity)[:] = 7
    assert np.array_equal(model.neutral_of(identity), model.neutral)
    assert np.allclose(model.expression_deltas(identity), model.core[0, 1:], atol=1e-6)


def test_wrong_widths(model):
    with pytest.raises(DnpmError, match="takes 4 identity values"):
        model.expression_deltas(np.zeros(3, np.float32))
    with pytest.raises(DnpmError, match="takes 5 expression values"):
        model.vertices(np.zeros(N_ID, np.float32), np.zeros(4, np.float32))


def with_skin(model: FaceModel, count: int = 3) -> FaceModel:
    core = np.concatenate([model.core, np.zeros((count, *model.core.shape[1:]), model.core.dtype)])
    labels = model.identity_labels + skin_components.LABELS[:count]
    return dataclasses.replace(model, core=core, identity_labels=labels)


def test_skin_components_move_nothing(model):
    """V_p ignores them, whatever they are; the shape's part is as without them."""
    skinned = with_skin(model)
    assert (skinned.n_shape, skinned.n_id) == (N_ID, N_ID + 3)
    rng = np.random.default_rng(5)
    identity, expression = rng.normal(0, 1, N_ID).astype(np.float32), rng.random(N_EXP).astype(np.float32)
    both = np.concatenate([identity, rng.normal(0, 2, 3).astype(np.float32)])
    np.testing.assert_array_equal(skinned.vertices(both, expression), model.vertices(identity, expression))
    np.testing.assert_array_equal(skinned.expression_deltas(both), model.expression_deltas(identity))
    np.testing.assert_array_equal(skinned.moved, model.moved)


def test_rows_of_skin_components_are_not_stored(model, tmp_path):
    skinned = with_skin(model, 34)
    skinned.save(tmp_path / "skinned.safetensors")
    model.save(tmp_path / "plain.safetensors")
    more = (tmp_path / "skinned.safetensors").stat().st_size - (tmp_path / "plain.safetensors").stat().st_size
    assert more < model.core[0].nbytes
    loaded = FaceModel.load(tmp_path / "skinned.safetensors")
    assert loaded.identity_labels == skinned.identity_labels
    np.testing.assert_array_equal(loaded.core, skinned.core)


def test_numpy_and_torch_have_the_same_equation(model):
    """Eq. 3 as it stands in each, against the plain sum over both vectors."""
    import torch

    from dnpm.core.detail import bilinear as in_torch

    rng = np.random.default_rng(3)
    identity, expression = rng.normal(0, 1, (7, N_ID)), rng.uniform(0, 1, (7, N_EXP))
    core = model.core.astype(np.float32)
    flat = torch.from_numpy(core.reshape(-1, N_V * 3)).double()
    both = torch.from_numpy(identity), torch.from_numpy(expression)
    batch = in_torch.vertices(torch.from_numpy(model.neutral).double(), flat, *both).numpy()
    for k in range(7):
        ones = [np.concatenate([[1.0], values[k]]) for values in (identity, expression)]
        plain = model.neutral + np.einsum("i,e,ievc->vc", *ones, core.astype(np.float64))
        np.testing.assert_allclose(batch[k], plain, atol=1e-9)
        np.testing.assert_allclose(
            contract(contract(core, identity[k]), expression[k]), plain - model.neutral, atol=1e-3
        )
        np.testing.assert_allclose(model.vertices(identity[k], expression[k]), batch[k], atol=1e-3)


def test_the_product_is_linear_but_for_the_rest():
    table = np.arange(24, dtype=np.float16).reshape(3, 2, 4)
    np.testing.assert_array_equal(homogeneous(np.array([2.0, -1.0])), [1, 2, -1])
    made = contract(table, np.array([2.0, -1.0]))
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, table[0] + 2.0 * table[1] - table[2])
    with pytest.raises(ValueError, match="mismatch"):
        contract(table, np.zeros(3))


def test_tables_in_other_axes(model):
    turned = IdentityTables(model.neutral, model.core, model.moved, lambda v: v[..., [2, 0, 1]] * np.float32(0.5))
    identity = np.array([0.5, -1.0, 2.0, 0.25], np.float32)
    np.testing.assert_allclose(turned.rest(identity), model.neutral_of(identity)[:, [2, 0, 1]] / 2, atol=1e-4)
    np.testing.assert_allclose(
        turned.deltas(identity), model.expression_deltas(identity)[..., [2, 0, 1]] / 2, atol=1e-4
    )
