"""Our EXR is OpenEXR's own, number for number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from dnpm.core.files import exr


@pytest.mark.parametrize("kind", [np.float16, np.float32])
@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (37, 5), (64, 48)])
def test_openexr_reads_it(tmp_path: Path, kind: type, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for name, pixels in (
        ("noise", rng.normal(0, 1, shape)),
        ("flat", np.full(shape, -0.25)),
        ("zero", np.zeros(shape)),
    ):
        exr.write(tmp_path / f"{name}.exr", pixels.astype(kind))
        with OpenEXR.File(str(tmp_path / f"{name}.exr"), separate_channels=True) as file:
            (channel,) = file.channels().values()
            assert channel.pixels.dtype == kind
            assert np.array_equal(channel.pixels, pixels.astype(kind))
    assert not list(tmp_path.glob("*.partial"))


def test_other_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="float64"):
        exr.write(tmp_path / "a.exr", np.zeros((4, 4)))
