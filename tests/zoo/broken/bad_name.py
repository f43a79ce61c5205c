"""Broken: the name of its metric is not a kebab-case noun."""

import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("Best At 10", score="bad_name:best")]
