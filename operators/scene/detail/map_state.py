"""What each face's map shows, what it is to show, and what was asked for.

Pixels are lost in ways of which Blender tells nobody: whatever makes it read an image again (Reload, another colour
space or alpha mode, freed buffers) brings back what was packed last, which for a new face is a small flat map. So what
an image shows is kept by image, beside a sample of it, and looked at again whenever it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import bpy
import numpy as np

from ....core.backend.requests import MapRequest
from .. import names
from . import map_image

_SAMPLES = 32
"""Heights a side that are kept of a map."""


@dataclass
class Pixels:
    """What an image holds in memory."""

    digest: str = ""
    """Whose map it is; empty when it is not known to be any's."""
    full: bool = False
    """Whether it is the whole map, not a preview."""
    size: tuple[int, int] = (0, 0)
    sample: np.ndarray | None = None
    """A few of the heights that were written last; None when what was loaded is shown."""
    is_packed: bool = True
    """Whether Blender would read the same pixels again."""

    def lose(self) -> None:
        """The image holds something else."""
        self.digest, self.full, self.sample, self.is_packed = "", False, None, True


@dataclass
class MapState:
    """One face's map in time."""

    wanted: str = ""
    changed: float = 0.0
    request: MapRequest | None = None
    """What is wanted."""
    keys: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    """The shape keys' values when they were read last (`slider_values.key_values`)."""
    pixels: Pixels = field(default_factory=Pixels)
    tickets: dict[int, tuple[str, bool]] = field(default_factory=dict)
    """Ticket of a request under way -> its digest, and whether it asks for the whole map."""
    problem: str = ""
    """What stands in the way, for the panel."""

    @property
    def shown(self) -> str:
        """The digest whose map the pixels are, or a preview of it; empty when they are not known to be any's."""
        return self.pixels.digest

    def shows(self, digest: str) -> bool:
        """Whether the pixels are the whole map of this digest."""
        return self.pixels.full and self.pixels.digest == digest

    def asked_full(self) -> bool:
        """Whether the whole map that is wanted is on its way."""
        return (self.wanted, True) in self.tickets.values()


_states: dict[int, MapState] = {}
"""By the face's session_uid."""
_pixels: dict[int, Pixels] = {}
"""By the image's session_uid."""


def of(obj: bpy.types.Object) -> MapState:
    """The state of a face's map. What it shows is what its image holds just now, by its size and Blender's notes."""
    state = _states.setdefault(obj.session_uid, MapState())
    state.pixels = _looked_at(map_image.find_image(obj))
    return state


def known() -> dict[int, MapState]:
    """The states of all faces that were met, by session_uid."""
    return _states


def get(session_uid: int) -> MapState | None:
    """The state of a face that was met; nothing is looked at."""
    return _states.get(session_uid)


def drop(session_uid: int) -> None:
    """The face is gone, or has an image of its own now."""
    _states.pop(session_uid, None)


def wrote(obj: bpy.types.Object, displacement: np.ndarray, digest: str, *, full: bool) -> None:
    """The face's image was given this map."""
    pixels = of(obj).pixels
    pixels.digest, pixels.full, pixels.is_packed = digest, full, False
    pixels.size, pixels.sample = (len(displacement), len(displacement)), _sample(displacement)


def copied(source: bpy.types.Image, copy: bpy.types.Image) -> None:
    """`copy` was given the pixels that `source` has in memory."""
    seen = _looked_at(source)
    _pixels[copy.session_uid] = Pixels(seen.digest, seen.full, _size(copy), seen.sample, is_packed=False)


def pack(obj: bpy.types.Object) -> None:
    """Keep the pixels inside the .blend, beside the name of what they show. Raises DnpmError when the image is gone."""
    image, pixels = map_image.image_of(obj), of(obj).pixels
    image[names.MAP_DIGEST] = pixels.digest if pixels.full else ""
    map_image.pack(obj)
    pixels.is_packed = True


def check(obj: bpy.types.Object) -> None:
    """Compare the pixels with what was written last: undo brings back sliders, and sometimes other pixels."""
    image, pixels = map_image.find_image(obj), of(obj).pixels
    if image is not None and not _holds(image, pixels):
        pixels.lose()


def forget() -> None:
    """Another file, or the extension is switched off: nothing that was known holds."""
    _states.clear()
    _pixels.clear()


def _looked_at(image: bpy.types.Image | None) -> Pixels:
    if image is None:
        return Pixels()
    pixels = _pixels.get(image.session_uid)
    if pixels is None:
        # New, loaded, appended: it shows what it says, unless its pixels are newer than what it says.
        newer = image.is_dirty or map_image.is_flat(image) or not map_image.is_data(image)
        digest = "" if newer else str(image.get(names.MAP_DIGEST, ""))
        pixels = _pixels[image.session_uid] = Pixels(digest, bool(digest), _size(image))
    elif _size(image) != pixels.size or not (pixels.is_packed or image.is_dirty) or not map_image.is_data(image):
        # Read again, unless somebody packed it; what was packed, too, is read anew for another colour space.
        if _holds(image, pixels):
            pixels.is_packed = True
        else:
            pixels.lose()
        pixels.size = _size(image)
    return pixels


def _size(image: bpy.types.Image) -> tuple[int, int]:
    width, height = image.size
    return width, height


def _holds(image: bpy.types.Image, pixels: Pixels) -> bool:
    """Whether the image still holds what was written to it last, or loaded with it."""
    if not map_image.is_data(image):
        return False
    if pixels.sample is None:
        return not map_image.is_flat(image) and tuple(image.size) == pixels.size
    return np.array_equal(_sample(map_image.pixels_of(image)), pixels.sample)


def _sample(displacement: np.ndarray) -> np.ndarray:
    """Some heights of a map, of every region: enough to tell it from another face's or a flat one."""
    step = max(len(displacement) // _SAMPLES, 1)
    return displacement[::step, ::step].copy()
