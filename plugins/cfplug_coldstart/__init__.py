"""Declare the cold-start strategies: answers for users and items that training never saw."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

import cfplug


@attrs.frozen
class ItemMean:
    """The item's damped mean rating; the user's for an unrated item; else the mean of all."""

    damping: float = cfplug.param(
        5.0, at_least=0, unit="ratings", help="pull of each mean towards the mean of all"
    )


@attrs.frozen
class Representative:
    """Each newcomer gets the vector of one known user or item: the most average one."""

    group: str | None = cfplug.param(
        None, help="a category: each newcomer gets the representative of its own group"
    )
    least: int = cfplug.param(
        10, at_least=1, help="known users or items that a group needs for a representative"
    )


@attrs.frozen
class NearestMetadata:
    """The mean of the vectors of the known users or items that are most similar by metadata."""

    k: int = cfplug.param(50, at_least=1, help="how many of the most similar to average")
    columns: tuple[str, ...] = cfplug.param(
        ("all",), help="columns of users or items to use; all: each of them"
    )
    damping: float = cfplug.param(
        100.0, above=0, unit="ratings", help="an id with this many ratings counts half"
    )


@attrs.frozen
class MetadataModel:
    """A network that predicts the vector of a user or item from metadata and answers."""

    columns: tuple[str, ...] = cfplug.param(
        ("all",), help="columns of users or items to use; all: each of them"
    )
    questions: int = cfplug.param(
        0, at_least=0, help="number of most rated items that new users may be asked about"
    )
    layers: tuple[int, ...] = cfplug.param((64,), at_least=1, help="width of each hidden layer")
    dropout: float = cfplug.param(
        0.5, at_least=0, below=1, help="share of each hidden layer that is left out"
    )
    epochs: int = cfplug.param(
        10, at_least=1, help="times that training sees each known user or item"
    )
    learning_rate: float = cfplug.param(1e-2, above=0, help="highest step size")
    damping: float = cfplug.param(
        100.0, above=0, unit="ratings", help="an id with this many ratings counts half"
    )
    refold: tuple[str, ...] = cfplug.param(
        ("item",),
        choices=("user", "item"),
        help="new ids for which the other side is learned again, against vectors from metadata",
    )


@attrs.frozen
class FoldIn:
    """The posterior of a newcomer's vector given its ratings, with a prior from metadata."""

    prior: str = cfplug.param(
        "metadata",
        choices=["metadata", "mean"],
        help="where the prior mean of a newcomer comes from",
    )
    columns: tuple[str, ...] = cfplug.param(
        ("all",), help="columns of users or items to use; all: each of them"
    )
    raters: bool = cfplug.param(
        True, help="correct for who rates: raters of an item are not a random sample"
    )
    damping: float = cfplug.param(
        100.0, above=0, unit="ratings", help="an id with this many ratings counts half"
    )


@attrs.frozen
class Interview:
    """Questions about items, one after the other; "not seen" is informative too."""

    choose: str = cfplug.param(
        "adaptive",
        choices=["popular", "variance", "greedy", "adaptive"],
        help="most rated first; by variance; the most informative fixed list; or by the answers",
    )
    candidates: int = cfplug.param(120, at_least=1, help="most rated items that may be asked about")
    not_seen: bool = cfplug.param(True, help="use as evidence what a user has seen, or has not")
    answerable: float = cfplug.param(
        1.0,
        above=0,
        at_most=1,
        help="share of seen items to which a newcomer has an answer",
    )
    prior: str = cfplug.param(
        "metadata",
        choices=["metadata", "mean"],
        help="where the prior mean of a newcomer comes from",
    )
    columns: tuple[str, ...] = cfplug.param(
        ("all",), help="columns of users or items to use; all: each of them"
    )


@cfplug.hookimpl
def cfplug_cold_starts() -> Sequence[cfplug.ColdStart]:
    return [
        cfplug.ColdStart(
            "global-mean",
            adapt="cfplug_coldstart.mean_ratings:global_mean",
            origin="mean",
            provides=["distribution"],
            help="The mean of the training ratings, for every pair with a newcomer.",
        ),
        cfplug.ColdStart(
            "item-mean",
            ItemMean,
            adapt="cfplug_coldstart.mean_ratings:item_mean",
            origin="mean",
            provides=["distribution"],
        ),
        cfplug.ColdStart(
            "mean-embedding",
            adapt="cfplug_coldstart.centroids:mean_embedding",
            origin="mean",
            provides=["distribution"],
            requires=["vectors"],
            help="The model's prediction with the mean of all trained vectors.",
        ),
        cfplug.ColdStart(
            "representative",
            Representative,
            adapt="cfplug_coldstart.centroids:representative",
            origin="mean",
            provides=["distribution"],
            requires=["vectors"],
        ),
        cfplug.ColdStart(
            "nearest-metadata",
            NearestMetadata,
            adapt="cfplug_coldstart.nearest:nearest_metadata",
            origin="metadata",
            provides=["distribution"],
            requires=["vectors"],
        ),
        cfplug.ColdStart(
            "metadata-model",
            MetadataModel,
            adapt="cfplug_coldstart.metadata_model:metadata_model",
            origin="metadata",
            provides=["distribution"],
            requires=["vectors"],
        ),
        cfplug.ColdStart(
            "fold-in",
            FoldIn,
            adapt="cfplug_coldstart.fold_in:fold_in",
            origin="folded-in",
            provides=["distribution", "deviation"],
            requires=["vectors"],
        ),
        cfplug.ColdStart(
            "interview",
            Interview,
            adapt="cfplug_coldstart.interview:interview",
            ask="cfplug_coldstart.interview:ask",
            origin="folded-in",
            provides=["distribution", "deviation"],
            requires=["vectors"],
        ),
    ]
