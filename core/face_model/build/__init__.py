"""Builds the default face model from CC0 data: `build_face_model`."""

from .face_model import build_face_model

__all__ = ["build_face_model"]
