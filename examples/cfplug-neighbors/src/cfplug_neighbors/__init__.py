"""Nearest neighbours: two models, a strategy for newcomers, and a section on who is whose neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

import cfplug

SIMILARITIES = ("cosine", "pearson")


def _neighbors(help: str) -> Any:
    return cfplug.param(30, at_least=1, help=help)


def _similarity() -> Any:
    return cfplug.param(
        "cosine",
        choices=SIMILARITIES,
        help="of all that lies beyond the baseline, or Pearson's over common raters",
    )


def _shrinkage() -> Any:
    return cfplug.param(
        20.0,
        at_least=0,
        unit="ratings",
        help="pull towards 0 of a similarity that rests on few common raters",
    )


def _damping(default: float) -> Any:
    return cfplug.param(
        default,
        at_least=0,
        help="weight of no neighbour: pull of a prediction towards the baseline",
    )


def _offset_damping(side: str, default: float) -> Any:
    return cfplug.param(
        default, at_least=0, unit="ratings", help=f"pull of {side} offsets towards zero"
    )


@attrs.frozen
class Knn:
    """Nearest neighbours about a baseline: what they got beyond what was to be expected of them."""

    neighbors: int = _neighbors("how many neighbours a prediction has at most")
    min_neighbors: int = cfplug.param(
        1, at_least=1, help="with fewer a prediction is the baseline alone"
    )
    similarity: str = _similarity()
    shrinkage: float = _shrinkage()
    amplification: float = cfplug.param(
        1.5,
        above=0,
        at_most=10,
        help="power of a similarity: above 1 the most similar ones count for more",
    )
    damping: float = _damping(0.05)
    user_damping: float = _offset_damping("user", 5.0)
    item_damping: float = _offset_damping("item", 2.0)
    kept: int = cfplug.param(
        1000, at_least=1, help="similarities that are kept of each id: it bounds the memory"
    )

    def __attrs_post_init__(self) -> None:
        if self.min_neighbors > self.neighbors:
            raise ValueError(
                f"min_neighbors: must be at most neighbors, {self.neighbors}; is {self.min_neighbors}"
            )


@attrs.frozen
class NearestRaters:
    """What the model says of the known users who rated most like a new one, and so for new items."""

    neighbors: int = _neighbors("how many known ids answer for a newcomer")
    similarity: str = _similarity()
    shrinkage: float = _shrinkage()
    damping: float = _damping(0.05)
    user_damping: float = _offset_damping("user", 5.0)
    item_damping: float = _offset_damping("item", 2.0)


@attrs.frozen
class NeighborhoodsOf:
    """How many neighbours each prediction had, what they brought, and who is a neighbour of the most others."""

    side: str = cfplug.param(
        "item", choices=("item", "user"), help="whose neighbours; a neighbour model has its own"
    )
    neighbors: int = _neighbors(
        "how many neighbours are looked at; a neighbour model has its own number"
    )
    show: int = cfplug.param(
        10, at_least=1, help="how many of those who are neighbours of the most others"
    )


@cfplug.hookimpl
def cfplug_models() -> Sequence[cfplug.Model]:
    module, gives = "cfplug_neighbors.model", ["biases", "terms"]
    return [
        cfplug.Model(
            "item-knn",
            Knn,
            fit=f"{module}:fit_items",
            restore=f"{module}:restore_items",
            provides=gives,
            help="What a user gave to the items most like the one asked about, beyond a baseline.",
        ),
        cfplug.Model(
            "user-knn",
            Knn,
            fit=f"{module}:fit_users",
            restore=f"{module}:restore_users",
            provides=gives,
            help="What the users most like the one asked about gave to the item, beyond a baseline.",
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
