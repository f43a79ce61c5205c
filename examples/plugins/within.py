import numpy as np
from attrs import frozen

import cfplug


@frozen
class Within:
    """Share of the ratings that are predicted within a tolerance."""

    tolerance: float = cfplug.param(
        0.5, above=0, unit="ratings", help="largest error that counts as correct"
    )


def score(params, truth, prediction):
    return float(np.mean(np.abs(truth - prediction.rating) <= params.tolerance))


@cfplug.hookimpl
def cfplug_metrics():
    return [
        cfplug.Metric(
            "within",
            Within,
            score=score,
            lower_is_better=False,
            formula="share of |r - p| <= tolerance",
        )
    ]
