"""The bilinear face model in memory and on disk (Eq. 3): V_p = C_r x w_id x w_exp."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from ..errors import DnpmError
from ..files import json_file, tensor_file
from ..files.inputs import brief, reading
from . import skin_components
from .bilinear import IdentityTables, contract
from .checks import age_regression, check

FORMAT = "dnpm-face-model-1"


@dataclass(frozen=True)
class FaceModel:
    """A bilinear face: identity in standard deviations, expression 0 to 1, vertices in millimetres (core's axes).

    Polygons are (F, 4) int32 with -1 as the fourth index of a triangle; the UV tables are per corner, and a face
    that has no place in a UV layer has -1 in all four corners.
    """

    name: str
    neutral: np.ndarray
    """(V, 3) float32: the mean identity at rest."""
    core: np.ndarray
    """(n_id + 1, n_exp + 1, V, 3) float16 or float32. core[0, 0] is 0; core[k, 0] identity component k at one standard
    deviation; core[0, e] expression e on the mean identity; core[k, e] what component k adds to expression e. The rows
    of skin components (`skin_components`), which follow the shape's, are zero."""
    expression_names: tuple[str, ...]
    identity_labels: tuple[str, ...]
    """What a component does where that is clear ("Face width"), else "Identity 7"."""
    faces: np.ndarray
    """(F, 4) int32 vertex indices."""
    uv: np.ndarray
    """(U, 2) float32: the texture layer, v up."""
    faces_uv: np.ndarray
    detail_uv: np.ndarray
    """(D, 2) float32: the detail layer (front of the face), v up, in [0, 1]."""
    faces_detail_uv: np.ndarray
    """(F, 4) int32: -1 for a face outside of the detail layer."""
    detail_mask: np.ndarray
    """(R, R) float32 in [0, 1], row 0 at the top: brings the displacement smoothly to 0 at the layer's border."""
    face_material: np.ndarray
    """(F,) uint8 index into material_names."""
    material_names: tuple[str, ...]
    """From: skin, lips, sclera, iris, cornea, teeth, gums, tongue, lashes, brows, mouth (the default model's)."""
    landmarks68: np.ndarray
    """(68,) int32 vertex indices, multi-PIE order (0-16 jaw from the subject's right ear, 17-26 brows, 27-35 nose,
    36-47
    eyes, 48-67 mouth); -1 where the model has none."""
    vertex_groups: dict[str, np.ndarray] = field(default_factory=dict)
    """name -> (n,) int32 vertex indices: face, eye_left, eye_right, teeth, tongue, lashes, ..."""
    metadata: dict[str, str] = field(default_factory=dict)
    """Where it comes from: source, licence, command, seed, measured errors."""

    def __post_init__(self) -> None:
        """Raises DnpmError where the arrays contradict each other."""
        check(self)

    @property
    def n_id(self) -> int:
        return self.core.shape[0] - 1

    @property
    def n_exp(self) -> int:
        return self.core.shape[1] - 1

    @cached_property
    def n_shape(self) -> int:
        """Leading identity components that move a vertex; those after them speak of the skin alone."""
        moving = np.flatnonzero(self.core[1:, 0].any((1, 2)))
        return int(moving[-1]) + 1 if len(moving) else 0

    @cached_property
    def expression_index(self) -> dict[str, int]:
        """Name -> place in the expression vector."""
        return {name: i for i, name in enumerate(self.expression_names)}

    def expression(self, **values: float) -> np.ndarray:
        """An expression vector (n_exp,) float32 from names. Raises DnpmError on a name that the model does not have."""
        vector = np.zeros(self.n_exp, np.float32)
        for name, value in values.items():
            if name not in self.expression_index:
                raise DnpmError(f"expression {name!r} is not one of {self.name}'s: {', '.join(self.expression_names)}")
            vector[self.expression_index[name]] = value
        return vector

    def neutral_of(self, identity: np.ndarray) -> np.ndarray:
        """(n_id,) -> (V, 3) float32 mm: the identity at rest."""
        return self._tables.rest(self._shape_of(identity))

    def expression_deltas(self, identity: np.ndarray) -> np.ndarray:
        """(n_id,) -> (n_exp, V, 3) float32 mm: what each expression at 1 adds to this identity's rest.

        The first call prepares a table (half a second for the default model); the next ones are quick.
        """
        return self._tables.deltas(self._shape_of(identity))

    def vertices(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """V_p of Eq. 3: (n_id,), (n_exp,) -> (V, 3) float32 mm."""
        expression = np.asarray(expression, np.float32)
        if expression.shape != (self.n_exp,):
            raise DnpmError(
                f"{self.name} takes {self.n_exp} expression values, got an array of shape {expression.shape}"
            )
        result = self.neutral_of(identity)
        shape = self._shape_of(identity)
        for e in np.flatnonzero(expression):
            result += expression[e] * contract(self.core[: self.n_shape + 1, e + 1], shape)
        return result

    @cached_property
    def moved(self) -> np.ndarray:
        """(n_exp, V) bool: the vertices that an expression moves, on any identity."""
        # Whether all bits but the sign's are 0: comparing float16 itself takes ten times as long.
        bits = self.core[: self.n_shape + 1, 1:].view(f"u{self.core.itemsize}")
        return (np.bitwise_or.reduce(bits, axis=0) << 1).any(-1)

    @cached_property
    def _tables(self) -> IdentityTables:
        return IdentityTables(self.neutral, self.core[: self.n_shape + 1], self.moved)

    def _shape_of(self, identity: np.ndarray) -> np.ndarray:
        """(n_id,) -> (n_shape,): the components that move a vertex."""
        identity = np.asarray(identity, np.float32)
        if identity.shape != (self.n_id,):
            raise DnpmError(f"{self.name} takes {self.n_id} identity values, got an array of shape {identity.shape}")
        return identity[: self.n_shape]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one safetensors file: the arrays, and the names and metadata as JSON in its header.

        The core's rows of skin components are zero and not stored: there are more labels than rows then.
        """
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name in _ARRAYS}
        stored = self.core.shape[0]
        while stored > self.n_shape + 1 and not self.core[stored - 1].any():
            stored -= 1
        tensors["core"] = self.core[:stored]
        tensors |= {f"vertex_groups.{name}": indices for name, indices in self.vertex_groups.items()}
        header = {name: list(getattr(self, name)) for name in _NAME_LISTS} | {"metadata": self.metadata}
        tensor_file.save(path, tensors, {"format": FORMAT, "name": self.name, "header": json.dumps(header)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FaceModel:
        """Read what `save` wrote. Raises DnpmError when the file is damaged or of another kind."""
        again = "build it again, or convert it with `dnpm build convert`"
        tensors, metadata = tensor_file.load(path)
        if metadata.get("format") != FORMAT:
            raise DnpmError(
                f"{path}: is not a valid face model of format {FORMAT}; build one with `dnpm build face-model`, "
                "or convert yours with `dnpm build convert`"
            )
        missing = sorted(_ARRAYS - tensors.keys())
        if missing:
            raise DnpmError(f"{path}: the face model lacks {', '.join(missing)}; build it again")
        header = tensor_file.metadata_json(path, metadata, "header", again)
        with reading(path, again):
            about = header.get("metadata")
            if not isinstance(about, dict) or not all(isinstance(v, str) for v in about.values()):
                raise DnpmError(f"the header's metadata must map names to texts, is {brief(about)}")
            if not all(json_file.is_names(header.get(name)) for name in _NAME_LISTS):
                raise DnpmError(f"the header must list {', '.join(_NAME_LISTS)} as texts")
        tensors["core"] = with_skin_rows(tensors["core"], header["identity_labels"])
        groups = {k.removeprefix("vertex_groups."): v for k, v in tensors.items() if k.startswith("vertex_groups.")}
        with reading(path, again):
            model = cls(
                name=metadata["name"],
                vertex_groups=groups,
                metadata=about,
                **{name: tuple(header[name]) for name in _NAME_LISTS},  # type: ignore[arg-type]
                **{name: tensors[name] for name in _ARRAYS},  # type: ignore[arg-type]
            )
            age_regression(model)
        return model


def with_skin_rows(core: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """The core with a row of zeros for each skin component at the end of the labels that it has none for.

    The system gives zeroed memory only where something is written: the rows cost next to nothing. Other labels too many
    are left to the model's own checks.
    """
    stored = len(core) - 1
    if core.ndim != 4 or not 0 <= stored < len(labels) or not set(labels[stored:]) <= set(skin_components.LABELS):
        return core
    full = np.zeros((len(labels) + 1, *core.shape[1:]), core.dtype)
    full[: len(core)] = core
    return full


_NAME_LISTS = ("expression_names", "identity_labels", "material_names")
_ARRAYS = {
    "neutral", "core", "faces", "uv", "faces_uv", "detail_uv", "faces_detail_uv", "detail_mask", "face_material",
    "landmarks68",
}  # fmt: skip
