"""Finds the face on a mesh: pictures of it are taken from several sides, and the landmark networks look at them.

First the whole mesh is looked at, upright in one of several ways, for a body may be any way round; then, from what was
found, closer and straight from the front; at last from the front and from both sides. What a landmark's pixel shows is
its place on the mesh. The pictures show plain skin under one light: no textures are needed, and none are read.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from ..errors import DnpmError
from ..geometry.rasteriser import interpolated, rasterise
from ..photo.camera import Camera, turned
from ..photo.fit.points import OVAL, similarity
from ..photo.landmarks.detect import Face, find_faces
from ..photo.landmarks.networks import LandmarkNetworks
from ..photo.render import Lights, from_linear, shade
from .target import Target

LANDMARKS = 468
SIDE_DEGREES = 32.0
_WHOLE, _CLOSE = 768, 448
"""Pixels a side of the picture of the whole mesh, and of the face."""
_SKIN = np.array([0.6, 0.42, 0.34])
_AGREE_MM = 9.0
"""Places of one landmark from two sides that lie farther apart are not both believed: the front's is."""
_LEAST = 200
"""Landmarks that must lie on the mesh."""
MEND_NORMALS = "turn them outwards first (in Blender: Edit Mode, select all, Mesh > Normals > Recalculate Outside)"
_NOSE_TIP = 1

# Rows are the mesh's axes that become right (the subject's left), up and forward of core's axes.
_UP_Y = np.eye(3)
_UP_Z = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
_QUARTERS = tuple(turned(yaw=a) for a in (0.0, 180.0, 90.0, -90.0))
_UPS = (_UP_Y, _UP_Z, turned(roll=180.0), turned(roll=180.0) @ _UP_Z, turned(roll=90.0), turned(roll=-90.0))
POSES = tuple(q @ up for up in _UPS for q in _QUARTERS)
"""Ways round that are tried, in this order, each of the mesh's axes as the one that is up; callers from Blender bring
most meshes upright."""
_SURE = 0.98
"""Presence of a face at which no other way round is tried."""


@dataclass(frozen=True)
class Found:
    """The face on a mesh.

    scale, rotation (3, 3), shift (3,): target's vertices x -> scale rotation x + shift in millimetres of the model's
    mean face; places (468, 3) mm there, NaN where a landmark was not seen; trust (468,) 0 to 1; triangle (468,) int,
    the target's triangle under it, -1 where none was.
    """

    scale: float
    rotation: np.ndarray
    shift: np.ndarray
    places: np.ndarray
    trust: np.ndarray
    triangle: np.ndarray

    def aligned(self, target: Target) -> Target:
        """The target in the model's space."""
        return target.moved(self.scale * self.rotation, self.shift)


def find_face(
    target: Target, points: np.ndarray, networks: LandmarkNetworks, poses: tuple[np.ndarray, ...] = POSES
) -> Generator[str, None, Found]:
    """points (468, 3) mm: the landmarks on the model's mean face. Yields what is being done.

    Raises DnpmError when no face is found on the mesh, or its normals point inwards.
    """
    steady = np.ones(LANDMARKS)
    steady[list(OVAL)] = 0.15
    candidates, inward = yield from _somewhere(target, points, networks, poses, steady)
    now = None
    for one in candidates:
        now = yield from _nearer(target, one, points, networks, steady)
        if now is not None:
            break
    if now is None:
        raise inward or DnpmError(
            "a face was seen on the mesh from afar and not again from near: is it a human face, without mask and beard?"
        )
    looks = [_look(now.aligned(target), points.mean(0), 0.0, networks)]
    for yaw in (SIDE_DEGREES, -SIDE_DEGREES):
        yield "looking from the sides"
        looks.append(_look(now.aligned(target), points.mean(0), yaw, networks))
    return _placed(now, _merged(looks), points, steady)


class _InwardError(DnpmError):
    """A face was seen, with so much presence, whose skin shows its back."""

    presence = 0.0


