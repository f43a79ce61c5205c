"""Broken: its hook returns one declaration, not a list of them."""

import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    return cfplug.Metric("best", score="returns_one:best")
