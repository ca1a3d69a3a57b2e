"""DNPM: the generator of displacement maps (Eq. 1), its encoder, and Detailed3DMM (Eq. 2, 4)."""
