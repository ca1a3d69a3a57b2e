"""Which objects of the file are faces, known without looking at every object.

The whole file is looked through after loading, undo and redo, which replace Blender's data, and when there are other
shape keys, or other users of a face's mesh, than before: a new face has one or the other, and is found as soon as it is
shown. No reference to an object outlives undo and loading: `forget` comes before them.
"""

from __future__ import annotations

from itertools import islice
from typing import TypeGuard, cast

import bpy

from .. import names

_READ = 64
"""Updated data blocks that are read one by one; when more change at once every face counts as touched."""

_faces: dict[int, bpy.types.Object] | None = None
"""By session_uid; None when the file has to be looked through."""
_seen: tuple[frozenset[int], int] = (frozenset(), 0)
"""What the file held when it was looked through: see `_signature`."""


def is_face(obj: bpy.types.ID | None) -> TypeGuard[bpy.types.Object]:
    """Whether this object is one of ours."""
    group = getattr(obj, names.FACE, None) if isinstance(obj, bpy.types.Object) and obj.type == "MESH" else None
    return group is not None and group.is_face


def forget() -> None:
    """Before Blender's data is replaced: undo, redo, loading; and when the extension is switched on or off."""
    global _faces
    _faces = None


def add(obj: bpy.types.Object) -> None:
    """A face that was just made, or met anywhere."""
    if _faces is not None:
        _faces[obj.session_uid] = obj


def faces() -> list[bpy.types.Object]:
    """All faces of the file, linked ones too, in the order in which they were found."""
    known = _known()
    gone = [uid for uid, obj in known.items() if not _is_alive(uid, obj)]
    for uid in gone:
        del known[uid]
    return list(known.values())


def is_empty() -> bool:
    """Whether no face is known. Costs nothing once the file was looked through."""
    return not _known()


def find(session_uid: int) -> bpy.types.Object | None:
    """The face with this uid; None when it is gone."""
    obj = _known().get(session_uid)
    return obj if obj is not None and _is_alive(session_uid, obj) else None


def look_again() -> tuple[list[bpy.types.Object], frozenset[int] | None]:
    """All faces, after an update of shape keys; and, where the file was looked through, as there may be new ones, the
    uids of those that nobody has told of (`add`).

    A face that was not shown before brings its shape keys into the depsgraph, so this need not be asked more often.
    """
    global _faces
    if _faces is not None:
        found = faces()
        if _signature(found) == _seen:
            return found, None
    known, _faces = frozenset(_faces or ()), None
    return faces(), frozenset(_known()) - known


def touched(depsgraph: bpy.types.Depsgraph, among: list[bpy.types.Object]) -> list[bpy.types.Object]:
    """Those of the faces that are themselves among what was updated, whatever it was. Costs more in a large scene."""
    updates = [update.id for update in islice(depsgraph.updates, _READ + 1)]
    if len(updates) > _READ:
        return among
    changed = {data.original for data in updates if isinstance(data, bpy.types.Object)}
    return [face for face in among if face in changed]


def evaluated(depsgraph: bpy.types.Depsgraph) -> list[bpy.types.Object]:
    """The known faces that this depsgraph holds."""
    return [face for face in faces() if face.evaluated_get(depsgraph).is_evaluated]


def rendered(depsgraph: bpy.types.Depsgraph) -> list[bpy.types.Object]:
    """Every face that this depsgraph holds: the scene's own, those of a background set, instanced or linked ones."""
    found = [cast("bpy.types.Object", data.original) for data in depsgraph.ids if is_face(data)]
    for face in found:
        add(face)
    return found


def _known() -> dict[int, bpy.types.Object]:
    global _faces, _seen
    if _faces is None:
        _faces = {obj.session_uid: obj for obj in bpy.data.objects if is_face(obj)}
        _seen = _signature(list(_faces.values()))
    return _faces


def _signature(known: list[bpy.types.Object]) -> tuple[frozenset[int], int]:
    """All shape keys of the file, and how often the faces' meshes are used: either changes when a face is added."""
    return frozenset(keys.session_uid for keys in bpy.data.shape_keys), sum(face.data.users for face in known)


def _is_alive(uid: int, obj: bpy.types.Object) -> bool:
    try:
        return obj.session_uid == uid and is_face(obj)
    except ReferenceError:  # Blender removed it
        return False
