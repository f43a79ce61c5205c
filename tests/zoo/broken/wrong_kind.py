"""Broken: it declares a metric where models belong."""

import cfplug


@cfplug.hookimpl
def cfplug_models():
    return [cfplug.Metric("best", score="wrong_kind:best")]
