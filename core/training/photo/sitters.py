"""Portraits as simulated photos need them: how light falls on a sitter's skin, what is hidden, and how sharp it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ... import progress as bars
from ...face_model.model import FaceModel
from ...photo.fit.solve import Fitter
from ...photo.fit.solve import Picture as FitPicture
from ...photo.image_file import read_picture
from ...photo.landmarks.detect import find_faces
from ...photo.landmarks.networks import LandmarkNetworks
from ...photo.portraits import Person
from ...photo.skin_view import SkinView, SkinViewer


@dataclass(frozen=True)
class SkinSitter:
    """A portrait's view, the fitted identity (n_id,) and expression (n_exp,), and the sitter's age by eye; None where
    it is not known."""

    view: SkinView
    identity: np.ndarray
    expression: np.ndarray
    years: float | None


def sitter_of(
    person: Person, model: FaceModel, fitter: Fitter, networks: LandmarkNetworks, viewer: SkinViewer
) -> SkinSitter | None:
    """Of a person's first portrait; None where no face is found. Raises DnpmError when it cannot be read."""
    image = read_picture(person.files[0]).image
    faces = find_faces(image, networks)
    if not faces:
        return None
    fit = fitter.fit([FitPicture(faces[0], (image.shape[1], image.shape[0]), image=image)])
    vertices = model.vertices(fit.identity, fit.expressions[0])
    if fit.corrective is not None:
        vertices = vertices + fit.corrective
    return SkinSitter(viewer.look(image, vertices, fit.cameras[0]), fit.identity, fit.expressions[0], person.age)


def mirrored(view: SkinView) -> SkinView:
    """The view as a mirror shows it."""
    across, down = view.slope
    return SkinView(
        view.flat[:, ::-1], view.trust[:, ::-1], (-across[:, ::-1], down[:, ::-1]), view.blur_mm, view.texel_mm
    )


def sitters_of(
    people: Sequence[Person], model: FaceModel, fitter: Fitter, networks: LandmarkNetworks, viewer: SkinViewer
) -> list[SkinSitter]:  # fmt: skip
    """All whose faces are found."""
    return [
        one for person in bars.each(people, "sitters")
        if (one := sitter_of(person, model, fitter, networks, viewer)) is not None
    ]  # fmt: skip
