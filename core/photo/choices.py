"""What an artist chooses where nothing else is said: the same for the command line and for Blender, without torch."""

TRUST = 0.4
"""How far the photo's own detail replaces the sliders' (0 to 1). More shows more of pix2pixHD's guesses."""

WRINKLES = 1.0
"""By how much the photo's own wrinkles are multiplied (0: none, to 2)."""

SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".mpo", ".heic", ".heif", ".hif", ".png", ".tif", ".tiff", ".dng", ".webp", ".bmp", ".gif",
    ".ppm", ".pgm", ".pnm", ".tga", ".jp2", ".j2k", ".avif",
)  # fmt: skip
"""Endings of the files that are taken for pictures in a folder."""
