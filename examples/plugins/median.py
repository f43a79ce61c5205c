import numpy as np

import cfplug


def score(params, truth, prediction):
    return float(np.median(np.abs(truth - prediction.rating)))


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("median-error", score=score, help="Median absolute error.")]
