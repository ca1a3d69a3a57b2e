"""Sizes, shapes and parameter counts of the photo's networks and of their competitors, and their weights on disk."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.errors import DnpmError
from dnpm.core.evaluation.competitors.e2style import E2Style
from dnpm.core.evaluation.competitors.psp import PSP
from dnpm.core.photo.restore.degraded_encoder import CONFIGS, DegradedEncoder, RestorationConfig, count_parameters
from dnpm.core.photo.restore.pix2pix import CONFIGS as PIX
from dnpm.core.photo.restore.pix2pix import GlobalGenerator, Pix2PixConfig, as_input
from dnpm.core.photo.restore.trained import trained_rows
from dnpm.core.photo.restore.weights import CARD, FILES, check_generator, load_photo, photo_dir, save_photo

CONFIG_F = 30_363_962
CARD_ENTRIES = {
    "name": "try", "data": "none", "licence": "GPL-3.0-or-later", "commands": ["dnpm …"], "scores": {},
    "generator_sha256": "abc", "trained": {"restoration": [{"resolution": 32, "rows": [0, 8], "steps": 3}]},
}  # fmt: skip


def on_meta(make) -> int:
    with torch.device("meta"):
        return count_parameters(make())


def test_published_sizes():
    """The paper's totals hold G with one output channel (Table II)."""
    assert on_meta(PSP) == 267_136_704
    assert (on_meta(PSP) + CONFIG_F) / 1e6 == pytest.approx(297.50, abs=0.005)
    assert (on_meta(E2Style) + CONFIG_F) / 1e6 == pytest.approx(141.61, abs=0.005)
    both = on_meta(E2Style) + on_meta(lambda: E2Style(6))
    assert (both + CONFIG_F) / 1e6 == pytest.approx(252.85, abs=0.005)
    ours = on_meta(lambda: DegradedEncoder(replace(CONFIGS["paper"], channels_in=3)))
    assert ours == 83_905_856
    assert (ours + CONFIG_F) / 1e6 == pytest.approx(114.27, abs=0.005)
    assert on_meta(lambda: GlobalGenerator(replace(PIX["paper"], channels_in=3))) > 180e6


@settings(max_examples=12, deadline=None)
@given(downs=st.integers(1, 3), blocks=st.integers(1, 2), width=st.integers(1, 6), batch=st.integers(1, 2))
def test_pix2pix_gives_a_map_of_the_pictures_side_within_its_scale(downs: int, blocks: int, width: int, batch: int):
    config = Pix2PixConfig(width, downs, blocks, resolution=32, scale_mm=0.5)
    network = GlobalGenerator(config)
    given = as_input(torch.randn(batch, 3, 32, 32), torch.rand(batch, 1, 32, 32))
    made = network(given)
    assert made.shape == (batch, 1, 32, 32)
    assert made.abs().max() <= 0.5
    network.mean.fill_(2.0)
    assert (made + 2.0).isclose(network(given)).all()


def test_a_network_that_corrects_adds_to_the_map_that_it_is_given():
    config = replace(PIX["default"], width=4, blocks=1)
    network = GlobalGenerator(config).eval()
    given, known = torch.randn(1, config.channels_in, 48, 32), torch.randn(1, 1, 48, 32)
    made = network(given, known)
    assert made.shape == (1, 1, 48, 32), "any part of a map"
    assert (made - known).abs().max() <= config.scale_mm
    assert torch.allclose(network(given, known + 1), made + 1, atol=1e-5)
    # What skips remember is as fine as the map: without them one texel's change is lost on the innermost grid.
    plain = GlobalGenerator(replace(config, skips=False)).eval()
    plain.load_state_dict(network.state_dict())
    assert not torch.allclose(plain(given, known), made)
    for wrong in ({"ends": 4}, {"fold": 0}, {"fold": 64}, {"fold": 3}):
        with pytest.raises(DnpmError, match="pix2pix configuration"):
            replace(config, **wrong)


def test_restoration_gives_nine_five_and_four_styles_of_its_basis():
    network = DegradedEncoder(CONFIGS["tiny"]).eval()
    codes = torch.randn(40, 18, 8)
    network.set_basis(codes)
    out = network(torch.randn(3, 1, 32, 32) * 0.1)
    assert out.shape == (3, 18, 8)
    # Every group of style vectors lies in the plane of its components, about the codes' mean.
    start = 0
    for k, count in enumerate((9, 5, 4)):
        group = (out - codes.mean(0))[:, start : start + count].reshape(3, -1)
        basis = network.get_buffer(f"basis{k}")
        left = group - group @ torch.linalg.pinv(basis) @ basis
        assert left.abs().max() < 1e-3 * group.abs().max()
        start += count
    with pytest.raises(DnpmError, match="reads"):
        network(torch.zeros(1, 2, 32, 32))
    with pytest.raises(DnpmError, match="basis of 3"):
        network.set_basis(codes[:3])
    with pytest.raises(DnpmError, match="positive"):
        RestorationConfig(basis=-1)


def test_competitors_give_eighteen_styles():
    small, units = (4, 4, 6, 8, 8), (1, 1, 1, 1)
    x = torch.randn(2, 1, 64, 64)
    assert PSP(1, small, units, w_dim=16, resolution=64, style_width=8)(x).shape == (2, 18, 16)
    assert E2Style(1, small, units, w_dim=16, pool=2)(x).shape == (2, 18, 16)


