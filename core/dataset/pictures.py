"""Maps from picture files as samples: EXR in millimetres, 16-bit PNG, and a CSV of sliders beside them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..files.displacement_maps import MM_PER_STEP, NEUTRAL
from ..files.inputs import brief, one_line, read_text
from .given_map import read_heights

SUFFIXES = (".exr", ".png")
_MOST_TABLE, _LARGEST = 20_000_000, 1000.0


def read_map(path: Path, range_mm: float | None = None) -> np.ndarray:
    """(H, W) float32 mm. EXR as it is; 16-bit PNG with 32768 as 0 and `range_mm` at the top (default 2 mm, as this
    project writes them). Raises DnpmError when it is damaged, in colour, of 8 bits, not square or not finite.
    """
    top = MM_PER_STEP * (65535 - NEUTRAL) if range_mm is None else range_mm * (65535 - NEUTRAL) / NEUTRAL
    heights, step, _ = read_heights(path, None, top)
    if step > top / 1000:
        raise DnpmError(
            f"{path}: has 8 bits, steps of {step * 1000:.0f} micrometres; save the map with 16 bits or as EXR"
        )
    if heights.shape[0] != heights.shape[1]:
        raise DnpmError(f"{path}: is {heights.shape[1]} x {heights.shape[0]}; a map must be square")
    return heights.astype(np.float32)


def resized(heights: np.ndarray, resolution: int) -> np.ndarray:
    """(H, H) -> (R, R) float32 by a triangle filter: nothing rings, nothing aliases."""
    if len(heights) == resolution:
        return heights.astype(np.float32)
    image = Image.fromarray(np.ascontiguousarray(heights, np.float32))
    return np.asarray(image.resize((resolution, resolution), Image.Resampling.BILINEAR), np.float32)


def map_files(folder: Path) -> list[Path]:
    """The folder's maps, by name. Raises DnpmError when there is none."""
    files = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not files:
        raise DnpmError(f"{folder}: no such folder, or no EXR and PNG files in it")
    return files


Row = tuple[np.ndarray | None, np.ndarray | None, str | None]


def read_table(path: Path, model: FaceModel) -> dict[str, Row]:
    """File name -> (identity, expression, person) of a CSV file.

    Columns: `file`; `person`, if people have several maps; id_0, id_1, ... (missing ones are 0) and the model's
    expression names. Without any id column the identity is unknown, without any expression the expression is. Raises
    DnpmError with the line when a number is none, and on columns that the model does not have.
    """
    lines = io.StringIO(read_text(path, _MOST_TABLE), newline="")
    try:
        reader = csv.DictReader(lines)
        columns = list(reader.fieldnames or [])
        rows = list(reader)
    except csv.Error as error:
        raise DnpmError(f"{path}: is not a CSV file ({error})") from error
    ids = {f"id_{k}": k for k in range(model.n_id)}
    unknown = [c for c in columns if c not in {"file", "person", *ids, *model.expression_names}]
    if "file" not in columns or unknown:
        raise DnpmError(
            f"{path}: needs a column `file`, and none but person, id_0 to id_{model.n_id - 1} and {model.name}'s "
            f"expressions; unknown: {one_line(', '.join(unknown[:8])) or 'none'}"
        )
    table: dict[str, Row] = {}
    for line, row in enumerate(rows, 2):
        name = row["file"] or ""
        if name in table:
            raise DnpmError(f"{path}, line {line}: {one_line(name, 60)} occurs twice")
        identity, expression = np.zeros(model.n_id, np.float32), np.zeros(model.n_exp, np.float32)
        for column in columns:
            if column in ("file", "person"):
                continue
            try:
                value = float(row[column] or 0)
                if not abs(value) <= _LARGEST:
                    raise ValueError("beyond all measure")
            except (TypeError, ValueError) as error:
                raise DnpmError(f"{path}, line {line}: {column} is {brief(row[column])}, not a number") from error
            if column in ids:
                identity[ids[column]] = value
            else:
                expression[model.expression_index[column]] = value
        has = [any(c in group for c in columns) for group in (ids, model.expression_names)]
        table[name] = (identity if has[0] else None, expression if has[1] else None, row.get("person") or None)
    return table
