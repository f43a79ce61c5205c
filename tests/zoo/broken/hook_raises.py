"""Broken: its hook raises."""

import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric(name, score=f"hook_raises:{name}") for name in open_list()]


def open_list():
    raise FileNotFoundError("metrics.txt")
