"""Correct for who rates: users who rate an item are not a random sample.

Ratings are missing not at random (Marlin and Zemel, RecSys 2009). With an exponential tilt
exp(g_o' v) of the distribution of vectors of those who meet o, a vector with mean m and covariance
C is m + C g_o on average, to first order. Without ratings C is the population's S, and S g_o is how
far o's raters are from their prior means; as ratings determine a vector, C and the tilt vanish.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cfplug_coldstart.population import expected
from cfplug_coldstart.trained_ids import other

if TYPE_CHECKING:
    from cfplug import FittedModel
    from cfplug_coldstart.population import Population

SHRINKAGE = 20.0
"""Raters' worth of no tilt in that of each id."""


def tilts(fitted: FittedModel, known: Population) -> np.ndarray:
    """Return g of each other id: strength x S^-1 x (shrunk mean of its raters' distances).

    The strength, from 0 to 1, is the least-squares one for the training ratings, each predicted
    from its id's prior mean and the other raters' distances: zero where who rates says nothing.

    Returns:
        Shape (n_others, width).
    """
    train = fitted.train
    rows, others = getattr(train.batch, known.side), getattr(train.batch, other(known.side))
    apart = known.vectors - known.prior
    total = np.zeros(known.slopes.shape)
    np.add.at(total, others, apart[rows])
    count = np.bincount(others, minlength=len(total))[:, None]
    rest = (total[others] - apart[rows]) / (count[others] - 1 + SHRINKAGE)
    change = (known.slopes[others] * rest).sum(axis=1)
    residual = train.rating - expected(fitted, known, rows, others)
    strength = float(np.clip((change @ residual) / max(change @ change, 1e-12), 0, 1))
    mean = total / (count + SHRINKAGE)
    return np.asarray(strength * np.linalg.solve(known.cov, mean.T).T)
