"""Presets as an asset library: .blend files in the user's profile, which Blender's Asset Browser and asset shelf show.

An asset is an action that moves nothing: it carries a preset's text in its metadata, where Blender shows it before
anything is loaded, and the preset's picture. The files hold nothing that the presets do not: they can be made anew.

    DNPM Face/People        people.blend
    DNPM Face/Expressions   expressions.blend
    DNPM Face/Saved         saved.blend
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

import bpy

from ...core.errors import DnpmError
from ...core.face_model import presets
from ...core.files.inputs import read_text
from ...core.files.writing import folder as made_folder
from ...core.files.writing import write_text
from . import compat, saved_presets, settings, thumbnails
from .written import by_blender

NAME = "DNPM Face"
KEY = "dnpm_preset"
"""Of an asset's metadata: the preset's text."""
KINDS = {"people": "People", "expressions": "Expressions", "saved": "Saved"}
"""Kind of preset -> the catalogue it goes to."""
_CATALOGUES = "blender_assets.cats.txt"
_NAMESPACE = uuid.UUID("5c7b8a9e-2f0d-4d0c-9d3e-6c1f3f1f6d11")


def folder() -> Path:
    """Where the library lies."""
    return compat.user_folder(settings.PACKAGE, "assets")


def entry() -> bpy.types.UserAssetLibrary | None:
    """The library in Blender's preferences; None when it was not added."""
    wanted = folder()
    libraries = bpy.context.preferences.filepaths.asset_libraries
    return next((found for found in libraries if found.path and Path(found.path) == wanted), None)


def add() -> int:
    """Write the library and enter it in the preferences; returns how many assets it has. Raises DnpmError when it
    cannot be written."""
    count = write()
    if entry() is None:
        preferences = bpy.context.preferences
        preferences.filepaths.asset_libraries.new(name=NAME, directory=str(folder()))
        preferences.is_dirty = True
    return count


def remove() -> None:
    """Take it out of the preferences, and delete its files. Raises DnpmError when one of them stays."""
    found = entry()
    preferences = bpy.context.preferences
    if found is not None:
        preferences.filepaths.asset_libraries.remove(found)
        preferences.is_dirty = True
    for path in (*(folder() / f"{kind}.blend" for kind in KINDS), folder() / _CATALOGUES):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise DnpmError(f"{path}: cannot be deleted ({error.strerror or error})") from error
    with suppress(OSError):
        folder().rmdir()


def write(*kinds: str) -> int:
    """Write the files of these kinds (none: of all), and the catalogues; returns how many assets they hold. Raises
    DnpmError when they cannot be written."""
    made_folder(folder())
    lines = [f"{_catalogue(kind)}:{NAME}/{title}:{NAME}-{title}" for kind, title in KINDS.items()]
    write_text(folder() / _CATALOGUES, "\n".join(["VERSION 1", "", *lines, ""]))
    return sum(_write(kind) for kind in kinds or tuple(KINDS))


def refresh_saved() -> None:
    """After a preset was saved, drawn or deleted: write the artist's again, where the library was added. Raises
    DnpmError when it cannot be written."""
    if entry() is not None:
        write("saved")


def _write(kind: str) -> int:
    path = folder() / f"{kind}.blend"
    made: set[bpy.types.Action] = set()
    sources = {saved_presets.title(preset): preset for preset in reversed(saved_presets.of_kind(kind))}
    with _free_names(set(sources)):
        try:
            for title, preset in sources.items():
                made.add(_asset(title, preset, kind))
            with by_blender(path) as beside:
                bpy.data.libraries.write(str(beside), set[bpy.types.ID](made), fake_user=True, compress=True)
        finally:
            for action in made:
                bpy.data.actions.remove(action)
    return len(sources)


def _asset(title: str, preset: Path, kind: str) -> bpy.types.Action:
    text = read_text(preset, presets.MAX_BYTES, "give a preset")
    action = bpy.data.actions.new(title)
    action.asset_mark()
    data = action.asset_data
    assert data is not None
    data[KEY] = text
    data.catalog_id = _catalogue(kind)
    data.description = f"{KINDS[kind]} of DNPM Face: sets the sliders of a face"
    data.tags.new(NAME)
    picture = thumbnails.picture_of(preset)
    if picture is not None:
        with bpy.context.temp_override(id=action):
            bpy.ops.ed.lib_id_load_custom_preview(filepath=str(picture))
    return action


def _catalogue(kind: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, kind))


@contextmanager
def _free_names(wanted: set[str]) -> Iterator[None]:
    """Inside, no action of the file has one of these names, so that assets are called as they should be."""
    taken = [action for action in bpy.data.actions if action.library is None and action.name in wanted]
    names = [action.name for action in taken]
    for action in taken:
        action.name = f"{action.name} {uuid.uuid4().hex[:8]}"
    try:
        yield
    finally:
        for action, name in zip(taken, names, strict=True):
            action.name = name


def text_of(asset: bpy.types.AssetRepresentation) -> str:
    """The preset of an asset; empty when it is none of ours."""
    found = asset.metadata.get(KEY) if asset.metadata is not None else None
    return found if isinstance(found, str) else ""


def text_at(identifier: str) -> str:
    """The same from an asset's path in the library, "people.blend/Action/Amara 28", as Blender 5 hands it to operators.
    Raises DnpmError when there is no such preset."""
    parts = PurePosixPath(identifier.replace("\\", "/")).parts
    kind = parts[0].removesuffix(".blend") if parts else ""
    if kind in KINDS:
        for preset in saved_presets.of_kind(kind):
            if saved_presets.title(preset) == parts[-1]:
                return read_text(preset, presets.MAX_BYTES, "give a preset")
    raise DnpmError(f"{identifier or 'the asset'}: is no preset of DNPM Face")
