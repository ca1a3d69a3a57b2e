"""Data to learn from, losses and trainers."""
