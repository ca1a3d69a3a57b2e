"""How different two maps look: LPIPS, or EfficientNet-Lite0's features where its trunk is not at hand."""

from .distance import CHOICES, PerceptualDistance, perceptual

__all__ = ["CHOICES", "PerceptualDistance", "perceptual"]
