"""Healthy; by the variable ZOO_FRAGILE its metric raises, or stops as if by Ctrl-C."""

import os

import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("fragile", score="fragile:score", help="It works when nobody shakes it.")]


def score(params, truth, prediction):
    if os.environ.get("ZOO_FRAGILE") == "raise":
        raise OSError("the glass broke")
    if os.environ.get("ZOO_FRAGILE") == "stop":
        raise KeyboardInterrupt
    return float(abs(truth - prediction.rating).max())
