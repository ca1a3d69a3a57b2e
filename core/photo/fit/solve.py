"""Fitting the bilinear model to landmarks: pose from several starts, then everything, the outline chosen again between.

The cost is MAP: landmarks' errors as the network makes them (`landmark_errors.py`; soft L1, so that a wrong one does
not pull), identity standard normal as the model says and near what a photo's pixels suggest (`photo_regressor.py`,
`shading.py`), expression near what the picture's scores suggest and within 0 to 1, the camera's distance near a
portrait's. FaceScape's fitting alternates rigid, identity and expression; here all move at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...errors import DnpmError
from ...face_model import presets
from ...face_model.model import FaceModel
from ...face_model.sampling import IDENTITY_LIMIT
from ...face_model.sockets import UnseenSockets
from ...geometry.mesh import vertex_normals
from ..camera import Camera
from ..landmarks.detect import Face
from .calibrate import load_offsets
from .cues import CueReader, Cues
from .field import LandmarkField
from .landmark_errors import LandmarkErrorModel, LandmarkErrorModels, level
from .neck import UnseenNeck
from .part import DISTANCE_SPREAD, Part, far
from .photo_bias import PhotoLandmarkBias
from .photo_regressor import PersonRows, PhotoRegressor, joined
from .points import JAW, OVAL, SurfacePoints, mediapipe_points
from .problem import CAMERA, Bilinear, Observed, camera_of, project_with_derivatives
from .response import features, measured
from .shading import ShadingReader, UsualSkin
from .shared import weight
from .skull import UnseenSkull
from .smile import smiled
from .visible import VisibleFeatures

SPREAD = 0.012
"""Standard deviation of a landmark, eye distances."""
_EVIDENCE = 110.0
"""How many independent landmarks the 468 are worth while only the pose is looked for: neighbours err alike."""
_STARTS_MM = (600.0, 1100.0, 2500.0)
_YAWS = (0.0, 0.6, -0.6)
LOCK_LIMIT = presets.IDENTITY_LIMIT
"""What a slider can hold."""
_ROUNDS = 3
_STEPS, _SHADING_STEPS = 14, 4


@dataclass(frozen=True)
class Pin:
    """A place of the model (vertex) that the artist put on a pixel (2,)."""

    vertex: int
    pixel: tuple[float, float]
    weight: float = 8.0


@dataclass(frozen=True)
class Picture:
    """What is fitted of one picture: a found face, size (width, height), the artist's pins, and the pixels (h, w, 3)
    sRGB where shading is to count."""

    face: Face
    size: tuple[int, int]
    pins: tuple[Pin, ...] = ()
    image: np.ndarray | None = None


@dataclass(frozen=True)
class Locks:
    """Sliders that stay exactly as they are: index -> value, up to LOCK_LIMIT either way."""

    identity: dict[int, float] = field(default_factory=dict)
    expression: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Fit:
    """identity (n_id,); one expression (n_exp,), camera and errors for each picture. errors: mean distance of the 468
    landmarks from their places on the fitted face, in eye distances (outer corners), the network's own systematic
    errors included; residuals: the same after the usual errors of such a face (`LandmarkErrorModel.expected`) are
    taken off, which is what the fit makes small; landmarks: those places, (468, 2) pixels. corrective (V, 3) mm: what
    the sliders cannot say about the person (`field.py`), for every expression alike; errors, residuals and landmarks
    count it, and residuals then take off the errors of what is seen (`visible.py`). None for fits
    of renders, and where the whole identity is locked."""

    identity: np.ndarray
    expressions: list[np.ndarray]
    cameras: list[Camera]
    errors: list[float]
    residuals: list[float]
    landmarks: list[np.ndarray]
    corrective: np.ndarray | None = None


class Fitter:
    """One face model, ready for any number of fits."""

    def __init__(
        self, model: FaceModel, canonical: np.ndarray, offsets: np.ndarray | None = None, error_models:
        LandmarkErrorModels | None = None, photos: PhotoLandmarkBias | None = None, regressor: bool = True,
        shading: bool = True, smiles: bool = True,
    ) -> None:  # fmt: skip
        """canonical (468, 3) mm (`LandmarkNetworks`); offsets (468, 3) mm (`calibrate.py`) and error models of the
        network's errors: None stands for the shipped ones. photos: what photos add to these errors; None stands for
        the shipped ones, which belong to the shipped error model: for none where other models are given. Whoever fits
        renders gives `PhotoLandmarkBias.none()`. regressor: whether fits of photos count what pixels say of the person;
        shading: whether they count how light lies on the skin; smiles: whether the expression gets what a smile in a
        photo adds to it (`smile.py`), which measuring the landmarks' bias leaves out.

        Raises DnpmError when the model lacks landmarks, or offsets or error models are missing.
        """
        self.model, self.error_models = model, LandmarkErrorModels.load(model) if error_models is None else error_models
        if photos is None:
            photos = PhotoLandmarkBias.load(model) if error_models is None else PhotoLandmarkBias.none()
        self.photos = photos
        self.points = mediapipe_points(model, canonical, load_offsets() if offsets is None else offsets)
        self.bilinear = Bilinear(model, self.points)
        self.centre = self.bilinear.rest.mean(0)
        eyes = float(np.linalg.norm(self.bilinear.rest[263] - self.bilinear.rest[33]))
        self.cues = CueReader(model, eyes) if self.photos.bias.any() else None
        self.field = LandmarkField(model, self.bilinear.rest, eyes) if self.photos.bias.any() else None
        self.visible = VisibleFeatures(self.bilinear.rest)
        self.unseen, self.sockets = (UnseenNeck(model), UnseenSkull(model)), UnseenSockets(model)
        self.smiles = smiles and self.cues is not None
        self.regressor = PhotoRegressor.load(model) if regressor and self.photos.bias.any() else None
        usual = UsualSkin.load(model) if shading and self.photos.bias.any() else None
        self.shading = ShadingReader(model, usual) if usual is not None else None
        self.weights = np.ones(len(self.points.corners))
        self.weights[list(OVAL)] = 0.35
        face = model.vertex_groups.get("face", np.arange(len(model.neutral)))
        low = self.bilinear.rest[list(JAW), 1].max() + 10.0
        self.outline = face[model.neutral[face, 1] < low]

    def fit(self, pictures: Sequence[Picture], locks: Locks | None = None) -> Fit:
        """One person in one or more pictures. Raises DnpmError when there is none, or a lock or pin names nothing."""
        locks = locks or Locks()
        if not pictures:
            raise DnpmError("there is no picture to fit a face to")
        self._check(pictures, locks)
        observed = [self._observed(picture) for picture in pictures]
        identity = np.zeros(self.model.n_id)
        for k, value in locks.identity.items():
            identity[k] = value
        states = [self._pose(one, identity) for one in observed]
        expressions = [one.expected.copy() for one in observed]
        for expression in expressions:
            for k, value in locks.expression.items():
                expression[k] = value
        for round_ in range(_ROUNDS):
            cameras = [camera_of(x, one, self.centre) for x, one in zip(states, observed, strict=True)]
            if round_ and all(
                measured(camera.rotation, level(one.pixels)[0]) for camera, one in zip(cameras, observed, strict=True)
            ):
                break
            # The first round's shape is the mean person's, whose outline says little; and within the turns that error
            # models were measured at, they know how the outline's landmarks slide.
            seen = [
                one if not round_ or measured(camera.rotation, level(one.pixels)[0])
                else self._outlined(one, identity, expression, camera)
                for one, expression, camera in zip(observed, expressions, cameras, strict=True)
            ]  # fmt: skip
            identity, expressions, states = self._solve(seen, identity, expressions, states, locks, pictures)
        cameras, found, corrective = self._shaped(observed, identity, expressions, states, locks, pictures)
        if self.shading is not None and any(picture.image is not None for picture in pictures):
            shades = [
                self._shade(picture, identity, expression, camera, corrective)
                for picture, expression, camera in zip(pictures, expressions, cameras, strict=True)
            ]
            identity, expressions, states = self._solve(seen, identity, expressions, states, locks, pictures, shades)
            cameras, found, corrective = self._shaped(observed, identity, expressions, states, locks, pictures)
        if self.smiles and corrective is not None:
            # What the artist has pinned stays where it is, which the field would not see to.
            expressions = [
                expression if picture.pins
                else smiled(expression, self.model.expression_names, picture.face.scores, locks.expression)
                for expression, picture in zip(expressions, pictures, strict=True)
            ]  # fmt: skip
            cameras, found, corrective = self._shaped(observed, identity, expressions, states, locks, pictures)
        if corrective is not None:
            corrective += self.sockets.of(identity, corrective)
        errors = [
            float(np.linalg.norm(pixels - one.pixels, axis=1).mean() / one.eye_distance)
            for (pixels, _), one in zip(found, observed, strict=True)
        ]
        residuals = [float(np.linalg.norm(left, axis=1).mean()) for _, left in found]
        expressions, landmarks = [e.astype(np.float32) for e in expressions], [pixels for pixels, _ in found]
        return Fit(identity.astype(np.float32), expressions, cameras, errors, residuals, landmarks, corrective)

    def _shaped(
        self, observed: list[Observed], identity: np.ndarray, expressions: list[np.ndarray], states: list[np.ndarray],
        locks: Locks, pictures: Sequence[Picture],
    ) -> tuple[list[Camera], list[tuple[np.ndarray, np.ndarray]], np.ndarray | None]:  # fmt: skip
        """The cameras; of each picture where the landmarks' places are seen, and what they leave (`_left`); and the
        corrective shape, which both count."""
        cameras = [camera_of(x, one, self.centre) for x, one in zip(states, observed, strict=True)]
        together = list(zip(observed, expressions, cameras, pictures, strict=True))
        field = self.field if len(locks.identity) < self.model.n_id else None
        found = [
            self._left(one, identity, expression, camera, picture.face, visible=field is not None)
            for one, expression, camera, picture in together
        ]
        if field is None:
            return cameras, found, None
        pinned = [[pin.vertex for pin in picture.pins] for picture in pictures]
        turns = [level(one.pixels)[0] for one in observed]
        corrective = field.of([left for _, left in found], turns, cameras, pinned)
        corrective += sum(part.of(identity) for part in self.unseen)
        return cameras, [
            self._left(one, identity, expression, camera, picture.face, corrective, visible=True)
            for one, expression, camera, picture in together
        ], corrective  # fmt: skip

    def _shade(
        self, picture: Picture, identity: np.ndarray, expression: np.ndarray, camera: Camera,
        corrective: np.ndarray | None,
    ) -> PersonRows | None:  # fmt: skip
        if self.shading is None or picture.image is None:
            return None
        vertices = self.model.vertices(identity.astype(np.float32), expression.astype(np.float32))
        vertices = vertices if corrective is None else vertices + corrective
        return self.shading.read(picture.image, picture.face.eye_distance, vertices, camera, identity)

    def error_model_of(self, face: Face) -> LandmarkErrorModel:
        """How the landmarks of such a face usually err."""
        return self.photos.on(self.error_models.of(face.spread))

    def placed(self, identity: np.ndarray, expression: np.ndarray, camera: Camera) -> np.ndarray:
        """(468, 2) pixels: where the places that landmarks name at rest are seen on a face of these sliders."""
        vertices = self.model.vertices(identity.astype(np.float32), expression.astype(np.float32))
        return camera.project(self.points.of(vertices))[0]

    @property
    def by_identity(self) -> np.ndarray:
        """(n_id, 468, 3) mm: what each identity component does to the landmarks' places on a face at rest."""
        return self.bilinear.by_identity.reshape(self.bilinear.shape)[1:, 0]

    def _left(
        self, one: Observed, identity: np.ndarray, expression: np.ndarray, camera: Camera, face: Face,
        corrective: np.ndarray | None = None, *, visible: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Where the landmarks' places on the face are seen, (468, 2) pixels, and what they leave beyond the usual
        errors, (468, 2) eye distances in the levelled picture. visible: beyond those of what is seen."""
        points = self._outlined(one, identity, expression, camera).points
        vertices = self.model.vertices(identity.astype(np.float32), expression.astype(np.float32))
        pixels = camera.project(points.of(vertices if corrective is None else vertices + corrective))[0]
        turn, eyes = level(one.pixels)
        distance = float(camera.into_camera(self.centre[None])[0, 2])
        usual = self.error_model_of(face).expected(features(camera.rotation, turn, distance), identity, expression)
        usual = self.visible.errors(usual) if visible else usual
        return pixels, (pixels - one.pixels) @ turn.T / eyes - usual

    def _check(self, pictures: Sequence[Picture], locks: Locks) -> None:
        count = len(self.model.neutral)
        for what, names, most in (
            ("identity slider", locks.identity, self.model.n_id), ("expression", locks.expression, self.model.n_exp),
        ):  # fmt: skip
            if bad := [k for k in names if not 0 <= k < most]:
                raise DnpmError(f"there is no {what} {bad[0]}: the model has {most}")
            if wrong := [k for k, value in names.items() if not abs(value) <= LOCK_LIMIT]:
                raise DnpmError(
                    f"{what} {wrong[0]} is locked at {names[wrong[0]]:g}: a slider holds {-LOCK_LIMIT:g} to "
                    f"{LOCK_LIMIT:g}"
                )
        if bad_pins := [p.vertex for one in pictures for p in one.pins if not 0 <= p.vertex < count]:
            raise DnpmError(f"a pin names vertex {bad_pins[0]}: the model has {count}")

    def _person(self, face: Face) -> PersonRows | None:
        """What a photo's pixels say of whose face it is; None of renders, and of faces that were not looked at."""
        if self.regressor is None or face.appearance is None:
            return None
        return self.regressor.of(face.appearance)

    def _observed(self, picture: Picture) -> Observed:
        face = picture.face
        expected, certainty = self.error_models.expression(self.model.expression_names, face.scores)
        cues = Cues() if self.cues is None else self.cues.read(face)
        for k, value, deviation in cues.sliders:
            expected[k], certainty[k] = value, 1 / deviation
        count = len(self.points.corners)
        return Observed(
            self.points, face.points[:count, :2].astype(float), self.weights, picture.size, face.eye_distance,
            expected, certainty, cues,
        )  # fmt: skip

    def _pose(self, one: Observed, identity: np.ndarray) -> np.ndarray:
        """The best camera of several starts, on the mean person with the expected expression."""
        from scipy.optimize import least_squares

        places = self.bilinear.positions(identity, one.expected)[0]
        weight = np.sqrt(one.weights * _EVIDENCE / one.weights.sum()) / (SPREAD * one.eye_distance)
        line = one.pixels[263] - one.pixels[33]
        roll = float(np.arctan2(line[1], line[0]))
        at = (one.pixels.mean(0) - np.array(one.size) / 2) / one.eye_distance
        best, cost = np.zeros(CAMERA), np.inf
        middle = float(np.linalg.norm(places[263] - places[33]))

        def residuals(x: np.ndarray) -> np.ndarray:
            pixels = project_with_derivatives(x, one, self.centre, places)[0]
            return np.append(((pixels - one.pixels) * weight[:, None]).ravel(), far(x))

        def jacobian(x: np.ndarray) -> np.ndarray:
            by_camera = project_with_derivatives(x, one, self.centre, places)[1]
            rows = (by_camera * weight[None, :, None]).reshape(CAMERA, -1).T
            return np.concatenate([rows, np.eye(CAMERA)[[6]] / DISTANCE_SPREAD])

        for distance in _STARTS_MM:
            for yaw in _YAWS:
                start = np.array([0, yaw, roll, *at, np.log(100.0 / (middle * np.cos(yaw))), np.log(distance)])
                found = least_squares(residuals, start, jacobian, loss="soft_l1", max_nfev=12)
                if found.cost < cost:
                    best, cost = found.x, float(found.cost)
        return best

    def _outlined(self, one: Observed, identity: np.ndarray, expression: np.ndarray, camera: Camera) -> Observed:
        """Give the jaw's landmarks of the side that is turned away the vertices that now form the outline there."""
        # Every expression costs time; what moves the outline by less than a hair does not change the choice.
        moving = np.where(expression > 0.02, expression, 0)
        vertices = self.model.vertices(identity.astype(np.float32), moving.astype(np.float32))
        normals = vertex_normals(vertices, self.model.faces)
        look = vertices - camera.position
        facing = -(normals * look).sum(1) / np.maximum(np.linalg.norm(look, axis=1), 1e-9)
        rim = self.outline[np.abs(facing[self.outline]) < 0.25]
        corners, weights = one.points.corners.copy(), one.points.weights.copy()
        jaw = np.array(JAW)
        away = jaw[np.einsum("nk,nk->n", weights[jaw], facing[corners[jaw]]) < 0.3]
        if len(rim) and len(away):
            pixels = camera.project(vertices[rim])[0]
            apart = np.linalg.norm(one.pixels[away][:, None] - pixels[None], axis=2)
            near = apart.argmin(1)
            good = apart.min(1) < 0.25 * one.eye_distance
            corners[away[good]] = rim[near[good], None]
            weights[away[good]] = [1.0, 0.0, 0.0]
        return replace(one, points=SurfacePoints(corners, weights))

    def _solve(
        self, seen: list[Observed], identity: np.ndarray, expressions: list[np.ndarray], states: list[np.ndarray],
        locks: Locks, pictures: Sequence[Picture], shades: Sequence[PersonRows | None] | None = None,
    ) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:  # fmt: skip
        """shades: what each picture's shading says, taken at the values that are given: few steps follow."""
        from scipy.optimize import least_squares

        n_id, n_exp = self.model.n_id, self.model.n_exp
        parts = [
            Part(
                self.bilinear, one, self.centre, self.error_model_of(picture.face), picture.face.spread,
                [(p.vertex, p.pixel, p.weight) for p in picture.pins], weight(len(seen)),
                joined(self._person(picture.face), shade),
            )
            for one, picture, shade in zip(seen, pictures, shades or [None] * len(seen), strict=True)
        ]  # fmt: skip
        start = np.concatenate([identity, *(np.append(s, e) for s, e in zip(states, expressions, strict=True))])
        size = CAMERA + n_exp
        free = np.ones(len(start), bool)
        free[list(locks.identity)] = False
        for k in range(len(seen)):
            free[[n_id + k * size + CAMERA + j for j in locks.expression]] = False

        def whole(x: np.ndarray) -> np.ndarray:
            full = start.copy()
            full[free] = x
            return full

        def residuals(x: np.ndarray) -> np.ndarray:
            full = whole(x)
            rows = [full[:n_id]]
            for k, part in enumerate(parts):
                rows.append(part.residuals(full[:n_id], full[n_id + k * size : n_id + (k + 1) * size]))
            return np.concatenate(rows)

        def jacobian(x: np.ndarray) -> np.ndarray:
            full = whole(x)
            rows = [np.eye(n_id, len(full))]
            for k, part in enumerate(parts):
                begin = n_id + k * size
                by_identity, by_own = part.jacobian(full[:n_id], full[begin : begin + size])
                row = np.zeros((len(by_own), len(full)))
                row[:, :n_id], row[:, begin : begin + size] = by_identity, by_own
                rows.append(row)
            return np.concatenate(rows)[:, free]

        steps = _STEPS if shades is None else _SHADING_STEPS
        found = least_squares(residuals, start[free], jacobian, max_nfev=steps, x_scale="jac")
        full = whole(found.x)
        own = [full[n_id + k * size : n_id + (k + 1) * size] for k in range(len(seen))]
        # A lock is a lock: only what was fitted is held within the usual range.
        person = _held(full[:n_id], -IDENTITY_LIMIT, IDENTITY_LIMIT, locks.identity)
        return person, [_held(x[CAMERA:], 0, 1, locks.expression) for x in own], [x[:CAMERA] for x in own]


def _held(values: np.ndarray, low: float, high: float, locks: dict[int, float]) -> np.ndarray:
    """Values within low to high, except for the locked ones."""
    held = np.clip(values, low, high)
    for k, value in locks.items():
        held[k] = value
    return held
