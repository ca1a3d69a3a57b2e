"""Contact sheets and the picture of a displacement map, for people to look at. Needs Pillow; never runs in Blender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .writing import writing

PAPER = (24, 25, 27)
INK = (224, 224, 220)
_COLD, _WARM = np.array([52, 104, 192]), np.array([214, 84, 56])


def contact_sheet(out: Path, pictures: Sequence[tuple[Path, str]], columns: int, title: str) -> None:
    """Pictures of one size in a grid, each with its label below."""
    tiles = [Image.open(path).convert("RGB") for path, _ in pictures]
    width, height = tiles[0].size
    label, gap, top = max(22, width // 16), max(4, width // 80), max(34, width // 10)
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * (width + gap) + gap, top + rows * (height + label + gap)), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((gap * 2, top // 2), title, INK, ImageFont.load_default(top * 0.5), anchor="lm")
    font = ImageFont.load_default(label * 0.66)
    for place, (tile, (_, text)) in enumerate(zip(tiles, pictures, strict=True)):
        x = gap + place % columns * (width + gap)
        y = top + place // columns * (height + label + gap)
        sheet.paste(tile, (x, y))
        draw.text((x + width / 2, y + height + label / 2), text, INK, font, anchor="mm")
    save(sheet, out)


def map_picture(out: Path, displacement: np.ndarray, title: str) -> None:
    """(H, W) millimetres as a lit relief, warm where it stands out and cold where it sinks in, with a scale."""
    height, width = displacement.shape
    limit = max(float(np.quantile(np.abs(displacement), 0.998)), 0.05)
    relief = _relief(displacement) * 205
    strength = np.clip(np.abs(displacement) / limit, 0, 1)[..., None] * 0.55
    tint = np.where(displacement[..., None] > 0, _WARM, _COLD)
    colours = relief[..., None] * (1 - strength) + tint * strength * (0.35 + 0.65 * relief[..., None] / 205)
    top, bottom = height // 16, height // 12
    sheet = Image.new("RGB", (width, height + top + bottom), PAPER)
    sheet.paste(Image.fromarray(np.clip(colours, 0, 255).astype(np.uint8)), (0, top))
    draw = ImageDraw.Draw(sheet)
    draw.text((width // 60, top // 2), title, INK, ImageFont.load_default(top * 0.45), anchor="lm")
    left, length, y = width // 4, width // 2, height + top + bottom // 4
    for x in range(length):
        share = 2 * x / (length - 1) - 1
        colour = (
            np.array([205, 205, 205]) * (1 - abs(share) * 0.55) + (_WARM if share > 0 else _COLD) * abs(share) * 0.55
        )
        draw.line([(left + x, y), (left + x, y + bottom // 4)], tuple(int(c) for c in colour))
    font = ImageFont.load_default(bottom * 0.26)
    for share, text in ((0.0, f"-{limit:.2f} mm"), (0.5, "0"), (1.0, f"+{limit:.2f} mm")):
        draw.text((left + share * length, y + bottom * 0.5), text, INK, font, anchor="mm")
    save(sheet, out)


def relief_picture(out: Path, displacement: np.ndarray, size: int) -> None:
    """(H, W) millimetres as a lit relief without a frame, `size` pixels wide."""
    image = Image.fromarray((_relief(displacement) * 255).astype(np.uint8))
    save(image.resize((size, size * displacement.shape[0] // displacement.shape[1]), Image.Resampling.LANCZOS), out)


def pairs_picture(out: Path, pairs: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> None:
    """(title, truth, ours) maps in mm, one pair a row as lit reliefs, and their difference beside."""
    rows = []
    for title, truth, ours in pairs:
        tiles = [_relief(truth, 0.46), _relief(ours, 0.46), 0.5 + (ours - truth)]
        row = Image.fromarray((np.clip(np.concatenate(tiles, 1), 0, 1) * 255).astype(np.uint8)).convert("RGB")
        rows.append((title, row))
    width, height = rows[0][1].size
    label = 34
    sheet = Image.new("RGB", (width, len(rows) * (height + label)), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    for k, (title, row) in enumerate(rows):
        y = k * (height + label)
        text = f"{title}    |    teacher, ours, difference (mid grey 0, white +0.5 mm)"
        draw.text((12, y + label / 2), text, INK, font, anchor="lm")
        sheet.paste(row, (0, y + label))
    save(sheet, out)


def columns_picture(out: Path, columns: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Title -> maps in mm: a column each, as lit reliefs. The texel is that of a map 205 mm wide."""
    label, (first, *_) = 34, columns.values()
    height, width = first[0].shape
    sheet = Image.new("RGB", (width * len(columns), label + height * len(first)), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(17)
    for k, (title, maps) in enumerate(columns.items()):
        draw.text(((k + 0.5) * width, label / 2), title, INK, font, anchor="mm")
        for row, one in enumerate(maps):
            relief = Image.fromarray((_relief(one, 205 / width) * 255).astype(np.uint8))
            sheet.paste(relief, (k * width, label + row * height))
    save(sheet, out)


def _relief(displacement: np.ndarray, texel_mm: float = 0.2) -> np.ndarray:
    """(H, W) in [0, 1]: light from the upper left on the heights, three times as steep as they are."""
    down, right = np.gradient(displacement.astype(np.float64) * 3.0 / texel_mm)
    normal = np.stack([-right, -down, np.ones_like(right)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    light = np.array([-0.5, -0.6, 0.75])
    return np.clip(normal @ (light / np.linalg.norm(light)), 0, 1) ** 0.8


def save(image: Image.Image, out: Path) -> None:
    """The suffix gives the format. Raises DnpmError when it cannot be written."""
    with writing(out) as beside:
        image.save(beside, quality=90)
