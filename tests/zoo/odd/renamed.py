"""Healthy: its hook has a name of its own and says which hook it is."""

import cfplug


@cfplug.hookimpl(specname="cfplug_metrics")
def scores():
    return [cfplug.Metric("renamed-best", score="renamed:best")]
