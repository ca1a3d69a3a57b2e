"""Data sets of displacement maps: their form, reader and writer, and what is made into one."""
