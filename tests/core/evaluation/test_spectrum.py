"""Spectra in numbers that are known beforehand, masks that must not matter, and files as other programs write them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from dnpm.core.cli.main import main
from dnpm.core.dataset.given_map import given_map, read_heights, skin_masks, texel_size
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation import spectrum
from dnpm.core.files.displacement_maps import write_exr, write_png
from dnpm.core.measures import relief
from dnpm.core.training.detail import samples
from dnpm.core.training.teacher import Teacher

TEXEL = 0.25


def disc(size: int, radius: float) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size / 2
    return np.float32(np.hypot(x, y) < radius)


def noise(size: int, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((size, size))


@pytest.mark.parametrize("mask", [np.ones((256, 256)), disc(256, 100), disc(256, 110) - disc(256, 30)])
@pytest.mark.parametrize("texel", [0.1, 0.25])
def test_white_noise_has_its_variance_everywhere(mask, texel):
    frequencies, power = relief.radial_spectrum(noise(256), mask, texel)
    assert frequencies[-1] == pytest.approx(0.5 / texel)
    assert power[20:].mean() == pytest.approx(0.01 * texel**2, rel=0.03)
    band = relief.band_variances(frequencies, power, [(0.25 / texel, 0.5 / texel)])
    assert band[0] == pytest.approx(0.01 * np.pi * (0.25 - 0.0625), rel=0.04)


def test_a_wave_lies_in_its_octave():
    x = np.arange(256) * TEXEL
    wave = np.broadcast_to(0.2 * np.sin(2 * np.pi * 0.7 * x), (256, 256))
    for mask in (np.ones((256, 256)), disc(256, 90)):
        found = relief.band_variances(*relief.radial_spectrum(wave, mask, TEXEL), [(0.25, 0.5), (0.5, 1.0), (1.0, 2.0)])
        assert found[1] == pytest.approx(0.02, rel=0.05)
        assert max(found[0], found[2]) < 1e-4 * found[1]


def test_form_outside_of_the_mask_and_slopes_leave_no_trace():
    y, x = np.mgrid[:256, :256] / 256
    mask = disc(256, 80)
    plain = relief.radial_spectrum(noise(256), mask, TEXEL)[1]
    beside = noise(256) + 50 * (1 - ndimage.maximum_filter(mask, 3)) + 3 * x - 2 * y + 7
    assert np.allclose(relief.radial_spectrum(beside, mask, TEXEL)[1][20:], plain[20:], rtol=0.02)


def test_resampling_keeps_what_both_can_show():
    fine = ndimage.gaussian_filter(noise(512), 6.0)
    coarse = fine.reshape(256, 2, 256, 2).mean((1, 3))
    bands = [(0.125, 0.25), (0.25, 0.5)]
    a = relief.band_variances(*relief.radial_spectrum(fine, np.ones((512, 512)), TEXEL / 2), bands)
    b = relief.band_variances(*relief.radial_spectrum(coarse, np.ones((256, 256)), TEXEL), bands)
    assert np.abs(relief.decibels(a, b)).max() < 0.2


def test_bands_beyond_the_spectrum_are_not_measured():
    found = relief.band_variances(*relief.radial_spectrum(noise(64), np.ones((64, 64)), 1.0), [(0.25, 0.5), (0.5, 1.0)])
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


def test_octaves_and_slope():
    bands = relief.octaves(TEXEL, 20.0)
    assert bands[0] == (1.0, 2.0)
    assert all(low == nxt[1] for (low, _), nxt in itertools.pairwise(bands))
    assert 10.0 < 1 / bands[-1][0] <= 20.0
    assert relief.slope_db(bands[:1], np.ones(1)) is None
    assert relief.slope_db(bands, np.array([high**-2.0 for _, high in bands])) == pytest.approx(-6.02, abs=0.01)


def test_heights():
    rng = np.random.default_rng(0)
    normal = relief.height_statistics(0.3 * rng.standard_normal(200_000) + 5)
    assert normal["std"] == pytest.approx(0.3, rel=0.01)
    assert abs(normal["skewness"]) < 0.02
    assert abs(normal["kurtosis"]) < 0.05
    assert normal["quantiles"]["0.95"] == pytest.approx(1.645, abs=0.02)
    pits = relief.height_statistics(-rng.exponential(size=200_000))
    assert pits["skewness"] == pytest.approx(-2, abs=0.1)


def test_pits_show_in_their_octave():
    image = np.zeros((256, 256))
    image[4::16, 4::16] = -1
    pits = ndimage.gaussian_filter(image, 1.2) + 0.001 * noise(256)
    skewness, kurtosis = relief.octave_shape(pits, np.ones((256, 256)), TEXEL, [(0.5, 1.0)])[0]
    assert skewness < -1.5
    assert kurtosis > 2


def test_a_mask_that_does_not_fit_is_named():
    with pytest.raises(DnpmError, match=r"\(64, 64\).*\(32, 32\)"):
        relief.radial_spectrum(noise(64), np.ones((32, 32)), 1.0)
    with pytest.raises(DnpmError, match="empty"):
        relief.radial_spectrum(noise(64), np.zeros((64, 64)), 1.0)


def test_files_come_back_as_they_were(tmp_path: Path):
    heights = noise(64).astype(np.float32)
    values, step, scaled = read_heights(write_exr(tmp_path / "a.exr", heights), None, None)
    assert (step, scaled) == (0.0, True)
    assert np.allclose(values, heights)
    values, step, scaled = read_heights(write_png(tmp_path / "a.png", heights), 32768, 32767 * 2 / 32768)
    assert scaled
    assert np.abs(values - heights).max() <= 0.51 * step
    eight = np.round(127 + 400 * heights).clip(0, 255).astype(np.uint8)
    Image.fromarray(eight).save(tmp_path / "a.bmp")
    values, step, scaled = read_heights(tmp_path / "a.bmp", 127, None)
    assert not scaled
    assert np.array_equal(values, (eight - 127.0) / 128)


def test_unfit_files_are_named(tmp_path: Path, face_model):
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "colour.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "broken.exr").write_bytes(b"no picture")
    Image.fromarray(np.zeros((64, 80), np.uint8)).save(tmp_path / "wide.png")
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / "ok.png")
    for name, says in (
        ("colour.png", "colour"), ("broken.png", "cannot be read"), ("broken.exr", "another kind of file"),
        ("none.png", "no such file"), ("wide.png", "80 x 64"),
    ):  # fmt: skip
        with pytest.raises(DnpmError, match=says):
            given_map(tmp_path / name, "dnpm", face_model, None, None, None)
    with pytest.raises(DnpmError, match="--mid 300"):
        read_heights(tmp_path / "ok.png", 300, None)


def test_regions_are_skin(face_model):
    masks = skin_masks(face_model, 256)
    assert set(masks) == {"skin", "forehead", "cheek", "nose", "chin"}
    for name, mask in masks.items():
        assert mask.sum() > 150, name
        assert np.abs(mask - mask[:, ::-1]).mean() < 0.01, name
    assert 0.2 < texel_size(face_model, 1024) < 0.3


@pytest.fixture(scope="module")
def teacher(face_model):
    return Teacher(face_model, 128, 0)


@pytest.fixture
def command(teacher, face_model_file, monkeypatch):
    """The command line of the gauge, with a teacher that is made once."""
    monkeypatch.setattr(spectrum, "Teacher", lambda *_: teacher)
    command = ["evaluate", "spectrum", "--teacher-only", "--samples", "1", "--resolution", "128", "--json"]
    return [*command, "--face-model", str(face_model_file)]


def test_the_command_against_its_own_teacher(tmp_path: Path, command, teacher, face_model, capsys):
    """The teacher's own map, given as a file of known scale, must not differ from the teacher."""
    identity, _ = samples.draw(face_model, "test", 30_000)
    file = write_exr(tmp_path / "own.exr", teacher.map(identity, face_model.expression()))
    assert main([*command, "--map", str(file)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["given"]["scaled"]
    skin = result["given"]["regions"]["skin"]
    assert all(abs(row["teacher_minus_given_db"]) < 0.05 for row in skin["octaves"])
    assert skin["fine_heights"]["teacher"]["skewness"] == pytest.approx(
        skin["fine_heights"]["given"]["skewness"], abs=0.02
    )
    assert all(row["over_steps_db"] is None for row in skin["octaves"]), "floats have no steps"
    assert len(result["octaves"]) == len(result["teacher"]["octaves"])
    assert main([*command, "--map", str(tmp_path / "none.exr")]) == 2


def test_grey_steps_bound_what_a_picture_can_show(tmp_path: Path, command, capsys):
    """Rounding to steps q adds white noise of variance q^2 / 12: relief of that variance lies 0 dB over its steps, and
    what has a hundred times that variance 20 dB over them."""
    for deviation, over in ((np.sqrt(1 / 12), 0.0), (10 * np.sqrt(1 / 12), 20.0)):
        # In grey steps; so little noise keeps its variance when it is rounded, since 8 % of it goes a whole step.
        grey = np.round(128 + deviation * np.random.default_rng(5).standard_normal((256, 256)))
        Image.fromarray(grey.astype(np.uint8)).save(tmp_path / "grey.png")
        assert main([*command, "--range-mm", "0.5", "--map", str(tmp_path / "grey.png")]) == 0
        skin = json.loads(capsys.readouterr().out)["given"]["regions"]["skin"]["octaves"]
        assert len(skin) >= 2
        assert np.mean([row["over_steps_db"] for row in skin]) == pytest.approx(over, abs=0.6)
