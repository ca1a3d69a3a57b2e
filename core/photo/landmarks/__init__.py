"""Faces in a picture: found, 478 points on each, 52 scores of expressions (MediaPipe's networks in plain torch)."""
