"""Declare two nearest-neighbour models, a cold-start strategy and an analyzer of neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

import cfplug
from cfplug.errors import ParameterError

SIMILARITIES = ("cosine", "pearson")


def _neighbors(help: str) -> Any:
    return cfplug.param(30, at_least=1, help=help)


def _similarity() -> Any:
    return cfplug.param(
        "cosine",
        choices=SIMILARITIES,
        help="cosine of residuals from the baseline, or Pearson's over common raters",
    )


def _shrinkage() -> Any:
    return cfplug.param(
        20.0,
        at_least=0,
        unit="ratings",
        help="pull towards 0 of a similarity from few common raters",
    )


def _damping(default: float) -> Any:
    return cfplug.param(
        default,
        at_least=0,
        help="pull of a prediction towards the baseline",
    )


def _offset_damping(side: str, default: float) -> Any:
    return cfplug.param(
        default, at_least=0, unit="ratings", help=f"pull of {side} offsets towards zero"
    )


@attrs.frozen
class Knn:
    """Nearest neighbours: a baseline plus the weighted residuals of similar ids."""

    neighbors: int = _neighbors("maximum neighbours of a prediction")
    min_neighbors: int = cfplug.param(
        1, at_least=1, help="with fewer, a prediction is the baseline"
    )
    similarity: str = _similarity()
    shrinkage: float = _shrinkage()
    amplification: float = cfplug.param(
        1.5,
        above=0,
        at_most=10,
        help="power of a similarity: above 1 favours the most similar ids",
    )
    damping: float = _damping(0.05)
    user_damping: float = _offset_damping("user", 5.0)
    item_damping: float = _offset_damping("item", 2.0)
    kept: int = cfplug.param(
        1000, at_least=1, help="similarities kept for each id, which bounds the memory"
    )

    def __attrs_post_init__(self) -> None:
        if self.min_neighbors > self.neighbors:
            raise ParameterError(
                "min_neighbors",
                f"expected at most neighbors, {self.neighbors}, got {self.min_neighbors}",
            )


@attrs.frozen
class NearestRaters:
    """Predictions of the model for the known users most similar to a new one; also for items."""

    neighbors: int = _neighbors("known ids that represent a new one")
    similarity: str = _similarity()
    shrinkage: float = _shrinkage()
    damping: float = _damping(0.05)
    user_damping: float = _offset_damping("user", 5.0)
    item_damping: float = _offset_damping("item", 2.0)


@attrs.frozen
class NeighborhoodsOf:
    """The number of neighbours of predictions, their benefit, and the most frequent neighbours."""

    side: str = cfplug.param(
        "item", choices=("item", "user"), help="side to look at; a neighbour model has its own"
    )
    neighbors: int = _neighbors("number of neighbours; a neighbour model has its own")
    show: int = cfplug.param(10, at_least=1, help="number of the most frequent neighbours")


@cfplug.hookimpl
def cfplug_models() -> Sequence[cfplug.Model]:
    module, provides = "cfplug_neighbors.model", ["biases", "terms"]
    return [
        cfplug.Model(
            "item-knn",
            Knn,
            fit=f"{module}:fit_items",
            restore=f"{module}:restore_items",
            provides=provides,
            help="Ratings of the user for the most similar items, relative to a baseline.",
        ),
        cfplug.Model(
            "user-knn",
            Knn,
            fit=f"{module}:fit_users",
            restore=f"{module}:restore_users",
            provides=provides,
            help="Ratings of the most similar users for the item, relative to a baseline.",
        ),
    ]


@cfplug.hookimpl
def cfplug_cold_starts() -> Sequence[cfplug.ColdStart]:
    return [
        cfplug.ColdStart(
            "nearest-raters",
            NearestRaters,
            adapt="cfplug_neighbors.raters:nearest_raters",
            origin="neighbors",
        )
    ]


@cfplug.hookimpl
def cfplug_analyzers() -> Sequence[cfplug.Analyzer]:
    return [
        cfplug.Analyzer(
            "neighborhoods", NeighborhoodsOf, analyze="cfplug_neighbors.hubs:neighborhoods"
        )
    ]
