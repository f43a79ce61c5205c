"""Cold-start strategies that load and break while they answer; each declaration says how."""

from __future__ import annotations

import numpy as np

import cfplug


@cfplug.hookimpl
def cfplug_cold_starts() -> list[cfplug.ColdStart]:
    return [
        cfplug.ColdStart("raising-start", adapt="zoo_cold_starts:raising", help="It raises."),
        cfplug.ColdStart("short-start", adapt="zoo_cold_starts:short", help="It predicts one rating too few."),
        cfplug.ColdStart("empty-start", adapt="zoo_cold_starts:empty", help="It gives None."),
    ]


class Short:
    def predict(self, pairs):
        return np.full(len(pairs) - 1, 3.0)


def raising(params, fitted, newcomers, context):
    raise LookupError("no newcomer has an age")


def short(params, fitted, newcomers, context):
    return Short()


def empty(params, fitted, newcomers, context):
    return None
