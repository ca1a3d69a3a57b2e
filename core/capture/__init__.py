"""Captured performances: ARKit's 52 values over time, whatever wrote the file. numpy and the standard library alone."""
