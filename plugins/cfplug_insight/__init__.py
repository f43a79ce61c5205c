"""What the data is, what a model learned of it, and where it fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

import cfplug

SIDE = ("item", "user")


def _most_rated() -> Any:
    return cfplug.param(
        1000, at_least=1, help="look only at the ids with the most training ratings"
    )


@attrs.frozen
class DataOverview:
    """Counts, the distribution of ratings, ratings over time, the long tail, and a crosstab that the model fills."""

    crosstab: int = cfplug.param(
        15, at_least=1, at_most=30, help="how many users and items the crosstab has"
    )


@attrs.frozen
class PredictionVsActual:
    """Predictions beside ratings: a heatmap, a histogram for each rating, and where the errors lie."""

    bins: int = cfplug.param(
        30, at_least=5, at_most=100, help="bins of a histogram, and rows of the heatmap"
    )


@attrs.frozen
class BiasRanking:
    """Ids with the lowest and highest learned bias, beside their plain mean rating."""

    side: str = cfplug.param("item", choices=SIDE, help="whose biases")
    most_rated: int = _most_rated()
    show: int = cfplug.param(5, at_least=1, help="how many at each end")


@attrs.frozen
class EmbeddingMap:
    """Principal components of the factors of the most rated ids: a map, and who stands at the ends."""

    side: str = cfplug.param("item", choices=SIDE, help="whose factors")
    most_rated: int = _most_rated()
    components: tuple[int, int] = cfplug.param(
        (1, 2), at_least=1, help="the two components that the map shows"
    )
    color: str = cfplug.param(
        "", help="a column of items or users, or `mean rating`; the first that serves if empty"
    )
    labels: int = cfplug.param(
        50, at_least=0, help="how many points of the map may bear their title"
    )
    ends: int = cfplug.param(10, at_least=1, help="how many at each end of a component")


@attrs.frozen
class NearestItems:
    """The items whose factors are most like those of some others."""

    items: tuple[int | str, ...] = cfplug.param(
        (), help="titles or ids; a few of the most rated if none is named"
    )
    measure: str = cfplug.param(
        "cosine", choices=("cosine", "euclidean"), help="what makes two items alike"
    )
    most_rated: int = _most_rated()
    show: int = cfplug.param(10, at_least=1, help="how many neighbours")


@attrs.frozen
class Explain:
    """Why the model predicts what it does for one user and one item: parts that sum to the prediction."""

    user: int | str | None = cfplug.param(None, help="a user's id; one of the most active if null")
    item: int | str | None = cfplug.param(
        None, help="a title or an id; one that the user did not rate if null"
    )
    show: int = cfplug.param(
        10, at_least=1, help="how many parts, and how many of the user's ratings"
    )


@attrs.frozen
class Calibration:
    """Whether what is said to be likely comes true: reliability of the distribution, and examples of it."""

    bins: int = cfplug.param(10, at_least=2, help="bins of probability")
    examples: int = cfplug.param(6, at_least=0, help="how many pairs whose distribution is shown")


@attrs.frozen
class Slices:
    """Error and bias by group of users, items and ratings, each with its interval, the worst group first."""

    by: tuple[str, ...] = cfplug.param(
        (), help="columns such as users.gender, and popularity or activity; all that serve if empty"
    )
    groups: int = cfplug.param(
        10, at_least=2, help="into how many groups of equal size numbers are cut"
    )
    least: int = cfplug.param(
        50, at_least=1, unit="ratings", help="a group with fewer is not ranked"
    )
    draws: int = cfplug.param(
        1000, at_least=100, help="how often users are drawn anew for the intervals"
    )


@cfplug.hookimpl
def cfplug_analyzers() -> Sequence[cfplug.Analyzer]:
    package = "cfplug_insight"
    return [
        cfplug.Analyzer(
            "data-overview", DataOverview, analyze=f"{package}.overview:overview", once=True
        ),
        cfplug.Analyzer(
            "learning-curve",
            analyze=f"{package}.learning:learning_curve",
            help="Train and validation loss by epoch, learning rate and momentum by step.",
        ),
        cfplug.Analyzer(
            "prediction-vs-actual",
            PredictionVsActual,
            analyze=f"{package}.residuals:against_actual",
        ),
        cfplug.Analyzer(
            "bias-ranking", BiasRanking, analyze=f"{package}.biases:rank", requires="biases"
        ),
        cfplug.Analyzer(
            "embedding-map",
            EmbeddingMap,
            analyze=f"{package}.maps:embedding_map",
            requires="embeddings",
        ),
        cfplug.Analyzer(
            "nearest-items",
            NearestItems,
            analyze=f"{package}.neighbours:nearest",
            requires="embeddings",
        ),
        cfplug.Analyzer("explain", Explain, analyze=f"{package}.reasons:explain"),
        cfplug.Analyzer(
            "calibration",
            Calibration,
            analyze=f"{package}.calibration:calibration",
            requires="distribution",
        ),
        cfplug.Analyzer("slices", Slices, analyze=f"{package}.slices:slices"),
    ]
