"""Broken: a hook is misspelt."""

import cfplug


@cfplug.hookimpl
def cfplug_metrcs():
    return [cfplug.Metric("best", score="misspelt:best")]
