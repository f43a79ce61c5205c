"""Broken: its hook forgets to return its list; pluggy would take that for nothing to say."""

import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    [cfplug.Metric("best", score="returns_nothing:best")]
