"""Which sounds are read. Needs nothing, so that Blender's process can say it."""

BY_FFMPEG = (
    ".m4a", ".m4b", ".aac", ".ac3", ".amr", ".wma", ".mka",
    ".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv",
)  # fmt: skip
"""Endings of what soundfile does not read, PyAV does."""
SUFFIXES = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64", ".rf64", *BY_FFMPEG,
)  # fmt: skip
"""Endings of sounds, and of videos whose sound is taken."""
READ = "wav, flac, ogg, mp3, m4a, aac, or a video such as mp4, mov, mkv, webm"
"""For messages."""
RATES = (4_000, 384_000)
"""Samples a second, the lowest and the highest that are accepted."""
