"""Neural networks on embeddings of ids, with or without features of users, items and time."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

import cfplug

RULE = "by fastai's rule of thumb if null: min(600, round(1.6 n^0.56)) for n ids"


@attrs.frozen
class Layers:
    """The sizes of a network on embeddings, and its regularisation."""

    user_factors: int | None = cfplug.param(
        None, at_least=1, help=f"length of a user's embedding; {RULE}"
    )
    item_factors: int | None = cfplug.param(
        None, at_least=1, help=f"length of an item's embedding; {RULE}"
    )
    layers: tuple[int, ...] = cfplug.param(
        (100,), at_least=1, unit="units", help="widths of the hidden layers"
    )
    dropout: float = cfplug.param(
        0.0, at_least=0, below=1, help="share of each hidden layer that is dropped"
    )
    embedding_dropout: float = cfplug.param(
        0.0, at_least=0, below=1, help="share of the embeddings that is dropped"
    )
    batch_norm: bool = cfplug.param(
        True, help="whether hidden layers, and numbers, are normalised over the batch"
    )
    init_deviation: float = cfplug.param(
        0.01, above=0, help="deviation of the truncated normal from which embeddings start"
    )
    number_scale: float = cfplug.param(
        0.03,
        above=0,
        help="deviation of normalised numbers and sets at the start; inputs larger than the "
        "embeddings are learned first, so a small one protects against useless metadata",
    )


@attrs.frozen
class MiniNet:
    """The network of the fast.ai 0.7 lesson: embeddings, dropout, one hidden layer, dropout."""

    factors: int = cfplug.param(50, at_least=1, help="length of each embedding")
    init_range: float = cfplug.param(
        0.01, above=0, help="embeddings start uniform between -this and +this"
    )
    embedding_dropout: float = cfplug.param(
        0.05, at_least=0, below=1, help="share of the embeddings that is dropped"
    )
    hidden: int = cfplug.param(10, at_least=1, unit="units", help="width of the hidden layer")
    dropout: float = cfplug.param(
        0.5, at_least=0, below=1, help="share of the hidden layer that is dropped"
    )


@cfplug.hookimpl
def cfplug_models() -> Sequence[cfplug.Model]:
    return [
        cfplug.Model(
            "embedding-nn",
            Layers,
            build="cfplug_networks.tabular:embedding_nn",
            provides=["embeddings", "vectors"],
            help="Embeddings of user and item through hidden layers: fastai's EmbeddingNN.",
        ),
        cfplug.Model(
            "tabular",
            Layers,
            build="cfplug_networks.tabular:tabular",
            provides=["embeddings", "vectors"],
            uses_features=True,
            help="Ids, metadata and time through hidden layers: fastai's TabularModel.",
        ),
        cfplug.Model(
            "mini-net",
            MiniNet,
            build="cfplug_networks.mini:mini_net",
            provides=["embeddings", "vectors"],
        ),
    ]
