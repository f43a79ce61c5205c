"""Broken: it names its function in another way than `package.module:function`."""

import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("best", score="bad_target.best")]
