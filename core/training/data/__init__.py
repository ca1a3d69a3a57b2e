"""Data sets of displacement maps: their form on disk, their readers, and what brings other data into it."""
