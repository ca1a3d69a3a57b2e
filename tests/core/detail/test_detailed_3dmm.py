"""Detailed3DMM in torch: the numpy mesh's equal, and differentiable."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dnpm.core.detail.card import face_model_entry
from dnpm.core.detail.detailed_3dmm import Detailed3DMM
from dnpm.core.detail.mesh import detailed_mesh, masked
from dnpm.core.detail.weights import Detail
from dnpm.core.errors import DnpmError
from dnpm.tests.core.detail.networks import SMALL


@pytest.fixture
def detailed(tiny_model, generator, encoder) -> Detailed3DMM:
    card = {"name": "small", "face_model": face_model_entry(tiny_model)}
    for network in (generator, encoder):
        network.requires_grad_(False)
    return Detailed3DMM(tiny_model, Detail(generator, encoder, torch.randn(SMALL.w_dim), card))


@pytest.fixture
def sliders() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    return torch.randn(3, 6), torch.rand(3, 4)


@pytest.mark.parametrize("resolution", [16, 64])
def test_torch_equals_numpy(detailed, tiny_model, sliders, resolution):
    identity, expression = sliders
    faces = detailed(identity, expression, 0.7, resolution=resolution)
    assert faces.displacement.shape == (3, 1, resolution, resolution)
    for k in range(3):
        one = identity[k].numpy(), expression[k].numpy()
        v_p = tiny_model.vertices(*one)
        assert np.allclose(faces.v_p[k], v_p, atol=1e-3)
        raw = detailed.generator.synthesis(
            detailed.w_mean + detailed.encoder(identity[k : k + 1], expression[k : k + 1]), resolution
        )
        assert np.allclose(faces.displacement[k, 0], masked(tiny_model, raw[0, 0].numpy()), atol=1e-4)
        smooth = detailed_mesh(tiny_model, *one, None, levels=0)
        assert np.allclose(faces.normals[k], smooth.normals, atol=1e-4)
        expected = detailed_mesh(tiny_model, *one, faces.displacement[k, 0].numpy(), s=0.7, levels=0)
        assert np.abs(expected.vertices - smooth.vertices).max() > 0.05
        assert np.allclose(faces.v_h[k], expected.vertices, atol=2e-3)


def test_no_strength_gives_v_p(detailed, sliders):
    faces = detailed(*sliders, 0.0)
    assert torch.equal(faces.v_h, faces.v_p)


def test_strength_is_linear_and_may_differ_in_a_batch(detailed, sliders):
    faces = detailed(*sliders, torch.tensor([0.0, 1.0, 2.0]))
    unit = detailed(*sliders, 1.0)
    for k, s in enumerate((0.0, 1.0, 2.0)):
        assert torch.allclose(faces.v_h[k] - faces.v_p[k], s * (unit.v_h[k] - unit.v_p[k]), atol=1e-4)


def test_a_batch_equals_its_singles(detailed, sliders):
    together = detailed(*sliders)
    for k in range(3):
        single = detailed(sliders[0][k : k + 1], sliders[1][k : k + 1])
        assert torch.allclose(together.v_h[k], single.v_h[0], atol=1e-3)


def test_offset_and_truncation(detailed, sliders):
    offset = torch.randn(SMALL.w_layers, SMALL.w_dim) * 0.5
    plain = detailed.displacement(*sliders)
    assert not torch.allclose(plain, detailed.displacement(*sliders, w_offset=offset))
    flat = detailed.displacement(*sliders, truncation=0.0)
    assert torch.allclose(flat, flat[:1].expand_as(flat), atol=1e-5), "without the encoder all sliders look alike"


def test_gradients_reach_every_input(detailed, sliders):
    identity, expression = (t.clone().requires_grad_() for t in sliders)
    offset = torch.zeros(3, SMALL.w_layers, SMALL.w_dim, requires_grad=True)
    s = torch.ones(3, requires_grad=True)
    faces = detailed(identity, expression, s, w_offset=offset)
    # V_r alone first: sliders must move the detail, not only the coarse face.
    gradients = torch.autograd.grad(faces.v_r.square().sum(), (identity, expression, offset), retain_graph=True)
    gradients += torch.autograd.grad(faces.v_h.square().sum(), (identity, expression, offset, s))
    assert all(g.abs().sum() > 0 for g in gradients)


def test_gradients_are_right(detailed, sliders):
    detailed = detailed.double()
    identity, expression = (t[:1].double().requires_grad_() for t in sliders)
    assert torch.autograd.gradcheck(
        lambda i, e: detailed(i, e, 0.5, resolution=16).v_h, (identity, expression), atol=1e-4, rtol=1e-3
    )


def test_bad_input_is_named(detailed, sliders):
    with pytest.raises(DnpmError, match="identity"):
        detailed.coarse(sliders[0][:, :5], sliders[1])
    with pytest.raises(DnpmError, match="expression"):
        detailed.coarse(sliders[0], sliders[1][:2])


def test_weights_of_another_face_model_are_refused(tiny_model, generator, encoder):
    card = {"name": "small", "face_model": face_model_entry(tiny_model) | {"n_exp": 52}}
    with pytest.raises(DnpmError, match="52"):
        Detailed3DMM(tiny_model, Detail(generator, encoder, torch.zeros(SMALL.w_dim), card))
