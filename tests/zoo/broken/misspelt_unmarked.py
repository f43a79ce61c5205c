"""Broken: it has a good hook, and one that is misspelt and not marked."""

import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("best", score="misspelt_unmarked:best")]


def cfplug_analysers():
    return [cfplug.Analyzer("story", analyze="misspelt_unmarked:story")]
