"""The figures' job is a valid job, and its sheets are made of what it leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
from PIL import Image

from dnpm.core.batch import figures, job


def test_job_and_sheets(tmp_path: Path):
    data = figures.figures_job((60, 72), 1)
    items = job.parse(data, tmp_path).items
    assert len(items) == 16 + 10
    rng = np.random.default_rng(0)
    for item in items:
        folder = tmp_path / "items" / item.name
        folder.mkdir(parents=True)
        Image.new("RGB", (60, 72), (90, 60, 50)).save(folder / "portrait.png")
        image = rng.normal(0, 0.05, (64, 64)).astype(np.float32)
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, {"Y": image}).write(str(folder / "displacement.exr"))
    made = figures.make_sheets(tmp_path / "items", tmp_path)
    assert [file.name for file, _ in made] == [
        "figure3_faces.jpg", "figure3_maps.jpg", "figure4_faces.jpg", "figure4_maps.jpg",
    ]  # fmt: skip
    for file, _ in made:
        assert Image.open(file).size[0] > 200
