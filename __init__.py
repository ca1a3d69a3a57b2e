# SPDX-License-Identifier: GPL-3.0-or-later
"""DNPM Face: detailed faces for Blender. Imported as the package `dnpm` it needs no Blender."""

from .core.version import __version__

__all__ = ["__version__", "register", "unregister"]


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
