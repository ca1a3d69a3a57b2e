"""Another project's head model as its file tells it: linear shapes, then joints that turn parts of the skin.

    vertices(identity, modes, turns) = skinned(rest + identity . S + modes . E + correctives(turns), joints, turns)

Linear blend skinning as SMPL's (Loper et al. 2015), FLAME's (Li et al. 2017) and GNM's. For given modes and turns the
vertices are affine in the identity, so that an expression of a bilinear model (Eq. 3) holds exactly what it does on
each identity; two expressions that both turn a joint add up, which is approximate.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ...errors import DnpmError
from ..eye_layout import eye_texture

_FARTHEST = 1e6


@dataclass(frozen=True)
class ForeignHead:
    """A head in its file's unit and axes, or in core's (`placed`). V vertices, I identities, E modes, J joints."""

    name: str
    vertices: np.ndarray
    """(V, 3) float32 at rest."""
    faces: np.ndarray
    """(F, 4) int32, -1 as a triangle's fourth."""
    kinds: tuple[str, ...]
    """The face model's names of materials."""
    kind: np.ndarray
    """(F,) uint8 into kinds."""
    identity: np.ndarray
    """(I, V, 3) float32: a standard deviation each, most important first."""
    modes: np.ndarray
    """(E, V, 3) float32: a standard deviation of expression each, or a named expression each."""
    mode_names: tuple[str, ...]
    are_named: bool
    """Whether mode_names are expressions from 0 to 1; else modes without a meaning of their own."""
    joints: np.ndarray
    """(J, 3) float32."""
    joint_identity: np.ndarray
    """(I, J, 3) float32: how a component moves them."""
    parents: tuple[int, ...]
    """Of each joint; the first one's is not used."""
    skinning: np.ndarray
    """(J, V) float32: shares, 1 in sum over the joints."""
    eyes: dict[str, int]
    """left, right -> the joint that turns the eyeball."""
    jaw: int | None
    unit_mm: float | None
    """Millimetres in a unit, where the file's makers tell; its axes are core's then. None: found by fitting."""
    correctives: np.ndarray | None = None
    """(9 J, 3 V) float32: what each entry of the joints' rotation matrices less the identity's adds."""
    uv: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    """(U, 2), v up; none when the file has none."""
    faces_uv: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.int32))
    landmarks68: np.ndarray | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises DnpmError where the arrays contradict each other."""
        v, i, e, j = len(self.vertices), len(self.identity), len(self.modes), len(self.joints)
        wanted = {
            "vertices": (v, 3), "identity": (i, v, 3), "modes": (e, v, 3), "joints": (j, 3),
            "joint_identity": (i, j, 3), "skinning": (j, v), "faces": (len(self.faces), 4), "kind": (len(self.faces),),
        }  # fmt: skip
        if self.correctives is not None:
            wanted["correctives"] = (9 * j, 3 * v)
        for name, shape in wanted.items():
            found = getattr(self, name)
            if found.shape != shape:
                raise DnpmError(f"{self.name}: {name} must be {shape}, is {found.shape}")
            if found.dtype.kind == "f" and not (np.abs(found) <= _FARTHEST).all():
                raise DnpmError(f"{self.name}: {name} holds numbers that are not finite, or beyond all measure")
        if not (v and i and e and j and len(self.faces)):
            raise DnpmError(f"{self.name}: has no vertices, faces, identities, expressions or joints")
        if self.faces[:, :3].min() < 0 or self.faces.max() >= v:
            raise DnpmError(f"{self.name}: faces name vertices that are not there")
        if any(not 0 <= parent < k for k, parent in enumerate(self.parents) if k) or len(self.parents) != j:
            raise DnpmError(f"{self.name}: a joint's parent must come before it")

    def placed(self, scale: float, rotation: np.ndarray, shift: np.ndarray) -> ForeignHead:
        """x -> scale rotation x + shift for everything. Correctives suit rotations of the identity alone."""
        turned = (scale * rotation).T.astype(np.float32)
        if self.correctives is not None and not np.allclose(rotation, np.eye(3)):
            raise ValueError("a head with correctives is not turned")
        return replace(
            self, vertices=(self.vertices @ turned + shift).astype(np.float32), identity=self.identity @ turned,
            modes=self.modes @ turned, joints=(self.joints @ turned + shift).astype(np.float32),
            joint_identity=self.joint_identity @ turned, unit_mm=1.0,
            correctives=None if self.correctives is None else self.correctives * np.float32(scale),
        )  # fmt: skip

    def with_identities(self, chosen: np.ndarray) -> ForeignHead:
        """With the chosen components alone, in that order."""
        return replace(self, identity=self.identity[chosen], joint_identity=self.joint_identity[chosen])

    def skin(self, only: np.ndarray | None = None) -> Skin:
        """The mean identity of all vertices, or of some, for posing."""
        every = np.arange(len(self.vertices)) if only is None else only
        correctives = self.correctives
        if correctives is not None and only is not None:
            rows = correctives.reshape(len(correctives), -1, 3)[:, every]
            correctives = rows.reshape(len(correctives), -1)
        return Skin(
            self.vertices[every], self.modes if only is None else self.modes[:, every], self.skinning[:, every],
            self.joints, self.parents, correctives,
        )  # fmt: skip

    def expression(self, values: np.ndarray, turns: dict[int, np.ndarray]) -> np.ndarray:
        """(I + 1, V, 3) float32: what modes and turns add to the rest, and what each component adds to that."""
        result = np.zeros((len(self.identity) + 1, *self.vertices.shape), np.float32)
        result[0] = self.skin().posed(values, turns) - self.vertices
        if not turns:
            return result
        rotations = _rotations(len(self.joints), turns)
        world, _ = _transforms(self.joints, self.parents, rotations)
        turned = [joint for joint in range(len(world)) if np.abs(world[joint] - np.eye(3)).max() > 1e-9]
        moving = np.flatnonzero(self.skinning[turned].sum(0) > 1e-6)
        share = self.skinning[:, moving].T
        matrix = np.tensordot(share, world - np.eye(3), 1)
        for k in range(len(self.identity)):
            # The offsets are linear in the joints.
            _, more = _transforms(self.joint_identity[k], self.parents, rotations)
            result[k + 1, moving] = np.einsum("vab,vb->va", matrix, self.identity[k][moving]) + share @ more
        return result

    def texture(self) -> tuple[np.ndarray, np.ndarray]:
        """uv (U, 2) and faces_uv (F, 4): the file's, or a cylinder's; eyeballs laid out as the eye material wants."""
        uv, faces_uv = (self.uv, self.faces_uv) if len(self.uv) else cylinder(self.vertices, self.faces)
        if "eye" in self.kinds:
            balls = self.kind == self.kinds.index("eye")
            for joint in self.eyes.values():
                corners = np.where(self.faces >= 0, self.skinning[joint][self.faces] > 0.5, True).all(1)
                if (chosen := balls & corners).any():
                    uv, faces_uv = eye_texture(self.vertices, self.faces, chosen, uv, faces_uv)
        return uv.astype(np.float32), faces_uv.astype(np.int32)

    def groups(self) -> dict[str, np.ndarray]:
        """eye_left, eye_right, teeth, tongue -> (n,) int32, as far as there are."""
        found: dict[str, np.ndarray] = {}
        for name in ("teeth", "tongue"):
            if name in self.kinds:
                found[name] = _corners(self.faces[self.kind == self.kinds.index(name)])
        if "eye" in self.kinds:
            balls = _corners(self.faces[self.kind == self.kinds.index("eye")])
            for side, joint in self.eyes.items():
                found[f"eye_{side}"] = balls[self.skinning[joint][balls] > 0.5]
        return {name: indices.astype(np.int32) for name, indices in found.items() if len(indices)}


@dataclass(frozen=True)
class Skin:
    """The mean identity's vertices (V, 3), modes (E, V, 3), skinning (J, V), joints (J, 3) and correctives."""

    vertices: np.ndarray
    modes: np.ndarray
    skinning: np.ndarray
    joints: np.ndarray
    parents: tuple[int, ...]
    correctives: np.ndarray | None

    def posed(self, values: np.ndarray, turns: dict[int, np.ndarray]) -> np.ndarray:
        """(V, 3) float64; values (E,), turns: joint -> (3,) axis times angle."""
        moved = self.vertices.astype(np.float64)
        if values.any():
            moved = moved + np.tensordot(values.astype(np.float32), self.modes, 1)
        if not turns:
            return moved
        rotations = _rotations(len(self.joints), turns)
        if self.correctives is not None:
            feature = (rotations - np.eye(3)).ravel()
            used = np.flatnonzero(feature)
            moved = moved + (feature[used] @ self.correctives[used]).reshape(-1, 3)
        world, offset = _transforms(self.joints, self.parents, rotations)
        matrix = np.tensordot(self.skinning.T, world, 1)
        return np.einsum("vab,vb->va", matrix, moved) + self.skinning.T @ offset


