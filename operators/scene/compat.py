"""Everything in which the supported Blenders (4.2 to 5.2) differ, in one place."""

from __future__ import annotations

from pathlib import Path

import bpy

GROUPS_BREAK_DISPLACE = bpy.app.version >= (5, 1, 0)
"""On a mesh with any vertex group, Blender 5.2.3's Displace reads the texture at another vertex's UV (5.0 does not)."""
NODES_ALWAYS_ON = bpy.app.version >= (5, 0, 0)


def eevee_engine() -> str:
    """EEVEE's id: it was renamed back in 5.0."""
    return "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"


def use_nodes(owner: bpy.types.Material | bpy.types.World) -> None:
    """Switch the node tree on. From 5.0 it always is, and setting it warns."""
    if not NODES_ALWAYS_ON:
        owner.use_nodes = True


def no_mipmap(texture: bpy.types.ImageTexture) -> None:
    """Texture mipmaps are gone from 5.0; before, they only blur."""
    if hasattr(texture, "use_mipmap"):
        texture.use_mipmap = False


def user_folder(package: str, name: str) -> Path:
    """The folder in the user's profile in which the extension may write; not made here.

    An installed extension has one of its own; a package imported from elsewhere uses the configuration folder.
    """
    if package.startswith("bl_ext."):
        return Path(bpy.utils.extension_path_user(package, path=name))
    return Path(bpy.utils.user_resource("CONFIG", path="dnpm_face")) / name


def is_rendering(depsgraph: bpy.types.Depsgraph | None) -> bool:
    """Whether this depsgraph is a final render's."""
    return depsgraph is not None and depsgraph.mode == "RENDER"


def in_background() -> bool:
    """Whether Blender has no window: then timers need not fire, and there is no clipboard."""
    return bpy.app.background
