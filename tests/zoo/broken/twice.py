"""Broken: two of its metrics have one name."""

import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("best", score="twice:best"), cfplug.Metric("best", score="twice:better")]
