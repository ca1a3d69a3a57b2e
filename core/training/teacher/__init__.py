"""The teacher: paints displacement maps as a deterministic, smooth function of (identity, expression)."""

from .teacher import Teacher

__all__ = ["Teacher"]
