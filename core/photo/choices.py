"""What an artist chooses where nothing else is said: the same for the command line and for Blender, without torch."""

TRUST = 0.4
"""How far the photo's own detail replaces the sliders' (0 to 1). More shows more of pix2pixHD's guesses."""
