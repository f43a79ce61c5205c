"""Matrix factorization and the baselines that it must beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

import cfplug
from cfplug.errors import ParameterError


def _init_range() -> Any:
    return cfplug.param(None, help="let them start uniform between these two numbers instead")


def _check_range(span: tuple[float, float] | None) -> None:
    if span is not None and span[0] >= span[1]:
        raise ParameterError("init_range", f"must go from low to high; is {list(span)}")


@attrs.frozen
class DotProduct:
    """Dot product of a user's and an item's factors, without biases."""

    factors: int = cfplug.param(50, at_least=1, help="length of each embedding")
    init_deviation: float = cfplug.param(
        0.01, above=0, help="deviation of the truncated normal from which embeddings start"
    )
    init_range: tuple[float, float] | None = _init_range()

    def __attrs_post_init__(self) -> None:
        _check_range(self.init_range)


@attrs.frozen
class Pmf:
    """Probabilistic matrix factorization: dot product of factors plus a user and an item bias."""

    factors: int = cfplug.param(50, at_least=1, help="length of each embedding")
    init_deviation: float = cfplug.param(
        0.01,
        above=0,
        help="deviation of the truncated normal from which embeddings and biases start",
    )
    init_range: tuple[float, float] | None = _init_range()

    def __attrs_post_init__(self) -> None:
        _check_range(self.init_range)


@attrs.frozen
class Bias:
    """Mean rating plus damped user and item offsets, in closed form by alternation."""

    user_damping: float = cfplug.param(
        5.0, at_least=0, unit="ratings", help="pull of user offsets towards zero"
    )
    item_damping: float = cfplug.param(
        5.0, at_least=0, unit="ratings", help="pull of item offsets towards zero"
    )
    rounds: int = cfplug.param(10, at_least=1, help="alternations between items and users")


@attrs.frozen
class Rlfm:
    """Regression-based latent factors: priors of factors and biases come from metadata, in closed
    form.
    """

    factors: int = cfplug.param(12, at_least=1, help="length of each embedding")
    rounds: int = cfplug.param(20, at_least=1, help="alternations between users and items")
    user_ridge: float = cfplug.param(
        30.0,
        at_least=0,
        unit="users",
        help="pull of what is learned of user features towards nothing",
    )
    item_ridge: float = cfplug.param(
        10.0,
        at_least=0,
        unit="items",
        help="pull of what is learned of item features towards nothing",
    )
    noise_pooling: float = cfplug.param(
        50.0, above=0, unit="ratings", help="pull of each item's noise towards that of all ratings"
    )
    item_count: bool = cfplug.param(
        True, help="whether how often an item was rated is one of its features"
    )


@cfplug.hookimpl
def cfplug_models() -> Sequence[cfplug.Model]:
    return [
        cfplug.Model(
            "dot-product",
            DotProduct,
            build="cfplug_factors.modules:dot_product",
            provides=["embeddings", "terms", "vectors"],
        ),
        cfplug.Model(
            "pmf",
            Pmf,
            build="cfplug_factors.modules:pmf",
            provides=["embeddings", "biases", "terms", "vectors"],
        ),
        cfplug.Model(
            "mean",
            fit="cfplug_factors.baselines:fit_mean",
            restore="cfplug_factors.baselines:restore_mean",
            provides=["terms"],
            help="The mean of the training ratings, for every pair.",
        ),
        cfplug.Model(
            "bias",
            Bias,
            fit="cfplug_factors.baselines:fit_bias",
            restore="cfplug_factors.baselines:restore_bias",
            provides=["biases", "terms", "vectors"],
        ),
        cfplug.Model(
            "rlfm",
            Rlfm,
            fit="cfplug_factors.rlfm:fit",
            restore="cfplug_factors.rlfm:restore",
            provides=["embeddings", "biases", "terms", "vectors"],
            uses_features=True,
        ),
    ]
