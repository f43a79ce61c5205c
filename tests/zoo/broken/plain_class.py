"""Broken: the parameters of its metric are a plain class."""

import cfplug


class Best:
    at = 10


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("best", Best, score="plain_class:best")]
