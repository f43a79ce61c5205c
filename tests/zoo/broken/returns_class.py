"""Broken: it returns the class of its parameters in place of a declaration."""

import attrs

import cfplug


@attrs.frozen
class Best:
    pass


@cfplug.hookimpl
def cfplug_metrics():
    return [Best]
