"""Metrics and the figures commands."""
