"""Broken: the parameters of its metric can be changed."""

import attrs

import cfplug


@attrs.define
class Best:
    at: int = cfplug.param(10, help="how many of the best")


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("best", Best, score="thawed:best")]