@pytest.fixture
def folder(tmp_path):
    pix, restoration = GlobalGenerator(PIX["tiny"]), DegradedEncoder(CONFIGS["tiny"])
    restoration.set_basis(torch.randn(40, 18, 8))
    save_photo(tmp_path, pix, restoration, CARD_ENTRIES)
    return tmp_path


def test_weights_come_back_as_they_were_to_half_precision(folder):
    loaded = load_photo(folder)
    assert loaded.pix2pix.config == PIX["tiny"]
    assert loaded.restoration.config == CONFIGS["tiny"]
    assert not loaded.pix2pix.training
    again = load_photo(folder)
    x = torch.randn(1, 1, 32, 32) * 0.1
    assert torch.equal(loaded.restoration(x), again.restoration(x))
    assert photo_dir(folder) == folder


def test_damaged_foreign_or_missing_weights_are_named(folder, tmp_path_factory):
    with pytest.raises(DnpmError, match="another generator"):
        check_generator(load_photo(folder), {"name": "other", "files": {"g": {"sha256": "def"}}})
    check_generator(load_photo(folder), {"files": {"g": {"sha256": "abc"}}})
    path = folder / FILES["pix2pix"]
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(DnpmError, match=r"photo_pix2pix.*damaged"):
        load_photo(folder)
    path.unlink()
    with pytest.raises(DnpmError, match="no such file"):
        load_photo(folder)
    (folder / CARD).write_text(json.dumps({"format": "other"}))
    with pytest.raises(DnpmError, match="not a card"):
        load_photo(folder)
    with pytest.raises(DnpmError, match="no photo networks"):
        photo_dir(tmp_path_factory.mktemp("empty"))


def reread(folder, **changes):
    """The networks after some entries of their card were changed (None takes one out)."""
    card = json.loads((folder / CARD).read_text()) | changes
    (folder / CARD).write_text(json.dumps({k: v for k, v in card.items() if v is not None}))
    return load_photo(folder)


def stages(*rows: tuple[int, int, int]) -> dict:
    return {"restoration": [{"resolution": r, "rows": [a, b], "steps": 1} for r, a, b in rows]}


def test_rows_that_were_never_trained_stay_the_sliders(folder):
    """The finest rows hold the random numbers that the training began with."""
    loaded, sliders = load_photo(folder), torch.randn(2, 18, 8)
    rough = torch.randn(2, 1, 32, 32) * 0.1
    made, all_rows = loaded.code(rough, sliders), loaded.restoration(rough)
    assert torch.equal(made[:, :8], all_rows[:, :8])
    assert torch.equal(made[:, 8:], sliders[:, 8:])
    assert not torch.isclose(all_rows[:, 8:], sliders[:, 8:]).all()
    # A later training at the whole size frees the rest; stages add up.
    loaded = reread(folder, trained=stages((32, 0, 8), (1024, 14, 18)))
    assert np.flatnonzero(loaded.rows).tolist() == [*range(8), 14, 15, 16, 17]


def test_cards_without_the_entry_were_trained_at_the_networks_side_or_256(folder):
    assert np.flatnonzero(reread(folder, trained=None).rows).tolist() == list(range(8))
    assert trained_rows({}, 18, 1024, "card").sum() == 14


@pytest.mark.parametrize(
    "trained",
    [
        [], {}, {"restoration": []}, {"restoration": [{"resolution": 256}]}, stages((256, 0, 18)), stages((256, 4, 2)),
        stages((1024, -1, 3)), stages((1024, 0, 19)), stages((10**9, 0, 3)), stages((256, 0, True)),
        {"restoration": [{"resolution": "256", "rows": [0, 1]}]}, {"restoration": [{"resolution": 256, "rows": 3}]},
    ],
)  # fmt: skip
def test_damaged_entries_are_told(folder, trained):
    with pytest.raises(DnpmError, match=r"photo\.json.*trained"):
        reread(folder, trained=trained)


def test_a_card_must_say_what_was_trained(tmp_path):
    pix, restoration = GlobalGenerator(PIX["tiny"]), DegradedEncoder(CONFIGS["tiny"])
    with pytest.raises(DnpmError, match="trained"):
        save_photo(tmp_path, pix, restoration, {k: v for k, v in CARD_ENTRIES.items() if k != "trained"})


def test_the_shipped_networks_learnt_all_rows(repository):
    """Before they were trained at 1024 texels the head of the finest four was as it was made."""
    loaded = load_photo(repository / "weights")
    assert loaded.rows.all()
    for head in loaded.restoration.heads:
        assert not head[0].bias.eq(0).any(), "its batch norm never moved"


def test_what_is_not_finite_is_not_saved(tmp_path):
    pix = GlobalGenerator(PIX["tiny"])
    with torch.no_grad():
        next(pix.parameters()).fill_(np.inf)
    with pytest.raises(DnpmError, match="not finite"):
        save_photo(tmp_path, pix, DegradedEncoder(CONFIGS["tiny"]), CARD_ENTRIES)
    assert not (tmp_path / CARD).exists()
