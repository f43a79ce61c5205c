"""Metrics: errors of predicted ratings, scores of probabilities, and scores of lists."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import attrs

import cfplug


@attrs.frozen
class Calibration:
    """Expected calibration error of the most probable level: probability against accuracy."""

    bins: int = cfplug.param(15, at_least=1, help="number of bins of probability")
    binning: str = cfplug.param(
        "equal-width",
        choices=["equal-width", "equal-mass"],
        help="bins of equal width from 0 to 1, or of equally many ratings; ties stay together",
    )


def _k() -> Any:
    return cfplug.param(10, at_least=1, unit="items", help="length of the lists")


def _relevant() -> Any:
    return cfplug.param(4.0, help="an item is relevant to a user who rated it at least this")


def _candidates() -> Any:
    return cfplug.param(
        "all",
        choices=["all", "rated"],
        help="rank all items of training that the user did not rate there, "
        "or the items that the user rated among the ratings that are scored",
    )


@attrs.frozen
class TopK:
    """A list of the k best predictions: length, candidates, and which items are relevant."""

    k: int = _k()
    relevant: float = _relevant()
    candidates: str = _candidates()


@attrs.frozen
class GradedTopK:
    """A list of the k best predictions: length, candidates, and the gain of each item."""

    k: int = _k()
    relevant: float = _relevant()
    candidates: str = _candidates()
    gains: str = cfplug.param(
        "binary",
        choices=["binary", "rating"],
        help="a relevant item gains 1, or its rating; any other gains 0",
    )


def _of_errors() -> list[cfplug.Metric]:
    return [
        cfplug.Metric(
            "mse",
            range=(0, math.inf),
            score="cfplug_metrics.errors:mse",
            help="Mean squared error.",
            formula="1/n · Σ (r̂ - r)²",
            unit="rating points squared",
        ),
        cfplug.Metric(
            "rmse",
            range=(0, math.inf),
            score="cfplug_metrics.errors:rmse",
            help="Root of the mean squared error.",
            formula="√(1/n · Σ (r̂ - r)²)",
            unit="rating points",
        ),
        cfplug.Metric(
            "mae",
            range=(0, math.inf),
            score="cfplug_metrics.errors:mae",
            help="Mean absolute error.",
            formula="1/n · Σ |r̂ - r|",
            unit="rating points",
        ),
    ]


def _of_distributions() -> list[cfplug.Metric]:
    return [
        cfplug.Metric(
            "nll",
            range=(0, math.inf),
            score="cfplug_metrics.distributions:nll",
            requires="distribution",
            help="Mean negative log-likelihood of the ratings, in nats.",
            formula="-1/n · Σ ln p(r)",
            unit="nats",
        ),
        cfplug.Metric(
            "accuracy",
            range=(0, 1),
            score="cfplug_metrics.distributions:accuracy",
            requires="distribution",
            lower_is_better=False,
            help="How often the most probable level is the rating.",
            formula="1/n · Σ [argmaxₖ pₖ = r]",
            unit="a share, from 0 to 1",
        ),
        cfplug.Metric(
            "ece",
            Calibration,
            range=(0, 1),
            score="cfplug_metrics.distributions:ece",
            requires="distribution",
            formula="Σ over bins b: n_b/n · |accuracy(b) - confidence(b)|",
            unit="a share, from 0 to 1",
        ),
        cfplug.Metric(
            "rps",
            range=(0, 1),
            score="cfplug_metrics.distributions:rps",
            requires="distribution",
            help="Ranked probability score: mean squared error of the cumulative probabilities.",
            formula="1/n · Σ 1/(K-1) · Σₖ (P(r ≤ vₖ) - [r ≤ vₖ])²",
            unit="a number from 0 to 1",
        ),
    ]


def _of_lists() -> list[cfplug.Metric]:
    listed = {
        "precision": (
            TopK,
            "Share of a list of k items that is relevant, mean over users.",
            "relevant in the list / k",
        ),
        "recall": (
            TopK,
            "Share of a user's relevant items that is in a list of k items, mean over users.",
            "relevant in the list / the user's relevant items",
        ),
        "ndcg": (
            GradedTopK,
            "Gain of a list of k items, discounted by rank, over the best list's; mean over users.",
            "DCG / DCG of the best list, with DCG = Σ gain at rank j / log₂(j + 1)",
        ),
        "mrr": (
            TopK,
            "1 / rank of the first relevant item in a list of k items, else 0; mean over users.",
            "1 / rank of the first relevant item",
        ),
        "hit-rate": (
            TopK,
            "Share of users with a relevant item in their list of k items.",
            "[some item of the list is relevant]",
        ),
    }
    return [
        cfplug.Metric(
            name,
            params,
            range=(0, 1),
            score=f"cfplug_metrics.lists:{name.replace('-', '_')}",
            lower_is_better=False,
            help=words,
            formula=f"mean over users of: {formula}",
            unit="a number from 0 to 1",
        )
        for name, (params, words, formula) in listed.items()
    ]


@cfplug.hookimpl
def cfplug_metrics() -> Sequence[cfplug.Metric]:
    return [*_of_errors(), *_of_distributions(), *_of_lists()]