@dataclass(frozen=True)
class _Seen:
    """Places (468, 3) in the space that was looked at, trust (468,), triangle (468,)."""

    places: np.ndarray
    trust: np.ndarray
    triangle: np.ndarray


def _somewhere(
    target: Target, points: np.ndarray, networks: LandmarkNetworks, poses: tuple[np.ndarray, ...], steady: np.ndarray
) -> Generator[str, None, tuple[list[Found], _InwardError | None]]:
    """Where a face may be, the surest first, a sure one alone; and what to say of one whose skin shows its back.

    Raises DnpmError when there is none.
    """
    size = float(np.ptp(target.vertices, axis=0).max())
    middle = (target.vertices.min(0) + target.vertices.max(0)) / 2
    candidates: list[tuple[float, Found]] = []
    inward: _InwardError | None = None
    for k, pose in enumerate(poses):
        yield f"looking for the face, side {k + 1} of at most {len(poses)}"
        # As large as a person, whatever the unit: the camera stands at a person's distance.
        scale = 1700.0 / size
        start = Found(scale, pose, -scale * pose @ middle, points, steady, np.full(LANDMARKS, -1))
        shown = start.aligned(target)
        camera = Camera.before((_WHOLE, _WHOLE), 6000.0, 0.96, 1700.0)
        try:
            seen, face = _seen(shown, camera, networks, closely=False)
        except _InwardError as error:
            inward = inward if inward is not None and inward.presence >= error.presence else error
            continue
        # Upside down, on its side, or seen from behind through a thin hood, a net may still claim a face: what is read
        # there is poor, and another way round shows it upright.
        if seen is None or face is None:
            continue
        across, down = face.points[152, :2] - face.points[168, :2]
        if down < abs(across):
            continue
        found = _placed(start, seen, points, steady)
        if face.presence > _SURE:
            return [found], None
        candidates.append((face.presence, found))
    candidates.sort(key=lambda one: -one[0])
    if inward is not None and (not candidates or inward.presence > candidates[0][0]):
        raise inward
    if not candidates:
        raise DnpmError(
            "no face was found on the mesh: it must show a human face with open or closed eyes, upright or lying on "
            "its axes; hide hair, masks and helmets that are part of the mesh"
        )
    return [found for _, found in candidates], inward


def _nearer(
    target: Target, now: Found, points: np.ndarray, networks: LandmarkNetworks, steady: np.ndarray
) -> Generator[str, None, Found | None]:
    """What two closer looks make of it; None where no face is seen from near."""
    for _ in range(2):
        yield "looking closer"
        seen = _look(now.aligned(target), points.mean(0), 0.0, networks, closely=False)
        if seen is None:
            return None
        now = _placed(now, seen, points, steady)
    return now


def _look(
    shown: Target, middle: np.ndarray, yaw: float, networks: LandmarkNetworks, *, closely: bool = True
) -> _Seen | None:
    camera = Camera.before((_CLOSE, _CLOSE), 800.0, 0.9, 270.0, middle, turned(yaw=yaw))
    return _seen(shown, camera, networks, closely=closely)[0]


