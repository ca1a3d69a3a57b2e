"""Several photos of one person: what the landmark network gets wrong on that face it gets wrong in all of them.

Errors of n photos, each made white by the network's habits (`Habits.whitening`), are correlated: by .2 between
different renders of a person whose usual errors are known, by far more between versions of one photo; how much between
the photos at hand nobody knows. Taken for independent, n photos would weigh n times as much as one against the prior of
the person, as if the same mistake had been seen n times, and the face would be driven to where it is nought.

So in each direction the largest variance counts that a correlation from 0 to HIGHEST allows (as covariance
intersection does for correlations that are not known; Julier & Uhlmann 1997): 1 + (n - 1) HIGHEST in the sum over
photos, 1 in what differs between them. The photos' mean then weighs n / (1 + (n - 1) HIGHEST) times what one photo
does, at most 1 / HIGHEST; differences, which a common mistake cannot make, keep their weight. With one photo nothing
changes.
"""

from __future__ import annotations

import numpy as np

HIGHEST = 0.8


def mixing(count: int, highest: float = HIGHEST) -> np.ndarray:
    """(count, count), symmetric: the inverse root of that covariance along the photos, by which their white errors are
    multiplied."""
    mean = np.full((count, count), 1.0 / count)
    return np.eye(count) - mean + mean / np.sqrt(1 + (count - 1) * highest)
