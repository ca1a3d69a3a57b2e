"""A photo to a face: landmarks, fit, the skin's colours on the detail UV, and the displacement map.

    picture -> face (478 points) -> identity, expression, camera -> texture -> detail

The detail comes from a restorer (`Restorer`) when there is one: it looks at the texture. Without one it is what the
sliders say: the encoder's E(identity, expression), as for a face that was never photographed. Before that the photo's
lines tell the skin's components and age (`skin_lines.py`). What the restorer leaves over, the photo's own wrinkles, is
added, and last the regions get the strengths that it found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch

from ..detail.controls import add_relief, age_direction, apply_gain
from ..detail.mesh import masked
from ..detail.weights import Detail
from ..errors import DnpmError
from ..face_model.model import FaceModel
from ..face_model.skin_settings import SkinSettings
from .camera import Camera
from .choices import WRINKLES
from .delight import DARKEST, LUMINANCE
from .even import evened
from .fit.solve import Fit, Fitter, Locks, Pin
from .fit.solve import Picture as FitPicture
from .hidden_parts import filled, shown_whole
from .image_file import Picture
from .iris import iris_colour
from .landmarks.detect import Face
from .landmarks.networks import LandmarkNetworks
from .render import to_linear
from .skin_age import SkinAge
from .skin_lines import SkinLineReader, SkinRegression
from .skin_view import SkinView, SkinViewer
from .texture import Texture, joined, meeting, photo_alpha, skin_colour
from .unwrapped import Unwrapped
from .wanted_face import PictureOptions, find_wanted

SMALL_EYES = 12.0
"""Pixels between the eyes' outer corners below which little more than the pose can be told."""
CUT_OFF = 0.02
"""Share of the face's points outside of the picture from which the result is said to be half a guess."""
FAR_TURN = 30.0
"""Degrees that a head is turned aside from which most of its far half is not seen well enough to be used."""
_SLIDERS = "the sliders (the encoder's guess for this identity and expression)"


@dataclass(frozen=True)
class Restored:
    """displacement (R, R) float32 mm; w_offset (18, 512) to add to the encoder's code, or None; source: in words;
    relief (512, 512) mm: the photo's own wrinkles, to be added, or None; regions: name -> strength, where it is not
    1."""

    displacement: np.ndarray
    w_offset: np.ndarray | None
    source: str
    relief: np.ndarray | None = None
    regions: Mapping[str, float] = field(default_factory=dict)


class Restorer(Protocol):
    """What makes detail from a texture."""

    def __call__(
        self, texture: Texture, view: SkinView, identity: np.ndarray, expression: np.ndarray, resolution: int
    ) -> Restored:  # fmt: skip
        """texture: filled, with what was seen; view: the skin without its light; identity (n_id,), expression
        (n_exp,)."""


@dataclass(frozen=True)
class Reconstruction:
    """What a photo became. Cameras and landmarks are in pixels of `picture.image`; `photo_camera` is the photo's."""

    picture: Picture
    face: Face
    found: int
    """Faces in the picture."""
    identity: np.ndarray
    expression: np.ndarray
    camera: Camera
    error: float
    """Mean distance of the landmarks from the fitted face, in eye distances."""
    residual: float
    """The same after the landmark network's usual errors are taken off."""
    vertices: np.ndarray
    """(V, 3) mm: V_p, with the corrective shape."""
    texture: Texture
    """Filled: (R, R, 3) sRGB, the photo's light taken out (`delight.py`), and what was seen of it (R, R)."""
    alpha: np.ndarray
    """(R, R): how much of the texture is to be shown, 0 at the detail layer's border."""
    skin: np.ndarray
    """(3,) sRGB: the usual colour of the skin, for the rest of the head."""
    displacement: np.ndarray
    """(R, R) mm, masked, the relief included."""
    relief: np.ndarray | None
    """(512, 512) mm: the photo's own wrinkles, as they are at a strength of 1; None where they were not asked for, or
    no restorer reads them."""
    w_offset: np.ndarray | None
    detail_from: str
    seconds: dict[str, float]
    iris: np.ndarray | None = None
    """(3,) linear RGB; None where the photo does not show it."""
    corrective: np.ndarray | None = None
    """(V, 3) mm: what the sliders cannot say about the shape; None where it was not asked for (`Fit.corrective`)."""
    skin_settings: SkinSettings = field(default_factory=SkinSettings)
    """The skin's age and the regions' strengths, as the photo's lines tell them; the map has both."""
    hidden: float = 0.0
    """Share of the face that something before it hides (`hidden_parts.py`)."""

    @property
    def photo_camera(self) -> Camera:
        """The camera in pixels of the photo itself."""
        return replace(self.camera.scaled(1 / self.picture.factor), size=self.picture.size)

    @property
    def notes(self) -> list[str]:
        """What a person should know about the result."""
        notes = list(self.picture.notes)
        if self.found > 1:
            notes.append(f"has {self.found} faces; give a box for another one")
        eyes = self.face.eye_distance / self.picture.factor
        if eyes < SMALL_EYES:
            notes.append(f"the face is small ({eyes:.0f} pixels between the eyes): its shape is mostly a guess")
        cut = _outside(self.face, self.picture)
        if cut > CUT_OFF:
            notes.append(f"the picture's edge cuts off {100 * cut:.0f} % of the face: what is missing is a guess")
        if self.hidden:
            notes.append(
                f"something hides {max(1, round(100 * self.hidden))} % of the face (hand, mask, hard shadow ...): "
                "the skin there is the other side's, or the usual one, without wrinkles of the photo"
            )
        x, _, z = self.camera.position
        turn = float(np.degrees(np.arctan2(abs(x), z)))
        if turn > FAR_TURN:
            notes.append(
                f"the head is turned aside by {turn:.0f} degrees: the far half's colours are mostly the near half "
                "mirrored, and its shape is a guess; a photo from the front beside this one helps"
            )
        if _luminance(self.face, self.picture) < DARKEST:
            notes.append("the photo is very dark: how light its skin is was guessed from its hue; choose its tone")
        if self.iris is None:
            notes.append("the irises' colour could not be read: the eyes are too small, too blurred or too far closed")
        return notes


