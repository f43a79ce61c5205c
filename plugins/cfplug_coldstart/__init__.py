"""Answers for users and items that training never saw: the honest baselines."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

import cfplug


@attrs.frozen
class ItemMean:
    """The item's mean rating, shrunk; for an item without ratings the user's; else the mean of all."""

    damping: float = cfplug.param(
        5.0, at_least=0, unit="ratings", help="pull of each mean towards the mean of all"
    )


@attrs.frozen
class Representative:
    """One known user or item stands for every newcomer: the one with the most average taste."""

    group: str | None = cfplug.param(
        None, help="a category: each newcomer gets the representative of its own group"
    )
    least: int = cfplug.param(
        10, at_least=1, help="known users or items that a group must have for one of its own"
    )


@attrs.frozen
class NearestMetadata:
    """The mean of what was learned of the known users or items that are most similar by metadata."""

    k: int = cfplug.param(50, at_least=1, help="how many of the most similar")
    columns: tuple[str, ...] = cfplug.param(
        ("all",), help="columns of users or items to look at; all: each of them"
    )
    damping: float = cfplug.param(
        100.0, above=0, unit="ratings", help="one with so many ratings counts half"
    )


@attrs.frozen
class MetadataModel:
    """A network from metadata, and answers to questions, to what a model learns of a user or an item."""

    columns: tuple[str, ...] = cfplug.param(
        ("all",), help="columns of users or items to look at; all: each of them"
    )
    questions: int = cfplug.param(
        0, at_least=0, help="most rated items about which new users may be asked"
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
        100.0, above=0, unit="ratings", help="one with so many ratings counts half"
    )
    refold: tuple[str, ...] = cfplug.param(
        ("item",),
        choices=("user", "item"),
        help="newcomers for whom the other side is learned again, against what metadata says of this one",
    )


@attrs.frozen
class FoldIn:
    """The posterior of a newcomer's vector, given its ratings and, beforehand, its metadata or the mean of all."""

    prior: str = cfplug.param(
        "metadata",
        choices=["metadata", "mean"],
        help="what is expected of a newcomer without ratings",
    )
    columns: tuple[str, ...] = cfplug.param(
        ("all",), help="columns of users or items to look at; all: each of them"
    )
    raters: bool = cfplug.param(
        True, help="take into account that those who rate an item are no chance sample"
    )
    damping: float = cfplug.param(
        100.0, above=0, unit="ratings", help="one with so many ratings counts half"
    )


@attrs.frozen
class Interview:
    """AnswerEncoder about items, one after the other; "not seen" is an answer that says something too."""

    choose: str = cfplug.param(
        "adaptive",
        choices=["popular", "variance", "greedy", "adaptive"],
        help="most rated first; where tastes differ; the fixed list that tells most; or by the answers so far",
    )
    candidates: int = cfplug.param(120, at_least=1, help="most rated items that may be asked about")
    not_seen: bool = cfplug.param(
        True, help="whether what a user has seen, or has not, says something of the user"
    )
    answerable: float = cfplug.param(
        1.0,
        above=0,
        at_most=1,
        help="share of what a newcomer has seen to which there is an answer",
    )
    prior: str = cfplug.param(
        "metadata",
        choices=["metadata", "mean"],
        help="what is expected of a newcomer without answers",
    )
    columns: tuple[str, ...] = cfplug.param(
        ("all",), help="columns of users or items to look at; all: each of them"
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
            help="What the model says of a newcomer with the mean of all vectors that it learned.",
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
