"""Metrics that load and break while they score; each declaration says how."""

from __future__ import annotations

import cfplug


@cfplug.hookimpl
def cfplug_metrics() -> list[cfplug.Metric]:
    return [
        cfplug.Metric("raising-metric", score="zoo_metrics:raising", help="It raises."),
        cfplug.Metric("nan-metric", score="zoo_metrics:nan", help="Its score is NaN."),
        cfplug.Metric("wordy-metric", score="zoo_metrics:wordy", help="Its score is a text."),
        cfplug.Metric(
            "rowwise-metric", score="zoo_metrics:rowwise", help="It gives a score a row."
        ),
        cfplug.Metric(
            "greedy-metric", score="zoo_metrics:greedy", help="It writes into the truth."
        ),
    ]


def raising(params, truth, prediction):
    raise ZeroDivisionError("no rating is above the threshold")


def nan(params, truth, prediction):
    return float("nan")


def wordy(params, truth, prediction):
    return "good"


def rowwise(params, truth, prediction):
    return abs(truth - prediction.rating)


def greedy(params, truth, prediction):
    truth[:] = prediction.rating
    return 0.0
