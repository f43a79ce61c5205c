"""How far predictions are from ratings."""

from __future__ import annotations

from collections.abc import Sequence

import cfplug


@cfplug.hookimpl
def cfplug_metrics() -> Sequence[cfplug.Metric]:
    return [
        cfplug.Metric("mse", score="cfplug_metrics.errors:mse", help="Mean squared error."),
        cfplug.Metric("rmse", score="cfplug_metrics.errors:rmse", help="Root of the mean squared error."),
        cfplug.Metric("mae", score="cfplug_metrics.errors:mae", help="Mean absolute error."),
    ]
