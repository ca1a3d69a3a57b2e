"""Which face of a picture is wanted, and the picture turned so that it is upright.

Cameras note how they were held (EXIF), but scans and messengers lose the note: such a photo lies on its side or stands
on its head. The landmark networks find lying faces, because they follow the eyes, and miss or misread faces that stand
on their heads: a forehead is taken for a chin. Several looks tell: of 40 portraits for calibration the right way up
they lie .0034 to .0085 eye distances apart, upside down .04 to .14, where the networks see a face at all. So when no
face is found, or one whose looks disagree, the picture is tried in its other positions. That it was turned is said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import DnpmError
from .delight import LUMINANCE
from .fit.solve import Pin
from .image_file import Picture
from .landmarks.detect import Face, find_faces
from .landmarks.networks import LandmarkNetworks
from .render import to_linear

Box = tuple[float, float, float, float]
_SURE = 0.012
"""`Face.spread` up to which a face is not misread, and only its tilt counts."""
_BELIEVED = 0.04
"""The most that a face may have that is in no position upright as the picture is: profiles have up to .037."""
_BETTER = 0.6
"""A misread face's spread is more than 1.7 times that of the same face the right way up, masks included."""
_DARK = 0.05
"""Linear luminance below which nine tenths of a very dark picture lie."""
_LYING = 60.0
"""Degrees from which a face lies on its side; heads are held less askew."""
_SAID = {
    1: "lay on its side and was turned a quarter to the left",
    2: "stood on its head and was turned by half",
    3: "lay on its side and was turned a quarter to the right",
}


@dataclass(frozen=True)
class PictureOptions:
    """What an artist asks for one picture: a box (left, top, width, height) in the photo's pixels as the file has them,
    or which of the found faces (0 is the largest), and points pinned to pixels of the photo, which is upright then."""

    box: Box | None = None
    which: int = 0
    pins: tuple[Pin, ...] = ()


def find_wanted(
    picture: Picture, networks: LandmarkNetworks, options: PictureOptions | None = None
) -> tuple[Picture, Face, int]:
    """The picture, turned where its face was not upright, the face that is asked for, and how many there are. Raises
    DnpmError when there is none."""
    options = options or PictureOptions()
    faces = _faces(picture, networks, options)
    if 0 <= options.which < max(len(faces), 1):
        quarters = _quarters(picture, networks, options, faces[options.which] if faces else None)
        if quarters:
            turned = turn(picture, quarters)
            others = _faces(turned, networks, _turned(options, picture.size, quarters))
            if options.which < len(others):
                picture, faces = turned, others
    if not faces and options.box is not None:
        raise DnpmError(f"{picture.name}: no face was found in the box {options.box}; draw it around the whole face")
    if not faces:
        raise DnpmError(f"{picture.name}: {_none_found(picture)}")
    if not 0 <= options.which < len(faces):
        raise DnpmError(f"{picture.name}: has {len(faces)} faces; there is no face {options.which + 1}")
    return picture, faces[options.which], len(faces)


def _none_found(picture: Picture) -> str:
    """What to do about it; dark pictures hide faces from the networks."""
    bright = float(np.quantile(to_linear(picture.image) @ LUMINANCE, 0.9))
    dark = "it is very dark: make it lighter; " if bright < _DARK else ""
    return (
        f"no face was found ({picture.size[0]} x {picture.size[1]} pixels); {dark}both eyes must be seen (in full "
        "profile none is found); crop the photo to the face, or give a box around it"
    )


def turn(picture: Picture, quarters: int) -> Picture:
    """The picture turned to the left by so many quarters, 0 to 3, and a note that says so."""
    if not quarters:
        return picture
    size = picture.size[::-1] if quarters % 2 else picture.size
    image = np.ascontiguousarray(np.rot90(picture.image, quarters))
    return replace(picture, image=image, size=size, notes=(*picture.notes, _SAID[quarters]))


def _quarters(picture: Picture, networks: LandmarkNetworks, options: PictureOptions, face: Face | None) -> int:
    """By how many quarters to turn to the left a picture whose face was found so; 0 of an upright one, and where no
    other position is clearly better."""
    if face is not None and face.spread <= _SURE:
        return _upright_by(face)
    least: dict[int, float] = {} if face is None else {_upright_by(face): face.spread}
    for quarters in (2, 1, 3):
        others = _faces(turn(picture, quarters), networks, _turned(options, picture.size, quarters))
        if options.which < len(others):
            other = others[options.which]
            whole = (quarters + _upright_by(other)) % 4
            least[whole] = min(other.spread, least.get(whole, np.inf))
    best = min(least, key=lambda whole: least[whole], default=0)
    return best if best and least[best] <= (_BETTER * least[0] if 0 in least else _BELIEVED) else 0


def _upright_by(face: Face) -> int:
    """Quarters to the left that make a face upright, by the line of its eyes."""
    eyes = face.points[263, :2] - face.points[33, :2]
    tilt = float(np.degrees(np.arctan2(eyes[1], eyes[0])))
    return round(tilt / 90) % 4 if abs(tilt) > _LYING else 0


def _faces(picture: Picture, networks: LandmarkNetworks, options: PictureOptions) -> list[Face]:
    box = None
    if options.box is not None:
        left, top, width, height = (float(n) * picture.factor for n in options.box)
        box = (left, top, width, height)
    return find_faces(picture.image, networks, box, closely=options.which + 1)


def _turned(options: PictureOptions, size: tuple[int, int], quarters: int) -> PictureOptions:
    """With the box in the picture that was turned to the left; size: of the picture before."""
    if options.box is None:
        return options
    left, top, width, height = options.box
    for _ in range(quarters):
        left, top, width, height = top, size[0] - left - width, height, width
        size = size[1], size[0]
    return replace(options, box=(left, top, width, height))
