"""What is timed against what: one file a comparison, each with a `measure() -> dict` for `dnpm bench`."""
