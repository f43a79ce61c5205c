"""What the plugin declares of metrics, and that declaring it costs nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import cfplug_metrics
import pytest
from cfplug_metrics import Calibration, GradedTopK, TopK

import cfplug

DECLARED = {metric.name: metric for metric in cfplug_metrics.cfplug_metrics()}
ERRORS = ["mse", "rmse", "mae"]
DISTRIBUTIONS = ["nll", "accuracy", "ece", "rps"]
LISTS = ["precision", "recall", "ndcg", "mrr", "hit-rate"]


def test_declaring_loads_nothing_heavy() -> None:
    program = "import sys, cfplug_metrics; cfplug_metrics.cfplug_metrics(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert {"pandas", "numpy", "torch", "fastai", "sklearn"} & set(done.stdout.split()) == set()


@pytest.mark.parametrize("metric", DECLARED.values(), ids=DECLARED)
def test_every_metric_has_its_function_its_defaults_and_a_line_of_help(
    metric: cfplug.Metric,
) -> None:
    assert callable(metric.function("score"))
    assert metric.params()
    assert metric.summary.endswith(".")


def test_each_metric_says_which_way_is_better_and_what_it_needs() -> None:
    assert list(DECLARED) == [*ERRORS, *DISTRIBUTIONS, *LISTS]
    higher = [name for name, metric in DECLARED.items() if not metric.lower_is_better]
    assert higher == ["accuracy", *LISTS]
    assert [
        name for name, metric in DECLARED.items() if metric.requires == ("distribution",)
    ] == DISTRIBUTIONS
    assert [name for name, metric in DECLARED.items() if metric.requires == ()] == [*ERRORS, *LISTS]


@pytest.mark.parametrize(
    ("cls", "params", "message"),
    [
        (TopK, {"k": 0}, "k: must be at least 1; is 0"),
        (TopK, {"relevant": float("nan")}, "relevant: must be a finite number; is nan"),
        (
            TopK,
            {"candidates": "al"},
            "candidates: must be one of all, rated; is 'al'; did you mean all?",
        ),
        (
            GradedTopK,
            {"gains": "ratings"},
            "gains: must be one of binary, rating; is 'ratings'; did you mean rating?",
        ),
        (Calibration, {"bins": 0}, "bins: must be at least 1; is 0"),
        (
            Calibration,
            {"binning": "equal-with"},
            "binning: must be one of equal-width, equal-mass; is 'equal-with'; "
            "did you mean equal-width?",
        ),
    ],
)
def test_parameters_that_mean_nothing_are_refused(
    cls: Any, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        cls(**params)
