"""Broken: its hook returns a table of declarations, not a list."""

import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    return {"best": cfplug.Metric("best", score="returns_table:best")}