def _rotations(count: int, turns: dict[int, np.ndarray]) -> np.ndarray:
    """(J, 3, 3)."""
    from scipy.spatial.transform import Rotation

    rotations = np.tile(np.eye(3), (count, 1, 1))
    for joint, turn in turns.items():
        rotations[joint] = Rotation.from_rotvec(turn).as_matrix()
    return rotations


def _transforms(joints: np.ndarray, parents: tuple[int, ...], rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World rotations (J, 3, 3) and offsets (J, 3): x -> rotation x + offset, of points that follow one joint."""
    world, place = rotations.copy(), np.array(joints, np.float64)
    for k in range(1, len(joints)):
        p = parents[k]
        world[k] = world[p] @ rotations[k]
        place[k] = world[p] @ (joints[k] - joints[p]) + place[p]
    return world, place - np.einsum("jab,jb->ja", world, joints)


def cylinder(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A texture layout by bearing and height about the head's upright axis, split at the back of the head."""
    middle = (vertices.min(0) + vertices.max(0)) / 2
    away = vertices - middle
    u = 0.5 + np.arctan2(away[:, 0], away[:, 2]) / (2 * np.pi)
    v = away[:, 1] / np.ptp(vertices[:, 1]) + 0.5
    there = faces >= 0
    corner = np.where(there, u[faces], np.nan)
    across = np.nanmax(corner, 1) - np.nanmin(corner, 1) > 0.5
    table = np.where(there, faces, -1)
    beyond = across[:, None] & there & (corner < 0.5)
    table = np.where(beyond, faces + len(vertices), table)
    uv = np.concatenate([np.stack([u, v], 1), np.stack([u + 1, v], 1)])
    uv[:, 0] *= 0.5
    return uv.astype(np.float32), table.astype(np.int32)


def _corners(faces: np.ndarray) -> np.ndarray:
    return np.unique(faces[faces >= 0])
