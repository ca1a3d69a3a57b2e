"""Writes a job bundle: the template, the parameters' values and the files that the job reads and writes.

A bundle is a folder as AWS Deadline Cloud's client takes it (`deadline bundle submit`); `openjd run` takes the template
with `parameters.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..files.writing import folder as made_folder
from ..files.writing import write_text
from .template import Work, template, values

TEMPLATE, PARAMETERS = "template.json", "parameters.json"
DEADLINE_VALUES, REFERENCES = "parameter_values.json", "asset_references.json"


def write(folder: Path, work: Work) -> list[Path]:
    """Write the bundle's four files; returns them. Raises DnpmError when that fails."""
    made_folder(folder)
    known = values(work)
    contents = {
        TEMPLATE: template(work),
        PARAMETERS: known,
        DEADLINE_VALUES: {"parameterValues": [{"name": name, "value": value} for name, value in known.items()]},
        REFERENCES: references(work),
    }
    return [write_text(folder / name, json.dumps(data, indent=2) + "\n") for name, data in contents.items()]


def references(work: Work) -> dict[str, Any]:
    """What the farm has to bring to the machines, and what back: absolute paths of the submitter's machine."""
    files = [work.source, *work.inputs] + ([work.face_model] if work.face_model is not None else [])
    folders = [work.weights] if work.weights is not None else []
    return {
        "assetReferences": {
            "inputs": {"filenames": _sorted(files), "directories": _sorted(folders)},
            "outputs": {"directories": [str(work.out)]},
        }
    }


def _sorted(paths: Iterable[Path]) -> list[str]:
    # Not resolved: where a link lies is where the job looks for it.
    return sorted({os.path.abspath(path) for path in paths})  # noqa: PTH100
