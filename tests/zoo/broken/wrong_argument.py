"""Broken: a hook has an argument that it is not called with."""

import cfplug


@cfplug.hookimpl
def cfplug_metrics(config):
    return [cfplug.Metric("best", score=config["best"])]
