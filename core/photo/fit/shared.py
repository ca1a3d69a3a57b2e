"""Several photos of one person: what the networks get wrong on that face they get wrong in all of them.

Errors of n photos, each made white by the networks' systematic errors (`LandmarkErrorModel.whitening`), are
correlated: by .2 between different renders of a person whose usual errors are known, by far more between versions of
one photo; how much between the photos at hand nobody knows. Taken for independent, n photos would weigh n times as
much as one against the prior of the person, as if the same mistake had been seen n times, and the face would be driven
to where it is nought.

So each photo counts by 1 / (1 + (n - 1) HIGHEST): the largest variance, in any direction over the photos, that
correlations up to HIGHEST allow (covariance intersection with equal weights, as for sources whose correlation is not
known: Julier & Uhlmann 1997; HIGHEST 1 is its general case). All photos together weigh n / (1 + (n - 1) HIGHEST) times
what one does, at most 1 / HIGHEST; a photo's camera and expression are found as if it stood alone. With one photo
nothing changes.

Tried instead: the full weight for what differs between the photos, which a common mistake cannot make, and this one for
their mean. Lengths of identities were as well behaved, but faces came out worse than from one photo (2.0 mm instead of
1.8): how the errors follow the turn of the head then passes for shape.
"""

from __future__ import annotations

import numpy as np

HIGHEST = 0.8


def weight(count: int, highest: float = HIGHEST) -> float:
    """What the rows of each of `count` photos are multiplied by: the root of how much the photo counts."""
    return float(1 / np.sqrt(1 + (count - 1) * highest))
