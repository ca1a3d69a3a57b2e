"""What the bands' components say of the teacher's maps, without painting them.

A map is linear in its ingredients (`teacher.Ingredients`), and the components' coefficients are affine in the map. So
coefficients = bias + matrix ingredients, and the encoder can learn from as many people as one likes: a sample costs the
strain of its mesh and a product, and several skins share one mesh. The matrix is the transposed projection, taken by
automatic differentiation, times the layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ...errors import DnpmError
from ...face_model.model import FaceModel
from ...files import tensor_file
from ...files.writing import folder as made_folder
from ...progress import Progress
from ..painters import paint
from ..teacher.lines import CreasePainter
from ..teacher.strain import StrainField
from ..teacher.teacher import STRAIN_RESOLUTION, Teacher, resize
from ..teacher.traits import Traits
from . import samples
from .fit import Codes
from .principal import Band, _project

_PARTS = ("bias", "creases", "skin", "squeezed")
SKINS = 8
"""People with skins of their own who share a mesh and an expression."""
_COMPONENTS_AT_ONCE = 16
_MESHES_AT_ONCE = 32
_worker: dict = {}


@dataclass(frozen=True)
class LinearView:
    """The coefficients of `bands` (C,), whitened, of a map with given ingredients."""

    bias: np.ndarray
    creases: np.ndarray
    """(C, columns of `CreasePainter.matrix`)"""
    skin: np.ndarray
    """(C, K)"""
    squeezed: np.ndarray
    """(2, C, D S S)"""

    @classmethod
    def of(cls, teacher: Teacher, bands: list[Band]) -> LinearView:
        """Raises DnpmError when the teacher paints coarser than the finest band."""
        size = teacher.resolution
        if size < bands[-1].resolution:
            raise DnpmError(f"bands up to {bands[-1].resolution} need a teacher of that size, this one paints {size}")
        bias = _project(np.zeros((1, size, size), np.float32), bands, None)[0][0].numpy()
        layers = teacher.textures.layers.reshape(len(teacher.textures.names), -1)
        enlarge = np.stack([resize(row, size) for row in _unit_columns()], 1) if size > STRAIN_RESOLUTION else None
        creases, skin, squeezed = [], [], []
        with Progress("linear", len(bias), unit="components") as bar:
            for first in range(0, len(bias), _COMPONENTS_AT_ONCE):
                rows = np.arange(first, min(first + _COMPONENTS_AT_ONCE, len(bias)))
                images = _transposed(bands, rows, size) * teacher.mask
                flat = images.reshape(len(rows), -1)
                creases.append((teacher.painter.matrix.T @ flat.T).T)
                skin.append(flat @ layers.T)
                squeezed.append(_furrowed(images, teacher.textures.oriented, enlarge))
                bar.update(int(rows[-1]) + 1)
        return cls(bias, np.concatenate(creases), np.concatenate(skin), np.concatenate(squeezed, 1))

    def save(self, path: Path) -> None:
        """Write the arrays."""
        tensor_file.save(path, {n: np.ascontiguousarray(getattr(self, n), np.float32) for n in _PARTS}, {})

    @classmethod
    def load(cls, path: Path) -> LinearView:
        """Read what `save` wrote."""
        tensors, _ = tensor_file.load(path)
        return cls(**{name: tensors[name] for name in _PARTS})

    def coefficients(self, creases: np.ndarray, skin: np.ndarray, squeezed: np.ndarray, furrows: np.ndarray,
                     mesh: np.ndarray) -> np.ndarray:  # fmt: skip
        """(N, columns), (N, K), of M meshes (M, D S S), (N, 2), (N,) which mesh -> (N, C)."""
        result = self.bias + creases @ self.creases.T + skin @ self.skin.T
        for k in range(2):
            result += furrows[:, k : k + 1] * (squeezed @ self.squeezed[k].T)[mesh]
        return result.astype(np.float32)


def _transposed(bands: list[Band], rows: np.ndarray, size: int) -> np.ndarray:
    """(n, size, size): the gradient of the chosen coefficients by the map, which does not depend on the map."""
    with torch.enable_grad():
        maps = torch.zeros(len(rows), size, size, requires_grad=True)
        coefficients = _project(maps, bands, None)[0]
        (gradient,) = torch.autograd.grad(coefficients[torch.arange(len(rows)), torch.from_numpy(rows)].sum(), maps)
    return gradient.numpy()


def _unit_columns() -> list[np.ndarray]:
    return [np.broadcast_to(row[:, None], (STRAIN_RESOLUTION,) * 2).copy() for row in np.eye(STRAIN_RESOLUTION)]


def _furrowed(images: np.ndarray, oriented: np.ndarray, enlarge: np.ndarray | None) -> np.ndarray:
    """(n, R, R), (2, D, R, R) -> (2, n, D S S): how each place of each direction's compression counts."""
    layouts, directions, size = oriented.shape[:3]
    result = np.empty((layouts, len(images), directions, STRAIN_RESOLUTION, STRAIN_RESOLUTION), np.float32)
    # `resize` is separable: the column of one enlarged axis is what an enlarged image constant along the other shows.
    axis = np.eye(size, dtype=np.float32) if enlarge is None else enlarge[:, :, 0].astype(np.float32)
    for k in range(layouts):
        for d in range(directions):
            product = images * oriented[k, d]
            result[k, :, d] = np.matmul(np.matmul(axis.T, product), axis)
    return result.reshape(layouts, len(images), -1)


