"""Reads generators that other projects trained, without running their code."""

from .stylegan import Foreign, read_generator

__all__ = ["Foreign", "read_generator"]
