"""Who rates is no chance sample: that somebody rated an item says something of him before he says how.

Ratings are missing not at random (Marlin and Zemel, RecSys 2009). With an exponential tilt exp(g_o'
v) of the distribution of vectors of those who meet o, a vector with mean m and covariance C is m +
C g_o on average, to first order. Without ratings C is the population's S, and S g_o is how far o's
raters lie from their prior means; as ratings pin a vector down, C and with it the tilt vanishes.
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
    """g of each id of the other side, (n_others, width): strength x S^-1 x (shrunk mean of its raters' distances).

    The strength, from 0 to 1, is the least-squares one for the training ratings, each predicted
    from its id's prior mean and the other raters' distances: zero where who rates says nothing."""
    train = fitted.train
    rows, others = (getattr(train.batch, side) for side in (known.side, other(known.side)))
    apart = known.vectors - known.prior
    total = np.zeros(known.slopes.shape)
    np.add.at(total, others, apart[rows])
    count = np.bincount(others, minlength=len(total))[:, None]
    rest = (total[others] - apart[rows]) / (count[others] - 1 + SHRINKAGE)
    said = (known.slopes[others] * rest).sum(axis=1)
    residual = train.rating - expected(fitted, known, rows, others)
    strength = float(np.clip((said @ residual) / max(said @ said, 1e-12), 0, 1))
    return np.asarray(strength * np.linalg.solve(known.cov, (total / (count + SHRINKAGE)).T).T)