class Mesher:
    """Strain of many (identity, expression) pairs, on float32 and on the vertices of the detail layer alone."""

    def __init__(self, teacher: Teacher) -> None:
        model = teacher.model
        self._model, self._map = model, teacher.strain_map
        used = np.unique(model.faces[model.faces_detail_uv[:, 0] >= 0])
        self._used = used[used >= 0]
        self._core = model.core[: model.n_shape + 1, :][:, :, self._used].astype(np.float32)
        self._core = self._core.reshape(*self._core.shape[:2], -1)
        self._neutral = model.neutral[self._used].ravel()

    def __call__(self, identity: np.ndarray, expression: np.ndarray) -> StrainField:
        """As `Teacher.ingredients` has it from the whole mesh."""
        weights = np.concatenate([[1.0], identity[: self._model.n_shape]]).astype(np.float32)
        rest = self._neutral + weights @ self._core[:, 0]
        active = np.flatnonzero(expression)
        moves = np.einsum("k,kav->av", weights, self._core[:, active + 1])
        return StrainField(self._map, self._whole(rest), self._whole(rest + expression[active] @ moves))

    def _whole(self, places: np.ndarray) -> np.ndarray:
        whole = np.zeros((len(self._model.neutral), 3), np.float32)
        whole[self._used] = places.reshape(-1, 3)
        return whole


def make_codes(
    folder: Path, model_path: Path, view: Path, meshes: dict[str, int], processes: int, seed: int
) -> dict[str, Codes]:
    """Split -> `SKINS` people for each of so many pairs of mesh and expression, kept in `folder`; goes on where it
    stopped."""
    made_folder(folder)
    chunks = [
        (split, i, min(i + _MESHES_AT_ONCE, count))
        for split, count in meshes.items()
        for i in range(0, count, _MESHES_AT_ONCE)
    ]
    files = [folder / f"{split}_{first}_{last}.safetensors" for split, first, last in chunks]
    todo = [(chunk, file) for chunk, file in zip(chunks, files, strict=True) if not file.is_file()]
    jobs = [(*chunk, str(file)) for chunk, file in todo]
    for _ in paint("codes", "chunks", 1, _codes, jobs, processes, _start, (str(model_path), str(view), seed)):
        pass
    result = {}
    for split in meshes:
        parts = [tensor_file.load(f)[0] for f, (of, _, _) in zip(files, chunks, strict=True) if of == split]
        arrays = (np.concatenate([p[n] for p in parts]) for n in ("identity", "expression", "coefficients"))
        result[split] = Codes(*map(torch.from_numpy, arrays))
    return result


def _start(model_path: str, view: str, seed: int) -> None:
    torch.set_num_threads(1)
    # Weights of the layers are all that is needed: they are the same at every resolution.
    teacher = Teacher(FaceModel.load(model_path), 64, seed)
    _worker.update(teacher=teacher, mesher=Mesher(teacher), view=LinearView.load(Path(view)), seed=seed)


def _codes(job: tuple[str, int, int, str]) -> None:
    split, first, last, path = job
    teacher: Teacher = _worker["teacher"]
    rows: dict[str, list[np.ndarray]] = {n: [] for n in ("identity", "expression", "creases", "skin", "furrows")}
    squeezed, mesh = [], []
    for k, index in enumerate(range(first, last)):
        identity, expression = samples.draw(teacher.model, split, index, _worker["seed"])
        strain = _worker["mesher"](identity, expression) if expression.any() else None
        active = teacher.painter.active(expression, strain)
        value = partial(teacher.value, expression)
        squeezed.append(
            np.zeros(_worker["view"].squeezed.shape[2], np.float32) if strain is None
            else teacher.squeezed(strain).ravel()
        )  # fmt: skip
        for person in samples.other_skins(teacher.model, split, index, SKINS, identity, _worker["seed"]):
            traits = teacher.traits(person)
            rows["identity"].append(person)
            rows["expression"].append(expression)
            rows["creases"].append(_depths(teacher.painter, traits, active))
            rows["skin"].append(teacher.skin(traits, value))
            rows["furrows"].append(teacher.skin.furrows(traits))
            mesh.append(k)
    stacked = {name: np.stack(values).astype(np.float32) for name, values in rows.items()}
    coefficients = _worker["view"].coefficients(
        stacked["creases"], stacked["skin"], np.stack(squeezed), stacked["furrows"], np.array(mesh)
    )
    tensor_file.save(path, {
        "identity": stacked["identity"], "expression": stacked["expression"], "coefficients": coefficients,
    }, {})  # fmt: skip


def _depths(painter: CreasePainter, traits: Traits, active: np.ndarray) -> np.ndarray:
    person = painter.person(traits)
    return painter.spread(painter.depths(traits.age, person.depth, person.onset, active), person.shift)