def _seen(
    shown: Target, camera: Camera, networks: LandmarkNetworks, *, closely: bool
) -> tuple[_Seen | None, Face | None]:
    """Take a picture, find the largest face (several looks at it where `closely`), and what its landmarks show.

    Raises _InwardError when the skin's normals point inwards.
    """
    triangles, normals = shown.triangles, shown.normals
    pixels, depth = camera.project(shown.vertices)
    corner, away = pixels[triangles], depth[triangles]
    inside = (corner.max(1) > 0).all(1) & (corner.min(1) < camera.size[0]).all(1) & (away > 1).all(1)
    number = np.flatnonzero(inside)
    hit, weights = rasterise(pixels, depth, triangles[number], camera.size)
    there = hit >= 0
    if not there.any():
        return None, None
    bend = interpolated(normals, triangles[number], hit, weights)[there]
    bend[(bend @ camera.rotation.T)[:, 2] > 0] *= -1  # the inside of a hollow head
    image = np.full((*hit.shape, 3), 0.55, np.float32)
    image[there] = from_linear(shade(np.tile(_SKIN, (len(bend), 1)), bend, camera, Lights(), 0.06))
    faces = find_faces(image, networks, closely=int(closely))
    if not faces:
        return None, None
    face = faces[0]
    at = np.floor(face.points[:LANDMARKS, :2]).astype(int)
    ok = ((at >= 0) & (at < camera.size)).all(1)
    at = np.where(ok[:, None], at, 0)
    triangle, share = hit[at[:, 1], at[:, 0]], weights[at[:, 1], at[:, 0]].astype(float)
    ok &= triangle >= 0
    triangle = np.where(ok, number[np.maximum(triangle, 0)], -1)
    corners = triangles[np.maximum(triangle, 0)]
    places = np.einsum("nk,nkc->nc", share, shown.vertices[corners])
    normal = np.einsum("nk,nkc->nc", share, normals[corners])
    toward = camera.position - places
    facing = (normal * toward).sum(1) / np.maximum(np.linalg.norm(toward, axis=1), 1e-9)
    if _is_hollow(camera.into_camera(places)[:, 2], ok):
        return None, None
    if ok.any() and np.median(facing[ok]) < 0:
        error = _InwardError(f"the mesh's normals point inwards: {MEND_NORMALS}")
        error.presence = face.presence
        raise error
    trust = np.where(ok, np.clip(facing, 0, 1) ** 2, 0.0)
    places[~ok] = np.nan
    if (trust > 0).sum() < _LEAST:
        return None, face
    return _Seen(places, trust, triangle), face


def _is_hollow(depth: np.ndarray, ok: np.ndarray) -> bool:
    """Whether the landmarks, depth (468,) of those that are ok from the camera, show a face from within: a mask's back
    looks like a face, too."""
    outline = np.array(OVAL)[ok[list(OVAL)]]
    return bool(len(outline) and ok[_NOSE_TIP] and depth[_NOSE_TIP] > np.median(depth[outline]))


def _placed(before: Found, seen: _Seen, points: np.ndarray, steady: np.ndarray) -> Found:
    """The similarity that brings what was seen onto the model's landmarks; what lies far off is left out."""
    weight = seen.trust * steady
    for _ in range(3):
        used = weight > 0.02
        scale, rotation, shift = similarity(seen.places[used], points[used])
        off = np.linalg.norm(scale * np.nan_to_num(seen.places) @ rotation.T + shift - points, axis=1)
        weight = seen.trust * steady * (off < 2.5 * np.median(off[used]))
    places = scale * seen.places @ rotation.T + shift
    return Found(
        scale * before.scale, rotation @ before.rotation, scale * rotation @ before.shift + shift, places, seen.trust,
        seen.triangle,
    )  # fmt: skip


def _merged(looks: list[_Seen | None]) -> _Seen:
    """Weighted means of what the looks agree on; the front's, which comes first, counts most."""
    front = looks[0]
    if front is None:
        raise DnpmError("a face was seen on the mesh and lost again: is it a human face?")
    total, weight = np.nan_to_num(front.places) * front.trust[:, None], front.trust.copy()
    triangle, trust = front.triangle.copy(), front.trust.copy()
    for look in looks[1:]:
        if look is None:
            continue
        apart = np.linalg.norm(np.nan_to_num(look.places, nan=1e9) - np.nan_to_num(front.places), axis=1)
        # Where the front saw little of a place the side decides.
        use = (look.trust > 0) & ((apart < _AGREE_MM) | (look.trust > 3 * front.trust))
        lost = use & (apart >= _AGREE_MM)
        total[lost], weight[lost] = 0.0, 0.0
        total[use] += np.nan_to_num(look.places[use]) * look.trust[use, None]
        weight[use] += look.trust[use]
        better = use & (look.trust > trust)
        triangle[better], trust[better] = look.triangle[better], look.trust[better]
    places = np.full((LANDMARKS, 3), np.nan)
    known = weight > 0
    places[known] = total[known] / weight[known, None]
    return _Seen(places, np.where(known, trust, 0.0), np.where(known, triangle, -1))
