"""Weights on disk: what was saved comes back, and every kind of damage is told from the others."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dnpm.core.detail.card import (
    CARD,
    ENCODER,
    GENERATOR,
    MAPPING,
    check_face_model,
    face_model_entry,
    read_card,
    weights_dir,
)
from dnpm.core.detail.config import ENCODERS, GENERATORS, EncoderConfig, GeneratorConfig, from_json, to_json
from dnpm.core.detail.weights import load_detail, save_detail
from dnpm.core.errors import DnpmError
from dnpm.core.files import tensor_file
from dnpm.tests.core.detail.networks import SMALL

ABOUT = {
    "name": "small", "face_model": {"name": "cube", "n_id": 6, "n_exp": 4}, "data": "made here", "licence": "CC0-1.0",
    "command": "a test", "seed": 1, "hours": 0.0, "scores": {},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, generator, encoder) -> Path:
    save_detail(tmp_path / "weights", generator, encoder, torch.randn(SMALL.w_dim), ABOUT)
    return tmp_path / "weights"


def test_what_was_saved_comes_back(tmp_path, generator, encoder):
    w_mean = torch.randn(SMALL.w_dim)
    card = save_detail(tmp_path / "w", generator, encoder, w_mean, ABOUT)
    detail = load_detail(tmp_path / "w")
    assert detail.card == card
    assert {k: card[k] for k in ABOUT} == ABOUT
    assert (detail.generator.config, detail.encoder.config) == (generator.config, encoder.config)
    assert torch.allclose(detail.w_mean, w_mean, rtol=1e-3)
    for saved, loaded in ((generator, detail.generator), (encoder, detail.encoder)):
        assert not loaded.training
        assert not any(p.requires_grad for p in loaded.parameters())
        for name, value in saved.state_dict().items():
            step = value.abs().amax((1, 2), keepdim=True) / 127 if name.endswith(".registered") else value.abs() / 1024
            assert ((loaded.state_dict()[name] - value).abs() <= 0.51 * step + 1e-7).all(), name
    identity, expression = torch.randn(3, 6), torch.rand(3, 4)
    ours = generator.synthesis(w_mean + encoder(identity, expression))
    theirs = detail.displacement(identity, expression)
    assert (ours - theirs).abs().max() < 0.05 * ours.std()


def test_saving_what_was_loaded_gives_the_same_files(folder, tmp_path):
    """Nothing is lost by a second turn, and the same numbers give the same bytes."""
    detail = load_detail(folder)
    save_detail(tmp_path / "again", detail.generator, detail.encoder, detail.w_mean, detail.card)
    for name in (GENERATOR, ENCODER, MAPPING, CARD):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


def test_it_writes_over_old_weights_and_leaves_nothing_else(folder, generator, encoder):
    (folder / "README.md").write_text("mine")
    save_detail(folder, generator, encoder, torch.zeros(SMALL.w_dim), ABOUT)
    assert sorted(p.name for p in folder.iterdir()) == ["README.md", CARD, ENCODER, GENERATOR, MAPPING]
    assert load_detail(folder).w_mean.abs().sum() == 0


def test_the_mapping_network_has_a_file_of_its_own_and_may_lie_in_the_generators(folder, generator):
    """A card that names no mapping.safetensors is older: f is in the generator's file then. Where both have one, the
    file of its own counts."""
    z = torch.randn(2, SMALL.z_dim)
    stored, metadata = tensor_file.load(folder / GENERATOR)
    assert not [name for name in stored if name.startswith("mapping.")]
    old = {f"mapping.{n}": np.full_like(a, 0.5) for n, a in tensor_file.load(folder / MAPPING)[0].items()}
    expected = load_detail(folder).generator.mapping(z)
    tensor_file.save(folder / GENERATOR, {n: a.copy() for n, a in stored.items()} | old, metadata)
    _restamp(folder, GENERATOR)
    assert torch.equal(load_detail(folder).generator.mapping(z), expected)
    assert torch.allclose(expected, generator.mapping(z), atol=0.02 * float(expected.std()))
    card = json.loads((folder / CARD).read_text())
    del card["files"][MAPPING]
    (folder / CARD).write_text(json.dumps(card))
    (folder / MAPPING).unlink()
    assert float(load_detail(folder).generator.mapping.fc0.weight.mean()) == 0.5


def test_noise_without_strength_is_left_out(tmp_path, generator, encoder):
    with torch.no_grad():
        generator.synthesis.b64.conv1.noise_strength.zero_()
    save_detail(tmp_path, generator, encoder, torch.zeros(SMALL.w_dim), ABOUT)
    stored, _ = tensor_file.load(tmp_path / GENERATOR)
    assert "synthesis.b64.conv1.noise_const" not in stored
    assert "synthesis.b64.conv0.noise_const" in stored
    loaded = load_detail(tmp_path)
    w_plus = torch.randn(1, SMALL.w_layers, SMALL.w_dim)
    ours, theirs = generator.synthesis(w_plus), loaded.generator.synthesis(w_plus)
    assert (ours - theirs).abs().max() < 0.05 * ours.std()


def test_w_plus_is_mean_plus_encoding_plus_offset(folder):
    detail = load_detail(folder)
    identity, expression = torch.randn(2, 6), torch.rand(2, 4)
    offset = torch.randn(2, SMALL.w_layers, SMALL.w_dim)
    w_plus = detail.w_plus(identity, expression, offset, truncation=0.5)
    assert torch.allclose(w_plus, detail.w_mean + 0.5 * detail.encoder(identity, expression) + offset)


# Damage, and what must be said of it.


def _rewrite(folder: Path, name: str, change) -> None:
    """Change a file's tensors, and make the card agree with it: what remains is the network's own check."""
    tensors, metadata = tensor_file.load(folder / name)
    tensors = {k: v.copy() for k, v in tensors.items()}
    change(tensors)
    tensor_file.save(folder / name, tensors, metadata)
    _restamp(folder, name)


def _restamp(folder: Path, name: str) -> None:
    card = json.loads((folder / CARD).read_text())
    card["files"][name] = {"sha256": tensor_file.sha256(folder / name), "bytes": (folder / name).stat().st_size}
    (folder / CARD).write_text(json.dumps(card))


def _card(folder: Path, **changes) -> None:
    card = json.loads((folder / CARD).read_text()) | changes
    (folder / CARD).write_text(json.dumps({k: v for k, v in card.items() if v is not None}))


def _cut(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])


def _flip(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)


def _foreign(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"PK\x03\x04 this is a zip file" * 50)
    _restamp(folder, name)


def _nan(tensors: dict[str, np.ndarray]) -> None:
    next(a for n, a in sorted(tensors.items()) if a.dtype == np.float16 and a.ndim == 2)[0, 0] = np.nan


DAMAGE = {
    "no card": (lambda f: (f / CARD).unlink(), "detail.json: no such file"),
    "card is not a JSON": (lambda f: (f / CARD).write_text("{"), "is not valid JSON"),
    "card of another kind": (lambda f: (f / CARD).write_text("[1]"), "not a card of format"),
    "card of another version": (lambda f: _card(f, format="dnpm-detail-9"), "not a card of format"),
    "card without a licence": (lambda f: _card(f, licence=None), "lacks licence"),
    "card with a seed in words": (lambda f: _card(f, seed="one"), "lacks seed"),
    "card without files": (lambda f: _card(f, files={}), "does not name generator"),
    "no generator": (lambda f: (f / GENERATOR).unlink(), "generator.safetensors: no such file"),
    "truncated generator": (lambda f: _cut(f, GENERATOR), "generator.safetensors: truncated"),
    "no mapping network": (lambda f: (f / MAPPING).unlink(), "mapping.safetensors: no such file"),
    "a mapping network too many": (
        lambda f: _rewrite(f, MAPPING, lambda t: t.update(fc9=np.zeros(3, np.float16))),
        "mapping.safetensors: does not fit its description: fc9 is not the network's",
    ),
    "truncated encoder": (lambda f: _cut(f, ENCODER), "encoder.safetensors: truncated"),
    "one bit": (lambda f: _flip(f, GENERATOR), "damaged or another file"),
    "foreign file": (lambda f: _foreign(f, GENERATOR), "not a safetensors file"),
    "NaN": (lambda f: _rewrite(f, ENCODER, _nan), "not finite"),
    "a tensor is missing": (
        lambda f: _rewrite(f, GENERATOR, lambda t: t.pop("synthesis.b4.const")),
        "const is missing",
    ),
    "a tensor too many": (
        lambda f: _rewrite(f, ENCODER, lambda t: t.update(extra=np.zeros(3, np.float16))),
        "extra is not the network's",
    ),
    "no w_mean": (lambda f: _rewrite(f, ENCODER, lambda t: t.pop("w_mean")), "w_mean is missing"),
    "wrong shape": (
        lambda f: _rewrite(f, GENERATOR, lambda t: t.update({"synthesis.b4.const": np.zeros((3, 4, 4), np.float16)})),
        "has the shape",
    ),
    "registered without scale": (
        lambda f: _rewrite(f, GENERATOR, lambda t: t.pop("synthesis.b16.registered.scale")),
        "scale a channel",
    ),
    "integers for numbers": (
        lambda f: _rewrite(f, GENERATOR, lambda t: t.update({"synthesis.b4.const": np.zeros((16, 4, 4), np.int16)})),
        "stored as int16",
    ),
    "another configuration": (
        lambda f: _card(f, generator_config=to_json(GENERATORS["paper"]) | {"channel_max": 7, "w_dim": 3}),
        "does not fit the generator",
    ),
    "a wider configuration": (
        lambda f: _card(f, generator_config=to_json(SMALL) | {"channel_max": 24}),
        "has the shape",
    ),
    "configuration in words": (
        lambda f: _card(f, generator_config=to_json(SMALL) | {"channel_max": "16"}),
        "channel_max must be a whole number, is '16'",
    ),
    "configuration of the future": (
        lambda f: _card(f, generator_config=to_json(SMALL) | {"attention": True}),
        "unknown entries attention",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(folder, kind):
    damage, says = DAMAGE[kind]
    load_detail(folder)
    damage(folder)
    with pytest.raises(DnpmError, match=says):
        load_detail(folder)


def test_numbers_that_are_not_finite_are_not_saved(tmp_path, generator, encoder):
    with torch.no_grad():
        generator.synthesis.b16.registered[0, 0, 0] = float("nan")
    with pytest.raises(DnpmError, match=r"b16\.registered"):
        save_detail(tmp_path, generator, encoder, torch.zeros(SMALL.w_dim), ABOUT)
    with torch.no_grad():
        generator.synthesis.b16.registered.zero_()
        encoder.heads[0].weight[0, 0] = 1e6
    with pytest.raises(DnpmError, match=r"heads\.0\.weight"):
        save_detail(tmp_path, generator, encoder, torch.zeros(SMALL.w_dim), ABOUT)
    assert list(tmp_path.iterdir()) == []


def test_a_card_must_be_whole(tmp_path, generator, encoder):
    about = {k: v for k, v in ABOUT.items() if k != "licence"}
    with pytest.raises(DnpmError, match="lacks licence"):
        save_detail(tmp_path, generator, encoder, torch.zeros(SMALL.w_dim), about)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path, generator, encoder):
    tmp_path.chmod(0o500)
    with pytest.raises(DnpmError, match="cannot be written"):
        save_detail(tmp_path / "w", generator, encoder, torch.zeros(SMALL.w_dim), ABOUT)


def test_a_file_in_the_folders_place_is_named(tmp_path, generator, encoder):
    (tmp_path / "w").write_text("in the way")
    with pytest.raises(DnpmError, match="cannot be written"):
        save_detail(tmp_path / "w", generator, encoder, torch.zeros(SMALL.w_dim), ABOUT)


def test_where_weights_are_found(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("DNPM_WEIGHTS", str(folder))
    assert weights_dir() == folder
    shutil.copytree(folder, tmp_path / "other")
    assert weights_dir(tmp_path / "other") == tmp_path / "other"
    with pytest.raises(DnpmError, match="no detail weights"):
        weights_dir(tmp_path)
    assert read_card(folder)["name"] == "small"


@given(st.sampled_from([*GENERATORS.values(), *ENCODERS.values(), SMALL]))
def test_configurations_survive_json(config):
    kind = type(config)
    assert from_json(kind, json.loads(json.dumps(to_json(config)))) == config


@pytest.mark.parametrize("values", [None, [], {"channel_base": 1.5}, {}, {"registered": [[1]]}, {"registered": 3}])
def test_json_that_is_no_configuration_is_refused(values):
    with pytest.raises(DnpmError, match="GeneratorConfig"):
        from_json(GeneratorConfig, values)
    with pytest.raises(DnpmError, match="EncoderConfig"):
        from_json(EncoderConfig, values)


def test_the_card_knows_its_face_model(tiny_model):
    inner = np.unique(tiny_model.faces[tiny_model.faces_detail_uv >= 0])
    tiny_model = dataclasses.replace(tiny_model, landmarks68=np.resize(inner, 68).astype(np.int32))
    card = {"name": "small", "face_model": json.loads(json.dumps(face_model_entry(tiny_model)))}
    check_face_model(card, tiny_model)
    turned = tiny_model.core.copy()
    turned[2] *= -1
    for change, says in (
        ({"core": turned}, "do something else"),
        ({"core": tiny_model.core[:-1], "identity_labels": tiny_model.identity_labels[:-1]}, "identity components"),
        ({"expression_names": tiny_model.expression_names[::-1]}, "other expression names"),
        ({"detail_uv": tiny_model.detail_uv * np.float32(0.9)}, "another detail UV layout"),
    ):
        with pytest.raises(DnpmError, match=says):
            check_face_model(card, dataclasses.replace(tiny_model, **change))
