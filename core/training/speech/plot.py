"""Training's curves as a picture: one panel a figure, with its last value. Pillow alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ...files.writing import writing

_WIDTH, _HEIGHT, _MARGIN = 420, 180, 34
_INK, _FAINT, _LINE, _PAPER = (40, 40, 46), (205, 205, 212), (28, 96, 176), (252, 252, 253)


def save_curves(path: Path, series: dict[str, list[tuple[int, float]]], columns: int = 3) -> None:
    """series: title -> (step, value) points. Raises DnpmError when the picture cannot be written."""
    shown = {title: points for title, points in series.items() if points}
    rows = -(-len(shown) // columns)
    image = Image.new("RGB", (columns * _WIDTH, max(1, rows) * _HEIGHT), _PAPER)
    draw = ImageDraw.Draw(image)
    for k, (title, points) in enumerate(shown.items()):
        _panel(draw, k % columns * _WIDTH, k // columns * _HEIGHT, title, np.array(points, float))
    with writing(path, make_folder=True) as beside:
        image.save(beside, format="PNG")


def _panel(draw: ImageDraw.ImageDraw, left: int, top: int, title: str, points: np.ndarray) -> None:
    font = ImageFont.load_default()
    x0, x1, y0, y1 = left + _MARGIN + 14, left + _WIDTH - 14, top + 26, top + _HEIGHT - 22
    steps, values = points[:, 0], points[:, 1]
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    place = lambda s, v: (  # noqa: E731
        x0 + (s - steps[0]) / max(steps[-1] - steps[0], 1) * (x1 - x0),
        y1 - (v - low) / (high - low) * (y1 - y0),
    )
    for value in np.linspace(low, high, 3):
        y = place(steps[0], value)[1]
        draw.line([(x0, y), (x1, y)], fill=_FAINT)
        draw.text((left + 4, y - 6), f"{value:.3g}", fill=_INK, font=font)
    draw.text((x0, top + 8), f"{title}: {values[-1]:.4g}", fill=_INK, font=font)
    draw.text((x0, y1 + 5), f"{steps[0]:.0f}", fill=_INK, font=font)
    draw.text((x1 - 34, y1 + 5), f"{steps[-1]:.0f}", fill=_INK, font=font)
    way = [place(s, v) for s, v in points]
    if len(way) > 1:
        draw.line(way, fill=_LINE, width=2)
    x, y = way[-1]
    draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=_LINE)
