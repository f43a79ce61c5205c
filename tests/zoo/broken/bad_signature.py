"""Broken: the function that it gives takes other arguments than its kind's."""

import cfplug


def best(truth, prediction):
    return 0.0


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("best", score=best)]
