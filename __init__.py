# SPDX-License-Identifier: GPL-3.0-or-later
"""DNPM Face: detailed faces for Blender. Imported as the package `dnpm` it needs no Blender."""

from .core.version import __version__

__all__ = ["__version__", "glTF2ExportUserExtension", "register", "unregister"]


class glTF2ExportUserExtension:  # noqa: N801 -- the name by which Blender's glTF exporter finds it in an add-on
    """File > Export > glTF with faces in the scene: the exporter cannot read their procedural materials."""

    def gather_material_hook(self, exported: object, material: object, settings: object) -> None:
        """Called for every material, after the exporter read what it could of it."""
        from .operators.scene import gltf

        gltf.adapt(exported, material)


def register() -> None:
    """Called by Blender when the extension is enabled. When a part fails, what came before it is taken back."""
    from . import operators, panels
    from .operators.scene import registration

    registration.do([(operators.register, operators.unregister), (panels.register, panels.unregister)])


def unregister() -> None:
    """Called by Blender when the extension is disabled, and at exit."""
    from . import operators, panels

    panels.unregister()
    operators.unregister()
