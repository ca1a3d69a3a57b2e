"""The bilinear face model (Eq. 3): building it, evaluating it, reading other models."""