def _outside(face: Face, picture: Picture) -> float:
    """Share of the face's points that lie outside of the picture."""
    height, width = picture.image.shape[:2]
    points = face.points[:, :2]
    return float(((points < 0) | (points > [width, height])).any(1).mean())


def _luminance(face: Face, picture: Picture) -> float:
    """The median linear luminance of the middle of the face, between the quartiles of its points."""
    height, width = picture.image.shape[:2]
    low, high = np.percentile(face.points[:, :2], [25, 75], axis=0)
    left, top = np.clip(low, 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(high, [left + 1, top + 1], [width, height]).astype(int)
    return float(np.median(to_linear(picture.image[top:bottom, left:right]) @ LUMINANCE))


class Reconstructor:
    """Models and networks, loaded once for any number of photos."""

    def __init__(
        self, model: FaceModel, networks: LandmarkNetworks, detail: Detail, restorer: Restorer | None = None,
        wrinkles: float = WRINKLES, lines: bool = True,
    ) -> None:  # fmt: skip
        """wrinkles: by how much the photo's own wrinkles are multiplied, 0 (none) to 2. lines: the skin's components
        and age are read from the photo's lines, else they stay as fitted. Raises DnpmError when the face
        model lacks the landmarks that a fit needs, or the strength is out of range."""
        if not 0 <= wrinkles <= 2:
            raise DnpmError(f"the strength of the photo's wrinkles must be 0 to 2, is {wrinkles:g}")
        self.model, self.networks, self.detail, self.restorer = model, networks, detail, restorer
        self.wrinkles = wrinkles
        self.viewer = SkinViewer(model)
        self.lines = SkinLineReader(self.viewer, SkinRegression.load(model), SkinAge.load(model)) if lines else None
        self.fitter = Fitter(model, networks.canonical)

    def run(
        self, pictures: Sequence[Picture], options: Sequence[PictureOptions] | None = None, locks: Locks | None = None,
        resolution: int = 1024, report: Callable[[str], None] | None = None,
    ) -> list[Reconstruction]:  # fmt: skip
        """One person's pictures: one identity for all, an expression and a camera for each.

        report: is told each stage ("landmarks", "fit", "texture", "detail"); what it raises stops the work. Raises
        DnpmError when a picture shows no face, or its options name none.
        """
        work = self.steps(pictures, options, locks, resolution)
        try:
            while True:
                stage = next(work)
                if report is not None:
                    report(stage)
        except StopIteration as finished:
            made: list[Reconstruction] = finished.value
            return made
        finally:
            work.close()

    def steps(
        self, pictures: Sequence[Picture], options: Sequence[PictureOptions] | None = None, locks: Locks | None = None,
        resolution: int = 1024,
    ) -> Generator[str, None, list[Reconstruction]]:  # fmt: skip
        """`run`, which stops before each stage and yields its name. Raises what `run` raises."""
        options = list(options) if options is not None else [PictureOptions() for _ in pictures]
        if len(options) != len(pictures):
            raise DnpmError(f"there are {len(pictures)} pictures and options for {len(options)}")
        watch = _Watch()
        yield "landmarks"
        with watch("landmarks"):
            wanted = [find_wanted(p, self.networks, one) for p, one in zip(pictures, options, strict=True)]
            pictures, found = [picture for picture, _, _ in wanted], [(face, count) for _, face, count in wanted]
        yield "fit"
        with watch("fit"):
            fit = self.fitter.fit(
                [
                    FitPicture(face, _size(picture), _scaled(one.pins, picture.factor), picture.image)
                    for (face, _), picture, one in zip(found, pictures, options, strict=True)
                ],
                locks,
            )
        with watch("fit"):
            shapes = [self._shape(fit, k) for k in range(len(pictures))]
            views = [
                self.viewer.look(picture.image, shape, camera)
                for picture, shape, camera in zip(pictures, shapes, fit.cameras, strict=True)
            ]
            age = 0.0
            if self.lines is not None:
                kept = locks.identity if locks is not None else ()
                identity, age = self.lines.skin(fit.identity, views, fit.expressions, kept)
                fit = replace(fit, identity=identity)
        unwrapped, results = list[Unwrapped](), list[Reconstruction]()
        for picture, shape, camera in zip(pictures, shapes, fit.cameras, strict=True):
            yield "texture"
            with watch("texture"):
                parts = self.viewer.hidden_parts
                unwrapped.append(Unwrapped.of(picture.image, shape, camera, self.model, parts, resolution))
        for k, picture in enumerate(pictures):
            yield "detail"
            skin = _Skin(views[k], shapes[k], age)
            results.append(self._finished(picture, unwrapped, *found[k], fit, k, skin, resolution, watch))
        return [replace(one, seconds=dict(watch.seconds)) for one in results]

    def _shape(self, fit: Fit, k: int) -> np.ndarray:
        """(V, 3) mm: the face in a picture."""
        vertices = self.model.vertices(fit.identity, fit.expressions[k])
        return vertices if fit.corrective is None else vertices + fit.corrective

    def _finished(
        self, picture: Picture, unwrapped: Sequence[Unwrapped], face: Face, count: int, fit: Fit, k: int, skin: _Skin,
        resolution: int, watch: _Watch,
    ) -> Reconstruction:  # fmt: skip
        expression, camera, vertices = fit.expressions[k], fit.cameras[k], skin.vertices
        identity = self._aged(fit.identity, skin.age)
        with watch("texture"):
            mine, others = unwrapped[k], [one.matt for j, one in enumerate(unwrapped) if j != k]
            hidden, texture = mine.hidden, filled(mine.bare, mine.hidden)
            shown = filled(joined(mine.matt, others), hidden)
            shown = evened(shown, self.model)
            alpha, tone = photo_alpha(shown_whole(shown, hidden), self.model), skin_colour(shown, self.model)
            shown = meeting(shown, alpha, tone)
        with watch("detail"):
            if self.restorer is not None:
                restored = self.restorer(texture, skin.view, identity, expression, resolution)
            else:
                restored = Restored(self.guessed(identity, expression, resolution), None, _SLIDERS)
            displacement, relief = restored.displacement, restored.relief if self.wrinkles else None
            if relief is not None:
                displacement = with_relief(displacement, self.wrinkles * relief)
            displacement = finished(self.detail, displacement)
            settings = SkinSettings(skin.age, restored.regions)
            displacement = with_gain(displacement, settings.gain(self.model))
        return Reconstruction(
            picture, face, count, fit.identity, expression, camera, fit.errors[k], fit.residuals[k], vertices, shown,
            alpha, tone,
            masked(self.model, displacement), relief, restored.w_offset, restored.source, {},
            iris_colour(picture.image, face), fit.corrective, settings, hidden.share if hidden is not None else 0.0,
        )  # fmt: skip

    def _aged(self, identity: np.ndarray, years: float) -> np.ndarray:
        """(n_id,): what the encoder is asked for, as the worker asks it."""
        return identity + np.float32(years) * age_direction(self.model) if years else identity

    def guessed(self, identity: np.ndarray, expression: np.ndarray, resolution: int) -> np.ndarray:
        """(R, R) mm: the encoder's map for these sliders, not yet masked."""
        given = (torch.from_numpy(np.asarray(a, np.float32))[None] for a in (identity, expression))
        with torch.inference_mode():
            image = self.detail.displacement(*given, resolution=resolution)
        return np.asarray(image[0, 0].float().cpu().numpy(), np.float32)


def with_relief(displacement: np.ndarray, relief: np.ndarray) -> np.ndarray:
    """(R, R) mm: both, as the worker adds them."""
    rows = (torch.from_numpy(np.asarray(image, np.float32)) for image in (displacement[None, None], relief))
    return np.asarray(add_relief(*rows)[0, 0].numpy())


def finished(detail: Detail, displacement: np.ndarray) -> np.ndarray:
    """(R, R) mm as the worker shows it (core/detail/finish.py)."""
    rows = torch.from_numpy(np.asarray(displacement, np.float32))[None, None]
    return np.asarray(detail.finished(rows)[0, 0].numpy())


def with_gain(displacement: np.ndarray, gain: np.ndarray | None) -> np.ndarray:
    """(R, R) mm times the regions' factors, as the worker does it."""
    rows = torch.from_numpy(np.asarray(displacement, np.float32))[None, None]
    return np.asarray(apply_gain(rows, None if gain is None else torch.from_numpy(gain))[0, 0].numpy())


def _size(picture: Picture) -> tuple[int, int]:
    return picture.image.shape[1], picture.image.shape[0]


def _scaled(pins: Sequence[Pin], factor: float) -> tuple[Pin, ...]:
    return tuple(replace(pin, pixel=(pin.pixel[0] * factor, pin.pixel[1] * factor)) for pin in pins)


@dataclass(frozen=True)
class _Skin:
    """Of one picture: its skin without light, the face's (V, 3) mm, and the years by which the skin is older."""

    view: SkinView
    vertices: np.ndarray
    age: float


class _Watch:
    """Seconds a stage, added up."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - started, 3)
