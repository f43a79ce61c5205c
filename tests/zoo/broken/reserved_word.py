"""Broken: a parameter is called as a key that every entry of a recipe has."""

import attrs

import cfplug


@attrs.frozen
class Best:
    use: int = cfplug.param(10, help="how many to use")


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("best", Best, score="reserved_word:best")]
