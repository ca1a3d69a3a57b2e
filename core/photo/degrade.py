"""Worse pictures from good ones, for tests and figures: fewer pixels, blur."""

from __future__ import annotations

import numpy as np


def reduced(image: np.ndarray, longest: int) -> np.ndarray:
    """(h, w, 3) reduced so that its longer side has `longest` pixels, and enlarged to its old size again (bicubic)."""
    height, width = image.shape[:2]
    factor = longest / max(height, width)
    if factor >= 1:
        return image
    small = (max(1, round(width * factor)), max(1, round(height * factor)))
    return resized(resized(image, small), (width, height))


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w, 3) float32, 0 to 1 -> (width, height): bicubic, with the wider filter that shrinking needs (Pillow's)."""
    from PIL import Image

    planes = [Image.fromarray(np.ascontiguousarray(image[..., k], np.float32)) for k in range(image.shape[2])]
    done = [np.asarray(plane.resize(size, Image.Resampling.BICUBIC)) for plane in planes]
    return np.clip(np.stack(done, -1), 0, 1).astype(np.float32)


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """(h, w, 3) after a Gaussian of `sigma` pixels."""
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest"), np.float32)
