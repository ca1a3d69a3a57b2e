"""Two faces of one frame cannot be shown with one mesh or one image when their sliders differ."""

from __future__ import annotations

import bpy

from ...core.errors import DnpmError


class Claims:
    """What each mesh and image is to be in one frame, by the first face that uses it."""

    def __init__(self) -> None:
        self._by_data: dict[int, tuple[object, str]] = {}

    def claim(self, face: bpy.types.Object, data: bpy.types.ID | None, wanted: object) -> None:
        """The face wants its data to be `wanted`. Raises DnpmError when another face wants it to be something else.

        Faces of the file get parts of their own (`separate`), so this happens to linked faces above all.
        """
        if data is None:
            return
        first, name = self._by_data.setdefault(data.session_uid, (wanted, face.name))
        if first != wanted:
            remedy = (
                "press Update Detail on it, which gives it its own"
                if face.library is None
                else "open the library and save it with this extension, which gives each its own, or make a library "
                "override of one"
            )
            raise DnpmError(
                f"shares its {type(data).__name__.lower()} {data.name!r} with {name}, which has other sliders at this "
                f"frame: {remedy}"
            )
