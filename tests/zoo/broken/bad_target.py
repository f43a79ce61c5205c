"""Broken: it does not name its function as `package.module:function`."""

import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("best", score="bad_target.best")]
