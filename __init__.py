# SPDX-License-Identifier: GPL-3.0-or-later
"""DNPM Face: detailed faces for Blender. Imported as the package `dnpm` it needs no Blender."""

__version__ = "0.1.0"


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import operators, panels

    operators.register()
    panels.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled, and at exit."""
    from . import operators, panels

    panels.unregister()
    operators.unregister()
